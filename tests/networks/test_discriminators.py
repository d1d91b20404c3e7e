"""What every discriminator promises, and the founding one's own figures."""

import io
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dan.config import (
    ClassicDiscriminatorSettings,
    ConditionalDiscriminatorSettings,
    MetricDiscriminatorSettings,
    Recipe,
    SignalSettings,
    SpectralDiscriminatorSettings,
)
from dan.core.errors import DanError
from dan.networks.discriminators import Judgement, build_discriminator

DISCRIMINATORS = [
    ClassicDiscriminatorSettings(),
    ClassicDiscriminatorSettings(
        kernel_size=2, depth=1, stride=1, hidden_channels=1, hidden_units=1, negative_slope=0
    ),
    ClassicDiscriminatorSettings(kernel_size=8, depth=3, stride=3, channels=2),
    SpectralDiscriminatorSettings(kind="spectral", fft_sizes=(16, 64)),
    SpectralDiscriminatorSettings(
        kind="spectral", fft_sizes=(5,), hidden_channels=1, depth=1, negative_slope=0
    ),
    ConditionalDiscriminatorSettings(kind="conditional", fft_sizes=(16, 64)),
    ConditionalDiscriminatorSettings(
        kind="conditional", fft_sizes=(9,), hidden_channels=1, depth=1, negative_slope=0, floor_db=-20
    ),
    MetricDiscriminatorSettings(kind="metric", fft_sizes=(16, 64), depth=2),
]
"""A new kind of discriminator enters here."""

SIGNAL = SignalSettings(sample_rate_hz=64, duration_s=1.0)
ROUNDING = 1e-10  # the same sums in another order, in float64


def channels(settings):
    return getattr(settings, "channels", 1)


def build(settings):
    torch.manual_seed(0)
    network = build_discriminator(settings, SIGNAL).double()
    signal = torch.randn(4, channels(settings), SIGNAL.length_samples, dtype=torch.float64)
    network(signal, signal.flip(0))
    return network.eval()


def judge(network, signal):
    return network(signal, signal.roll(3, dims=-1) + 0.5)


def noise(batch, settings, length):
    torch.manual_seed(1)
    return torch.randn(batch, channels(settings), length, dtype=torch.float64)


def tensors(judgement: Judgement):
    return [judgement.logits, *judgement.features]


def test_every_kind_is_tested():
    annotation = Recipe.model_fields["discriminator"].annotation
    members = get_args(annotation) or [annotation]
    assert {type(settings) for settings in DISCRIMINATORS} == set(members)


def test_the_founding_discriminator_has_its_parameters():
    discriminator = build_discriminator(ClassicDiscriminatorSettings(), SignalSettings())
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 1_245
    assert discriminator.hidden.in_features == 128


@pytest.mark.parametrize("settings", DISCRIMINATORS, ids=str)
class TestEvery:
    @pytest.mark.parametrize("length", [1, 2, 63, 64])
    def test_any_length_up_to_its_own_is_judged(self, settings, length):
        judgement = judge(build(settings), noise(3, settings, length))
        assert judgement.features and all(len(tensor) == 3 for tensor in tensors(judgement))
        assert all(torch.isfinite(tensor).all() for tensor in tensors(judgement))

    def test_a_batch_is_its_items_one_by_one(self, settings):
        discriminator, signal = build(settings), noise(4, settings, 64)
        single = [tensors(judge(discriminator, item[None])) for item in signal]
        for whole, *parts in zip(tensors(judge(discriminator, signal)), *single, strict=True):
            torch.testing.assert_close(whole, torch.cat(parts), rtol=ROUNDING, atol=ROUNDING)

    def test_save_and_load_give_the_same_network(self, settings):
        discriminator, signal, file = build(settings), noise(2, settings, 64), io.BytesIO()
        torch.save(discriminator.state_dict(), file)
        file.seek(0)
        torch.manual_seed(7)
        other = build_discriminator(settings, SIGNAL).double().eval()
        assert not torch.equal(judge(other, signal).logits, judge(discriminator, signal).logits)
        other.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(judge(other, signal).logits, judge(discriminator, signal).logits)

    def test_it_passes_a_gradient_to_the_signal(self, settings):
        discriminator, signal = build(settings), noise(2, settings, 64).requires_grad_()
        judgement = judge(discriminator, signal)
        (gradient,) = torch.autograd.grad(sum(t.square().sum() for t in tensors(judgement)), signal)
        assert gradient.abs().amax(dim=(1, 2)).min() > 0

    def test_every_parameter_learns(self, settings):
        discriminator = build_discriminator(settings, SIGNAL)
        torch.manual_seed(0)
        signal = torch.randn(8, channels(settings), SIGNAL.length_samples)
        judge(discriminator, signal).logits.square().sum().backward()
        assert all(parameter.grad is not None for parameter in discriminator.parameters())


@given(st.integers(1, 3), st.integers(1, 4), st.data(), st.integers(1, 100), st.integers(1, 2))
def test_classic_judges_every_length_at_every_setting(depth, stride, data, length, channels):
    half = data.draw(st.integers(max(1, -(-stride // 2)), 8))
    settings = ClassicDiscriminatorSettings(
        kernel_size=2 * half, depth=depth, stride=stride, channels=channels
    )
    signal = SignalSettings(sample_rate_hz=1, duration_s=length)
    discriminator = build_discriminator(settings, signal).eval()
    shorter = data.draw(st.integers(1, length))
    for size in (shorter, length):
        assert judge(discriminator, torch.zeros(2, channels, size)).logits.shape == (2, 1)


def test_a_longer_signal_is_refused_with_the_way_out():
    settings = ClassicDiscriminatorSettings()
    with pytest.raises(DanError, match=r"65 samples.*64 at most.*duration_s"):
        judge(build(settings), noise(1, settings, 65))


BESIDE = [
    ConditionalDiscriminatorSettings(kind="conditional", fft_sizes=(16, 64)),
    MetricDiscriminatorSettings(kind="metric", fft_sizes=(16,)),
]


@pytest.mark.parametrize("settings", BESIDE, ids=str)
class TestBeside:
    def test_what_lies_beside_counts_and_the_common_level_does_not(self, settings):
        discriminator, signal = build(settings), noise(2, settings, 64)
        beside = noise(2, settings, 64).flip(-1)
        logits = discriminator(signal, beside).logits
        torch.testing.assert_close(
            discriminator(300 * signal, 300 * beside).logits, logits, rtol=1e-3, atol=1e-3
        )
        assert (discriminator(signal, signal).logits - logits).abs().max() > 1e-3

    def test_a_residue_60_db_down_is_seen(self, settings):
        """Noise 60 dB below a tone moves the judgement, though not its loudest bins."""
        discriminator = build(settings)
        tone = torch.sin(torch.arange(64, dtype=torch.float64) * torch.pi / 4).expand(2, 1, 64)
        faint = tone + 10 ** (-60 / 20) * noise(2, settings, 64)
        moved = (discriminator(faint, tone).logits - discriminator(tone, tone).logits).abs().max()
        assert moved > 0.01

    def test_silence_is_judged(self, settings):
        silence = torch.zeros(2, 1, 64, dtype=torch.float64)
        assert torch.isfinite(build(settings)(silence, silence).logits).all()


def test_a_metric_has_one_figure_for_each_signal():
    assert judge(build(BESIDE[1]), noise(3, BESIDE[1], 64)).logits.shape == (3, 1)


def test_spectral_normalisation_bounds_every_layer():
    discriminator = build_discriminator(BESIDE[0], SIGNAL)
    for _ in range(30):  # the power iteration settles
        judge(discriminator, torch.randn(2, 1, 64))
    for network in discriminator.networks:
        for layer in network:
            assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2) == pytest.approx(1, rel=0.02)
