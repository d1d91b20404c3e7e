"""Engines and streams: whole = streamed over random blocks, aligned, exactly as long as what went in."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dan.config import (
    CausalGeneratorSettings,
    ClassicGeneratorSettings,
    SignalSettings,
    SpectralGeneratorSettings,
)
from dan.inference.denoiser import Denoiser
from dan.inference.engines import FrameEngine
from dan.inference.resampling import ResamplingEngine
from dan.inference.stream import Stream
from dan.inference.torch_backend import TorchModel
from dan.networks.factory import build_generator

RATE_HZ = 64
NETWORKS = [
    ClassicGeneratorSettings(encoder_channels=2, decoder_channels=3, kernel_size=8),
    SpectralGeneratorSettings(
        kind="spectral", band_hz=(0, 32), residual_channels=4, hidden_channels=4, dilations=(1, 2)
    ),
    CausalGeneratorSettings(
        kind="causal",
        n_fft=16,
        hop_length=4,
        bins_per_band=2,
        residual_channels=3,
        hidden_channels=4,
        dilations=((1, 1), (4, 2)),
    ),
    CausalGeneratorSettings(
        kind="causal",
        n_fft=8,
        hop_length=4,
        bins_per_band=4,
        residual_channels=2,
        hidden_channels=2,
        dilations=((2, 1),),
    ),
    CausalGeneratorSettings(
        kind="causal",
        n_fft=8,
        hop_length=4,
        lookahead_frames=3,
        bins_per_band=4,
        residual_channels=2,
        hidden_channels=2,
    ),
]
FULL_SCALE = 1e-5  # what the streams promise, of signals that reach 1


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda network: network.kind)
def denoiser(request, card):
    signal = SignalSettings(sample_rate_hz=RATE_HZ, duration_s=0.5)
    torch.manual_seed(0)
    generator = build_generator(request.param, signal)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return Denoiser(TorchModel(generator, card(generator=request.param, signal=signal)))


def streamed(stream, signal, sizes):
    outputs, start = [], 0
    for size in [*sizes, signal.shape[-1]]:
        outputs.append(stream.feed(signal[..., start : start + size]))
        start += size
    return np.concatenate([*outputs, stream.flush()], axis=-1)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@given(st.integers(1, 300), st.lists(st.integers(0, 90), max_size=12))
@settings(max_examples=30, deadline=None)
def test_streamed_is_whole(denoiser, length, sizes):
    signal = noise(2, length)
    whole = denoiser(signal, sample_rate=RATE_HZ)
    assert whole.shape == signal.shape
    stream = denoiser.stream(channels=2)
    np.testing.assert_allclose(streamed(stream, signal, sizes), whole, atol=FULL_SCALE, rtol=0)


def test_channels_are_denoised_one_by_one(denoiser):
    signal = noise(3, 200)
    together = denoiser(signal, sample_rate=RATE_HZ)
    alone = np.stack([denoiser(row, sample_rate=RATE_HZ) for row in signal])
    np.testing.assert_allclose(together, alone, atol=FULL_SCALE, rtol=0)


def test_nothing_comes_before_the_latency_and_all_of_it_after(denoiser):
    stream, came = denoiser.stream(), 0
    for fed in range(1, 129):
        came += stream.feed(noise(1)).shape[-1]
        assert came == 0 or fed >= stream.latency_samples
        assert fed - came < 2 * stream.latency_samples
    assert came > 0


def test_a_stream_of_one_channel_keeps_its_rank_and_dtype(denoiser):
    with denoiser.stream() as stream:
        out = stream.feed(np.zeros(200, np.int16))
        tail = stream.flush()
    assert out.ndim == tail.ndim == 1 and out.dtype == tail.dtype == np.int16
    assert len(out) + len(tail) == 200 and not out.any()  # silence comes out as silence


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_strength_mixes_the_aligned_input_in(denoiser, strength):
    signal = noise(2, 150)
    whole = denoiser(signal, sample_rate=RATE_HZ)
    mixed = streamed(denoiser.stream(channels=2, strength=strength), signal, [7, 50])
    np.testing.assert_allclose(mixed, strength * whole + (1 - strength) * signal, atol=2e-5, rtol=0)


@pytest.mark.parametrize("factor", [1e-3, 30.0])
def test_a_causal_network_takes_loud_and_quiet_alike(card, factor):
    signal = SignalSettings(sample_rate_hz=RATE_HZ, duration_s=0.5)
    torch.manual_seed(1)
    generator = build_generator(NETWORKS[2], signal)
    denoiser = Denoiser(TorchModel(generator, card(generator=NETWORKS[2], signal=signal)))
    given_signal = noise(400)
    expected = denoiser(given_signal, sample_rate=RATE_HZ) * factor
    # The floor of 1e-14 in the power of each bin is -80 dB of the quiet one's bins: a shift of 1e-4 at most.
    np.testing.assert_allclose(
        denoiser(factor * given_signal, sample_rate=RATE_HZ), expected, atol=1e-4 * factor
    )


class Through:
    """An engine that changes nothing."""

    latency_samples = hop_length = 1

    def feed(self, block):
        return block

    def flush(self):
        return np.zeros((1, 0), np.float32)


@pytest.mark.parametrize(("outer_hz", "inner_hz"), [(44100, 8000), (8000, 44100), (360, 250), (1000, 1000.5)])
def test_resampling_there_and_back_is_aligned(outer_hz, inner_hz):
    length = 6000
    time_s = np.arange(length) / outer_hz
    tone = np.sin(2 * np.pi * 0.1 * min(outer_hz, inner_hz) * time_s).astype(np.float32)
    engine = ResamplingEngine(Through(), outer_hz=outer_hz, inner_hz=inner_hz, channels=1)
    back = streamed(Stream(engine), tone, [1, 0, 700, 33, 2500])
    assert back.shape == tone.shape
    # soxr's high quality: -100 dB and better in the pass band, away from the ends that it cannot see beyond.
    assert np.abs(back - tone)[1000:-1000].max() < 1e-4


def test_frames_that_come_back_as_they_were_add_up_to_the_signal():
    signal = noise(2, 777)
    engine = FrameEngine(lambda frames: frames, segment_samples=100, channels=2)
    np.testing.assert_allclose(streamed(Stream(engine, channels=2), signal, [99, 1, 350]), signal, atol=1e-6)
