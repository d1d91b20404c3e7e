"""Each warning and each verdict where it belongs, and not where it does not."""

import numpy as np
import pytest

from dan.training.diagnostics import (
    LOST,
    WATCHED_EPOCHS,
    WON,
    data_warnings,
    discriminator_warning,
    output_warnings,
    verdict,
)


def signals(seed=0, count=20, length=256):
    return np.random.default_rng(seed).standard_normal((count, length))


CLEAN, NOISE = signals(0), signals(1)


# The data


@pytest.mark.parametrize("level", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("snr_db", [-10, 0, 30])
def test_sound_data_call_for_no_warning(level, snr_db):
    mixed = CLEAN + 10 ** (-snr_db / 20) * NOISE
    assert data_warnings(clean=level * CLEAN, mixed=level * mixed) == []


def test_data_without_noise():
    (warning,) = data_warnings(clean=CLEAN, mixed=CLEAN + 1e-3 * NOISE)
    assert "noisy signals equal the clean ones" in warning and "noise was mixed in" in warning


@pytest.mark.parametrize(("share", "count"), [(0.4, 0), (0.6, 1)])
def test_most_and_not_some_of_the_data_without_noise(share, count):
    noisy = np.arange(len(CLEAN)) >= share * len(CLEAN)
    assert len(data_warnings(clean=CLEAN, mixed=CLEAN + noisy[:, None] * NOISE)) == count


def test_silent_clean_signals_call_for_one_warning():
    (warning,) = data_warnings(clean=0 * CLEAN, mixed=NOISE)
    assert "most clean signals are silent" in warning


def test_silent_clean_signals():
    warnings = data_warnings(clean=0 * CLEAN, mixed=NOISE)
    assert "most clean signals are silent" in warnings[0]


@pytest.mark.parametrize(("factor", "message"), [(0.5, "-6.0 dB"), (2.0, "+6.0 dB"), (0.8, "-1.9 dB")])
def test_clean_at_another_level_than_in_the_mix(factor, message):
    # 10 dB of noise over 256 samples moves the figure by 0.02 dB in each signal, less in their median.
    (warning,) = data_warnings(clean=CLEAN, mixed=factor * CLEAN + 0.1 * factor * NOISE)
    assert "clean is contained in noisy at" in warning and "g * noise" in warning
    assert float(warning.split(" at ")[1].split(" dB")[0]) == pytest.approx(float(message[:-3]), abs=0.2)


@pytest.mark.parametrize(
    ("lag", "message"), [(5, "5 samples late"), (1, "1 sample late"), (-40, "40 samples early")]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_pairs_that_are_late_or_early(lag, message, sign):
    lag_warning, *others = data_warnings(clean=CLEAN, mixed=sign * np.roll(CLEAN, lag, axis=-1) + 0.3 * NOISE)
    assert message in lag_warning and "align it" in lag_warning
    assert len(others) == (sign < 0) and all("polarity" in other for other in others)


def test_pairs_of_flipped_polarity():
    (warning,) = data_warnings(clean=CLEAN, mixed=-CLEAN + 0.3 * NOISE)
    assert "polarity flipped (gain -1.00)" in warning and "Multiply noisy by -1" in warning


def test_pairs_that_are_none():
    (warning,) = data_warnings(clean=CLEAN, mixed=CLEAN[::-1] + 0.3 * NOISE)
    assert "clean is not found in noisy" in warning and "more than 128 samples apart" in warning


def test_some_pairs_that_are_none():
    mixed = CLEAN + 0.3 * NOISE
    mixed[:3] = CLEAN[3:6]
    (warning,) = data_warnings(clean=CLEAN, mixed=mixed)
    assert "in 3 of 20 pairs" in warning


def test_mixtures_of_a_wide_range_are_no_mismatch():
    snr_db = np.linspace(-15, 20, len(CLEAN))[:, None]
    assert data_warnings(clean=CLEAN, mixed=CLEAN + 10 ** (-snr_db / 20) * NOISE) == []


def test_a_low_snr_is_no_mismatch_of_level():
    mixed = CLEAN + 10 ** (50 / 20) * NOISE
    assert data_warnings(clean=CLEAN, mixed=mixed) == []


# The output


@pytest.mark.parametrize("error", [0.0, 0.3])
def test_a_sound_output_calls_for_no_warning(error):
    assert output_warnings(estimate=CLEAN + error * NOISE, clean=CLEAN) == []


@pytest.mark.parametrize("level_db", [-31.0, -80.0, -np.inf])
def test_a_near_silent_output(level_db):
    (warning,) = output_warnings(estimate=10 ** (level_db / 20) * CLEAN, clean=CLEAN)
    assert "near-silent" in warning


@pytest.mark.parametrize(
    ("level_db", "warned"), [(-29.0, True), (-1.1, True), (-0.9, False), (0.9, False), (1.1, True)]
)
def test_a_level_that_is_off(level_db, warned):
    warnings = output_warnings(estimate=10 ** (level_db / 20) * CLEAN, clean=CLEAN)
    assert len(warnings) == warned
    assert not warned or f"{level_db:+.1f} dB off its level" in warnings[0]


def test_an_output_of_flipped_polarity():
    (warning,) = output_warnings(estimate=-CLEAN, clean=CLEAN)
    assert "polarity of the output is flipped" in warning


def test_a_late_output():
    (warning,) = output_warnings(estimate=np.roll(CLEAN, 5, axis=-1), clean=CLEAN)
    assert "the output is 5 samples late" in warning


def test_silence_kept_is_no_mismatch():
    assert output_warnings(estimate=0 * CLEAN, clean=0 * CLEAN) == []


# The discriminator


def judged(*accuracies, snr_db=3.0):
    return [{"discriminator_accuracy": accuracy, "val_snr_db": snr_db} for accuracy in accuracies]


@pytest.mark.parametrize(
    ("history", "message"),
    [
        (judged(*[WON] * WATCHED_EPOCHS), "won outright"),
        (judged(0.5, *[1.0] * WATCHED_EPOCHS), "won outright (accuracy 1.00"),
        (judged(*[LOST] * WATCHED_EPOCHS), "teaches nothing"),
        (judged(*[LOST] * WATCHED_EPOCHS, snr_db=18.4), None),
        (judged(0.9, *[0.5] * WATCHED_EPOCHS), "cannot tell denoised from clean (accuracy 0.50"),
        (judged(*[0.5] * WATCHED_EPOCHS, 0.6), None),
        (judged(*[1.0] * (WATCHED_EPOCHS - 1)), None),
        (judged(*[1.0] * WATCHED_EPOCHS, 0.97), None),
        (judged(*[0.75] * WATCHED_EPOCHS), None),
        (judged(*[None] * WATCHED_EPOCHS), None),
        ([{}] * WATCHED_EPOCHS, None),
        ([], None),
    ],
)
def test_the_discriminators_warning(history, message):
    warning = discriminator_warning(history)
    assert warning is None if message is None else message in warning


# The verdict


def history(*scores, gain=3.0, accuracy=None):
    return [
        {"epoch": epoch, "val_snr_db": score, "val_snr_gain_db": gain, "discriminator_accuracy": accuracy}
        for epoch, score in enumerate(scores, start=1)
    ]


RISING = [float(epoch) for epoch in range(20)]
LEVEL = [0.0] * 5 + [5.0] * 15


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (history(*RISING), "All right, and still rising"),
        (history(1.0), "All right, but after so few epochs"),
        (history(1.0, 2.0, 2.0), "All right, but after so few epochs"),
        (history(1.0, 2.0, 3.0, 4.0), "All right, and still rising"),
        (history(*LEVEL), "All right: validation has levelled off"),
        (history(*LEVEL, 4.5), "All right: validation has levelled off"),
        (history(*LEVEL, 3.5), "Past its best"),
        (history(*RISING, gain=0.4), "Not all right: the output is hardly better"),
        (history(*LEVEL, gain=-3.0), "Not all right: the output is worse"),
        (history(*LEVEL, gain=0.5), "All right"),
    ],
)
def test_the_verdict(records, message):
    lines = verdict(records)
    assert len(lines) == 2 and lines[1].startswith(message)


def test_the_verdict_says_why_it_is_in_doubt_although_the_figures_rise():
    doubt = "Not all right: the output is hardly better than silence."
    assert verdict(history(*RISING), doubt=doubt)[1] == doubt
    assert "than the input" in verdict(history(*RISING, gain=0.4), doubt=doubt)[1]


def test_the_verdict_names_the_best():
    records = history(1.0, 6.125, 5.5)
    records[1]["val_snr_gain_db"] = 8.25
    assert verdict(records)[0] == "Best: 6.12 dB at epoch 2, +8.25 dB over the noisy input."


def test_the_verdict_before_any_validation():
    assert "within the first epoch" in verdict([])[0]


@pytest.mark.parametrize(
    ("accuracy", "level_db", "message"),
    [
        (1.0, 5.0, "Note: the discriminator has won outright"),
        (0.7, 5.0, "Discriminator: alive, right in 70% to 70%"),
        (0.5, 5.0, "Note: the discriminator cannot tell denoised from clean"),
        (0.5, 18.0, "Outputs are all but perfect (18.0 dB)"),
        (0.95, 5.0, "Discriminator: not between 55% and 90% throughout"),
    ],
)
def test_the_verdict_says_how_the_discriminator_fared(accuracy, level_db, message):
    lines = verdict(history(*[level_db] * 20, accuracy=accuracy))
    assert len(lines) == 3 and lines[2].startswith(message)


def test_a_short_training_far_from_clean_is_not_called_perfect():
    assert "not between 55% and 90%" in verdict(history(5.0, 5.0, accuracy=0.5))[2]


def test_the_verdict_names_the_generator_that_is_kept_for_its_likeness():
    records = history(5.0, 6.0, 5.8, 5.5, accuracy=0.7)
    assert "Kept for its likeness: 5.80 dB, epoch 3." in verdict(records, snr_cost_db=0.3)
    assert not any("Kept" in line for line in verdict(records))
