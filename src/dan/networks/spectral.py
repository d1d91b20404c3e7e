"""A generator along the frequency axis of one frame: for signals that are a few sines."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dan.config import SignalSettings, SpectralGeneratorSettings
from dan.core.errors import DanError
from dan.networks.base import GeneratorBase
from dan.networks.fourier import FourierMatrix
from dan.networks.layers import BinConvolution

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": nn.functional.relu, "gelu": nn.functional.gelu}


class SpectralBlock(nn.Module):
    """Residual block ``x + project(activation(spread(x)))`` of a dilated and a pointwise convolution.

    There is no normalisation: the level of a spectrum is information. The branch starts small instead, so
    that a stack of blocks starts near the identity.

    Source: H. Zhang, Y. Dauphin and T. Ma, "Fixup initialization: residual learning without normalization",
    2019.
    """

    def __init__(self, settings: SpectralGeneratorSettings, dilation_bins: int) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[settings.activation]
        kernel = {"kernel_bins": settings.kernel_bins, "dilation_bins": dilation_bins}
        self.spread = BinConvolution(settings.residual_channels, settings.hidden_channels, **kernel)
        self.project = BinConvolution(settings.hidden_channels, settings.residual_channels, gain=0.3)

    def forward(self, input: Tensor) -> Tensor:
        """Transform ``[B, C, frames, bins]``."""
        return torch.as_tensor(input + self.project(self.activation(self.spread(input))))


class SpectralGenerator(GeneratorBase):
    """Denoises along the frequency axis: a complex spectrum in, a complex spectrum out.

    A sine is a point in frequency, and its spectrum is one kernel around that point, the same wherever it
    lies, if time is counted from where the phases are known: the start of the frame. A convolution over
    frequency needs just that. The frame is zero-padded to twice its length or so, which makes the real and
    the imaginary part each complete, and seen through two windows: the rectangular one is the sharpest,
    Hann's keeps a strong tone from hiding a faint one. Bins outside the band never enter the network and are
    zero in its output. What the inverse transform holds beyond the frame is dropped, which leaves the network
    free to answer with spectra that are compact.
    """

    windows: Tensor

    def __init__(self, settings: SpectralGeneratorSettings, signal: SignalSettings) -> None:
        super().__init__()
        length = signal.length_samples
        self.segment_samples = self.latency_samples = self.receptive_field_samples = length
        self.channels, self.normalise = 1, settings.normalise_level
        self.fft_samples = max(2, round(settings.padding_factor * length))
        low_bin, high_bin = (edge * self.fft_samples / signal.sample_rate_hz for edge in settings.band_hz)
        self.band = slice(math.floor(low_bin), math.ceil(high_bin) + 1)
        # White noise of variance 1 has parts of variance 1 in the spectrum, through either window.
        windows = torch.stack([torch.ones(length), torch.hann_window(length) / math.sqrt(0.375)])
        self.register_buffer("windows", windows * math.sqrt(2 / length), persistent=False)
        self.head = BinConvolution(4, settings.residual_channels)
        self.blocks = nn.Sequential(*(SpectralBlock(settings, spacing) for spacing in settings.dilations))
        self.tail = BinConvolution(settings.residual_channels, 2)

        bins = range(self.band.start, min(self.band.stop, self.fft_samples // 2 + 1))
        self.fourier = FourierMatrix(length, self.fft_samples, bins)

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the blocks."""
        return [weight for weight in self.blocks.parameters() if weight.ndim == 2]

    def forward(self, noisy: Tensor) -> Tensor:
        """Denoise ``[B, 1, T]``, T up to a frame."""
        missing = self.segment_samples - noisy.shape[-1]
        if missing < 0:
            raise DanError(
                f"a signal of {noisy.shape[-1]} samples",
                f"this network takes a frame of {self.segment_samples} at most",
                "Use a Denoiser, which cuts long signals into frames",
            )
        frames = nn.functional.pad(noisy, (0, missing))
        level = frames.square().mean(dim=-1, keepdim=True).sqrt() + 1e-12 if self.normalise else 1.0
        hidden = self.blocks(self.head(self._analyse(frames / level)))
        denoised = self._synthesise(self.tail(hidden)) * level
        return denoised[..., : noisy.shape[-1]]

    def _analyse(self, frames: Tensor) -> Tensor:
        """Return the real and imaginary parts of ``[B, 1, L]`` through each window, ``[B, 4, 1, bins]``."""
        if torch.onnx.is_in_onnx_export():
            spectra = (frames[:, 0, None] * self.windows) @ self.fourier()[0]  # [B, windows, 2 bins]
            return torch.as_tensor(spectra.unflatten(2, (2, -1)).flatten(1, 2)[:, :, None])
        spectra = torch.fft.rfft(frames[:, :, None] * self.windows, self.fft_samples)[..., self.band]
        parts = torch.view_as_real(spectra)  # [B, 1, windows, bins, 2]
        parts = parts.permute(0, 1, 3, 2, 4).flatten(-2).permute(0, 3, 1, 2)
        return torch.as_tensor(parts)  # the channels last in memory

    def _synthesise(self, parts: Tensor) -> Tensor:
        """Return the frames ``[B, 1, L]`` of real and imaginary parts ``[B, 2, 1, bins]``."""
        scale = math.sqrt(self.segment_samples / 2)
        if torch.onnx.is_in_onnx_export():
            return torch.as_tensor((parts.flatten(1) @ self.fourier()[1])[:, None] * scale)
        spectra = torch.view_as_complex(parts.permute(0, 2, 3, 1).contiguous())
        bins = self.fft_samples // 2 + 1
        spectra = nn.functional.pad(spectra, (self.band.start, bins - self.band.start - spectra.shape[-1]))
        frames = torch.fft.irfft(spectra, self.fft_samples)[..., : self.segment_samples]
        return torch.as_tensor(frames * scale)
