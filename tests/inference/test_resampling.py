"""Resampling: aligned, as late as it says, and what a model cannot see kept at its highest octave's gain."""

import math

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.inference.engines import FrameEngine
from dan.inference.resampling import Resampler, ResamplingEngine

RATES = [(44100, 8000), (8000, 44100), (360, 250), (1000, 1000.5), (600.614990234375, 256)]


class Scaled:
    """An engine that multiplies by a factor."""

    latency_samples = hop_length = 1

    def __init__(self, factor=1.0, channels=1):
        self.factor, self.channels = np.float32(factor), channels

    def feed(self, block):
        return self.factor * block

    def flush(self):
        return np.zeros((self.channels, 0), np.float32)


def in_blocks(engine, signal, sizes):
    cuts = np.cumsum(sizes)
    blocks = np.split(signal, cuts[cuts < signal.shape[-1]], axis=-1)
    return np.concatenate([*(engine.feed(block) for block in blocks), engine.flush()], axis=-1)


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_tone_is_the_same_tone_at_the_other_rate(from_hz, to_hz):
    frequency_hz, length = 0.1 * min(from_hz, to_hz), 3000
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(length) / from_hz).astype(np.float32)[None]
    out = in_blocks(Resampler(from_hz=from_hz, to_hz=to_hz, channels=1), tone, [1, 0, 700, 33])[0]
    assert len(out) == np.ceil(length * to_hz / from_hz)
    expected = np.sin(2 * np.pi * frequency_hz * np.arange(len(out)) / to_hz)
    inside = slice(len(out) // 4, len(out) * 3 // 4)
    # A pass band flat to what the stop band lets through: -90 dB is 3e-5.
    assert np.abs(out - expected)[inside].max() < 3e-5


def test_what_the_lower_rate_cannot_hold_is_gone():
    tone = np.sin(2 * np.pi * 0.3 * np.arange(4000)).astype(np.float32)[None]  # above half of half the rate
    out = in_blocks(Resampler(from_hz=2, to_hz=1, channels=1), tone, [])
    assert np.abs(out[:, 200:-200]).max() < 10 ** (-90 / 20)


@pytest.mark.parametrize(("outer_hz", "inner_hz"), RATES)
def test_the_latency_is_what_is_measured(outer_hz, inner_hz):
    for inner in (Scaled(), FrameEngine(lambda frames: frames, segment_samples=50, channels=1)):
        engine, fed = ResamplingEngine(inner, outer_hz=outer_hz, inner_hz=inner_hz, channels=1), 0
        while True:
            fed += 1
            if engine.feed(np.zeros((1, 1), np.float32)).shape[-1]:
                break
        assert fed == engine.latency_samples


def test_the_delay_is_short():
    """Two kernels of 40 samples of the lower rate on the future's side."""
    engine = ResamplingEngine(Scaled(), outer_hz=16000, inner_hz=8000, channels=1)
    assert engine.latency_samples <= 2 * 2 * 40 + 2


@pytest.mark.parametrize(("outer_hz", "inner_hz"), RATES)
def test_the_identity_gives_back_what_came_above_the_band_too(outer_hz, inner_hz):
    signal = noise(2, 3000)
    engine = ResamplingEngine(Scaled(channels=2), outer_hz=outer_hz, inner_hz=inner_hz, channels=2)
    back = in_blocks(engine, signal, [1, 500, 0, 1200])
    # Sums of some hundred products in float32, in several orders.
    np.testing.assert_allclose(back, signal, atol=1e-5)


def test_above_the_band_the_gain_is_that_of_the_highest_octave():
    signal = noise(1, 20000)
    engine = ResamplingEngine(Scaled(0.25), outer_hz=48000, inner_hz=16000, channels=1)
    out = in_blocks(engine, signal, [333] * 10)
    np.testing.assert_allclose(out[:, 2000:], 0.25 * signal[:, 2000:], atol=1e-4)


@pytest.mark.parametrize(("lowest", "highest", "gain"), [(0.0, 0.5, 0.0), (0.5, 1.0, 1.0)])
def test_only_the_highest_octave_counts(lowest, highest, gain):
    """A network that keeps one half of its band and drops the other."""

    def network(frames):
        spectra = np.fft.rfft(frames)
        share = np.linspace(0, 1, spectra.shape[-1])
        return np.fft.irfft(spectra * ((share >= lowest) & (share < highest)), frames.shape[-1])

    inner = FrameEngine(network, segment_samples=256, channels=1)
    engine = ResamplingEngine(inner, outer_hz=32000, inner_hz=16000, channels=1)
    signal = noise(1, 40000)
    out, size = in_blocks(engine, signal, []), 20000
    above = slice(int(0.6 * size / 2), size // 2)  # of the outer band, the engine sees the lower half
    spectra = np.abs(np.fft.rfft(np.stack([signal[0], out[0]])[:, 10000 : 10000 + size]))[:, above]
    measured = np.sqrt(np.square(spectra[1]).sum() / np.square(spectra[0]).sum())
    # Frames meet at their edges and the filter is 31 taps long: the octave is not cut out quite.
    assert measured == pytest.approx(gain, abs=0.15)


@pytest.mark.parametrize("outer_hz", [2.56e-7, 2**21])
def test_rates_far_apart_are_refused(outer_hz):
    with pytest.raises(DanError, match=r"sample_rate=.*up to a ratio of 1024.*rate is in Hz"):
        ResamplingEngine(Scaled(), outer_hz=outer_hz, inner_hz=256, channels=1)


@pytest.mark.parametrize("length", [1, 2, 10, 100, 300])
def test_short_signals_keep_their_length(length):
    for outer_hz in (44100, 100):
        engine = ResamplingEngine(Scaled(), outer_hz=outer_hz, inner_hz=256, channels=1)
        assert in_blocks(engine, noise(1, length), []).shape == (1, length)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(16000, 48000), (48000, 16000), (360, 250)])
def test_what_went_is_what_was_returned(from_hz, to_hz):
    resampler = Resampler(from_hz=from_hz, to_hz=to_hz, channels=1)
    out = in_blocks(resampler, np.ones((1, 1000), np.float32), [700])
    assert resampler.went == out.shape[-1] == math.ceil(1000 * to_hz / from_hz)
