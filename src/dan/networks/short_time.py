"""Base of the causal generators: short frames that overlap, a running level, and a state of fixed size.

Whole, chunked and streamed signals are one and the same computation: all that a frame needs of the past is a
state, and nothing looks into the future beyond the frame itself and the few frames of lookahead that the
settings allow.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dan.config import ShortTimeSettings, SignalSettings
from dan.networks.base import GeneratorBase
from dan.networks.fourier import WindowedFourier

TINY_POWER = 1e-14
"""Added to the power of every bin: silence stays finite."""
TINY_SHARE = 1e-9
"""Weight of a frame in its own level, beside those in which anything varies."""
LEAST_VARIATION = 1e-4
"""Range that counts as variation, as a share of a frame's highest and lowest sample: more than what a
resampler makes of one value."""


class ShortTimeGenerator(GeneratorBase):
    """Complex masking of a short-time spectrum, by a mask that is found from the present and the past.

    Bins are compressed (``|X|^p``) and divided by the mean over the frames before, so that a loud input gives
    the same output, louder; of frames of one value, as of a gap, no more count than of others. A network says
    how the mask is found (`mask`).

    With a lookahead of L frames the mask of a frame is found when the L-th frame after it has come in:

        frames seen        0  1  2  3  4  5      (L = 2)
        frames masked            0  1  2  3

    Latency: one frame and L hops.
    """

    def __init__(self, settings: ShortTimeSettings, signal: SignalSettings) -> None:
        super().__init__()
        self.channels, self.compression, self.level_frames = 1, settings.compression, settings.level_frames
        self.hop_length, self.lookahead_frames = settings.hop_length, settings.lookahead_frames
        self.latency_samples = settings.n_fft + self.lookahead_frames * self.hop_length
        self.segment_samples = signal.length_samples
        self.bins, self.parts = settings.n_fft // 2, settings.n_fft // settings.hop_length
        self.fourier = WindowedFourier(settings.n_fft, settings.hop_length)

    def memory_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each part of the network's own state behind the rows, by name."""
        raise NotImplementedError

    def mask(self, features: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return the complex mask of each bin but the last, real and imaginary part ``[B, 2, frames, bins]``.

        Args:
            features: compressed real part, imaginary part and magnitude, ``[B, 3, frames, bins]``.
            state: of the network, which moves on.
        """
        raise NotImplementedError

    def forward(self, noisy: Tensor) -> Tensor:
        """Denoise ``[B, 1, T]``, any T from 1 up, without delay."""
        length, delay = noisy.shape[-1], self.latency_samples - self.hop_length
        hops = -(-(length + delay) // self.hop_length)
        padded = F.pad(noisy[:, 0], (0, hops * self.hop_length - length))
        denoised, _ = self.step(padded, self.initial_state(len(noisy)))
        return denoised[:, None, delay : delay + length]

    def initial_state(self, rows: int) -> dict[str, Tensor]:
        """Return the state that silence leaves, by name; the first axis is the rows'."""
        shapes: dict[str, tuple[int, ...]] = {"input": (self.parts - 1, self.hop_length)}
        shapes |= {f"output_{part}": (part, self.hop_length) for part in range(1, self.parts)}
        shapes |= {"level": (1, self.level_frames - 1, 1)} | self.memory_shapes()
        if self.lookahead_frames:
            shapes["ahead"] = (2, self.lookahead_frames, self.bins + 1)
        return {name: self.fourier.window.new_zeros(rows, *shape) for name, shape in shapes.items()}

    def step(self, block: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Denoise the next whole hops ``[B, n hops]``; what comes out is late by the latency less a hop.

        Args:
            block: the input, a whole number of hops, at least one.
            state: from `initial_state` or the step before.

        Returns:
            As many samples as went in, and the new state.
        """
        new = dict(state)
        frames = self._frames(block, new)
        real, imag = (part[:, None] for part in self.fourier(frames))
        mask = self.mask(self._features(real[..., :-1], imag[..., :-1], _varies(frames), new), new)
        # The last bin is treated as the one below it.
        mask_real, mask_imag = torch.split(F.pad(mask, (0, 1, 0, 0), mode="replicate"), 1, dim=1)
        real, imag = self._delayed(real, imag, new)
        frames = self.fourier.inverse(
            real * mask_real - imag * mask_imag, real * mask_imag + imag * mask_real
        )
        frames = reshape(frames, 0, -1, self.parts * self.hop_length)
        return self._overlap_add(frames, new), new

    def _frames(self, block: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Whole hops ``[B, n hops]`` behind those before to overlapping frames ``[B, frames, frame]``."""
        hops = torch.cat([state["input"], reshape(block, 0, -1, self.hop_length)], dim=1)
        state["input"] = hops[:, 1 - self.parts :]
        return torch.cat(
            [hops[:, part : part - self.parts + 1 or None] for part in range(self.parts)], dim=-1
        )

    def _delayed(self, real: Tensor, imag: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Real and imaginary part of as many frames, each the lookahead earlier; the state moves on."""
        if not self.lookahead_frames:
            return real, imag
        whole = torch.cat([state["ahead"], torch.cat([real, imag], dim=1)], dim=2)
        state["ahead"] = whole[:, :, -self.lookahead_frames :]
        return torch.split(whole[:, :, : -self.lookahead_frames], 1, dim=1)

    def _overlap_add(self, frames: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Overlap-add frames ``[B, frames, n_fft]`` behind earlier ones to ``[B, frames hop_length]``.

        part 0    f0 f1 f2
        part 1    s  f0 f1 | f2     s: the state; behind the bar the next one
        """
        added, *later = torch.split(frames, self.hop_length, dim=-1)
        for part, hops in enumerate(later, start=1):
            row = torch.cat([state[f"output_{part}"], hops], dim=1)
            added, state[f"output_{part}"] = added + row[:, :-part], row[:, -part:]
        return reshape(added, 0, -1)

    def _features(self, real: Tensor, imag: Tensor, varies: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Compressed real part, imaginary part, magnitude, levelled, ``[B, 3, frames, bins]``."""
        logarithm = (real * real + imag * imag + TINY_POWER).log()  # quicker than powers
        scale = (logarithm * ((self.compression - 1) / 2)).exp()
        magnitude = (logarithm * (self.compression / 2)).exp()
        level = self._level(magnitude.mean(dim=-1, keepdim=True), varies, state)
        return torch.cat([scale * real, scale * imag, magnitude], dim=1) / level

    def _level(self, magnitude: Tensor, varies: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Mean of ``[B, 1, frames, 1]`` over the last frames, of those that there have been.

        Frames in which nothing varies count as 0, but no more of them than of others: pauses of a noise gate
        are pauses, while a gap leaves half the level of what was before it. Where there has been nothing else
        in so many frames, the level is the frame's own.
        """
        silence = TINY_POWER ** (self.compression / 2)  # what is 0 has not been
        whole = torch.cat([state["level"], varies * magnitude + (1 - varies) * silence], dim=2)
        state["level"] = whole[:, :, 1 - self.level_frames :]
        alive = (whole - 2 * silence).sign().relu()
        sums = torch.cat([alive * whole, 2 * alive, whole.sign()], dim=1)
        total, twice, been = torch.split(F.avg_pool2d(sums, (self.level_frames, 1), 1), 1, dim=1)
        return (total + TINY_SHARE * magnitude) / (torch.minimum(twice, been) + TINY_SHARE)


def _varies(frames: Tensor) -> Tensor:
    """1 for frames ``[B, frames, n_fft]`` in which anything varies, 0 for others, ``[B, 1, frames, 1]``."""
    high, low = frames.amax(dim=-1, keepdim=True), frames.amin(dim=-1, keepdim=True)
    return (high - low - LEAST_VARIATION * (high.abs() + low.abs())).sign().relu()[:, None]


def reshape(input: Tensor, *shape: int) -> Tensor:
    """Reshape as ``input.reshape(shape)``, where 0 keeps the size of that axis.

    A graph that is exported then holds the shape as a constant, not the operators that would find it.
    """
    if torch.onnx.is_in_onnx_export():
        output: Tensor = _Reshape.apply(input, shape)  # type: ignore[no-untyped-call]
        return output
    return input.reshape([size or input.shape[axis] for axis, size in enumerate(shape)])


class _Reshape(torch.autograd.Function):
    """`reshape` as ONNX has it."""

    @staticmethod
    def symbolic(graph: Any, input: Any, shape: tuple[int, ...]) -> Any:
        return graph.op("Reshape", input, graph.op("Constant", value_t=torch.tensor(shape)))

    @staticmethod
    def forward(_context: Any, input: Tensor, shape: tuple[int, ...]) -> Tensor:
        return input.reshape([size or input.shape[axis] for axis, size in enumerate(shape)])
