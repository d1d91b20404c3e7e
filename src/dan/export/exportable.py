"""The generators once more, in the few operators that every ONNX runtime computes: for export alone.

The weights and the sums are those of the generators. What differs is how they are written down: direct
convolutions where training goes through spectra, and transforms as products with matrices, which the graph
makes from one period of a sine when it is loaded: they would be most of the file.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dan.config import (
    CausalGeneratorSettings,
    ClassicGeneratorSettings,
    Generator,
    RecurrentGeneratorSettings,
    ShortTimeSettings,
    SignalSettings,
    SpectralGeneratorSettings,
)
from dan.networks.base import GeneratorBase
from dan.networks.causal import TINY_VARIANCE, CausalBlock, CausalConvolution, CausalGenerator
from dan.networks.factory import ClassicGenerator, SpectralGenerator
from dan.networks.layers import LongConv1d, LongConvTranspose1d
from dan.networks.recurrent import RecurrentGenerator
from dan.networks.short_time import ShortTimeGenerator


def build_exportable(settings: Generator, signal: SignalSettings) -> GeneratorBase:
    """The generator that the settings describe, as it is exported: the same parameters by the same names."""
    if isinstance(settings, CausalGeneratorSettings):
        return ExportableCausalGenerator(settings, signal)
    if isinstance(settings, RecurrentGeneratorSettings):
        return ExportableRecurrentGenerator(settings, signal)
    if isinstance(settings, SpectralGeneratorSettings):
        return ExportableSpectralGenerator(settings, signal)
    return ExportableClassicGenerator(settings, signal)


class FourierMatrix(nn.Module):
    """The real and the imaginary part of a Fourier transform as a matrix ``[samples, 2 bins]``.

    Args:
        samples: of a frame.
        period_samples: length of the transform, to which the frame is padded with zeros.
        bins: first bin, and the one after the last.
    """

    cosine: Tensor
    sine: Tensor
    times: Tensor
    numbers: Tensor
    back: Tensor

    def __init__(self, samples: int, period_samples: int, bins: tuple[int, int]) -> None:
        super().__init__()
        self.period = period_samples
        angle = 2 * math.pi * torch.arange(period_samples, dtype=torch.float64) / period_samples
        numbers = torch.arange(*bins)
        # Bins between the first and the middle one stand for their mirror images too.
        weight = torch.where((numbers == 0) | (2 * numbers == period_samples), 1.0, 2.0) / period_samples
        self.register_buffer("cosine", angle.cos().float())
        self.register_buffer("sine", -angle.sin().float())
        self.register_buffer("times", torch.arange(samples))
        self.register_buffer("numbers", numbers)
        self.register_buffer("back", torch.cat([weight, weight]))

    def forward(self) -> tuple[Tensor, Tensor]:
        """The matrix, and that of the inverse transform ``[2 bins, samples]``."""
        place = self.times[:, None] * self.numbers % self.period
        matrix = torch.cat([self.cosine[place], self.sine[place]], dim=1)
        return matrix, (matrix * self.back).T


class ExportableClassicGenerator(ClassicGenerator):
    """The classic generator with its convolutions computed along time."""

    def __init__(self, settings: ClassicGeneratorSettings, signal: SignalSettings) -> None:
        super().__init__(settings, signal)
        for layer in self.modules():
            if isinstance(layer, LongConv1d):
                layer.forward = partial(nn.Conv1d.forward, layer)  # type: ignore[method-assign]
            elif isinstance(layer, LongConvTranspose1d):
                layer.forward = partial(nn.ConvTranspose1d.forward, layer)  # type: ignore[method-assign]


class ExportableSpectralGenerator(SpectralGenerator):
    """The spectral generator with its transforms as products with matrices."""

    def __init__(self, settings: SpectralGeneratorSettings, signal: SignalSettings) -> None:
        super().__init__(settings, signal)
        bins = (self.band.start, min(self.band.stop, self.fft_samples // 2 + 1))
        self.matrix = FourierMatrix(self.segment_samples, self.fft_samples, bins)

    def _analyse(self, frames: Tensor) -> Tensor:
        spectra = (frames[:, 0, None] * self.windows) @ self.matrix()[0]  # [N, windows, 2 bins]
        return torch.as_tensor(spectra.unflatten(2, (2, -1)).flatten(1, 2)[:, :, None])

    def _synthesise(self, parts: Tensor) -> Tensor:
        frames = parts.flatten(1) @ self.matrix()[1]
        return torch.as_tensor(frames[:, None] * math.sqrt(self.segment_samples / 2))


class ExportableShortTimeGenerator(ShortTimeGenerator):
    """A short-time generator as its step, with transforms that the graph makes."""

    window: Tensor

    def __init__(self, settings: ShortTimeSettings, signal: SignalSettings) -> None:
        super().__init__(settings, signal)
        n_fft, hop_length = settings.n_fft, settings.hop_length
        self.matrix = FourierMatrix(n_fft, n_fft, (0, self.bins + 1))
        window = torch.hann_window(n_fft, dtype=torch.float64).sqrt()
        self.register_buffer("window", (window * math.sqrt(2 * hop_length / n_fft)).float())

    def forward(self, block: Tensor, *state: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Whole hops ``[B, n hops]`` and the state in its order; returns the output and the new state."""
        forth, back = self.matrix()
        self.analysis, self.synthesis = self.window[:, None] * forth, back * self.window
        output, new = self.step(block, dict(zip(super().initial_state(1), state, strict=True)))
        return (output, *new.values())

    def _spectrum(self, frames: Tensor) -> Tensor:
        """``[B, frames, frame]`` to real and imaginary part ``[B, 2, frames, bins + 1]``, in one product."""
        return frames[:, None] @ torch.stack(torch.split(self.analysis, self.bins + 1, dim=1))


class ExportableRecurrentGenerator(ExportableShortTimeGenerator, RecurrentGenerator):
    """The recurrent generator's step."""


class ExportableCausalGenerator(ExportableShortTimeGenerator, CausalGenerator):
    """The causal generator's step, channels before frames and bins, as ONNX has them.

    The state is the generator's, but for the pasts of the convolutions, which are ``[B, C, frames, bins]``.
    """

    def initial_state(self, rows: int) -> dict[str, Tensor]:
        """What a past of silence leaves, by name; the first axis is the rows'."""
        state = super().initial_state(rows)
        pasts = (name for name in state if name.startswith("past_"))
        return state | {name: state[name].permute(0, 3, 1, 2) for name in pasts}

    def factors(self, features: Tensor, state: dict[str, Tensor]) -> Tensor:
        """The complex factor of each bin, ``[B, 2, frames, bins]``; the state moves on."""
        hidden = self._remembering(self.stem, self._fold(features).permute(0, 3, 1, 2), state, "past_0")
        for index, block in enumerate(self.blocks, start=1):
            assert isinstance(block, CausalBlock)
            scaled, mean = _normalise(hidden)
            change = self._remembering(block.convolve, scaled, state, f"past_{index}")
            change = change + _convolve(block.context, mean)
            hidden = hidden + _convolve(block.project, F.silu(change))
        return self._unfold(_convolve(self.head, hidden).permute(0, 2, 3, 1))

    def _remembering(
        self, layer: CausalConvolution, input: Tensor, state: dict[str, Tensor], name: str
    ) -> Tensor:
        """Convolve behind the past of that name, which moves on."""
        if not layer.past_frames:
            return _convolve(layer, input)
        whole = torch.cat([state[name], input], dim=2)
        state[name] = whole[:, :, -layer.past_frames :]
        return _convolve(layer, whole)


def _normalise(hidden: Tensor) -> tuple[Tensor, Tensor]:
    """``[B, C, frames, bins]`` to mean 0 and variance 1 over channels and bins, and its means over bins.

    Values are passed over four times, along their rows: two sums, a shift and a scale.
    """
    means = hidden.mean(dim=3, keepdim=True)
    powers = torch.linalg.vector_norm(hidden, dim=3, keepdim=True).square() / hidden.shape[3]
    mean = means.mean(dim=1, keepdim=True)
    variance = F.relu(powers.mean(dim=1, keepdim=True) - mean.square())  # rounding may leave less than 0
    scale = (variance + TINY_VARIANCE).rsqrt()
    return (hidden - mean) * scale, (means - mean) * scale


def _convolve(layer: CausalConvolution, input: Tensor) -> Tensor:
    """``[B, C, frames, bins]`` in and out, over the frames that there are."""
    weight = layer.weight.view(len(layer.bias), *layer.taps, layer.inputs).permute(0, 3, 1, 2)
    padding = (0, layer.dilation[1] * (layer.taps[1] // 2))
    return F.conv2d(input, weight, layer.bias, padding=padding, dilation=layer.dilation)
