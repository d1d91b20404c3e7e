"""Drawn signals have the parameters asked for, by measures that do not share the generator's formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from dan.config import NoiseSettings, Recipe, SignalSettings, ToneSettings
from dan.core.arrays import energy
from dan.core.errors import DanError
from dan.dsp.sinusoid_fit import fit_sinusoids
from dan.synthesis.mix import POWER_EXPONENT, draw_noise, draw_pairs, draw_tones, mix

SECOND = SignalSettings()
COLOURS = tuple(POWER_EXPONENT)


def generator(seed=0):
    return np.random.default_rng(seed)


def recipe(**sections):
    return Recipe(name="test", summary="of a test", **sections)


WIDE = recipe(
    clean=ToneSettings(sines=(1, 6), amplitude_spread=0.5, phase_spread_rad=3.0),
    noise=NoiseSettings(colours=COLOURS, hum_hz=50.0, snr_db=(-10.0, 20.0)),
)


def test_one_tone_is_the_sine_of_its_frequency():
    clean, _ = draw_tones(ToneSettings(sines=1), SECOND, 20, random=generator())
    frequency_hz = generator().uniform(10, 64, 20)
    # float32 rounds to 6e-8 of full scale.
    np.testing.assert_allclose(
        clean, np.sin(2 * np.pi * frequency_hz[:, None] * np.arange(256) / 256), atol=1e-7
    )
    assert clean.dtype == np.float32


def test_tones_are_the_mean_of_unit_sines_in_band_from_phase_zero():
    clean, _ = draw_tones(ToneSettings(), SECOND, 200, random=generator())
    assert np.abs(clean[:, 0]).max() < 1e-7
    # The mean of 3 unit sines has energy 1/6, spread over 200 signals with a deviation of some 4 %.
    assert np.mean(clean**2) == pytest.approx(1 / 6, rel=0.02)
    fitted = fit_sinusoids(clean, sample_rate_hz=256, sines=3, frequency_hz=(10, 64))
    # Sines so close that their fit is ill-conditioned still leave 60 dB; a component out of band could not.
    assert (energy(clean - fitted) < 1e-6 * energy(clean)).all()


def test_number_of_sines_is_drawn_from_its_range():
    clean, _ = draw_tones(ToneSettings(sines=(2, 4)), SignalSettings(duration_s=20.0), 60, random=generator())
    spectrum = np.abs(np.fft.rfft(clean * np.hanning(clean.shape[-1])))
    floor = 0.2 * spectrum.max(axis=-1, keepdims=True)
    peaks = (spectrum[:, 1:-1] > spectrum[:, :-2]) & (spectrum[:, 1:-1] >= spectrum[:, 2:])
    counts = (peaks & (spectrum[:, 1:-1] > floor)).sum(axis=-1)
    # Two sines within a bin or two of each other merge in a few signals.
    assert {2, 3, 4} <= set(counts.tolist()) and counts.max() <= 4
    assert np.bincount(counts, minlength=5)[2:].min() > 8


def test_spreads_are_uniform_and_leave_the_frequencies_alone():
    tones = ToneSettings(sines=1, amplitude_spread=0.5, phase_spread_rad=1.0)
    spread, _ = draw_tones(tones, SECOND, 2000, random=generator())
    plain, _ = draw_tones(ToneSettings(sines=1), SECOND, 2000, random=generator())
    # a sin(x + p) = a cos(p) sin(x) + a sin(p) cos(x), with sin(x) known and cos(x) from the same frequency.
    angle = 2 * np.pi * generator().uniform(10, 64, 2000)[:, None] * np.arange(256) / 256
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    parts = np.linalg.lstsq(basis[0], spread[0], rcond=None)[0]
    np.testing.assert_allclose(basis[0] @ parts, spread[0], atol=1e-6)
    parts = np.array([np.linalg.lstsq(b, s, rcond=None)[0] for b, s in zip(basis, spread, strict=True)])
    amplitude, phase_rad = np.hypot(*parts.T), np.arctan2(parts[:, 1], parts[:, 0])
    for values, low, high in ((amplitude, 0.5, 1.5), (phase_rad, -1, 1)):
        assert low - 1e-5 < values.min() and values.max() < high + 1e-5
        # A uniform's deviation is its width over the root of 12; over 2000 draws it is known to 1.1 %.
        assert values.std() == pytest.approx((high - low) / np.sqrt(12), rel=0.05)
    np.testing.assert_allclose(plain, np.sin(angle), atol=1e-7)


@pytest.mark.parametrize("colour", COLOURS)
def test_noise_has_the_slope_of_its_colour(colour):
    signal = SignalSettings(sample_rate_hz=1000.0, duration_s=16.0)
    drawn = draw_noise(NoiseSettings(colours=(colour,)), signal, 40, random=generator())
    frequency_hz, density = welch(drawn, fs=1000, window="blackmanharris", nperseg=2048)
    # Away from both ends, where the window's leakage and Nyquist bend the estimate.
    chosen = (frequency_hz > 10) & (frequency_hz < 400)
    slope, _ = np.polyfit(np.log(frequency_hz[chosen]), np.log(density[:, chosen].mean(axis=0)), 1)
    # 600 averaged segments know the density of a bin to 4 %, the slope over 3.7 nepers far better.
    assert slope == pytest.approx(POWER_EXPONENT[colour], abs=0.03)


@pytest.mark.parametrize("colour", COLOURS)
def test_noise_has_the_expected_standard_deviation(colour):
    noise = NoiseSettings(colours=(colour,), standard_deviation=0.7)
    drawn = draw_noise(noise, SignalSettings(duration_s=0.25), 20000, random=generator())
    # Brown noise is nearly one number a signal: the variance of 20000 is known to 1 %.
    np.testing.assert_allclose(drawn.std(axis=0), 0.7, rtol=0.03)
    assert drawn.dtype == np.float32


def test_brown_noise_does_not_join_its_ends():
    drawn = draw_noise(NoiseSettings(colours=("brown",)), SECOND, 2000, random=generator())
    step, jump = np.diff(drawn, axis=-1).std(), (drawn[:, -1] - drawn[:, 0]).std()
    # A random walk's ends are apart by the root of its length, about 16 steps; a circle's by one.
    assert jump > 8 * step


def test_one_colour_is_drawn_for_each_signal():
    drawn = draw_noise(NoiseSettings(colours=("brown", "violet")), SECOND, 400, random=generator())
    roughness = np.diff(drawn, axis=-1).std(axis=-1) / drawn.std(axis=-1)
    # Steps of violet noise exceed its level, those of brown noise are a small part: nothing lies between.
    assert ((roughness < 0.5) | (roughness > 1.2)).all()
    assert 150 < (roughness < 0.5).sum() < 250  # 200 +- 10, five deviations


def test_hum_stands_at_its_harmonics_with_its_share_of_the_energy():
    noise = NoiseSettings(hum_hz=50.0, hum_harmonics=5, hum_level=0.5, standard_deviation=2.0)
    drawn = draw_noise(noise, SECOND, 500, random=generator())
    power = (np.abs(np.fft.rfft(drawn) / 256) ** 2).mean(axis=0)  # whole periods: one bin a harmonic
    floor = np.median(power)
    assert np.flatnonzero(power > 10 * floor).tolist() == [50, 100]  # 150 Hz is beyond 128 Hz
    # Expected power 4, half of it hum; white noise over 500 signals is known to 0.4 %.
    assert 2 * (power[50] + power[100] - 2 * floor) == pytest.approx(2.0, rel=0.02)
    assert drawn.var() == pytest.approx(4.0, rel=0.02)
    assert power[50] / power[100] == pytest.approx(4.0, rel=0.05)


def test_hum_is_at_random_phases():
    noise = NoiseSettings(hum_hz=50.0, hum_level=1.0)
    phasors = np.fft.rfft(draw_noise(noise, SECOND, 2000, random=generator()))[:, [50, 100]]
    phasors /= np.abs(phasors)
    # Means of 2000 unit phasors: 1 / sqrt(2000) = 0.022; also of the angle between the two harmonics.
    assert np.abs(phasors.mean(axis=0)).max() < 0.1
    assert abs((phasors[:, 0] * phasors[:, 1].conj()).mean()) < 0.1


def test_hum_beyond_half_the_rate_is_refused():
    with pytest.raises(DanError, match="hum_hz=128"):
        draw_noise(NoiseSettings(hum_hz=128.0), SECOND, 1, random=generator())


@given(
    st.integers(0, 2**32),
    st.floats(-60, 60),
    st.floats(-20, 20),
    st.floats(-20, 20),
    st.sampled_from([(7,), (3, 50), (2, 3, 4)]),
)
@settings(max_examples=100, deadline=None)
def test_mixing_meets_the_snr_exactly(seed, snr_db, clean_decades, noise_decades, shape):
    random = generator(seed)
    clean = random.standard_normal(shape) * 10**clean_decades
    noise = random.standard_normal(shape) * 10**noise_decades
    mixed, gain = mix(clean, noise, snr_db=snr_db)
    scaled = gain[..., None] * noise
    measured = 10 * np.log10((clean**2).sum(axis=-1) / (scaled**2).sum(axis=-1))
    # Double precision holds ten figures and more of a decibel.
    np.testing.assert_allclose(measured, snr_db, atol=1e-9)
    np.testing.assert_array_equal(mixed, clean + scaled)


def test_each_signal_has_its_own_snr():
    clean, noise = generator().standard_normal((2, 3, 100))
    _, gain = mix(clean, noise, snr_db=[0.0, 20.0, -20.0])
    level = np.sqrt(energy(clean) / energy(noise))
    np.testing.assert_allclose(gain / level, [1, 0.1, 10], rtol=1e-12)


@pytest.mark.parametrize("silent", ["clean", "noise", "both"])
def test_silence_is_left_as_it_is(silent):
    clean = np.full((2, 8), 0.0 if silent in ("clean", "both") else 0.5, np.float32)
    noise = np.full((2, 8), 0.0 if silent in ("noise", "both") else 0.5, np.float32)
    mixed, gain = mix(clean, noise, snr_db=-2.0)
    np.testing.assert_array_equal(mixed, clean)
    assert mixed.dtype == np.float32 and (gain == 0).all()


def test_bad_signals_to_mix_are_refused():
    with pytest.raises(DanError, match="shapes must be equal"):
        mix(np.ones(3), np.ones(4), snr_db=0)
    with pytest.raises(DanError, match="nan at sample 1"):
        mix(np.ones(2), [0.0, np.nan], snr_db=0)
    with pytest.raises(DanError, match="exceeds what the dtype can hold"):
        mix(np.full(2, 1e38, np.float32), np.ones(2, np.float32), snr_db=-60)


@pytest.mark.parametrize("length", [1, 2, 3, 255])
def test_any_length_can_be_drawn(length):
    short = SignalSettings(duration_s=length / 256)
    wide = recipe(signal=short, clean=WIDE.clean, noise=WIDE.noise)
    pairs = draw_pairs(wide, 5, random=generator())
    assert pairs.clean.shape == pairs.noise.shape == pairs.mixed.shape == (5, length)


@pytest.mark.parametrize("drawn_from", [recipe(), WIDE])
def test_pairs_follow_from_the_generator_and_the_snr(drawn_from):
    pairs, again = (draw_pairs(drawn_from, 300, random=generator(5)) for _ in range(2))
    other = draw_pairs(drawn_from, 300, random=generator(6))
    for name in ("clean", "noise", "mixed", "snr_db"):
        np.testing.assert_array_equal(getattr(pairs, name), getattr(again, name))
    assert not np.array_equal(pairs.clean, other.clean)
    rest = pairs.mixed.astype(np.float64) - pairs.clean
    measured = 10 * np.log10(energy(pairs.clean) / energy(rest))
    # float32's rounding of the mixed signal: some 140 dB below it, up to 20 dB more below the noise.
    np.testing.assert_allclose(measured, pairs.snr_db, atol=1e-4)
    low_db, high_db = drawn_from.noise.snr_range_db
    assert low_db <= pairs.snr_db.min() and pairs.snr_db.max() <= high_db
    # Uniform: the mean of 300 lies within a deviation of 30 / sqrt(12 * 300) = 0.5 dB, or on the number.
    assert pairs.snr_db.mean() == pytest.approx((low_db + high_db) / 2, abs=2.0)


def test_work_in_chunks_is_the_same_work(monkeypatch):
    whole = draw_pairs(WIDE, 10, random=generator())
    monkeypatch.setattr("dan.synthesis.mix.CHUNK_VALUES", 3 * 512)
    parts = draw_pairs(WIDE, 10, random=generator())
    # Matrix products over other shapes may round differently, by a bit of float32.
    np.testing.assert_allclose(parts.mixed, whole.mixed, atol=1e-6)
