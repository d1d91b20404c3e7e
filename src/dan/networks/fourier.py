"""A Fourier transform as a product with a matrix, which an exported graph makes when it is loaded."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class FourierMatrix(nn.Module):
    """Matrices of the Fourier transform of real frames, and of its inverse, from one period of a sine.

    In a file the matrices would be larger than all weights together; the two tables are a thousandth of them.

    Args:
        samples: length of a frame.
        n_fft: length of the transform, to which a frame is padded with zeros.
        bins: frequency bins that are looked at.
    """

    cosine: Tensor
    sine: Tensor
    times: Tensor
    numbers: Tensor
    inverse: Tensor

    def __init__(self, samples: int, n_fft: int, bins: range) -> None:
        super().__init__()
        self.n_fft = n_fft
        angle = 2 * math.pi * torch.arange(n_fft, dtype=torch.float64) / n_fft
        numbers = torch.arange(bins.start, bins.stop)
        # Bins between the first and the middle one stand for their mirror images too.
        weight = torch.where((numbers == 0) | (2 * numbers == n_fft), 1.0, 2.0) / n_fft
        self.register_buffer("cosine", angle.cos().float(), persistent=False)
        self.register_buffer("sine", -angle.sin().float(), persistent=False)
        self.register_buffer("times", torch.arange(samples), persistent=False)
        self.register_buffer("numbers", numbers, persistent=False)
        self.register_buffer("inverse", torch.cat([weight, weight]), persistent=False)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the matrix ``[samples, 2 bins]``, real parts first, and that of the inverse."""
        place = self.times[:, None] * self.numbers % self.n_fft
        matrix = torch.cat([self.cosine[place], self.sine[place]], dim=1)
        return matrix, (matrix * self.inverse).T
