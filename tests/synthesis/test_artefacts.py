"""Artefacts lie where their field's sources put them, in frequency and in time."""

import numpy as np
import pytest
from pydantic import ValidationError

from dan.config import NoiseSettings, SignalSettings
from dan.config.load import check_recipe
from dan.core.arrays import energy, rms
from dan.core.errors import DanError
from dan.synthesis.artefacts import DRAW
from dan.synthesis.mix import draw_noise

RATE_HZ = 1000
TEN_SECONDS = SignalSettings(sample_rate_hz=360, duration_s=10.0)


def generator(seed=0):
    return np.random.default_rng(seed)


def draw(kind, count=30, length=10 * RATE_HZ, rate_hz=RATE_HZ, seed=0):
    return DRAW[kind](count, length_samples=length, sample_rate_hz=rate_hz, random=generator(seed))


def share_within(signal, low_hz, high_hz, rate_hz=RATE_HZ):
    """Share of the energy of all signals between two frequencies, windowed against leakage."""
    power = (np.abs(np.fft.rfft(signal * np.hanning(signal.shape[-1]))) ** 2).sum(axis=0)
    hz = np.fft.rfftfreq(signal.shape[-1], 1 / rate_hz)
    return power[(hz >= low_hz) & (hz <= high_hz)].sum() / power.sum()


@pytest.mark.parametrize("kind", DRAW)
@pytest.mark.parametrize(("length", "rate_hz"), [(1, 360), (7, 100), (512, 256), (4000, 360.5)])
def test_every_artefact_fills_every_signal_and_follows_from_the_seed(kind, length, rate_hz):
    drawn = draw(kind, 5, length, rate_hz)
    assert drawn.shape == (5, length) and drawn.dtype == np.float64 and np.isfinite(drawn).all()
    np.testing.assert_array_equal(drawn, draw(kind, 5, length, rate_hz))
    assert not np.array_equal(drawn, draw(kind, 5, length, rate_hz, seed=1))
    if length > 7:
        assert (energy(drawn) > 0).all()
        assert len(np.unique(rms(drawn))) == 5  # each signal has its own


def test_wander_lies_below_the_heart():
    # Breathing goes up to 0.5 Hz, its harmonic to 1 Hz and its wavering some tenths beyond.
    assert share_within(draw("wander"), 0, 1.5) > 0.99
    assert share_within(draw("wander"), 0, 0.5) > 0.7


def test_muscle_lies_where_the_model_puts_it():
    drawn = draw("muscle", 60)
    assert share_within(drawn, 20, 250) > 0.85
    # Two corners: f**2 below and f**-2 above, so little of it is left far out.
    assert share_within(drawn, 0, 5) < 0.01 and share_within(drawn, 400, 500) < 0.05


def test_muscle_comes_in_bursts():
    level = np.sqrt((draw("muscle", 60).reshape(60, 50, 200) ** 2).mean(axis=-1))  # each 200 ms
    steady = np.sqrt((generator().standard_normal((60, 50, 200)) ** 2).mean(axis=-1))
    assert np.median(level.std(axis=-1) / level.mean(axis=-1)) > 3 * np.median(
        steady.std(axis=-1) / steady.mean(axis=-1)
    )


def test_motion_jumps_at_once_and_recovers_slowly():
    """The steepest rise in 20 ms is far steeper than anything as slow as the signal mostly is."""
    drawn = draw("motion", 60)
    moved = np.abs(drawn[:, 20:] - drawn[:, :-20])
    assert np.median(moved.max(axis=-1) / rms(drawn)) > 1
    assert np.median(np.median(moved, axis=-1) / rms(drawn)) < 0.1
    assert (drawn.max(axis=-1) > 0).any() and (drawn.min(axis=-1) < 0).any()


def test_a_blink_is_a_positive_hump_of_a_few_tenths_of_a_second():
    drawn = draw("blinks", 200, RATE_HZ // 2)
    assert (drawn >= 0).all() and (drawn.max(axis=-1) > 0.01).all()
    long = draw("blinks", 60, 60 * RATE_HZ)
    humps = [int((np.diff((row > 0.05).astype(int)) == 1).sum()) for row in long]
    assert 6 <= np.mean(humps) <= 36  # a minute; overlapping ones count once
    widths = (long > 0.5).sum(axis=-1) / np.maximum(humps, 1) / RATE_HZ
    assert 0.1 < np.median(widths) < 0.3  # at half height
    assert share_within(long, 0, 10) > 0.99


def test_a_mixture_has_its_level_and_shares():
    kinds = {"kinds": ("wander", "muscle"), "standard_deviation": 0.3}
    drawn = draw_noise(NoiseSettings(**kinds, shares=(3.0, 1.0)), TEN_SECONDS, 300, random=generator())
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(rms(drawn), 0.3, rtol=1e-5)  # float32
    slow = np.array([share_within(row[None], 0, 5, 360) for row in drawn])
    # A beta distribution of parameters 1.5 and 0.5: mean 0.75, deviation 0.25, so 0.015 for the mean of 300;
    # the rest is for the window, which weights one burst more than another.
    assert slow.mean() == pytest.approx(0.75, abs=0.06)
    assert slow.min() < 0.2 and slow.max() > 0.98


def test_evenness_says_how_near_the_proportions_keep_to_the_shares():
    def spread(concentration):
        noise = NoiseSettings(kinds=("wander", "muscle"), concentration=concentration)
        drawn = draw_noise(noise, TEN_SECONDS, 100, random=generator())
        return np.std([share_within(row[None], 0, 5, 360) for row in drawn])

    assert spread(0.1) > spread(1.0) > spread(50.0)


def test_hum_of_a_mixture_is_near_one_of_the_mains_frequencies():
    noise = NoiseSettings(kinds=("hum",), hum_harmonics=1)
    drawn = draw_noise(noise, TEN_SECONDS, 100, random=generator())
    size = 2**16  # padded: 0.005 Hz a bin
    peak_hz = np.abs(np.fft.rfft(drawn * np.hanning(3600), size)).argmax(axis=-1) * 360 / size
    off = np.abs(peak_hz[:, None] / [50.0, 60.0] - 1)
    assert (off.min(axis=-1) < 0.0022).all() and {*off.argmin(axis=-1)} == {0, 1}
    assert len(np.unique(peak_hz)) > 20


def test_half_of_the_hums_of_mixtures_are_pure_and_harmonics_differ():
    noise = NoiseSettings(kinds=("hum",), mains_hz=(50.0,), hum_harmonics=3)
    signal = SignalSettings(sample_rate_hz=500, duration_s=4.0)
    drawn = draw_noise(noise, signal, 400, random=np.random.default_rng(0))
    amplitude = np.abs(np.fft.rfft(drawn * np.hanning(2000)))
    second = amplitude[:, 390:411].max(axis=-1) / amplitude[:, 195:206].max(axis=-1)
    pure = second < 1e-3  # what the window leaks from the first
    assert pure.mean() == pytest.approx(0.5, abs=0.09)  # 3.5 deviations
    assert second[~pure].max() <= 0.6 and np.ptp(second[~pure]) > 0.4


def test_hum_lies_below_half_the_rate():
    tree = {"name": "x", "summary": "x", "clean": {"frequency_hz": [1, 10]}, "noise": {"kinds": ["hum"]}}
    assert check_recipe(tree | {"signal": {"sample_rate_hz": 121}}, name="x")
    with pytest.raises(DanError, match="mains_hz"):
        check_recipe(tree | {"signal": {"sample_rate_hz": 120}}, name="x")


@pytest.mark.parametrize("colour", ["white", "brown"])
def test_colours_are_a_kind(colour):
    noise = NoiseSettings(kinds=("colours",), colours=(colour,))
    drawn = draw_noise(noise, TEN_SECONDS, 40, random=generator())
    assert (share_within(drawn, 0, 5, 360) > 0.5) == (colour == "brown")


@pytest.mark.parametrize(
    "values",
    [
        {"kinds": ("wander", "wander")},
        {"kinds": ("sweat",)},
        {"kinds": ("wander", "muscle"), "shares": (1.0,)},
        {"kinds": ("wander",), "shares": (0.0,)},
        {"shares": (1.0,)},
        {"concentration": 0},
        {"mains_hz": ()},
    ],
)
def test_wrong_kinds_are_refused(values):
    with pytest.raises(ValidationError):
        NoiseSettings(**values)
