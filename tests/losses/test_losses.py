"""Each loss against its closed form, and what it refuses."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dan.config import ClassicDiscriminatorSettings, LossSettings, LossWeights, SignalSettings
from dan.config.losses import SIGN_BLIND, SIGNED
from dan.core.errors import DanError
from dan.losses import (
    RECONSTRUCTION,
    adversarial_loss,
    compressed_loss,
    discriminator_loss,
    envelope_loss,
    feature_matching_loss,
    generator_losses,
    l1_loss,
    l2_loss,
    loudness_loss,
    multi_resolution_stft_loss,
    snr_loss,
)
from dan.networks.discriminators import Judgement, build_discriminator

KINDS = get_args(LossSettings.model_fields["adversarial_kind"].annotation)
SIGNAL = SignalSettings(sample_rate_hz=64, duration_s=1.0)
FULL = LossSettings(
    weights=LossWeights(
        l1=1,
        l2=2,
        snr=0.1,
        multi_resolution_stft=3,
        compressed=6,
        envelope=7,
        loudness=8,
        adversarial=4,
        feature_matching=5,
    )
)

# Means of at most a few hundred products in float32, each rounded to 6e-8.
ROUNDING = 1e-5


def batch(seed=0, shape=(3, 1, 64)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def discriminator(seed=0):
    torch.manual_seed(seed)
    return build_discriminator(ClassicDiscriminatorSettings(kernel_size=8), SIGNAL)


def frozen():
    return discriminator().requires_grad_(False)


def test_every_reconstruction_loss_has_a_weight_and_a_closed_form_here():
    assert set(RECONSTRUCTION) == {*SIGNED, *SIGN_BLIND}
    assert set(LossWeights.model_fields) == {*RECONSTRUCTION, "adversarial", "feature_matching"}


def test_l1_and_l2():
    estimate, reference = batch(0), batch(1)
    error = (estimate - reference).numpy()
    l1, l2 = (loss(estimate=estimate, reference=reference).item() for loss in (l1_loss, l2_loss))
    assert (l1, l2) == pytest.approx((np.abs(error).mean(), (error**2).mean()), rel=ROUNDING)


@given(st.floats(-30, 30), st.floats(0.01, 100), st.integers(1, 3))
def test_snr_is_that_of_the_metrics_whatever_the_level(snr_db, level, channels):
    reference = level * batch(1, (4, channels, 64))
    noise = batch(2, (4, channels, 64))
    scale = (reference.square().sum((1, 2)) / noise.square().sum((1, 2))).sqrt() * 10 ** (-snr_db / 20)
    loss = snr_loss(estimate=reference + scale[:, None, None] * noise, reference=reference)
    # At 30 dB the error, a difference of float32 values, keeps 2e-6 of itself, 1e-5 dB. The floor of 1e-8
    # beside the least error, 64 * 1e-4 / 1000, is 2e-3 of it, 0.007 dB.
    assert loss.item() == pytest.approx(-snr_db, abs=0.02)


def test_snr_counts_each_signal_alike():
    reference = batch(1, (2, 1, 64))
    estimate = reference * torch.tensor([1.1, 2.0])[:, None, None]  # errors of -20 dB and 0 dB
    assert snr_loss(estimate=estimate, reference=reference).item() == pytest.approx(-10, abs=1e-4)


def test_snr_levels_off_at_its_ceiling():
    reference = batch(1)
    perfect = snr_loss(estimate=reference, reference=reference, ceiling_db=35)
    assert perfect.item() == pytest.approx(-35, abs=1e-3)


@pytest.mark.parametrize("suppression", [1.0, 2.5])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_compressed_of_a_scaled_signal(suppression, factor):
    # |aX|^0.3 - |X|^0.3 = (a^0.3 - 1) |X|^0.3 in magnitude, and with the phase the same.
    reference = batch(1, (2, 1, 64))
    loss = compressed_loss(
        estimate=factor * reference, reference=reference, oversuppression_weight=suppression, n_fft=16
    )
    level = reference.square().mean((1, 2), keepdim=True).sqrt()
    window = torch.hann_window(16)
    frames = (reference / level).unfold(-1, 16, 4) * window / window.square().sum().sqrt()
    power = torch.fft.rfft(frames).abs() ** 2
    weight = suppression if factor < 1 else 1.0
    expected = (2 * weight + 1) * (factor**0.3 - 1) ** 2 * (power**0.3).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=2e-3)  # the floor of 1e-6 in the faintest bins


def modulated(phase, length=8192):
    """Noise whose loudness rises and falls over 16 frames of 256 samples that overlap by half."""
    time = torch.arange(length) / 2048
    return batch(1, (2, 1, length)) * (1.2 + torch.sin(2 * torch.pi * (time + phase)))


@pytest.mark.parametrize(("factor", "length"), [(1.0, 8192), (0.1, 8192), (-3.0, 2000), (2.0, 100)])
def test_envelopes_of_a_scaled_signal_are_alike(factor, length):
    reference = modulated(0)[..., :length]
    loss = envelope_loss(estimate=factor * reference, reference=reference).item()
    assert loss == pytest.approx(0, abs=0.02)  # the floor beside the faintest envelopes that count


def test_envelopes_that_rise_where_clean_falls_are_unlike():
    assert envelope_loss(estimate=modulated(0.5), reference=modulated(0)).item() > 1.2
    assert 0.5 < envelope_loss(estimate=modulated(0.25), reference=modulated(0)).item() < 1.2


def test_envelopes_of_silence_are_finite_and_so_are_their_gradients():
    for reference in (torch.zeros(2, 1, 4096), modulated(0)):
        estimate = torch.zeros_like(reference).requires_grad_()
        loss = envelope_loss(estimate=estimate, reference=reference)
        loss.backward()
        assert loss.isfinite() and estimate.grad.isfinite().all()


def test_loudness_hears_what_is_added_to_a_band_more_than_what_is_taken_from_it():
    whole = modulated(0)
    spectrum = torch.fft.rfft(whole)
    spectrum[..., 1024:] *= 0.01  # above 1 kHz
    low = torch.fft.irfft(spectrum)
    assert 0.2 < loudness_loss(estimate=low, reference=whole) < loudness_loss(estimate=whole, reference=low)


def test_loudness_does_not_hear_levels_within_a_quarter_nor_the_phase():
    reference = modulated(0)
    for estimate in (-reference, 1.1 * reference, reference.roll(1, dims=-1)):
        assert loudness_loss(estimate=estimate, reference=reference) < 0.02
    assert loudness_loss(estimate=torch.zeros_like(reference), reference=reference) > 0.5


@pytest.mark.parametrize("length", [1, 2, 7, 31, 32, 40, 200])
def test_spectrum_by_the_slow_way(length):
    estimate, reference = batch(0, (2, 1, length)), batch(1, (2, 1, length))
    slow = []
    for size in [n for n in (32, 64, 128) if n <= length] or [length]:
        starts = range(0, length - size + 1, max(1, size // 4))
        window = np.sin(np.pi * np.arange(size) / size) ** 2 if size > 1 else np.ones(1)
        turns = np.outer(np.arange(size // 2 + 1), np.arange(size)) / size
        magnitudes = []
        for signal in (estimate, reference):
            frames = np.stack([signal.numpy()[:, 0, s : s + size] for s in starts], axis=1).astype(float)
            power = np.abs((frames * window) @ np.exp(-2j * np.pi * turns).T) ** 2
            magnitudes.append(np.sqrt(power + 1e-8))
        guess, truth = magnitudes
        convergence = np.linalg.norm(guess - truth) / np.linalg.norm(truth)
        slow.append(convergence + np.abs(np.log(guess / truth)).mean())
    # The logarithm of a magnitude near the floor of 1e-4 moves by the 1e-6 that float32 leaves over 1e-4.
    loss = multi_resolution_stft_loss(estimate=estimate, reference=reference)
    assert loss.item() == pytest.approx(np.mean(slow), rel=1e-2 if length < 3 else 1e-4)


@pytest.mark.parametrize("name", RECONSTRUCTION)
def test_equal_signals_have_the_lowest_loss(name):
    loss, reference = RECONSTRUCTION[name], batch(1, (3, 1, 2048))
    least = loss(estimate=reference, reference=reference)
    heard = 0.5 if name == "loudness" else 1e-3
    assert least < loss(estimate=reference + heard * batch(2, (3, 1, 2048)), reference=reference)
    # Of envelopes and loudness, their floors.
    floor = {"envelope": 1e-3, "loudness": 2e-4}.get(name, 0)
    assert name == "snr" or least == pytest.approx(0, abs=floor)


@pytest.mark.parametrize("name", RECONSTRUCTION)
@pytest.mark.parametrize("reference", [torch.zeros(2, 1, 64), batch(1, (2, 1, 64))], ids=["silence", "noise"])
@pytest.mark.parametrize("length", [1, 64])
def test_gradients_are_finite_at_silence_and_perfection(name, reference, length):
    reference = reference[..., :length]
    for start in (torch.zeros_like(reference), reference):
        estimate = start.clone().requires_grad_()
        loss = RECONSTRUCTION[name](estimate=estimate, reference=reference)
        (gradient,) = torch.autograd.grad(loss, estimate)
        assert torch.isfinite(loss) and torch.isfinite(gradient).all()


def softplus(value):
    return math.log1p(math.exp(value))


CLOSED = {
    "bce": (lambda clean, fake: (softplus(-clean) + softplus(fake)) / 2, lambda fake: softplus(-fake)),
    "least_squares": (lambda clean, fake: ((clean - 1) ** 2 + fake**2) / 2, lambda fake: (fake - 1) ** 2),
    "hinge": (lambda clean, fake: (max(0, 1 - clean) + max(0, 1 + fake)) / 2, lambda fake: -fake),
}


@pytest.mark.parametrize("kind", KINDS)
@given(clean=st.floats(-20, 20), fake=st.floats(-20, 20))
def test_adversarial_losses(kind, clean, fake):
    of_both, of_generator = CLOSED[kind]
    loss = discriminator_loss(kind, clean=torch.full((3, 2), clean), denoised=torch.full((3, 5), fake))
    # Logits up to 20 in float32: 2e-6 of rounding, squared 441 with 3e-5.
    assert loss.item() == pytest.approx(of_both(clean, fake), rel=1e-5, abs=1e-5)
    loss = adversarial_loss(kind, denoised=torch.full((3, 2), fake))
    assert loss.item() == pytest.approx(of_generator(fake), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_two_sides_pull_the_logits_apart(kind):
    clean, fake = torch.zeros(4, 1, requires_grad=True), torch.zeros(4, 1, requires_grad=True)
    discriminator_loss(kind, clean=clean, denoised=fake).backward()
    assert (clean.grad < 0).all() and (fake.grad >= 0).all()
    fooled = torch.zeros(4, 1, requires_grad=True)
    adversarial_loss(kind, denoised=fooled).backward()
    assert (fooled.grad < 0).all()


def test_bce_is_that_of_torch():
    logits, bce = batch(3, (50, 1)), torch.nn.functional.binary_cross_entropy_with_logits
    expected = (bce(logits, torch.ones_like(logits)) + bce(-logits, torch.zeros_like(logits))) / 2
    assert discriminator_loss("bce", clean=logits, denoised=-logits).item() == pytest.approx(expected.item())


def test_feature_matching():
    def judgement(*features):
        return Judgement(logits=torch.zeros(1, 1), features=[torch.tensor([feature]) for feature in features])

    reference = judgement([1.0, -3.0], [2.0, 2.0])  # mean size 2 and 2
    estimate = judgement([2.0, -3.0], [2.0, 5.0])  # mean error 0.5 and 1.5
    loss = feature_matching_loss(estimate=estimate, reference=reference)
    assert loss.item() == pytest.approx((0.5 / 2 + 1.5 / 2) / 2)
    assert feature_matching_loss(estimate=reference, reference=reference).item() == 0
    silent = judgement([0.0, 0.0], [0.0, 0.0])
    assert feature_matching_loss(estimate=silent, reference=silent).item() == 0


def test_feature_matching_is_0_for_equal_signals_and_moves_the_estimate_alone():
    network = frozen()
    estimate, reference = batch(0).requires_grad_(), batch(1).requires_grad_()
    assert feature_matching_loss(estimate=network(reference), reference=network(reference)).item() == 0
    feature_matching_loss(estimate=network(estimate), reference=network(reference)).backward()
    assert estimate.grad.abs().max() > 0 and reference.grad is None


def test_the_terms_are_the_weighted_losses():
    estimate, reference, network = batch(0), batch(1), frozen()
    terms = generator_losses(
        FULL, sample_rate_hz=8000, estimate=estimate, reference=reference, discriminator=network
    )
    assert set(terms) == {*RECONSTRUCTION, "adversarial", "feature_matching"}
    for name, loss in RECONSTRUCTION.items():
        wanted = getattr(FULL.weights, name) * loss(estimate=estimate, reference=reference)
        assert terms[name].item() == pytest.approx(wanted.item(), rel=ROUNDING)
    judged, truth = network(estimate), network(reference)
    assert terms["adversarial"].item() == pytest.approx(
        4 * adversarial_loss("bce", denoised=judged.logits).item(), rel=ROUNDING
    )
    assert terms["feature_matching"].item() == pytest.approx(
        5 * feature_matching_loss(estimate=judged, reference=truth).item(), rel=ROUNDING
    )


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_scales_what_the_discriminator_says(share):
    settings = {"estimate": batch(0), "reference": batch(1), "discriminator": frozen()}
    whole = generator_losses(FULL, sample_rate_hz=8000, **settings)
    part = generator_losses(FULL, sample_rate_hz=8000, **settings, adversarial_share=share)
    for name in ("adversarial", "feature_matching"):
        assert (name in part) == (share > 0)
        assert share == 0 or part[name].item() == pytest.approx(share * whole[name].item(), rel=ROUNDING)
    assert part["l1"] == whole["l1"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_the_settings_is_used(kind):
    network = frozen()
    settings = LossSettings(weights=LossWeights(adversarial=2), adversarial_kind=kind)
    terms = generator_losses(
        settings, sample_rate_hz=8000, estimate=batch(0), reference=batch(1), discriminator=network
    )
    expected = 2 * adversarial_loss(kind, denoised=network(batch(0)).logits)
    assert terms["adversarial"].item() == pytest.approx(expected.item(), rel=ROUNDING)


def test_a_weight_of_zero_is_not_computed(monkeypatch):
    def never(**signals):
        raise AssertionError("computed")

    for name in ("l2", "snr", "multi_resolution_stft"):
        monkeypatch.setitem(RECONSTRUCTION, name, never)
    terms = generator_losses(
        LossSettings(), sample_rate_hz=8000, estimate=batch(0), reference=batch(1), discriminator=never
    )
    assert set(terms) == {"l1"}
    with pytest.raises(AssertionError, match="computed"):
        generator_losses(
            LossSettings(weights=LossWeights(l2=1)),
            sample_rate_hz=8000,
            estimate=batch(0),
            reference=batch(1),
        )


def test_without_feature_matching_the_clean_signals_are_not_judged():
    network, seen = frozen(), []
    network.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    estimate, reference = batch(0), batch(1)
    generator_losses(
        LossSettings(weights=LossWeights(adversarial=1)),
        sample_rate_hz=8000,
        estimate=estimate,
        reference=reference,
        discriminator=network,
    )
    assert len(seen) == 1 and seen[0] is estimate


def test_a_frozen_discriminator_collects_no_gradient_and_the_generator_does():
    network, estimate = frozen(), batch(0).requires_grad_()
    terms = generator_losses(
        FULL, sample_rate_hz=8000, estimate=estimate, reference=batch(1), discriminator=network
    )
    (terms["adversarial"] + terms["feature_matching"]).backward()
    assert estimate.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("settings", [{"adversarial": 1}, {"feature_matching": 1}])
def test_a_missing_discriminator_is_named(settings):
    with pytest.raises(DanError, match="needs a discriminator"):
        generator_losses(
            LossSettings(weights=LossWeights(**settings)),
            sample_rate_hz=8000,
            estimate=batch(0),
            reference=batch(1),
        )


WRONG_SHAPES = [
    ((64,), (64,)),
    ((3, 64), (3, 64)),
    ((3, 1, 1, 64), (3, 1, 1, 64)),
    ((3, 1, 64), (3, 1, 63)),
    ((3, 1, 64), (1, 1, 64)),
    ((3, 2, 64), (3, 1, 64)),
    ((3, 1, 64), (3, 64)),
]


@pytest.mark.parametrize("name", RECONSTRUCTION)
@pytest.mark.parametrize(("estimate", "reference"), WRONG_SHAPES)
def test_a_loss_called_by_itself_refuses_them_too(name, estimate, reference):
    with pytest.raises(DanError, match=r"one shape \[batch, channels, time\]"):
        RECONSTRUCTION[name](estimate=torch.zeros(estimate), reference=torch.zeros(reference))


@pytest.mark.parametrize("name", [*RECONSTRUCTION, "adversarial", "feature_matching"])
@pytest.mark.parametrize(("estimate", "reference"), WRONG_SHAPES)
def test_every_loss_refuses_a_wrong_rank_and_unequal_shapes(name, estimate, reference):
    with pytest.raises(DanError, match=r"one shape \[batch, channels, time\]"):
        generator_losses(
            LossSettings(weights=LossWeights(**{name: 1})),
            sample_rate_hz=8000,
            estimate=torch.zeros(estimate),
            reference=torch.zeros(reference),
            discriminator=frozen(),
        )
