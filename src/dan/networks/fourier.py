"""Fourier transforms as products with matrices, which an exported graph makes when it is loaded."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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


class WindowedFourier(nn.Module):
    """Fourier transform of windowed frames, and the inverse to windowed frames that add up to the signal.

    The window and the cosine are symmetric about the middle of a frame, the sine is antisymmetric: sums and
    differences of the samples on either side go through a matrix of half the size each.

        sample     0   1 ... half-1   half   half+1 ... n_fft-1       the window is 0 at sample 0
        pair           1 ... half-1   half   half-1 ... 1

    The window is the square root of a Hann window, whose squares at the hop add to 1.

    Args:
        n_fft: length of a frame, an even number.
        hop_length: samples from one frame to the next, a divisor of it.

    Source of the windows' condition: D. Griffin and J. Lim, "Signal estimation from modified short-time
    Fourier transform", 1984.
    """

    window: Tensor
    analysis: Tensor
    synthesis: Tensor

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.pairs = n_fft // 2
        self.matrix = FourierMatrix(self.pairs + 1, n_fft, range(self.pairs + 1))
        window = torch.hann_window(n_fft, dtype=torch.float64)[1 : self.pairs + 1].sqrt()
        self.register_buffer("window", (window * math.sqrt(2 * hop_length / n_fft)).float(), persistent=False)
        analysis, synthesis = self._make()
        self.register_buffer("analysis", analysis, persistent=False)
        self.register_buffer("synthesis", synthesis, persistent=False)

    def _make(self) -> tuple[Tensor, Tensor]:
        """Return cosines and sines of the transform, ``[2, pairs, bins]``, and its inverse, transposed."""
        forward, inverse = self.matrix()
        forward = torch.stack(torch.split(forward[1:], self.pairs + 1, dim=1)) * self.window[:, None]
        inverse = torch.stack(torch.split(inverse[:, 1:], self.pairs + 1, dim=0)) * self.window
        return torch.cat([forward[:, :-1], forward[:, -1:] / 2], dim=1), inverse  # the middle is its own pair

    def _matrices(self) -> tuple[Tensor, Tensor]:
        """Return both; a graph makes them, for they are larger than it."""
        return self._make() if torch.onnx.is_in_onnx_export() else (self.analysis, self.synthesis)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Transform ``[*, n_fft]`` to real and imaginary parts, each ``[*, n_fft / 2 + 1]``."""
        cosine, sine = self._matrices()[0]
        before, after = frames[..., 1 : self.pairs + 1], frames[..., self.pairs :].flip(-1)
        return (before + after) @ cosine, (before - after) @ sine

    def inverse(self, real: Tensor, imag: Tensor) -> Tensor:
        """Transform real and imaginary parts ``[*, n_fft / 2 + 1]`` to windowed frames ``[*, n_fft]``."""
        cosine, sine = self._matrices()[1]
        even, odd = real @ cosine, imag @ sine
        return torch.cat([F.pad(even + odd, (1, -1)), (even - odd).flip(-1)], dim=-1)
