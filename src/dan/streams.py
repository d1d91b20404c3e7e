"""Streams: a denoiser fed with blocks of any length, sample by sample aligned with what comes out.

Whole signals, long files and live streams all pass through here, so that they give the same samples.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dan.errors import DanError
from dan.signals import Signal, check_signal

Block = npt.NDArray[np.float32]
Network = Callable[[Block], Block]
"""Frames ``[N, T]`` to frames of the same shape."""

FRAMES_AT_ONCE = 256
"""Frames that go through the network together: bounds the memory."""


class Engine(Protocol):
    """What turns blocks ``[C, n]`` into the denoised samples that have become final, in order."""

    latency_samples: int
    """Samples that must have come in before the first can go out."""

    def feed(self, block: Block) -> Block:
        """Take ``[C, n]`` and return what is final, ``[C, m]``."""
        ...

    def flush(self) -> Block:
        """Return the rest: together exactly as long as what went in."""
        ...


class Stream:
    """A denoiser fed block by block; use it as a context manager or call `flush` at the end.

    Args:
        engine: the network's, for so many channels.
        channels: channels C of every block.
        strength: 0 gives the input back, 1 the denoised signal, between them their mix.
    """

    def __init__(self, engine: Engine, *, channels: int = 1, strength: float = 1.0) -> None:
        if not 0 <= strength <= 1:
            raise DanError(f"strength={strength}", "it is from 0 to 1", "0 is the input, 1 all of the effect")
        self.engine, self.channels, self.strength = engine, channels, strength
        self.waiting: Signal = np.zeros((channels, 0), np.float32)
        """Input that has not come out yet, at its own precision."""
        self.flushed = False

    @property
    def latency_samples(self) -> int:
        """Samples that must have come in before the first can go out."""
        return self.engine.latency_samples

    def feed(self, block: npt.ArrayLike) -> Signal:
        """Take a block and return what has become final.

        Args:
            block: ``[C, n]``, or ``[n]`` for one channel; n from 0 up.

        Returns:
            ``[C, m]`` or ``[m]``, of the block's dtype (float64 for whole numbers); m may be 0.

        Raises:
            DanError: if the block is wrong, or the stream has been flushed.
        """
        if self.flushed:
            raise DanError("a flushed stream", "it takes no more blocks", "Open another")
        given = np.asarray(block)
        if given.shape[-1:] == (0,):
            given = np.zeros(given.shape, given.dtype if given.dtype == np.float32 else np.float64)
        else:
            given = check_signal(given, name="block")
        rows = given[None] if given.ndim == 1 else given
        if rows.ndim != 2 or len(rows) != self.channels:
            raise DanError(
                f"a block of shape {list(given.shape)}",
                f"this stream has {self.channels} channels: [{self.channels}, n]",
                "Give time as the last axis, or open the stream with channels=",
            )
        self.waiting = np.concatenate([self.waiting, rows], axis=-1)
        return self._mixed(self.engine.feed(rows.astype(np.float32)), given)

    def flush(self) -> Signal:
        """Return the rest ``[C, m]``; the stream then takes no more."""
        self.flushed = True
        return self._mixed(self.engine.flush(), self.waiting)

    def _mixed(self, denoised: Block, like: Signal) -> Signal:
        count = denoised.shape[-1]
        dry, self.waiting = self.waiting[:, :count], self.waiting[:, count:]
        mixed = self.strength * denoised + (1 - self.strength) * dry if self.strength < 1 else denoised
        return mixed.astype(like.dtype)[0] if like.ndim == 1 else mixed.astype(like.dtype)

    def __enter__(self) -> Stream:
        """The stream itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more blocks."""
        self.flushed = True


class FrameEngine:
    """A network over frames of one length: each half over its neighbour, joined by a weighted mean.

        starts     0      h      2h           T - L
        frames     [------------]
                          [------------]
                                 [------ ... -]      the last one ends with the signal
        final      |<- h ->|                         once the next frame's start is known

    The last frame counts only from where nothing is final yet. The weights are divided out, so that frames
    that come back as they were add up to the signal itself. A signal shorter than a frame goes through whole.

    Args:
        network: on frames ``[N, L]``, or shorter.
        frame_samples: L.
        channels: channels C.
    """

    def __init__(self, network: Network, *, frame_samples: int, channels: int) -> None:
        self.network, self.length, self.hop = network, frame_samples, max(1, frame_samples // 2)
        self.latency_samples = frame_samples
        self.window = np.sin(np.pi * (np.arange(frame_samples) + 0.5) / frame_samples) ** 2  # never 0
        self.past = np.zeros((channels, 0), np.float32)
        """Input before the next frame, as much as the last frame may need."""
        self.input = np.zeros((channels, 0), np.float32)
        """From the next frame's start on."""
        self.sum = np.zeros((channels, frame_samples))
        self.weight = np.zeros(frame_samples)
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
        outputs = self.network(np.ascontiguousarray(frames).reshape(-1, self.length))
        outputs = outputs.reshape(channels, count, self.length)
        final = [self._add(outputs[:, index]) for index in range(count)]
        self.past = np.concatenate([self.past, self.input[:, :used]], axis=-1)[:, -self.length :]
        self.input, self.begun = self.input[:, used:], True
        return final

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
            return self.network(self.input)
        if left > self.length - self.hop:  # samples that no frame has covered
            tail = np.concatenate([self.past, self.input], axis=-1)[:, -self.length :]
            output = self.network(np.ascontiguousarray(tail))[:, -left:]
            self.sum[:, :left] += self.window[-left:] * output
            self.weight[:left] += self.window[-left:]
        return (self.sum[:, :left] / self.weight[:left]).astype(np.float32)
