"""Short-time Fourier transform of batches, as losses and discriminators take it."""

from __future__ import annotations

import torch
from torch import Tensor


def stft(signal: Tensor, window: Tensor, *, hop_length: int) -> Tensor:
    """Return the spectra of windowed frames; unlike `torch.stft` it neither centres nor pads.

    Args:
        signal: ``[*, T]``, T at least the window's length.
        window: ``[n_fft]``.
        hop_length: samples from one frame to the next.

    Returns:
        Real and imaginary parts ``[*, frames, bins, 2]``; samples that fill no frame are left out.
    """
    return torch.view_as_real(torch.fft.rfft(signal.unfold(-1, len(window), hop_length) * window))
