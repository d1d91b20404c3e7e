"""Engines: streaming denoisers, from blocks of a signal to the samples that have become final, in order.

One for each manner of network: over single frames, or over hops with a state. They are numpy outside and know
nothing of what runs the network, torch or onnxruntime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Block = npt.NDArray[np.float32]
Network = Callable[[Block], Block]
"""Frames ``[N, T]`` to frames of the same shape."""
Step = Callable[[Block], Block]
"""Whole hops ``[C, n hops]`` to as many samples, late by the latency less a hop; its state moves on."""
NetworkState = dict[str, Block]
"""State of a causal network: its parts by name, the channels first."""
Values = dict[str, Block]
"""Intermediate values of a step by name, from ``input`` to ``output``."""


class Stage(Protocol):
    """A part of a step: stages work at once on portions one behind the other."""

    states: list[str]
    """Names of the parts of the state that are its own."""

    def __call__(self, values: Values, state: NetworkState) -> tuple[Values, NetworkState]:
        """Add what it gives to the ``input`` and what the stages before gave; the last gives the ``output``.

        Returns:
            The values, and the state that it leaves.
        """
        ...


FRAMES_AT_ONCE = 256
"""Frames that go through the network together: bounds the memory."""

HOPS_AT_ONCE = 64
"""Hops, of all rows, that go through the network together: what they make on the way fits into a cache."""

SILENT = 2.0**-100
"""Level below which all is silence: smaller numbers would turn denormal, which take many times as long."""
SQUARES = (2.0**-20, 2.0**20)
"""Peaks of a frame whose squares float32 holds with room to spare."""


@runtime_checkable
class StatedStep(Protocol):
    """A step whose state can be had, and another one given."""

    def __call__(self, block: Block) -> Block:
        """Take whole hops and return as many samples; the state moves on."""
        ...

    def state(self) -> NetworkState:
        """Return a copy of the state."""
        ...

    def after(self, block: Block, state: NetworkState) -> tuple[Block, NetworkState]:
        """Return the output after another past, and the state that it leaves; its own stays."""
        ...


class Engine(Protocol):
    """Streaming denoiser, from blocks ``[C, n]`` to the samples that have become final, in order."""

    latency_samples: int
    """Samples that must have come in before the first can go out."""
    hop_length: int
    """Samples that then go out together."""

    def feed(self, block: Block) -> Block:
        """Take ``[C, n]`` and return what is final, ``[C, m]``."""
        ...

    def flush(self) -> Block:
        """Return the rest: together exactly as long as what went in."""
        ...


class FrameEngine:
    """A network over frames of one length: each half over its neighbour, joined by a weighted mean.

        starts     0      h      2h           T - L
        frames     [------------]
                          [------------]
                                 [------ ... -]      the last one ends with the signal
        final      |<- h ->|                         once the next frame's start is known

    The last frame counts only from where nothing is final yet. The weights are divided out, so that frames
    that come back as they were add up to the signal itself. A signal shorter than a frame goes through whole.
    Silent frames come out silent.

    Args:
        network: on frames ``[N, L]``, or shorter.
        segment_samples: L.
        channels: channels C.
        scaled: whether the network takes any level alike: frames whose squares float32 cannot hold are then
            scaled by powers of two, there and back.
    """

    def __init__(
        self, network: Network, *, segment_samples: int, channels: int, scaled: bool = False
    ) -> None:
        self.network, self.length, self.hop = network, segment_samples, max(1, segment_samples // 2)
        self.latency_samples, self.hop_length, self.scaled = segment_samples, self.hop, scaled
        self.window = np.sin(np.pi * (np.arange(segment_samples) + 0.5) / segment_samples) ** 2  # never 0
        self.past = np.zeros((channels, 0), np.float32)
        """Input before the next frame, as much as the last frame may need."""
        self.input = np.zeros((channels, 0), np.float32)
        """From the next frame's start on."""
        self.sum = np.zeros((channels, segment_samples))
        self.weight = np.zeros(segment_samples)
        """Windowed outputs so far and their windows, from the next frame's start on."""
        self.begun = False

    def feed(self, block: Block) -> Block:
        """Take ``[C, n]`` and return what is final, ``[C, m]``."""
        self.input = np.concatenate([self.input, block], axis=-1)
        count = max(0, (self.input.shape[-1] - self.length) // self.hop + 1)
        final = [np.zeros((len(block), 0), np.float32)]
        for first in range(0, count, FRAMES_AT_ONCE):
            final += self._run(min(FRAMES_AT_ONCE, count - first))
        return np.concatenate(final, axis=-1)

    def _run(self, count: int) -> list[Block]:
        """The next `count` frames through the network, each a hop of final samples ``[C, h]``."""
        channels, used = len(self.input), count * self.hop
        frames = np.lib.stride_tricks.sliding_window_view(self.input, self.length, axis=-1)
        frames = frames[:, : used : self.hop]  # [C, count, L]
        outputs = self._denoise(np.ascontiguousarray(frames).reshape(-1, self.length))
        outputs = outputs.reshape(channels, count, self.length)
        final = [self._add(outputs[:, index]) for index in range(count)]
        self.past = np.concatenate([self.past, self.input[:, :used]], axis=-1)[:, -self.length :]
        self.input, self.begun = self.input[:, used:], True
        return final

    def _denoise(self, frames: Block) -> Block:
        """Frames ``[N, T]`` through the network, silent ones left silent, extreme ones scaled."""
        peak = np.abs(frames).max(axis=-1, keepdims=True)
        silent, far = peak < SILENT, (peak < SQUARES[0]) | (peak > SQUARES[1])
        if not self.scaled or not (far & ~silent).any():
            output = self.network(frames)
        else:
            exponent = np.where(far & ~silent, np.frexp(peak)[1], 0)
            output = np.ldexp(self.network(np.ldexp(frames, -exponent)), exponent)
        return np.where(silent, np.float32(0), output) if silent.any() else output

    def _add(self, output: Block) -> Block:
        """Add one frame ``[C, L]`` and move on by a hop, which is returned."""
        self.sum += self.window * output
        self.weight += self.window
        final = (self.sum[:, : self.hop] / self.weight[: self.hop]).astype(np.float32)
        self.sum = np.pad(self.sum[:, self.hop :], ((0, 0), (0, self.hop)))
        self.weight = np.pad(self.weight[self.hop :], (0, self.hop))
        return final

    def flush(self) -> Block:
        """The rest: together exactly as long as what went in."""
        left = self.input.shape[-1]
        if left == 0:
            return self.input
        if not self.begun:
            return self._denoise(self.input)
        if left > self.length - self.hop:  # samples that no frame has covered
            tail = np.concatenate([self.past, self.input], axis=-1)[:, -self.length :]
            output = self._denoise(np.ascontiguousarray(tail))[:, -left:]
            self.sum[:, :left] += self.window[-left:] * output
            self.weight[:left] += self.window[-left:]
        return (self.sum[:, :left] / self.weight[:left]).astype(np.float32)


class HopEngine:
    """A causal network that takes whole hops and keeps a state.

    In silence that lasts it puts silence out, whatever its state still holds.

    Args:
        step: the network, whose state is that of the past before the first sample.
        hop_length: of a hop.
        latency_samples: samples that must have come in before the first can go out; at least a hop.
        channels: channels C.
        stages: the step once more, in stages; none where it is in one piece.
    """

    def __init__(
        self,
        step: Step,
        *,
        hop_length: int,
        latency_samples: int,
        channels: int,
        stages: Callable[[], Sequence[Stage]] = tuple,
    ) -> None:
        self.step, self.hop, self.stages = step, hop_length, stages
        self.latency_samples, self.hop_length = latency_samples, hop_length
        self.silent_hops = np.zeros((channels, 1), np.int64)
        """Hops of silence up to now, of each channel."""
        self.discard = latency_samples - hop_length
        """Samples of the output that are still to be dropped: they lie before the signal's start."""
        self.buffer = np.zeros((channels, 0), np.float32)
        """Input that does not fill a hop yet."""
        self.pending = 0
        """Samples that have come in and not gone out."""

    def feed(self, block: Block) -> Block:
        """Take ``[C, n]`` and return what is final, ``[C, m]``."""
        self.pending += block.shape[-1]
        samples = np.concatenate([self.buffer, block], axis=-1) if self.buffer.size else block
        used = samples.shape[-1] // self.hop * self.hop
        self.buffer = samples[:, used:]
        portion = max(1, HOPS_AT_ONCE // max(1, len(block))) * self.hop
        outputs = [
            self._run(samples[:, start : min(start + portion, used)]) for start in range(0, used, portion)
        ]
        return outputs[0] if len(outputs) == 1 else np.concatenate([samples[:, :0], *outputs], axis=-1)

    def _run(self, samples: Block) -> Block:
        tiny = np.abs(samples) < SILENT
        if tiny.any():
            output = self._silenced(self.step(np.where(tiny, np.float32(0), samples)), tiny)
        else:
            output, self.silent_hops[:] = self.step(samples), 0
        dropped = min(self.discard, output.shape[-1])
        self.discard -= dropped
        self.pending -= output.shape[-1] - dropped
        return output[:, dropped:]

    def _silenced(self, output: Block, tiny: npt.NDArray[np.bool_]) -> Block:
        """Set to 0 the hops around which, as far as a frame reaches either way, all was silence."""
        silent = tiny.reshape(len(tiny), -1, self.hop).all(axis=-1)  # [C, hops]
        if not silent.any():
            self.silent_hops[:] = 0
            return output
        number = np.arange(1, silent.shape[-1] + 1)
        sounding = np.maximum.accumulate(np.where(silent, 0, number), axis=-1)
        lasting = number - sounding + np.where(sounding == 0, self.silent_hops, 0)
        self.silent_hops = lasting[:, -1:]
        reached = lasting >= 2 * self.latency_samples // self.hop - 1
        return np.where(np.repeat(reached, self.hop, axis=-1), np.float32(0), output)

    def flush(self) -> Block:
        """The rest: silence pushes it out, and what the silence makes is cut off."""
        left = self.pending
        hops = -(-(self.buffer.shape[-1] + self.latency_samples) // self.hop)
        silence = np.zeros((len(self.buffer), hops * self.hop - self.buffer.shape[-1]), np.float32)
        return self.feed(silence)[:, :left]
