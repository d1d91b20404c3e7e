"""Streams: a denoiser fed with blocks of any length, sample by sample aligned with what comes out.

Whole signals, long files and live streams all pass through here, so that they give the same samples.
"""

from __future__ import annotations

from types import TracebackType

import numpy as np
import numpy.typing as npt

from dan.engines import Block, Engine
from dan.errors import DanError
from dan.signals import Signal, check_signal


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
