"""Reconstruction losses: how far an estimate is from the clean signal, in samples and spectra.

Each takes ``estimate`` and ``reference`` of one shape ``[B, C, T]`` to a scalar, 0 or lowest where they are
equal.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dan.losses._spectra import check_batch, spectra, unit_level_spectra
from dan.networks.processes import whole_norm

FLOOR = 1e-8
"""Added to energies and magnitudes before a logarithm or a division: silence stays finite."""

POWER_FLOOR = 1e-6
"""Added to powers before they are compressed, where the signal's RMS level is 1."""


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

    Args:
        estimate: ``[B, C, T]``.
        reference: of the same shape.
        ceiling_db: SNR at which the loss levels off.
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
        convergence = whole_norm(guess - truth) / (whole_norm(truth) + FLOOR)
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
        n_fft: length of the Hann-windowed frames, which overlap by half; at most the signal's.

    Source: A. Ephrat et al., "Looking to listen at the cocktail party", 2018 (the power 0.3); S. Braun and
    I. Tashev, "A consolidated view of loss functions for supervised deep learning-based speech enhancement",
    2021 (magnitude and complex parts together).
    """
    guess, truth = map(_compressed, unit_level_spectra(estimate, reference, n_fft))
    difference = guess[2] - truth[2]
    weight = torch.where(difference < 0, oversuppression_weight, 1.0)
    magnitude = (weight * difference.square()).mean()
    complex_part = sum((a - b).square().mean() for a, b in zip(guess[:2], truth[:2], strict=True))
    return 2 * magnitude + complex_part


def _compressed(spectra: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return real part, imaginary part and magnitude of spectra whose magnitudes are raised to 0.3."""
    real, imag = spectra.unbind(dim=-1)
    power = real.square() + imag.square() + POWER_FLOOR
    magnitude = power**0.15
    scale = magnitude * power.rsqrt()
    return real * scale, imag * scale, magnitude


def _magnitudes(signal: Tensor, size: int) -> Tensor:
    """Return the magnitudes of the frames of ``[B, C, T]``."""
    power = spectra(signal, size, overlap=4).square().sum(dim=-1)
    return (power + FLOOR).sqrt()  # smooth at zero, unlike the absolute value
