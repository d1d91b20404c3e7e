"""Generators: networks that take a noisy signal ``[B, C, T]`` to a denoised one of the same shape.

A generator owns its geometry: it accepts any length up to its frame, pads and cuts by itself, and states how
far it sees and how late it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from dan.config import (
    CausalGeneratorSettings,
    ClassicGeneratorSettings,
    Generator,
    RecurrentGeneratorSettings,
    SignalSettings,
    SpectralGeneratorSettings,
)
from dan.core.errors import DanError
from dan.networks.base import GeneratorBase
from dan.networks.causal import CausalGenerator
from dan.networks.layers import BinConvolution, LongConv1d, LongConvTranspose1d
from dan.networks.recurrent import RecurrentGenerator


def build_generator(settings: Generator, signal: SignalSettings) -> GeneratorBase:
    """The generator that the settings describe, with fresh weights."""
    if isinstance(settings, CausalGeneratorSettings):
        return CausalGenerator(settings, signal)
    if isinstance(settings, RecurrentGeneratorSettings):
        return RecurrentGenerator(settings, signal)
    if isinstance(settings, SpectralGeneratorSettings):
        return SpectralGenerator(settings, signal)
    return ClassicGenerator(settings, signal)


class ClassicGenerator(GeneratorBase):
    """The founding autoencoder: strided convolutions down, transposed ones up, batch normalisation.

    26,373 parameters at its defaults. A decoder of the same depth as the encoder brings the length back; the
    signal is padded with zeros to a whole number of strides and the output cut to the input's length.
    """

    def __init__(self, settings: ClassicGeneratorSettings, signal: SignalSettings) -> None:
        super().__init__()
        kernel, stride, depth = settings.kernel_size, settings.stride, settings.depth
        self.channels, self.unit = settings.channels, stride**depth
        # Padding (kernel - stride) / 2 on both sides divides the length by the stride and multiplies it back;
        # where that is no whole number, the way down loses nothing and the way up has one sample to spare.
        pad_up = (kernel - stride) // 2
        pad_down = kernel - stride - pad_up
        widths = [
            settings.channels,
            *[settings.encoder_channels] * depth,
            *[settings.decoder_channels] * depth,
        ]
        layers: list[nn.Module] = []
        for index, (inputs, outputs) in enumerate(pairwise(widths)):
            if index < depth:
                layers.append(LongConv1d(inputs, outputs, kernel, stride, pad_down))
            else:
                layers.append(LongConvTranspose1d(inputs, outputs, kernel, stride, pad_up))
            layers += [nn.BatchNorm1d(outputs), nn.LeakyReLU(settings.negative_slope)]
        self.layers = nn.Sequential(*layers)
        self.output = LongConv1d(widths[-1], settings.channels, kernel, padding=kernel // 2)
        for module in self.modules():
            if isinstance(module, LongConv1d | LongConvTranspose1d):
                _initialise(module)
        self.segment_samples = self.latency_samples = signal.length_samples
        self.receptive_field_samples = _receptive_field(kernel, stride, depth)

    def forward(self, noisy: Tensor) -> Tensor:
        """Denoise ``[B, C, T]``."""
        length = noisy.shape[-1]
        padded = nn.functional.pad(noisy, (0, -length % self.unit))
        return torch.as_tensor(self.output(self.layers(padded))[..., :length])


def _initialise(layer: nn.Conv1d | nn.ConvTranspose1d) -> None:
    """Weights of variance 1 / fan-in, no bias."""
    nn.init.normal_(layer.weight, std=(layer.in_channels * layer.kernel_size[0]) ** -0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _receptive_field(kernel: int, stride: int, depth: int) -> int:
    """Input samples between the first and the last that one output sample depends on, both included."""
    span = kernel
    for _ in range(depth):  # the decoder, from the output down: a span covers so many samples below
        span = (span + kernel - 2) // stride + 1
    for _ in range(depth):
        span = (span - 1) * stride + kernel
    return span


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": nn.functional.relu, "gelu": nn.functional.gelu}


class SpectralBlock(nn.Module):
    """``x + project(activation(spread(x)))``: a dilated convolution along frequency, then a pointwise one.

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
        """``[B, width, frames, bins]`` in and out."""
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
        """``[B, 1, L]`` to the real and imaginary parts through each window, ``[B, 4, 1, bins]``."""
        spectra = torch.fft.rfft(frames[:, :, None] * self.windows, self.fft_samples)[..., self.band]
        parts = torch.view_as_real(spectra)  # [B, 1, windows, bins, 2]
        parts = parts.permute(0, 1, 3, 2, 4).flatten(-2).permute(0, 3, 1, 2)
        return torch.as_tensor(parts)  # the channels last in memory

    def _synthesise(self, parts: Tensor) -> Tensor:
        """Real and imaginary parts ``[B, 2, 1, bins]`` to frames ``[B, 1, L]``."""
        spectra = torch.view_as_complex(parts.permute(0, 2, 3, 1).contiguous())
        bins = self.fft_samples // 2 + 1
        spectra = nn.functional.pad(spectra, (self.band.start, bins - self.band.start - spectra.shape[-1]))
        frames = torch.fft.irfft(spectra, self.fft_samples)[..., : self.segment_samples]
        return torch.as_tensor(frames * math.sqrt(self.segment_samples / 2))
