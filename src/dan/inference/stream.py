"""Streams: a denoiser fed with blocks of any length, sample by sample aligned with what comes out.

Whole signals, long files and live streams all pass through here, so that they give the same samples.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, cast, check_signal
from dan.core.errors import DanError
from dan.inference.conditioning import LARGEST, Conditioner
from dan.inference.engines import Block, Engine

SPAN_LATENCIES = 16
"""Spans after which the offset is looked at again, in latencies, where nothing else is said."""


class Stream:
    """A denoiser fed block by block; use it as a context manager or call `flush` at the end.

    The offset of each channel and, for networks that take any level alike, its scale are told from the
    first samples, as many as the latency, and put back.

    Args:
        engine: the network's, for so many channels.
        channels: channels C of every block.
        strength: 0 gives the input back, 1 the denoised signal, between them their mix.
        conditioner: what takes offset and scale out and puts them back, for so many channels.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        channels: int = 1,
        strength: float = 1.0,
        conditioner: Conditioner | None = None,
    ) -> None:
        check_strength(strength)
        self.engine, self.channels, self.strength = engine, channels, strength
        self.leading = [(channels,)] if channels > 1 else [(), (1,)]
        """Axes of a block before time."""
        latency = engine.latency_samples
        self.conditioner = conditioner or Conditioner(
            channels=channels, first_samples=latency, span_samples=SPAN_LATENCIES * latency
        )
        self.buffer: Signal = np.zeros((channels, 0), np.float32)
        """Input that has not come out yet, at its own precision, where it is mixed in."""
        self.rank, self.dtype = min(channels, 2), np.dtype(np.float32)
        """Axes and dtype of what comes out: those of the last block."""
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
            DanError: if the block is wrong, or the stream has ended.
        """
        self._check_open()
        given = np.asarray(block)
        rows = self._checked(given)
        if self.strength < 1:
            self.buffer = np.concatenate([self.buffer, rows], axis=-1)
        self.rank, self.dtype = given.ndim, given.dtype if given.dtype.kind in "fiu" else rows.dtype
        return self._mixed(self.engine.feed(self.conditioner.feed(rows)))

    def _checked(self, given: npt.NDArray[Any]) -> Signal:
        """The block ``[C, n]``, in float32 or float64; the usual one at the cost of its peak."""
        if given.dtype.char in "fd" and given.size and given.ndim and given.shape[:-1] in self.leading:
            rows = given.reshape(self.channels, -1)
            if np.abs(rows).max() <= LARGEST:  # which nothing is that is not finite
                return rows
        rows = check_signal(given, name="block") if given.shape[-1:] != (0,) else given.astype(np.float32)
        rows = rows[None] if rows.ndim == 1 else rows
        if rows.ndim != 2 or len(rows) != self.channels:
            raise DanError(
                f"a block of shape {list(given.shape)}",
                f"this stream has {self.channels} channels: [{self.channels}, n]",
                "Give time as the last axis, or open the stream with channels=",
            )
        check_size(rows)
        return rows

    def flush(self) -> Signal:
        """Return the rest, ``[C, m]`` or ``[m]`` as the blocks were; the stream then takes no more.

        Raises:
            DanError: if the stream has ended.
        """
        self._check_open()
        self.flushed = True
        rest = [self.engine.feed(self.conditioner.flush()), self.engine.flush()]
        return self._mixed(np.concatenate(rest, axis=-1))

    def _check_open(self) -> None:
        if self.flushed:
            raise DanError(
                "a stream that has ended", "it takes no more blocks and holds none", "Open another"
            )

    def _mixed(self, denoised: Block) -> Signal:
        mixed = self.conditioner.restore(denoised)
        if self.strength < 1:
            count = denoised.shape[-1]
            dry, self.buffer = self.buffer[:, :count], self.buffer[:, count:]
            mixed = self.strength * mixed + (1 - self.strength) * dry
        typed, _ = cast(mixed, self.dtype)
        return typed[0] if self.rank == 1 else typed

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


def check_size(rows: Signal) -> None:
    """Check that samples are not beyond what is taken.

    Raises:
        DanError: if one is.
    """
    reached = np.abs(rows).max(initial=0)
    if reached > LARGEST:
        rule = f"networks compute in float32; samples are taken up to {LARGEST:g}"
        raise DanError(f"a sample of size {reached:.3g}", rule, "Scale the signal down, or mend the sample")
