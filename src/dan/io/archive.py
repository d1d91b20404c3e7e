"""One array among others: .npz of NumPy and .mat of MATLAB, read and written whole.

A .npz holds one array. Of a .mat the one variable of more than a number is the signal, its time the longer
axis, and a number named as a sample rate is the rate; what else it holds comes back as it was.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_sample_rate
from dan.core.errors import DanError
from dan.core.extras import require
from dan.io.base import Form, Reader, Writer, not_a_recording
from dan.io.npy import EXACT_IN_FLOAT32, as_stored, check_array, stored_dtype

RATE_NAMES = frozenset(
    ["fs", "sr", "srate", "samplerate", "samplingrate", "samplefrequency", "samplingfrequency"]
)
"""Variables of a .mat that say its sample rate, in lower case and without what stands between words."""

COMPRESSED_DATA = 15
"""The first number behind the header of a compressed MAT file (MathWorks, MAT-File Format, R2023b)."""


class ArchiveReader(Reader):
    """A recording that is read into memory whole.

    Args:
        path: the file.
        sample_rate_hz: its rate, where the file does not say it.
        dtype: of the blocks; None for float32 or float64, wide enough to hold each stored value exactly.
        array: what is stored, ``[T]`` or ``[C, T]``.
        metadata: what the writer of the same format takes.
    """

    def __init__(
        self, path: Path, sample_rate_hz: float | None, dtype: npt.DTypeLike | None,
        array: npt.NDArray[Any], metadata: dict[str, Any],
    ) -> None:  # fmt: skip
        check_array(array, path)
        self._array = np.atleast_2d(array)
        channels, length = self._array.shape
        metadata["dtype"] = array.dtype
        super().__init__(path, sample_rate_hz, channels, length, array.dtype.name, array.ndim, metadata)
        self._dtype = np.dtype(dtype or (np.float32 if array.dtype.name in EXACT_IN_FLOAT32 else np.float64))

    def close(self) -> None:
        """Do nothing, as nothing stays open."""

    def _read(self, start_sample: int, count: int) -> Signal:
        return np.array(self.stored(start_sample, count), dtype=self._dtype, order="C")

    def stored(self, start_sample: int, count: int) -> npt.NDArray[Any]:
        """Samples ``[C, n]`` as they are stored."""
        return self._array[:, start_sample : start_sample + count]


class NpzReader(ArchiveReader):
    """The one array of a .npz.

    Args:
        path: the file.
        sample_rate_hz: its rate, which the file does not say.
        dtype: of the blocks, as for `ArchiveReader`.
    """

    def __init__(self, path: Path, sample_rate_hz: float | None, dtype: npt.DTypeLike | None) -> None:
        try:
            with zipfile.ZipFile(path) as file:
                compressed = any(member.compress_type for member in file.infolist())
            with np.load(path, allow_pickle=False) as archive:
                names = list(archive.files)
                arrays = [archive[name] for name in names[:1]]
        except Exception as error:  # numpy and zlib raise anything for a damaged file
            raise not_a_recording(path, error) from error
        if len(names) != 1:
            held = f"it holds {len(names)} arrays: {', '.join(names[:9])}" if names else "it holds no array"
            raise DanError(path, held, "Save the one to denoise by itself, as .npy")
        super().__init__(path, sample_rate_hz, dtype, arrays[0], {"name": names[0], "compressed": compressed})


class MatReader(ArchiveReader):
    """The one signal of a .mat, up to version 7.

    Args:
        path: the file.
        sample_rate_hz: its rate, where no variable says it.
        dtype: of the blocks, as for `ArchiveReader`.
    """

    def __init__(self, path: Path, sample_rate_hz: float | None, dtype: npt.DTypeLike | None) -> None:
        scipy_io = require("scipy.io", extra="train", what=path)
        try:
            variables = scipy_io.loadmat(path)
            with path.open("rb") as file:
                compressed = file.read(129)[128:] == bytes([COMPRESSED_DATA])
        except Exception as error:  # scipy raises anything for a damaged file
            raise not_a_recording(path, error) from error
        variables = {name: value for name, value in variables.items() if not name.startswith("__")}
        name = _signal_name(variables, path)
        stored = variables[name]
        transposed = stored.shape[0] > stored.shape[1]
        whole = stored.T if transposed else stored
        metadata = {"name": name, "transposed": transposed, "variables": variables, "compressed": compressed}
        rate_hz = _rate_hz(variables) or sample_rate_hz
        super().__init__(path, rate_hz, dtype, whole[0] if len(whole) == 1 else whole, metadata)


def _signal_name(variables: dict[str, Any], path: Path) -> str:
    found = [
        name for name, value in variables.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim == 2 and value.size > 1
    ]  # fmt: skip
    if len(found) != 1:
        held = f"it holds {len(found)} variables that could be the signal: {', '.join(found[:9])}"
        held = held if found else f"no variable is a matrix of real numbers: {', '.join(list(variables)[:9])}"
        raise DanError(path, held, "Save the one to denoise by itself")
    return found[0]


def _rate_hz(variables: dict[str, Any]) -> float | None:
    said = [
        float(value.item()) for name, value in variables.items()
        if name.lower().replace("_", "") in RATE_NAMES
        and isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "fiu"
    ]  # fmt: skip
    return check_sample_rate(said[0]) if said else None


class ArchiveWriter(Writer):
    """A recording that is gathered in memory and written at the end; the common part of its formats."""

    def __init__(self, path: Path, target: Path, form: Form) -> None:
        super().__init__(path, target, form)
        self._dtype = stored_dtype(form)
        self._parts: list[npt.NDArray[Any]] = []
        self._file = path.open("wb")

    @property
    def holds_missing(self) -> bool:
        """Return whether its numbers are floats, which can be NaN."""
        return self._dtype is None or self._dtype.kind == "f"

    def close(self) -> None:
        """Close the file, whole or not."""
        self._file.close()

    def _write(self, block: Signal) -> None:
        self._dtype = self._dtype or block.dtype
        template, length = self._form, block.shape[-1]
        source = (
            template.stored(self.written_samples, length) if isinstance(template, ArchiveReader) else None
        )
        stored, clipped = as_stored(block, self._dtype, source)
        self.clipped_samples += clipped
        self._parts.append(stored)

    def _whole(self) -> npt.NDArray[Any]:
        """All samples, ``[T]`` or ``[C, T]``."""
        whole = np.concatenate(self._parts, axis=1)
        return whole[0] if self._form.rank == 1 else whole


class NpzWriter(ArchiveWriter):
    """A .npz of one array, compressed and named as its template."""

    def _finish(self) -> None:
        save: Any = np.savez_compressed if self._form.metadata.get("compressed") else np.savez
        save(self._file, **{self._form.metadata.get("name", "signal"): self._whole()})
        self._file.flush()


class MatWriter(ArchiveWriter):
    """A .mat like one that was read: its signal anew, its other variables as they were."""

    def __init__(self, path: Path, target: Path, form: Form) -> None:
        if not isinstance(form, MatReader):
            raise DanError(target, "a .mat is written like a .mat that is read", "Write .npy or .wav")
        super().__init__(path, target, form)

    def _finish(self) -> None:
        metadata = self._form.metadata
        whole = np.atleast_2d(self._whole())
        variables = {**metadata["variables"], metadata["name"]: whole.T if metadata["transposed"] else whole}
        scipy_io = require("scipy.io", extra="train", what=self._target)
        scipy_io.savemat(self._file, variables, do_compression=metadata["compressed"])
        self._file.flush()
