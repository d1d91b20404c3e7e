"""Raw .npy arrays, ``[T]`` or ``[C, T]``, of any integer or float dtype, read and written block by block."""

from __future__ import annotations

import io
import math
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, cast, check_signal
from dan.core.errors import DanError
from dan.io.base import Form, Reader, Writer, not_a_recording

MANY_CHANNELS = 64
"""An array with more rows than this, and more rows than columns, has its axes in the wrong order."""


class ArrayReader(Reader):
    """A .npy array of which parts are mapped into memory as they are read.

    Args:
        path: the file.
        sample_rate_hz: its rate, which the file does not say.
        dtype: of the blocks; None for float32 or float64, wide enough to hold each stored value exactly.
    """

    def __init__(self, path: Path, sample_rate_hz: float | None, dtype: npt.DTypeLike | None) -> None:
        stored = _open(path)
        rank, (channels, length) = stored.ndim, np.atleast_2d(stored).shape
        metadata = {"dtype": stored.dtype, "fortran_order": not stored.flags.c_contiguous}
        super().__init__(path, sample_rate_hz, channels, length, stored.dtype.name, rank, metadata)
        self._offset_bytes = int(stored.offset)
        self._dtype = np.dtype(dtype or (np.float32 if stored.dtype.name in EXACT_IN_FLOAT32 else np.float64))

    def close(self) -> None:
        """Do nothing, as nothing stays open between reads."""

    def _read(self, start_sample: int, count: int) -> Signal:
        return np.array(self.stored(start_sample, count), dtype=self._dtype, order="C", subok=False)

    def stored(self, start_sample: int, count: int) -> npt.NDArray[Any]:
        """Samples ``[C, n]`` as they are stored."""
        # Mapped anew each time, so that pages once read do not add up in memory.
        shape = (self.channels, self.length_samples or 0)
        order: Literal["F", "C"] = "F" if self.metadata["fortran_order"] else "C"
        stored = np.memmap(self.path, self.metadata["dtype"], "r", self._offset_bytes, shape, order)
        return stored[:, start_sample : start_sample + count]


EXACT_IN_FLOAT32 = frozenset(["float16", "float32"])
"""Stored dtypes that are read as float32; the rest as float64."""


def _open(path: Path) -> np.memmap[Any, Any]:
    try:
        # Mapped: a header that promises more than the file holds asks for no memory.
        stored = np.lib.format.open_memmap(path, mode="r")  # never unpickles
    except Exception as error:  # numpy parses the header as Python: a damaged one raises anything
        if there := _cut_short(path, error):
            raise DanError(path, f"it is cut short: {there}", "Copy or record it again") from error
        raise not_a_recording(path, error) from error
    check_array(stored, path)
    return stored


def _cut_short(path: Path, error: Exception) -> str:
    """Say what is there of an array that numpy refuses, where that is not all of it; else nothing."""
    form = np.lib.format
    with suppress(Exception), path.open("rb") as file:  # a header that is damaged says no size
        if str(error).startswith("EOF"):
            start = file.read(len(form.MAGIC_PREFIX))
            return "it ends within its header" if start and form.MAGIC_PREFIX.startswith(start) else ""
        is_first = form.read_magic(file) == (1, 0)
        shape, _, dtype = (form.read_array_header_1_0 if is_first else form.read_array_header_2_0)(file)
        held, said = path.stat().st_size, file.tell() + math.prod(shape) * dtype.itemsize
        return f"{held} of {said} bytes are there" if held < said and not dtype.hasobject else ""
    return ""


def check_array(stored: npt.NDArray[Any], path: Path) -> None:
    """Check that an array in a file is a signal.

    Raises:
        DanError: if it holds no numbers or none at all, or has another shape than ``[T]`` or ``[C, T]``.
    """
    if stored.ndim not in (1, 2):
        shape = f"{path} of shape {list(stored.shape)}"
        raise DanError(shape, "the shape must be [T], or [C, T] with time last", "Reshape it")
    if stored.dtype.kind not in "fiub" or not stored.size:
        check_signal(stored, name=str(path))  # says which of them
    if stored.ndim == 2 and stored.shape[0] > max(MANY_CHANNELS, stored.shape[1]):
        channels, samples = stored.shape
        noun = "samples" if samples > 1 else "sample"
        raise DanError(
            f"{path} of shape {list(stored.shape)}",
            f"{channels} channels of {samples} {noun}: time must be the last axis",
            "Transpose it",
        )


def as_stored(
    block: Signal, dtype: np.dtype[Any], source: npt.NDArray[Any] | None
) -> tuple[npt.NDArray[Any], int]:
    """Block ``[C, n]`` in a dtype, and how many samples were clipped.

    Args:
        block: the samples.
        dtype: to be stored in.
        source: what stands in their place in the file they come from; where the sample is the same, so is
            what is stored, down to bits that a float does not hold.
    """
    stored, clipped = cast(block, dtype)
    if source is None or source.dtype != dtype or source.shape != stored.shape:
        return stored, clipped
    same = source.astype(block.dtype) == block
    return np.where(same, source, stored).astype(dtype), 0 if same.all() else clipped


class ArrayWriter(Writer):
    """A .npy array; its dtype and order are those of its template.

    Rows go to their places one after another, with the length known beforehand. Where it is not, samples of
    all channels go together (Fortran order), and the header is written once more at the end.
    """

    def __init__(self, path: Path, target: Path, form: Form) -> None:
        super().__init__(path, target, form)
        self._dtype = stored_dtype(form)
        unknown = form.length_samples is None
        self._together = form.metadata.get("fortran_order", False) or (unknown and form.rank == 2)
        self._file = path.open("wb")
        self._header_bytes = self._write_header(form.length_samples or 0)

    @property
    def holds_missing(self) -> bool:
        """Return whether its numbers are floats, which can be NaN."""
        return self._dtype is None or self._dtype.kind == "f"

    def close(self) -> None:
        """Close the file, whole or not."""
        self._file.close()

    def _write_header(self, length: int) -> int:
        shape = (length,) if self._form.rank == 1 else (self._form.channels, length)
        descr = np.lib.format.dtype_to_descr(self._dtype or np.dtype(np.float32))
        header = io.BytesIO()
        fields = {"descr": descr, "fortran_order": self._together, "shape": shape}
        np.lib.format.write_array_header_1_0(header, fields)
        self._file.seek(0)
        return self._file.write(header.getvalue())

    def _write(self, block: Signal) -> None:
        if self._dtype is None:
            self._dtype = block.dtype
            self._write_header(self._form.length_samples or 0)
        template, length = self._form, block.shape[-1]
        source = template.stored(self.written_samples, length) if isinstance(template, ArrayReader) else None
        stored, clipped = as_stored(block, self._dtype, source)
        self.clipped_samples += clipped
        for sample, values in self._places(stored):
            self._file.seek(self._header_bytes + sample * self._dtype.itemsize)
            self._file.write(np.ascontiguousarray(values).tobytes())

    def _places(self, block: npt.NDArray[Any]) -> list[tuple[int, npt.NDArray[Any]]]:
        """Rows to write, each with the number of stored samples before it."""
        if self._together or len(block) == 1:
            return [(self.written_samples * len(block), block.T)]
        length = self._form.length_samples or 0
        return [(channel * length + self.written_samples, row) for channel, row in enumerate(block)]

    def _finish(self) -> None:
        if self._write_header(self.written_samples) != self._header_bytes:
            raise DanError(self._target, "its header grew beyond its place", "Write another format")
        self._file.flush()


def stored_dtype(form: Form) -> np.dtype[Any] | None:
    """The dtype of an array it is like; None for that of the first block."""
    try:
        dtype: np.dtype[Any] = np.dtype(form.metadata.get("dtype", form.encoding))
    except (TypeError, ValueError):  # the encoding of another format
        return None
    return dtype if dtype.kind in "fiu" else None
