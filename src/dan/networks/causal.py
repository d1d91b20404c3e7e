"""A causal generator over short frames: for speech and whatever else changes in time, whole or as a stream.

Whole, chunked and streamed signals are one and the same computation: all that a frame needs of the past is a
state of fixed size, and nothing looks into the future beyond the frame itself and the few frames of lookahead
that the settings allow.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dan.config import CausalGeneratorSettings, SignalSettings
from dan.networks.short_time import ShortTimeGenerator, reshape

TINY_VARIANCE = 1e-3
"""Added to the variance of hidden values before it is brought to 1."""


class CausalConvolution(nn.Module):
    """Convolution over past frames and over bands: ``[B, frames, bands, C_in] -> [B, frames, bands, C_out]``.

    The weight is stored as the matrix that it is, ``[C_out, frames * bands * C_in]``.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel_frames: taps over frames; the last is the present one.
        kernel_bands: taps over bands, an odd number, centred.
        dilation: frames and bands from one tap to the next.
        gain: standard deviation of the output for inputs of standard deviation 1, at the start.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel_frames: int = 1,
        kernel_bands: int = 1,
        dilation: tuple[int, int] = (1, 1),
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        fan_in = inputs * kernel_frames * kernel_bands
        self.weight = nn.Parameter(torch.randn(outputs, fan_in) * gain * fan_in**-0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.inputs, self.taps, self.dilation = inputs, (kernel_frames, kernel_bands), dilation
        self.past_frames = (kernel_frames - 1) * dilation[0]

    def forward(self, input: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve behind the past ``[B, past_frames, bands, C_in]``; returns the output and the new past."""
        if self.taps == (1, 1):
            return F.linear(input, self.weight, self.bias), past
        whole = torch.cat([past, input], dim=1) if self.past_frames else input
        # Channels last in memory, as the rows of the weight are: what oneDNN computes quickest.
        weight = self.weight.view(len(self.bias), *self.taps, self.inputs).permute(0, 3, 1, 2)
        output = F.conv2d(
            whole.permute(0, 3, 1, 2),
            weight,
            self.bias,
            padding=(0, self.dilation[1] * (self.taps[1] // 2)),
            dilation=self.dilation,
        )
        return output.permute(0, 2, 3, 1), whole[:, -self.past_frames :] if self.past_frames else past


class CausalBlock(nn.Module):
    """Residual block ``x + project(silu(convolve(y) + context(mean of y)))`` of y, x normalised by frame.

    The mean goes over the bands: what fills the whole band, as a voice or a hiss does, is known at each of
    them at once. Normalised are bands and channels together, which takes nothing but the level.

    Source of the normalisation: J. Ba, J. Kiros and G. Hinton, "Layer normalization", 2016.
    """

    def __init__(self, settings: CausalGeneratorSettings, dilation: tuple[int, int]) -> None:
        super().__init__()
        bands = settings.n_fft // 2 // settings.bins_per_band
        self.normalized_shape = (bands, settings.residual_channels)
        self.convolve = CausalConvolution(
            settings.residual_channels,
            settings.hidden_channels,
            kernel_frames=settings.kernel_frames,
            kernel_bands=settings.kernel_bands,
            dilation=dilation,
            gain=math.sqrt(2),
        )
        self.context = CausalConvolution(settings.residual_channels, settings.hidden_channels, gain=0.5)
        self.project = CausalConvolution(settings.hidden_channels, settings.residual_channels, gain=0.3)

    def forward(self, input: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Transform ``[B, frames, bands, C]``, with the past as in `CausalConvolution`."""
        scaled = F.layer_norm(input, self.normalized_shape, eps=TINY_VARIANCE)
        hidden, past = self.convolve(scaled, past)
        context, _ = self.context(scaled.mean(dim=2, keepdim=True), past)
        change, _ = self.project(F.silu(hidden + context), past)
        return input + change, past


class CausalGenerator(ShortTimeGenerator):
    """Complex masking by convolutions over past frames and over bands of neighbouring bins.

    Neighbouring bins are folded into channels (space-to-depth), which makes the network cheap and tells it
    the parity of a bin, on which the phase's advance from frame to frame depends. The mask starts near 1.
    """

    position: Tensor

    def __init__(self, settings: CausalGeneratorSettings, signal: SignalSettings) -> None:
        super().__init__(settings, signal)
        self.settings, self.bands = settings, self.bins // settings.bins_per_band
        ramp = torch.linspace(-1, 1, self.bands)
        self.register_buffer("position", torch.stack([ramp, 2 * ramp**2 - 1], dim=-1), persistent=False)
        self.stem = CausalConvolution(
            3 * settings.bins_per_band + 2, settings.residual_channels, kernel_frames=2, kernel_bands=3
        )
        blocks = [CausalBlock(settings, dilation) for dilation in settings.dilations]
        self.blocks = nn.ModuleList(blocks)
        self.head = CausalConvolution(
            settings.residual_channels, 2 * settings.bins_per_band, kernel_bands=3, gain=0.1
        )
        remembering = [self.stem, *(block.convolve for block in blocks)]
        self.pasts = [(layer.past_frames, layer.inputs) for layer in remembering]
        """Past frames and channels that each convolution keeps."""
        past = sum(frames for frames, _ in self.pasts) + settings.level_frames - 1
        reach = max(past, self.lookahead_frames)
        self.receptive_field_samples = reach * settings.hop_length + 2 * settings.n_fft - 1

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the blocks."""
        return [weight for weight in self.blocks.parameters() if weight.ndim == 2]

    def memory_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of the past of each convolution."""
        shapes = [(frames, self.bands, channels) for frames, channels in self.pasts]
        return {f"past_{index}": shape for index, shape in enumerate(shapes)}

    def mask(self, features: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return the complex mask of each bin, ``[B, 2, frames, bins]``; the state moves on."""
        hidden, state["past_0"] = self.stem(self._fold(features), state["past_0"])
        for index, block in enumerate(self.blocks, start=1):
            hidden, state[f"past_{index}"] = block(hidden, state[f"past_{index}"])
        return self._unfold(self.head(hidden, hidden)[0])

    def _fold(self, features: Tensor) -> Tensor:
        """Fold the bins of each band into channels: ``[B, 3, frames, bins] -> [B, frames, bands, C]``.

        C is three for each bin of a band, and two for the band's position.
        """
        folded = reshape(features, 0, 0, 0, self.bands, -1).permute(0, 2, 3, 1, 4)
        folded = reshape(folded, 0, 0, 0, -1)
        return torch.cat([folded, self.position.expand(*folded.shape[:2], -1, -1)], dim=-1)

    def _unfold(self, folded: Tensor) -> Tensor:
        """Unfold ``[B, frames, bands, C]`` to real and imaginary part of the mask, ``[B, 2, frames, bins]``.

        C is two for each bin of a band; 0 stands for a mask of 1.
        """
        parts = reshape(folded, 0, 0, 0, 2, -1).permute(0, 3, 1, 2, 4)
        real, imag = torch.split(reshape(parts, 0, 0, 0, -1), 1, dim=1)
        return torch.cat([1 + real, imag], dim=1)
