"""Streams: a denoiser fed with blocks of any length, sample by sample aligned with what comes out.

Whole signals, long files and live streams all pass through here, so that they give the same samples.
"""

from __future__ import annotations

from types import TracebackType

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, cast, check_signal
from dan.core.errors import DanError
from dan.inference.engines import Block, Engine

LARGEST = 1e15
"""Networks compute in float32 with powers of spectra: beyond this they are not finite."""


class Stream:
    """A denoiser fed block by block; use it as a context manager or call `flush` at the end.

    Args:
        engine: the network's, for so many channels.
        channels: channels C of every block.
        strength: 0 gives the input back, 1 the denoised signal, between them their mix.
    """

    def __init__(self, engine: Engine, *, channels: int = 1, strength: float = 1.0) -> None:
        check_strength(strength)
        self.engine, self.channels, self.strength = engine, channels, strength
        self.waiting: Signal = np.zeros((channels, 0), np.float32)
        """Input that has not come out yet, at its own precision."""
        self.like = np.zeros((channels, 0), np.float32) if channels > 1 else np.zeros(0, np.float32)
        """Of the rank and dtype that come out: those of the last block."""
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
            ``[C, m]`` or ``[m]``, of the block's dtype, whole numbers rounded, clipped to its range (booleans
            as float64); m may be 0.

        Raises:
            DanError: if the block is wrong, or the stream has been flushed.
        """
        if self.flushed:
            raise DanError("a flushed stream", "it takes no more blocks", "Open another")
        given = np.asarray(block)
        rows = check_signal(given, name="block") if given.shape[-1:] != (0,) else given.astype(np.float32)
        rows = rows[None] if rows.ndim == 1 else rows
        if rows.ndim != 2 or len(rows) != self.channels:
            raise DanError(
                f"a block of shape {list(given.shape)}",
                f"this stream has {self.channels} channels: [{self.channels}, n]",
                "Give time as the last axis, or open the stream with channels=",
            )
        narrow = _narrow(rows)
        self.waiting = np.concatenate([self.waiting, rows], axis=-1)
        self.like = given[..., :0] if given.dtype.kind in "fiu" else rows[:, :0].reshape(*given.shape[:-1], 0)
        return self._mixed(self.engine.feed(narrow))

    def flush(self) -> Signal:
        """Return the rest, ``[C, m]`` or ``[m]`` as the blocks were; the stream then takes no more."""
        self.flushed = True
        return self._mixed(self.engine.flush())

    def _mixed(self, denoised: Block) -> Signal:
        count = denoised.shape[-1]
        dry, self.waiting = self.waiting[:, :count], self.waiting[:, count:]
        mixed = self.strength * denoised + (1 - self.strength) * dry if self.strength < 1 else denoised
        typed, _ = cast(mixed, self.like.dtype)
        return typed[0] if self.like.ndim == 1 else typed

    def __enter__(self) -> Stream:
        """The stream itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more blocks."""
        self.flushed = True


def check_strength(strength: float) -> None:
    """Check that it is from 0 to 1.

    Raises:
        DanError: if not.
    """
    if not 0 <= strength <= 1:
        raise DanError(f"strength={strength}", "it is from 0 to 1", "0 is the input, 1 all of the effect")


def _narrow(rows: Signal) -> Block:
    """To float32, in which networks compute."""
    reached = np.abs(rows).max(initial=0)
    if reached > LARGEST:
        rule = f"networks compute in float32, up to {LARGEST:g}"
        raise DanError(f"a sample of size {reached:.3g}", rule, "Scale the signal down, or mend the sample")
    return rows.astype(np.float32)
