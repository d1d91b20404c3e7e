"""The founding autoencoder: strided convolutions with long filters."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from dan.config import ClassicGeneratorSettings, SignalSettings
from dan.networks.base import GeneratorBase
from dan.networks.layers import LongConv1d, LongConvTranspose1d
from dan.networks.normalisation import BatchNorm1d


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
            layers += [BatchNorm1d(outputs), nn.LeakyReLU(settings.negative_slope)]
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
