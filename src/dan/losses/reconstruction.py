"""Losses: what the generator and the discriminator minimise.

Every reconstruction loss takes ``estimate`` and ``reference`` of one shape ``[B, C, T]`` to a scalar, 0 or
lowest where they are equal. The adversarial ones take logits ``[B, *]``, above 0 for clean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dan.config import LossSettings
from dan.core.errors import DanError
from dan.losses.perceptual import BAND_BARK, critical_bands, loudness, third_octaves
from dan.networks.discriminators import DiscriminatorBase, Judgement

FLOOR = 1e-8
"""Added to energies and magnitudes before a logarithm or a division: silence stays finite."""

POWER_FLOOR = 1e-6
"""Added to powers before they are compressed, where the signal's level is 1."""

LEVEL_FLOOR = 1e-4
"""Added to the level that signals are divided by."""

HEARD_POWER = 10**7.5
"""Of signals at a level of 1, where 1 is 0 dB of sound pressure."""
UNHEARD_SHARE = 0.25
"""Of the lesser of two loudnesses, by which they may differ."""
BOTH_WEIGHT, ADDED_WEIGHT = 0.15, 0.012
"""Of differences either way, and of what is added."""

STRETCH_FRAMES, STRETCH_HOP_FRAMES = 24, 4
"""Of envelopes that are compared, and from one such stretch to the next."""
QUIET_ENVELOPE = 1e-3
"""Energy of a band's envelope in a stretch, relative to the strongest, below which it does not count."""
ENVELOPE_FLOOR = 1e-4
"""Added to the product of two envelopes' energies, where the signal's level is 1."""


def l1_loss(*, estimate: Tensor, reference: Tensor) -> Tensor:
    """Mean absolute error."""
    check_batch(estimate=estimate, reference=reference)
    return (estimate - reference).abs().mean()


def l2_loss(*, estimate: Tensor, reference: Tensor) -> Tensor:
    """Mean squared error."""
    check_batch(estimate=estimate, reference=reference)
    return (estimate - reference).square().mean()


def snr_loss(*, estimate: Tensor, reference: Tensor, ceiling_db: float = 80.0) -> Tensor:
    """Negative output SNR in dB, the mean over signals: each counts alike, whatever its level.

    It levels off at the ceiling.
    """
    check_batch(estimate=estimate, reference=reference)
    error = (estimate - reference).square().sum(dim=(-2, -1))
    energy = reference.square().sum(dim=(-2, -1)) + FLOOR
    return 10 * torch.log10(error / energy + 10 ** (-ceiling_db / 10)).mean()


def multi_resolution_stft_loss(
    *, estimate: Tensor, reference: Tensor, fft_sizes: Sequence[int] = (32, 64, 128)
) -> Tensor:
    """Spectral convergence plus mean log-magnitude error, the mean over several frame lengths.

    Args:
        estimate: ``[B, C, T]``.
        reference: of the same shape.
        fft_sizes: frame lengths in samples; those above the signal's length are left out.

    Source: R. Yamamoto, E. Song and J.-M. Kim, "Parallel WaveGAN", 2020.
    """
    check_batch(estimate=estimate, reference=reference)
    sizes = [size for size in fft_sizes if size <= estimate.shape[-1]] or [estimate.shape[-1]]
    losses = []
    for size in sizes:
        guess, truth = _magnitudes(estimate, size), _magnitudes(reference, size)
        convergence = (guess - truth).norm() / (truth.norm() + FLOOR)
        losses.append(convergence + (guess.log() - truth.log()).abs().mean())
    return torch.stack(losses).mean()


def compressed_loss(
    *, estimate: Tensor, reference: Tensor, oversuppression_weight: float = 1.0, n_fft: int = 256
) -> Tensor:
    """Squared error of spectra whose magnitudes are raised to 0.3: twice of magnitudes, once complex.

    Signals are brought to the reference's level of 1, so that each counts alike.

    Args:
        estimate: ``[B, C, T]``.
        reference: of the same shape.
        oversuppression_weight: weight of magnitudes below the reference's; those above have 1.
        n_fft: of the Hann-windowed frames, which overlap by half; at most the signal's.

    Source: A. Ephrat et al., "Looking to listen at the cocktail party", 2018 (the power 0.3); S. Braun and
    I. Tashev, "A consolidated view of loss functions for supervised deep learning-based speech enhancement",
    2021 (magnitude and complex parts together).
    """
    guess, truth = map(_compressed, _levelled_spectra(estimate, reference, n_fft))
    difference = guess[2] - truth[2]
    weight = torch.where(difference < 0, oversuppression_weight, 1.0)
    magnitude = (weight * difference.square()).mean()
    turned = sum((a - b).square().mean() for a, b in zip(guess[:2], truth[:2], strict=True))
    return 2 * magnitude + turned


def envelope_loss(*, estimate: Tensor, reference: Tensor, n_fft: int = 256) -> Tensor:
    """1 less the correlation of the envelopes of bands, the mean over bands and stretches of 24 frames.

    Bands are a third of an octave wide, from the fifth bin up. With frames of 32 ms they begin near 150 Hz
    and a stretch lasts 0.4 s, as in STOI. Stretches far below the signal's strongest do not count.
    A single frame has no envelope, and a loss of 0.

    Args:
        estimate: ``[B, C, T]``.
        reference: of the same shape.
        n_fft: of the Hann-windowed frames, which overlap by half; at most the signal's.

    Source: C. Taal et al., "An algorithm for intelligibility prediction of time-frequency weighted noisy
    speech", 2011.
    """
    guess, truth = map(_envelopes, _levelled_spectra(estimate, reference, n_fft))
    energy = truth.square().sum(dim=-1)
    likeness = (guess * truth).sum(dim=-1) / (guess.square().sum(dim=-1) * energy + ENVELOPE_FLOOR).sqrt()
    counts = (energy > QUIET_ENVELOPE * energy.amax(dim=(-2, -1), keepdim=True)).to(energy.dtype)
    return ((1 - likeness) * counts).sum() / (counts.sum() + 1)


def _envelopes(spectra: Tensor) -> Tensor:
    """Spectra to stretches of each band's envelope: ``[B, C, bands, stretches, frames]``, mean 0."""
    power = spectra.square().sum(dim=-1)
    bands = third_octaves(power.shape[-1]).to(power)
    envelopes = (power @ bands + POWER_FLOOR).sqrt().transpose(-1, -2)
    stretches = envelopes.unfold(-1, min(STRETCH_FRAMES, envelopes.shape[-1]), STRETCH_HOP_FRAMES)
    return stretches - stretches.mean(dim=-1, keepdim=True)


def loudness_loss(
    *, estimate: Tensor, reference: Tensor, sample_rate_hz: float = 8000.0, n_fft: int = 256
) -> Tensor:
    """What is heard of the difference, as PESQ counts it: its root mean square over frames.

    In each critical band of each frame loudness may differ by a quarter without being heard. What an estimate
    adds where the reference is quiet counts once more. The level of a frame is partly made up for. The
    signal is taken to be at 75 dB of sound pressure.

    Args:
        estimate: ``[B, C, T]``.
        reference: of the same shape.
        sample_rate_hz: from 2000 up: below, hearing has few bands.
        n_fft: of the Hann-windowed frames, which overlap by half; at most the signal's.

    Source: ITU-T P.862, 2001 (the model); J. M. Martín-Doñas et al., "A deep learning loss function based on
    the perceptual evaluation of the speech quality", 2018 (the use). PESQ's filters, its time alignment and
    its weights of long passages are left out; the weights of the two parts are fitted to PESQ on mixtures.
    """
    spectra = _levelled_spectra(estimate, reference, n_fft)
    bins = spectra[0].shape[-2]
    bands = critical_bands(bins, sample_rate_hz)
    held, threshold = bands.held.to(estimate) * (HEARD_POWER / bins), bands.threshold.to(estimate)
    guess, truth = (one.square().sum(dim=-1) @ held for one in spectra)
    guess = guess * _level_made_up_for(guess, truth)
    loud, wanted = loudness(guess, threshold), loudness(truth, threshold)
    heard = F.relu((loud - wanted).abs() - UNHEARD_SHARE * torch.minimum(loud, wanted))
    width, extent = BAND_BARK, BAND_BARK * held.shape[-1]
    both = (extent * width * heard.square().sum(dim=-1) + FLOOR).sqrt()
    added = width * (heard * _added(guess, truth)).sum(dim=-1)
    frames = BOTH_WEIGHT * both + ADDED_WEIGHT * added
    return (frames.square().mean(dim=-1) + FLOOR).sqrt().mean()


def _level_made_up_for(guess: Tensor, truth: Tensor) -> Tensor:
    """The gain of each frame that PESQ forgives."""
    guess, truth = (power.sum(dim=-1, keepdim=True) + 5e3 for power in (guess, truth))
    return (truth / guess).clamp(3e-4, 5)


def _added(guess: Tensor, truth: Tensor) -> Tensor:
    """By how much a band holds more than it should, as PESQ weights it: 0, or from 3 to 12."""
    ratio = ((guess + 50) / (truth + 50)) ** 1.2
    return torch.where(ratio < 3, 0.0, ratio.clamp(max=12))


def _compressed(spectra: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Spectra to their real part, imaginary part and magnitude, to the power 0.3."""
    real, imag = spectra.unbind(dim=-1)
    power = real.square() + imag.square() + POWER_FLOOR
    magnitude = power**0.15
    scale = magnitude * power.rsqrt()
    return real * scale, imag * scale, magnitude


def _levelled_spectra(estimate: Tensor, reference: Tensor, n_fft: int) -> tuple[Tensor, Tensor]:
    """Spectra of both, ``[..., bins, 2]``, at the reference's level of 1, in frames that overlap by half."""
    check_batch(estimate=estimate, reference=reference)
    level = reference.square().mean(dim=(-2, -1), keepdim=True).sqrt() + LEVEL_FLOOR
    size = min(n_fft, estimate.shape[-1])
    return _spectra(estimate / level, size, overlap=2), _spectra(reference / level, size, overlap=2)


def _magnitudes(signal: Tensor, size: int) -> Tensor:
    """``[B, C, T]`` to the magnitudes of its frames."""
    power = _spectra(signal, size).square().sum(dim=-1)
    return (power + FLOOR).sqrt()  # smooth at zero, unlike the absolute value


def _spectra(signal: Tensor, size: int, *, overlap: int = 4) -> Tensor:
    """``[B, C, T]`` to spectra of Hann-windowed frames, of which `overlap` lie over each sample.

    Returns:
        ``[..., bins, 2]``; white noise of variance 1 has a power of 1 in each bin.
    """
    frames = signal.unfold(-1, size, max(1, size // overlap))
    window = torch.hann_window(size, periodic=size > 1, device=signal.device, dtype=signal.dtype)
    return torch.view_as_real(torch.fft.rfft(frames * (window / window.square().sum().sqrt())))


RECONSTRUCTION: dict[str, Callable[..., Tensor]] = {
    "l1": l1_loss,
    "l2": l2_loss,
    "snr": snr_loss,
    "multi_resolution_stft": multi_resolution_stft_loss,
    "compressed": compressed_loss,
    "envelope": envelope_loss,
    "loudness": loudness_loss,
}


def reconstruction_options(settings: LossSettings, sample_rate_hz: float) -> dict[str, dict[str, Any]]:
    """What the reconstruction losses are told beside the signals, by name."""
    frame = {"n_fft": settings.n_fft}
    return {
        "snr": {"ceiling_db": settings.snr_ceiling_db},
        "multi_resolution_stft": {"fft_sizes": settings.fft_sizes},
        "compressed": {"oversuppression_weight": settings.oversuppression_weight, **frame},
        "envelope": frame,
        "loudness": {"sample_rate_hz": sample_rate_hz, **frame},
    }


def discriminator_loss(kind: str, *, clean: Tensor, denoised: Tensor) -> Tensor:
    """How badly the logits of clean and denoised signals tell them apart, the mean of the two sides.

    Args:
        kind: `bce` (Goodfellow et al., 2014), `least_squares` (Mao et al., 2017), `hinge` (Lim and Ye, 2017).
        clean: logits of clean signals.
        denoised: logits of the generator's outputs.
    """
    if kind == "bce":
        return (F.softplus(-clean).mean() + F.softplus(denoised).mean()) / 2
    if kind == "least_squares":
        return ((clean - 1).square().mean() + denoised.square().mean()) / 2
    return (F.relu(1 - clean).mean() + F.relu(1 + denoised).mean()) / 2


def adversarial_loss(kind: str, *, denoised: Tensor) -> Tensor:
    """How badly the generator's outputs pass for clean, from their logits."""
    if kind == "bce":
        return F.softplus(-denoised).mean()
    if kind == "least_squares":
        return (denoised - 1).square().mean()
    return -denoised.mean()


def feature_matching_loss(*, estimate: Judgement, reference: Judgement) -> Tensor:
    """L1 between the discriminator's features of outputs and of clean signals, each relative to clean.

    Source: A. Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016.
    """
    pairs = zip(estimate.features, reference.features, strict=True)
    terms = [(a - b.detach()).abs().mean() / (b.detach().abs().mean() + FLOOR) for a, b in pairs]
    return torch.stack(terms).mean()


def generator_losses(
    settings: LossSettings,
    *,
    estimate: Tensor,
    reference: Tensor,
    sample_rate_hz: float,
    discriminator: DiscriminatorBase | None = None,
    adversarial_share: float = 1.0,
) -> dict[str, Tensor]:
    """The weighted terms of the generator's loss by name; their sum is what it minimises.

    A term of weight zero is not computed. The discriminator's own weights must not require gradients here,
    or they collect some that the discriminator's step has to clear.

    Args:
        settings: the weights.
        estimate: the generator's output ``[B, C, T]``.
        reference: the clean signals ``[B, C, T]``.
        sample_rate_hz: of both.
        discriminator: needed where the adversarial or the feature matching weight is above zero.
        adversarial_share: factor of those two weights, from 0 to 1, while they are warmed up.

    Raises:
        DanError: if the shapes differ, are not ``[B, C, T]``, or no discriminator was given where one is
            needed.
    """
    check_batch(estimate=estimate, reference=reference)
    weights = {name: getattr(settings.weights, name) for name in RECONSTRUCTION}
    options = reconstruction_options(settings, sample_rate_hz)
    terms = {
        name: weight * RECONSTRUCTION[name](estimate=estimate, reference=reference, **options.get(name, {}))
        for name, weight in weights.items()
        if weight > 0
    }
    if settings.needs_discriminator and adversarial_share > 0:
        terms |= _judged(settings, estimate, reference, discriminator, adversarial_share)
    return terms


def _judged(
    settings: LossSettings,
    estimate: Tensor,
    reference: Tensor,
    discriminator: DiscriminatorBase | None,
    share: float,
) -> dict[str, Tensor]:
    if discriminator is None:
        raise DanError(
            "losses.weights.adversarial", "it needs a discriminator", "Give one, or set the weight to 0"
        )
    judgement = discriminator(estimate)
    terms = {}
    if settings.weights.adversarial > 0:
        loss = adversarial_loss(settings.adversarial_kind, denoised=judgement.logits)
        terms["adversarial"] = share * settings.weights.adversarial * loss
    if settings.weights.feature_matching > 0:
        with torch.no_grad():
            truth = discriminator(reference)
        loss = feature_matching_loss(estimate=judgement, reference=truth)
        terms["feature_matching"] = share * settings.weights.feature_matching * loss
    return terms


def check_batch(*, estimate: Tensor, reference: Tensor) -> None:
    """Check that two tensors are batches ``[B, C, T]`` of one shape.

    Raises:
        DanError: if they are not.
    """
    shapes = f"estimate {list(estimate.shape)}, reference {list(reference.shape)}"
    if estimate.ndim != 3 or estimate.shape != reference.shape:
        raise DanError(shapes, "both must be of one shape [batch, channels, time]", "Reshape them")
