"""What every generator promises, and the founding one's own figures."""

import io
import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dan.config import (
    CausalGeneratorSettings,
    ClassicGeneratorSettings,
    Recipe,
    RecurrentGeneratorSettings,
    SignalSettings,
    SpectralGeneratorSettings,
)
from dan.core.errors import DanError
from dan.networks.factory import build_generator

GENERATORS = [
    ClassicGeneratorSettings(),
    ClassicGeneratorSettings(kernel_size=2, depth=1, stride=1, encoder_channels=1, decoder_channels=1),
    ClassicGeneratorSettings(kernel_size=8, depth=3, stride=3, channels=2, negative_slope=0),
    SpectralGeneratorSettings(
        kind="spectral", band_hz=(2, 30), residual_channels=4, hidden_channels=6, dilations=(1, 2)
    ),
    SpectralGeneratorSettings(
        kind="spectral",
        band_hz=(0, 32),
        padding_factor=1.3,
        kernel_bins=1,
        dilations=(3,),
        activation="gelu",
        normalise_level=True,
        residual_channels=1,
        hidden_channels=1,
    ),
    CausalGeneratorSettings(
        kind="causal",
        n_fft=16,
        hop_length=8,
        bins_per_band=2,
        residual_channels=3,
        hidden_channels=4,
        dilations=((1, 1), (2, 2)),
    ),
    CausalGeneratorSettings(
        kind="causal",
        n_fft=8,
        hop_length=2,
        bins_per_band=1,
        residual_channels=1,
        hidden_channels=1,
        kernel_frames=3,
        kernel_bands=1,
        dilations=((1, 2),),
        compression=1.0,
        level_frames=2,
    ),
    CausalGeneratorSettings(
        kind="causal",
        n_fft=16,
        hop_length=4,
        lookahead_frames=3,
        bins_per_band=2,
        residual_channels=3,
        hidden_channels=4,
    ),
    RecurrentGeneratorSettings(
        kind="recurrent", n_fft=16, hop_length=8, stride_bins=2, filters=3, bands=3, hidden_channels=4
    ),
    RecurrentGeneratorSettings(
        kind="recurrent",
        n_fft=8,
        hop_length=2,
        stride_bins=2,
        filters=1,
        depth=1,
        bands=1,
        hidden_channels=1,
        blocks=1,
        lookahead_frames=1,
    ),
]
"""A new kind of generator enters here."""

SIGNAL = SignalSettings(sample_rate_hz=64, duration_s=1.0)

# Batches and single items take the same sums in another order: float64 keeps 1e-16 of each.
ROUNDING = 1e-10


def channels(settings):
    return getattr(settings, "channels", 1)


def build(settings):
    """A generator in evaluation mode and double precision, whose normalisation has seen some signals."""
    torch.manual_seed(0)
    network = build_generator(settings, SIGNAL).double()
    network(torch.randn(4, channels(settings), SIGNAL.length_samples, dtype=torch.float64))
    return network.eval()


def noise(batch, settings, length):
    torch.manual_seed(1)
    return torch.randn(batch, channels(settings), length, dtype=torch.float64)


def test_every_kind_is_tested():
    annotation = Recipe.model_fields["generator"].annotation
    members = get_args(annotation) or [annotation]
    assert {type(settings) for settings in GENERATORS} == set(members)


def test_the_founding_generator_has_its_parameters():
    generator = build_generator(ClassicGeneratorSettings(), SignalSettings())
    assert sum(parameter.numel() for parameter in generator.parameters()) == 26_373


def test_the_founding_weights_have_their_variance():
    torch.manual_seed(0)
    state = build_generator(ClassicGeneratorSettings(), SignalSettings()).state_dict()
    for name, weight in state.items():
        if weight.ndim == 3 and weight.numel() > 2000:
            fan_in = weight.shape[2] * (6 if tuple(weight.shape[:2]) in ((6, 6), (6, 16)) else 16)
            # The standard deviation of n values is known to 1 part in sqrt(2 n), here 1.5 % at most.
            assert weight.std() * math.sqrt(fan_in) == pytest.approx(1, rel=0.06), name
        if name.endswith("bias"):
            assert not weight.any()


@pytest.mark.parametrize("settings", GENERATORS, ids=str)
class TestEvery:
    @pytest.mark.parametrize("length", [1, 2, 3, 63, 64])
    def test_any_length_up_to_a_frame_keeps_its_shape(self, settings, length):
        noisy = noise(2, settings, length)
        denoised = build(settings)(noisy)
        assert denoised.shape == noisy.shape and torch.isfinite(denoised).all()

    @pytest.mark.parametrize("length", [1, 33, 64])
    def test_a_batch_is_its_items_one_by_one(self, settings, length):
        generator, noisy = build(settings), noise(5, settings, length)
        single = torch.cat([generator(item[None]) for item in noisy])
        torch.testing.assert_close(generator(noisy), single, rtol=ROUNDING, atol=ROUNDING)

    def test_save_and_load_give_the_same_network(self, settings):
        generator, noisy, file = build(settings), noise(2, settings, 64), io.BytesIO()
        torch.save(generator.state_dict(), file)
        file.seek(0)
        other = build_generator(settings, SIGNAL).double().eval()
        assert not torch.equal(other(noisy), generator(noisy))
        other.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(other(noisy), generator(noisy))

    def test_the_same_seed_gives_the_same_network(self, settings):
        assert torch.equal(build(settings)(noise(1, settings, 64)), build(settings)(noise(1, settings, 64)))

    def test_every_parameter_learns(self, settings):
        generator = build_generator(settings, SIGNAL)
        torch.manual_seed(0)
        generator(torch.randn(4, channels(settings), SIGNAL.length_samples)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in generator.parameters())

    def test_it_says_its_geometry(self, settings):
        generator = build_generator(settings, SIGNAL)
        assert generator.channels == channels(settings)
        assert generator.segment_samples >= 1 and generator.latency_samples >= 1
        assert generator.receptive_field_samples >= 1

    def test_an_output_sample_depends_on_no_more_than_the_receptive_field(self, settings):
        generator = build(settings)
        length = generator.segment_samples
        assert dependence(generator, settings, length, length // 2) <= generator.receptive_field_samples


def dependence(generator, settings, length, place):
    """Input samples from the first to the last that move an output sample."""
    noisy = noise(1, settings, length).abs().requires_grad_()
    (gradient,) = torch.autograd.grad(generator(noisy)[0, 0, place], noisy)
    size = gradient.abs().amax(dim=(0, 1))
    # FFTs leave 1e-16 of the largest value everywhere; a path through the net passes far more.
    felt = torch.nonzero(size > 1e-12 * size.max())
    return int(felt.max() - felt.min()) + 1


@st.composite
def small_classic(draw):
    """Legal settings of the founding generator whose networks are quick to run."""
    depth = draw(st.integers(1, 3))
    stride = draw(st.integers(1, {1: 8, 2: 6, 3: 4}[depth]))
    return ClassicGeneratorSettings(
        encoder_channels=draw(st.integers(1, 3)),
        decoder_channels=draw(st.integers(1, 3)),
        kernel_size=draw(st.integers(-(-stride // 2), 8).filter(lambda half: half >= 1)) * 2,
        depth=depth,
        stride=stride,
        channels=draw(st.integers(1, 2)),
        negative_slope=draw(st.sampled_from([0.0, 0.05, 1.0])),
    )


@given(small_classic(), st.integers(1, 130), st.booleans())
def test_classic_keeps_the_shape_at_every_setting(settings, length, training):
    generator = build(settings).train(training)
    noisy = noise(2, settings, length)
    if training and length == 1:
        noisy = noise(9, settings, 4)
    assert generator(noisy).shape == noisy.shape


@given(small_classic())
@hypothesis_settings(max_examples=25)
def test_classic_states_its_receptive_field_exactly(settings):
    """All weights positive, so that no two paths cancel. Where the widest alignments of two layers do not
    meet, the widest dependence is less than the stated one by less than a latent sample's hop."""
    generator = build(settings)
    for name, parameter in generator.named_parameters():
        parameter.data = parameter.data.abs() + 0.1 if name.endswith("weight") else parameter.data * 0
    unit = generator.unit
    length = unit * (2 + 2 * generator.receptive_field_samples // unit)
    places = [length // 2 + shift for shift in range(unit)]
    widest = max(dependence(generator, settings, length, place) for place in places)
    assert generator.receptive_field_samples - unit < widest <= generator.receptive_field_samples


def test_the_founding_receptive_field():
    """By hand: 64 samples of the last layer; 64 down to (64 + 62) // 2 + 1 = 64 twice; up 2 * 63 + 64 = 190,
    and 2 * 189 + 64 = 442."""
    generator = build_generator(ClassicGeneratorSettings(), SignalSettings())
    assert generator.receptive_field_samples == 442


def test_what_is_no_whole_frame_is_padded_and_cut_back():
    """Zeros that the caller appends up to the unit change nothing."""
    generator = build(ClassicGeneratorSettings())
    noisy = noise(1, ClassicGeneratorSettings(), 61)
    longer = torch.nn.functional.pad(noisy, (0, 3))
    torch.testing.assert_close(generator(noisy), generator(longer)[..., :61], rtol=ROUNDING, atol=ROUNDING)


def spectral(**changes):
    return build(
        SpectralGeneratorSettings(
            kind="spectral", residual_channels=4, hidden_channels=6, dilations=(1, 2)
        ).model_copy(update=changes)
    )


def test_a_signal_longer_than_the_frame_is_refused_with_the_way_out():
    with pytest.raises(DanError, match=r"65 samples.*64 at most.*Denoiser"):
        spectral(band_hz=(0, 32))(noise(1, None, 65))


def test_a_shorter_signal_is_one_with_zeros_after_it():
    generator, noisy = spectral(band_hz=(0, 32)), noise(2, None, 40)
    padded = torch.nn.functional.pad(noisy, (0, 24))
    torch.testing.assert_close(generator(noisy), generator(padded)[..., :40], rtol=ROUNDING, atol=ROUNDING)


def test_the_spectral_generator_knows_nothing_beyond_its_band():
    """In the frame itself, unpadded, every bin is one tone: those outside the band leave no trace."""
    generator = spectral(band_hz=(8, 16), padding_factor=1.0)
    generator.windows[1] = 0  # Hann's window smears a bin over its neighbours
    noisy, time = noise(1, None, 64), torch.arange(64, dtype=torch.float64) / 64
    outside = sum(torch.sin(2 * math.pi * hz * time + hz) for hz in (1, 5, 7, 17, 25, 31))
    torch.testing.assert_close(generator(noisy + 10 * outside), generator(noisy), rtol=0, atol=1e-9)
    spectrum = torch.fft.rfft(generator(noisy)[0, 0]).abs()
    assert spectrum[8:17].min() > 1e-3
    assert max(spectrum[:8].max(), spectrum[17:].max()) < 1e-9


@pytest.mark.parametrize("level", [1e-6, 1.0, 1e6])
def test_a_normalised_level_comes_out_alike(level):
    generator, noisy = spectral(band_hz=(0, 32), normalise_level=True), noise(2, None, 64)
    # The floor of 1e-12 beside the level is 1e-6 of the faintest.
    torch.testing.assert_close(generator(level * noisy), level * generator(noisy), rtol=1e-5, atol=0)
    assert torch.isfinite(generator(0 * noisy)).all()
