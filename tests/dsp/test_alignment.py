"""The lag, the gain and the polarity that were put in are what is found, and no other."""

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.dsp.alignment import align


def signals(seed, count=40, length=256):
    return np.random.default_rng(seed).standard_normal((count, length))


def shifted(signal, lag):
    """Later by so many samples, with zeros for what comes in."""
    out = np.zeros_like(signal)
    if lag >= 0:
        out[:, lag:] = signal[:, : signal.shape[-1] - lag]
    else:
        out[:, :lag] = signal[:, -lag:]
    return out


@pytest.mark.parametrize("lag", [-100, -1, 0, 1, 5, 100])
@pytest.mark.parametrize("gain", [-1.0, 0.5, 2.0])
def test_what_was_put_in_is_found(lag, gain):
    found = align(signals(0), gain * shifted(signals(0), lag) + 0.3 * signals(1))
    assert found.lag_samples == lag
    # noise at a gain of 0.3 moves each of 40 gains over 156 samples by 0.3 / sqrt(156) = 0.024
    assert found.gain == pytest.approx(gain, abs=0.02) and found.gain_error < 0.02


@pytest.mark.parametrize("snr_db", [-40, -20, 0])
@pytest.mark.parametrize("seed", range(5))
def test_no_lag_is_found_by_chance(snr_db, seed):
    noisy = signals(seed, count=8) + 10 ** (-snr_db / 20) * signals(100 + seed, count=8)
    assert align(signals(seed, count=8), noisy).lag_samples == 0


def test_a_lag_is_found_where_neighbouring_samples_are_alike():
    smooth = np.cumsum(signals(0), axis=-1)[:, ::2]
    smooth -= smooth.mean(axis=-1, keepdims=True)
    assert align(smooth, shifted(smooth, 3) + 0.1 * signals(1)[:, ::2]).lag_samples == 3


def tones(seed, lag=0):
    """Eight short tones, each of a frequency of its own, that begin later."""
    random = np.random.default_rng(seed)
    frequency, phase = random.uniform(0.01, 0.05, (8, 1)), random.uniform(0, 7, (8, 1))
    return np.sin(2 * np.pi * frequency * (np.arange(256) - lag) + phase)


@pytest.mark.parametrize("lag", [3, -40])
@pytest.mark.parametrize("seed", range(5))
def test_the_lag_of_a_few_short_tones_is_found_although_each_gains_another_share_by_it(lag, seed):
    noise = 0.1 * signals(200 + seed, count=8)
    assert align(tones(seed), tones(seed, lag) + noise).lag_samples == lag
    assert align(tones(seed), tones(seed) + noise).lag_samples == 0


def overlapping(seed):
    """Forty stretches of 256 samples, all of the same 300 in which a tone lies 5 dB below noise."""
    random = np.random.default_rng(seed)
    tone = np.sin(0.3 * np.arange(300) + random.uniform(0, 7))
    takes = tone + 0.5**0.5 * 10**0.25 * random.standard_normal((2, 300))
    starts = random.integers(0, 300 - 256, 40)
    return (np.stack([take[start : start + 256] for start in starts]) for take in takes)


def test_stretches_that_overlap_count_as_what_they_hold():
    """They share their noise, and so its chances: told as so many of their own, they are late by these."""
    seeds = range(20)
    assert all(align(*overlapping(seed), distinct=300 / 256).lag_samples == 0 for seed in seeds)
    assert any(align(*overlapping(seed)).lag_samples for seed in seeds)


def test_unrelated_signals_have_neither_gain_nor_correlation():
    found = align(signals(0), signals(1))
    assert abs(found.gain) < 4 * found.gain_error and np.abs(found.correlations).max() < 0.4


def test_correlation_is_that_of_the_snr():
    found = align(signals(0, length=20000), 5 * (signals(0, length=20000) + signals(1, length=20000)))
    np.testing.assert_allclose(found.correlations, 0.5**0.5, atol=0.03)  # 4 / sqrt(20000)


def test_silent_references_are_passed_over():
    clean = signals(0)
    clean[::2] = 0
    assert len(align(clean, clean + signals(1)).gains) == 20
    assert not len(align(0 * clean, clean).gains)


def test_shapes_must_agree():
    with pytest.raises(DanError, match="shapes must be equal"):
        align(signals(0), signals(0, length=255))
