"""Convolutions in the form that a CPU computes quickest.

Along time, with long filters: the layers of torch, the same parameters, by FFT. A filter of 64 taps is longer
than what direct convolution is good at; here each is a product of spectra, zero-padded so that nothing wraps
around: the same sums in another order, several times quicker.

Along frequency, with short filters: ``[B, C, frames, bins]`` with the channels last in memory, which is
several times quicker than ``[B, C, bins]``.
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

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Correlate with the filters: ``y[n] = sum_t w[t] x[stride n + t - padding]``."""
        if torch.onnx.is_in_onnx_export():  # whose runtimes have no FFT
            return super().forward(input)
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

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=bias)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Spread each sample over its filter: ``y[n] = sum_i x[i] w[n + padding - stride i]``."""
        if torch.onnx.is_in_onnx_export():
            return super().forward(input, output_size)
        padding, stride, kernel = int(self.padding[0]), self.stride[0], self.kernel_size[0]
        span = (input.shape[-1] - 1) * stride + kernel
        size = fast_length(span)
        stuffed = nn.functional.pad(input[..., None], (0, stride - 1)).flatten(-2)  # zeros between samples
        spectrum, filters = torch.fft.rfft(stuffed, size), torch.fft.rfft(self.weight, size)
        output = torch.fft.irfft(torch.einsum("bif,iof->bof", spectrum, filters), size)
        return _plus_bias(output[..., padding : span - padding], self.bias)


class BinConvolution(nn.Module):
    """Convolution along frequency: ``[B, C_in, frames, bins] -> [B, C_out, frames, bins]``.

    Zeros stand beyond the first and the last bin. The weight is stored as the matrix that it is, ``[C_out,
    bins * C_in]``, in the order of memory of channels-last: an optimiser for matrices takes it as it is.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel_bins: taps, an odd number.
        dilation_bins: bins from one tap to the next.
        gain: standard deviation of the output for inputs of standard deviation 1, at the start.
    """

    def __init__(
        self, inputs: int, outputs: int, *, kernel_bins: int = 1, dilation_bins: int = 1, gain: float = 1.0
    ) -> None:
        super().__init__()
        fan_in = inputs * kernel_bins
        self.weight = nn.Parameter(torch.randn(outputs, fan_in) * gain * fan_in**-0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.kernel_bins, self.dilation_bins = kernel_bins, dilation_bins

    def forward(self, input: Tensor) -> Tensor:
        """Convolve, symmetric in frequency, each frame by itself."""
        weight = self.weight.view(len(self.bias), 1, self.kernel_bins, -1).permute(0, 3, 1, 2)
        margin = self.dilation_bins * (self.kernel_bins // 2)
        return nn.functional.conv2d(
            input, weight, self.bias, padding=(0, margin), dilation=(1, self.dilation_bins)
        )


def _plus_bias(output: Tensor, bias: Tensor | None) -> Tensor:
    return output if bias is None else output + bias[:, None]
