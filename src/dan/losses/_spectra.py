"""Short-time spectra that losses are taken of, and the check of their batches."""

from __future__ import annotations

import torch
from torch import Tensor

from dan.core.errors import DanError
from dan.networks.stft import stft

LEVEL_FLOOR = 1e-4
"""Added to the RMS level that signals are divided by."""


def unit_level_spectra(estimate: Tensor, reference: Tensor, n_fft: int) -> tuple[Tensor, Tensor]:
    """Return spectra of both, ``[..., bins, 2]``, at a reference of RMS 1, in frames that overlap by half."""
    check_batch(estimate=estimate, reference=reference)
    level = reference.square().mean(dim=(-2, -1), keepdim=True).sqrt() + LEVEL_FLOOR
    size = min(n_fft, estimate.shape[-1])
    return spectra(estimate / level, size, overlap=2), spectra(reference / level, size, overlap=2)


def spectra(signal: Tensor, n_fft: int, *, overlap: int) -> Tensor:
    """Return the spectra of Hann-windowed frames of ``[B, C, T]``, of which `overlap` lie over each sample.

    Returns:
        ``[..., frames, bins, 2]``; white noise of variance 1 has a power of 1 in each bin.
    """
    window = torch.hann_window(n_fft, periodic=n_fft > 1, device=signal.device, dtype=signal.dtype)
    return stft(signal, window / window.square().sum().sqrt(), hop_length=max(1, n_fft // overlap))


def check_batch(*, estimate: Tensor, reference: Tensor) -> None:
    """Check that two tensors are batches ``[B, C, T]`` of one shape.

    Raises:
        DanError: if they are not.
    """
    shapes = f"estimate {list(estimate.shape)}, reference {list(reference.shape)}"
    if estimate.ndim != 3 or estimate.shape != reference.shape:
        raise DanError(shapes, "both must be of one shape [batch, channels, time]", "Reshape them")
