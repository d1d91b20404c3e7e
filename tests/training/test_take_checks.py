"""What two takes have in common is told, and what is wrong with them, and nothing where nothing is."""

import numpy as np
import pytest

from dan.data.batches import ValidationSet
from dan.data.takes import taking_turns
from dan.training.take_checks import compare_takes, doubt_of

COUNT, LENGTH = 40, 1000
TIME = np.arange(LENGTH + 400)


def noise(seed):
    return np.random.default_rng(seed).standard_normal((COUNT, LENGTH))


def speech_like(random):
    """Noise of low frequencies that comes and goes."""
    return np.convolve(random.standard_normal(len(TIME)), np.hanning(20), "same") * (TIME % 200 < 120)


def tones(random):
    return np.sin(2 * np.pi * random.uniform(0.01, 0.05) * TIME + random.uniform(0, 7))


def takes(make, *, snr_db=5.0, gain=1.0, lags=0, order=None):
    """Two takes at an SNR, the second at a gain and late by a number of samples, or by one for each pair."""
    wholes = [make(np.random.default_rng(row)) for row in range(COUNT)]
    late = np.broadcast_to(lags, COUNT)
    first, second = (
        np.stack([whole[200 - lag : 200 - lag + LENGTH] for whole, lag in zip(wholes, each, strict=True)])
        for each in (0 * late, late)
    )
    level = 10 ** (-snr_db / 20) * np.sqrt((first**2).mean())
    second = second if order is None else second[order]
    return first + level * noise(1000), gain * (second + level * noise(1001))


MAKERS = pytest.mark.parametrize("make", [speech_like, tones])


@MAKERS
@pytest.mark.parametrize("snr_db", [30, 5, -5, -10])
def test_of_sound_takes_is_told_what_they_share(make, snr_db):
    message, wrong = compare_takes(*takes(make, snr_db=snr_db))
    share = 1 / (1 + 10 ** (-snr_db / 10))
    assert wrong == [] and f"correlation {share:.1f}"[:14] in message
    low_db, high_db = (float(word) for word in message.split("between ")[1].split(" dB")[0].split(" and "))
    assert low_db <= 0 <= high_db and low_db == pytest.approx(
        20 * np.log10(share), abs=4
    )  # of the best pairs


@MAKERS
@pytest.mark.parametrize(("gain", "message"), [(5.0, "+14"), (0.2, "-14"), (2.0, "+6")])
def test_a_take_at_another_level_is_told(make, gain, message):
    _, (warning,) = compare_takes(*takes(make, gain=gain, snr_db=15))
    assert f"stands at {message}" in warning and f"multiply it by {1 / gain:.0g}" in warning


def test_where_noise_may_be_why_a_take_is_louder_both_are_said():
    message, wrong = compare_takes(*takes(speech_like, gain=5.0, snr_db=-8))
    assert (
        wrong == [] and "by its noise, which is no fault, or by its gain: then multiply it by 0.2" in message
    )


@MAKERS
@pytest.mark.parametrize(
    ("lag", "message"), [(3, "3 samples late"), (-40, "40 samples early"), (90, "90 samples late")]
)
def test_a_take_that_is_late_is_told(make, lag, message):
    _, wrong = compare_takes(*takes(make, lags=lag))
    assert message in wrong[0]


def test_takes_that_are_each_late_by_a_time_of_their_own():
    _, (warning,) = compare_takes(*takes(speech_like, lags=np.arange(COUNT) * 9 - 180))
    assert "late by a time of its own, between -180 and 171 samples" in warning


@MAKERS
def test_a_flipped_take_is_told(make):
    _, (warning,) = compare_takes(*takes(make, gain=-1.0))
    assert "flipped in polarity" in warning


@MAKERS
@pytest.mark.parametrize("snr_db", [5, 60])
def test_takes_of_other_signals_are_told(make, snr_db):
    _, (warning,) = compare_takes(*takes(make, snr_db=snr_db, order=np.roll(np.arange(COUNT), 7)))
    assert "nothing surely in common" in warning


def test_stretches_of_two_recordings_of_other_signals_are_no_takes_that_are_late():
    """They overlap, and so agree on the lag that fits best by chance."""
    random = np.random.default_rng(8)
    one, other = ([speech_like(random) for _ in range(2)] for _ in range(2))
    starts = random.integers(0, 60, COUNT)
    first, second = (
        np.stack([whole[row % 2][start : start + LENGTH] for row, start in enumerate(starts)])
        for whole in (one, other)
    )
    _, (warning,) = compare_takes(first, second)
    assert "nothing surely in common" in warning


def test_a_few_takes_of_other_signals_are_told():
    order = np.arange(COUNT)
    order[:3] = [1, 2, 0]
    _, (warning,) = compare_takes(*takes(speech_like, order=order))
    assert "in 3 of 40 pairs one take is hardly found in the other" in warning


def test_a_take_with_an_offset_is_told_and_its_level_is_not_misled():
    first, second = takes(speech_like, snr_db=20)
    _, (warning,) = compare_takes(first, second + 2 * first.std())
    assert "above the first: take both means off" in warning


def test_one_take_twice_is_told():
    first, _ = takes(speech_like)
    _, (warning,) = compare_takes(first, first)
    assert "alike, noise and all" in warning


def recorded(**options):
    other, mixed = taking_turns(*takes(speech_like, **options))
    return ValidationSet(clean=other, mixed=mixed, takes="recorded")


def test_good_outputs_leave_no_doubt():
    held = recorded()
    clean, _ = taking_turns(*takes(speech_like, snr_db=100))
    assert doubt_of(clean, held) == ""
    assert doubt_of(clean, ValidationSet(clean=clean, mixed=held.mixed)) == ""
    made = ValidationSet(clean=clean - noise(5), mixed=clean + noise(5), takes="made")
    assert doubt_of(0.6 * clean, made) == ""


def test_an_output_no_better_than_silence_is_not_all_right():
    held = recorded()
    clean, _ = taking_turns(*takes(speech_like, snr_db=100))
    for given in (held, ValidationSet(clean=clean, mixed=held.mixed)):
        assert "hardly better than silence" in doubt_of(0.02 * clean, given)
    made = ValidationSet(clean=clean - noise(5), mixed=clean + noise(5), takes="made")
    assert "hardly anything of the signal comes through" in doubt_of(0.02 * clean, made)


def test_of_takes_made_of_hardly_anything_but_noise_nothing_is_known():
    clean, _ = taking_turns(*takes(speech_like, snr_db=100))
    noisy, added = clean + 5 * clean.std() * noise(5), 4.7 * clean.std() * noise(6)
    made = ValidationSet(clean=noisy - added, mixed=noisy + added, takes="made")
    assert "mostly noise" in doubt_of(0.6 * clean, made)


def test_what_the_takes_leave_open_is_said():
    clean, _ = taking_turns(*takes(speech_like, snr_db=100))
    assert "leave open" in doubt_of(0.06 * clean, recorded(snr_db=-5))


@pytest.mark.parametrize(
    ("options", "message"), [({"gain": 5.0}, "stands at"), ({"lags": 30}, "30 samples late")]
)
def test_takes_that_do_not_fit_are_not_all_right(options, message):
    held = recorded(**options)
    doubt = doubt_of(held.mixed, held)
    assert doubt.startswith("Not all right: the second take") and message in doubt
