"""Convolutions with long filters, by FFT: the layers of torch, the same parameters, several times quicker.

A filter of 64 taps is longer than what direct convolution is good at on a CPU. Here each is a product of
spectra, zero-padded so that nothing wraps around: the same sums, in another order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def fast_length(least: int) -> int:
    """The smallest length from `least` up that is 2, 3 or 5 times a power of two, which an FFT likes."""
    power = 1 << max(0, (least - 1).bit_length())
    return min(size for size in (power, power * 3 // 4, power * 5 // 8) if size >= least)


class LongConv1d(nn.Conv1d):
    """`torch.nn.Conv1d` for long filters: integer padding with zeros, any stride, one group, no dilation.

    Shape: ``[B, C_in, T] -> [B, C_out, (T + 2 padding - kernel) // stride + 1]``.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Correlate with the filters: ``y[n] = sum_t w[t] x[stride n + t - padding]``."""
        padding, stride, kernel = int(self.padding[0]), self.stride[0], self.kernel_size[0]
        span = input.shape[-1] + 2 * padding
        size = fast_length(span)
        spectrum = torch.fft.rfft(nn.functional.pad(input, (padding, 0)), size)
        filters = torch.fft.rfft(self.weight, size).conj()
        output = torch.fft.irfft(torch.einsum("bif,oif->bof", spectrum, filters), size)
        return _plus_bias(output[..., : span - kernel + 1 : stride], self.bias)


class LongConvTranspose1d(nn.ConvTranspose1d):
    """`torch.nn.ConvTranspose1d` for long filters: padding, any stride, one group, no dilation.

    Shape: ``[B, C_in, T] -> [B, C_out, (T - 1) stride - 2 padding + kernel]``.
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: ARG002
        """Spread each sample over its filter: ``y[n] = sum_i x[i] w[n + padding - stride i]``."""
        padding, stride, kernel = int(self.padding[0]), self.stride[0], self.kernel_size[0]
        span = (input.shape[-1] - 1) * stride + kernel
        size = fast_length(span)
        stuffed = nn.functional.pad(input[..., None], (0, stride - 1)).flatten(-2)  # zeros between samples
        spectrum, filters = torch.fft.rfft(stuffed, size), torch.fft.rfft(self.weight, size)
        output = torch.fft.irfft(torch.einsum("bif,iof->bof", spectrum, filters), size)
        return _plus_bias(output[..., padding : span - padding], self.bias)


def _plus_bias(output: Tensor, bias: Tensor | None) -> Tensor:
    return output if bias is None else output + bias[:, None]
