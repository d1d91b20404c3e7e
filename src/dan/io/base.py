"""Base of all formats of recordings: a form, a reader of blocks and a writer of blocks.

A block is ``[C, n]``: all channels, n samples of each, time last. Nothing needs more memory than that.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io._missing import Gaps

RATE_ROUNDING = 1e-6
"""Relative tolerance by which a rate that is given may differ from that of the file."""

Missing = Literal["fill", "refuse"]
"""Treatment of missing samples (NaN): filled between their neighbours, or refused."""


@dataclass
class Form:
    """Form of a recording: all but its samples."""

    path: Path
    sample_rate_hz: float | None
    """None where neither the file nor the user says it."""
    channels: int
    length_samples: int | None
    """None where the format does not say it before the end."""
    encoding: str
    """Storage of the samples: numpy's dtype (``int16``), libsndfile's subtype (``PCM_24``), ``text``, ..."""
    rank: int = 2
    """1 if the whole is an array ``[T]``, 2 if it is ``[C, T]``."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Values that come back on writing: tags of audio, names and units of channels, ..."""


class Reader(Form, ABC):
    """A recording open for reading, in order or by seeking; a context manager."""

    missing: Missing = "refuse"
    """Treatment of missing samples; to be set before the first is read."""

    holds: str | None = None
    """Content of such files, where their format is for nothing else: sound, biosignals or seismograms."""

    rate_unknown = "the file does not say its sample rate"
    """Reason for which ``sample_rate_hz`` is None, where it is."""

    given_rate_hz: float | None = None
    """The rate that the user gave, in Hz; of a file that says its own, that one holds."""

    @property
    def own_notes(self) -> list[str]:
        """Those of the notes that are particular to the format."""
        return []

    @property
    def notes(self) -> list[str]:
        """Notes on how the file was understood, in a sentence each."""
        own_hz, given_hz = self.sample_rate_hz, self.given_rate_hz
        if own_hz is None or given_hz is None or is_same_rate(own_hz, given_hz):
            return self.own_notes
        return [*self.own_notes, f"it says {own_hz:.9g} Hz, which are taken, not the {given_hz:.9g} Hz given"]

    @cached_property
    def gaps(self) -> Gaps:
        """The missing samples of what was read so far."""
        return Gaps(self._read)

    def __enter__(self) -> Self:
        """Return the reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @abstractmethod
    def _read(self, start_sample: int, count: int) -> Signal:
        """Samples ``[C, n]``, n below ``count`` at the end only; anything raised is a damaged file."""

    def read(self, start_sample: int, count: int) -> Signal:
        """Read by seeking: ``[C, n]``, where n is ``count`` or, at the end, what is left.

        Raises:
            DanError: if the file is damaged or shorter than it says, or a sample is infinite, or missing and
                not to be filled.
        """
        if start_sample < 0 or count < 0:
            raise DanError(
                f"{self.path} from {start_sample}, {count} samples", "both are 0 or more", "Mend it"
            )
        try:
            block = self._read(start_sample, count)
        except (DanError, MemoryError):
            raise
        except Exception as error:  # whatever the format's library makes of a damaged file
            raise not_a_recording(self.path, error) from error
        self._check_not_short(block, start_sample, count)
        if self.missing == "fill":
            block = self.gaps.filled(block, start_sample)
        _check_finite(block, self.path, start_sample)
        return block

    def blocks(self, block_samples: int) -> Iterator[Signal]:
        """Yield the whole recording in order as ``[C, block_samples]``, the last one shorter.

        Raises:
            DanError: as ``read`` does.
        """
        start = 0
        while (block := self.read(start, block_samples)).shape[-1]:
            yield block
            start += block.shape[-1]

    def _check_not_short(self, block: Signal, start_sample: int, count: int) -> None:
        if self.length_samples is None:
            return
        wanted = max(0, min(count, self.length_samples - start_sample))
        if block.shape[-1] < wanted:
            end = f"{start_sample + block.shape[-1]} of {self.length_samples}"
            raise DanError(self.path, f"it is cut short: it ends at sample {end}", "Copy or record it again")


class Writer(ABC):
    """A recording open for writing under a temporary name.

    Args:
        path: the temporary name.
        target: the final name, for messages.
        form: what the recording is to be; its path is that of its template.
    """

    def __init__(self, path: Path, target: Path, form: Form) -> None:
        self._path, self._target, self._form = path, target, form
        self.clipped_samples = 0
        """Number of samples that did not fit into the encoding and were clipped to its ends."""
        self.written_samples = 0
        """Number of samples of each channel that were written."""
        self.notes: list[str] = []
        """Notes on what of the template could not be carried over, in a sentence each."""

    @property
    def holds_missing(self) -> bool:
        """Return whether the format can say that a sample is missing (NaN)."""
        return False

    def write(self, block: Signal) -> None:
        """Write the next samples, ``[C, n]``.

        Raises:
            DanError: if the number of channels differs, it cannot be written, or a sample is infinite, or
                missing (NaN) where the format cannot say so.
        """
        if block.ndim != 2 or len(block) != self._form.channels:
            shape = f"block of shape {list(block.shape)} for {self._target}"
            raise DanError(shape, f"it must be [{self._form.channels}, n]", "Give every channel, time last")
        _check_finite(block, self._target, self.written_samples, or_missing=self.holds_missing)
        self._write(block)
        self.written_samples += block.shape[-1]

    def finish(self) -> None:
        """Write what comes last.

        Raises:
            DanError: if fewer or more samples were written than the form says, or it cannot be written.
        """
        wanted = self._form.length_samples
        if wanted is not None and self.written_samples != wanted:
            raise DanError(
                self._target, f"{self.written_samples} of {wanted} samples were written", "Write all of them"
            )
        self._finish()

    @abstractmethod
    def close(self) -> None:
        """Close the file, whole or not."""

    @abstractmethod
    def _write(self, block: Signal) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...


def is_same_rate(first_hz: float, second_hz: float) -> bool:
    """Return whether two rates differ by no more than the rounding of a number that somebody writes down."""
    return math.isclose(first_hz, second_hz, rel_tol=RATE_ROUNDING)


def reason(error: Exception) -> str:
    """Reason of an error, without the path that libraries put in front or behind, and the full stop."""
    said = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return (said.splitlines() or [type(error).__name__])[0].rstrip(".")


def not_a_recording(path: Path, error: Exception, *, way_out: str = "") -> DanError:
    """Return the error for a file that cannot be read."""
    why = f"it cannot be read as a recording ({reason(error)})"
    with suppress(OSError):
        why = "it is empty" if path.stat().st_size == 0 else why
    default = "Give a .npy array of numbers, a table or an audio file such as .wav or .flac"
    return DanError(path, why, way_out or default)


def _not_finite(wrong: npt.NDArray[np.bool_], start_sample: int) -> str:
    """Say how many samples of a block ``[C, n]`` are not finite."""
    count, stop = int(wrong.sum()), start_sample + wrong.shape[-1]
    return f"{count} of those from {start_sample} to {stop - 1} {'is' if count == 1 else 'are'} not"


def _check_finite(block: Signal, path: Path, start_sample: int, *, or_missing: bool = False) -> None:
    finite = ~np.isinf(block) if or_missing else np.isfinite(block)
    if not finite.all():
        sample, channel = np.argwhere(~finite.T)[0]
        where = f" of channel {channel}" if len(block) > 1 else ""
        raise DanError(
            f"{path} has {block[channel, sample]} at sample {start_sample + sample}{where}",
            f"every sample must be a finite number, and {_not_finite(~finite, start_sample)}",
            "Cut these samples out or fill them in",
        )
