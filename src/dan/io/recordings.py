"""Recordings of every format: opened for reading and writing block by block, or read and written whole.

Levels are never changed: full scale of a PCM file is +-1, and biosignals come in their physical units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_sample_rate, check_signal
from dan.core.atomic import atomic_write
from dan.core.errors import DanError
from dan.io._audio_writer import AudioWriter
from dan.io._content import format_by_content, refuse_strangers, suffix_of
from dan.io.audio import AUDIO, PCM_BITS, AudioReader
from dan.io.base import Form, Missing, Reader, Writer, not_a_recording
from dan.io.media import MEDIA
from dan.io.npy import ArrayReader, ArrayWriter
from dan.io.other_biosignals import BY_MNE, BY_OBSPY

__all__ = [
    "PCM_BITS", "SUFFIXES", "Form", "Missing", "Reader", "Recording", "Writer",
    "open_reader", "open_writer", "read", "suffix_of", "write", "written_name",
]  # fmt: skip

TEXT = ".txt"
"""May be a table: in a folder it counts as one where its lines are rows of numbers."""
TABLES = frozenset([".csv", ".tsv", TEXT])
EDF = frozenset([".edf", ".bdf", ".rec"])
WFDB = ".hea"
SUFFIXES = frozenset(
    [
        ".npy",
        ".npz",
        ".mat",
        *TABLES - {TEXT},
        *EDF,
        WFDB,
        *BY_MNE,
        *BY_OBSPY,
        *(f".{name}" for name in AUDIO.split(" ")),
    ]
)
"""Suffixes of what counts as a recording in a folder, in lower case."""
AMBIGUOUS = frozenset([*MEDIA, ".rec", ".sph", ".bwf", ".wave", ".amb", ".mat", ".npz"])
"""Suffixes of what counts as one by its content too."""


@dataclass(frozen=True)
class Recording:
    """Recording, as a file holds it."""

    samples: Signal
    """``[T]`` or ``[C, T]``, float32 or float64, wide enough to hold each stored value exactly."""
    sample_rate_hz: float | None
    """None for an array or a table whose rate nobody said."""
    encoding: str
    """Storage of the samples, as in ``Form``."""
    notes: tuple[str, ...] = ()
    """Sentences on how the file was understood, as in ``Reader``."""


def open_reader(
    path: str | Path,
    *,
    sample_rate_hz: float | None = None,
    dtype: npt.DTypeLike | None = None,
    missing: Missing = "refuse",
    columns: Sequence[str] | None = None,
    time_column: str | None = None,
) -> Reader:
    """Open a recording for reading in blocks ``[C, n]``, in order or by seeking.

    Args:
        path: a .npy array, the one array of a .npz or .mat, a table (.csv, .tsv, .txt), an audio file, what
            else ffmpeg reads, .edf, .bdf, the .hea of a WFDB record, or a biosignal that mne or obspy reads.
            The content goes before the suffix.
        sample_rate_hz: the rate of a file that does not say its own, in Hz; of one whose channels have
            several rates, that whose channels are read. A table is taken at this rate whatever its times say;
            otherwise the file's own rate holds. `Reader.notes` tells where the two differ.
        dtype: of the blocks, float32 or float64; None for one wide enough to hold each stored value exactly.
        missing: whether missing samples (NaN) are filled between their neighbours, or refused by their place.
            `Reader.gaps` puts them back.
        columns: of a table, the columns that are signals, by name or by number from 1; None for those that
            seem to be. Only tables have columns.
        time_column: of a table, the column of the times, likewise.

    Raises:
        DanError: if there is no such file, it is empty, cut short or no recording, has no samples, or has its
            axes in the wrong order; the message names the path.
    """
    source = Path(path)
    _check_is_file(source)
    rate_hz = None if sample_rate_hz is None else check_sample_rate(sample_rate_hz)
    try:
        reader = _opened(source, rate_hz, dtype, columns, time_column)
    except (DanError, MemoryError):
        raise
    except Exception as error:  # whatever a reader makes of a damaged file
        raise not_a_recording(source, error) from error
    reader.missing, reader.given_rate_hz = missing, rate_hz
    return reader


def _opened(
    source: Path,
    rate_hz: float | None,
    dtype: npt.DTypeLike | None,
    columns: Sequence[str] | None,
    time_column: str | None,
) -> Reader:
    refuse_strangers(source)
    is_mne = source.suffix.lower() in BY_MNE  # an EEGLAB file is a MATLAB file by its content
    kind = (None if is_mne else format_by_content(source)) or _format_by_suffix(source)
    if kind == "table":
        from dan.io.table import TableReader

        return TableReader(source, rate_hz, dtype, columns=columns, time_column=time_column)
    if columns is not None or time_column is not None:
        raise DanError(source, "only tables have columns", "Leave --columns and --time-column out")
    return _reader(source, kind, rate_hz, dtype)


def _reader(source: Path, kind: str, rate_hz: float | None, dtype: npt.DTypeLike | None) -> Reader:
    from dan.io.archive import MatReader, NpzReader
    from dan.io.edf import EdfReader
    from dan.io.media import MediaReader
    from dan.io.other_biosignals import MneReader, SeedReader
    from dan.io.wfdb import WfdbReader

    own_rate: dict[str, Callable[..., Reader]] = {
        "audio": AudioReader, "media": MediaReader, "mne": MneReader, "mseed": SeedReader,
    }  # fmt: skip
    others: dict[str, Callable[..., Reader]] = {
        "npy": ArrayReader, "npz": NpzReader, "mat": MatReader, "edf": EdfReader, "wfdb": WfdbReader,
    }  # fmt: skip
    return own_rate[kind](source, dtype) if kind in own_rate else others[kind](source, rate_hz, dtype)


def _format_by_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    kinds = {"table": TABLES, "edf": EDF, "media": MEDIA, "mne": BY_MNE, "mseed": BY_OBSPY}
    return next(
        (kind for kind, suffixes in kinds.items() if suffix in suffixes),
        {".npy": "npy", ".npz": "npz", ".mat": "mat", WFDB: "wfdb"}.get(suffix, "audio"),
    )


@contextmanager
def open_writer(
    path: str | Path, template: Form, *, sample_rate_hz: float | None = None, force: bool = False
) -> Iterator[Writer]:
    """Open a recording for writing in blocks ``[C, n]``; it appears under its name whole or not at all.

    It has the rate, length, channels, encoding and metadata of its template, as far as the format that its
    suffix names has them. Integers are rounded to the nearest and clipped, never wrapped.

    Args:
        path: its suffix says the format. Arrays and audio files can be written like any recording; tables,
            EDF files and WFDB records only with a template of their kind.
        template: a reader, which may be the one that the blocks come from.
        sample_rate_hz: the rate in Hz of an array or an audio file, where that differs (then the length is
            open) or is not known.
        force: overwrite a file of that name.

    Raises:
        DanError: if the format cannot hold it, the file exists or cannot be written, or the length differs.
    """
    target = Path(path)
    with ExitStack() as stack:
        temporary = stack.enter_context(atomic_write(target, force=force))
        if target.suffix.lower() == WFDB:
            from dan.io._wfdb_writer import WfdbWriter, sample_files
            from dan.io.wfdb import WfdbReader

            names = sample_files(template, target)
            samples = [
                stack.enter_context(atomic_write(target.with_name(name), force=force)) for name in names
            ]
            writer: Writer = WfdbWriter(temporary, target, cast(WfdbReader, template), samples)
        else:
            writer = _writer(temporary, target, template, sample_rate_hz)
        stack.callback(writer.close)
        yield writer
        writer.finish()


def read(path: str | Path, *, sample_rate_hz: float | None = None) -> Recording:
    """Read a whole recording.

    Args:
        path: as for ``open_reader``.
        sample_rate_hz: as for ``open_reader``.

    Raises:
        DanError: as for ``open_reader`` and ``Reader.read``.
    """
    with open_reader(path, sample_rate_hz=sample_rate_hz) as reader:
        if reader.length_samples is None:
            samples = np.concatenate(list(reader.blocks(2**16)), axis=1)
        else:
            samples = reader.read(0, reader.length_samples)
        whole = samples[0] if reader.rank == 1 else samples
        return Recording(whole, reader.sample_rate_hz, reader.encoding, tuple(reader.notes))


def write(
    path: str | Path,
    signal: npt.ArrayLike,
    *,
    sample_rate_hz: float | None,
    template: Recording | None = None,
    force: bool = False,
) -> int:
    """Write a recording; it appears under its name whole or not at all.

    Integers are rounded to the nearest and clipped, never wrapped. The same samples give the same bytes.

    Args:
        path: its suffix says the format: .npy, .wav, .flac, ...
        signal: ``[T]`` or ``[C, T]``.
        sample_rate_hz: its rate in Hz, a whole number for audio; a .npy array does not record it.
        template: a recording whose encoding is kept where the format has it. Otherwise .npy keeps the dtype,
            and audio is 32-bit float, 24-bit PCM or the format's default, the first that the format has.
        force: overwrite a file of that name.

    Returns:
        The number of samples that were clipped.

    Raises:
        DanError: if the signal is wrong, the format cannot hold it, or the file exists or cannot be written.
    """
    samples = check_signal(signal, name=f"signal for {path}")
    if samples.ndim > 2:
        raise DanError(
            f"signal of shape {list(samples.shape)}", "a file holds [T] or [C, T]", "Write several"
        )
    channels, length = np.atleast_2d(samples).shape
    encoding = template.encoding if template else ""
    form = Form(Path(path), sample_rate_hz, channels, length, encoding, samples.ndim)
    with open_writer(path, form, force=force) as writer:
        writer.write(np.atleast_2d(samples))
    return writer.clipped_samples


def written_name(path: Path) -> str:
    """The name of what comes of a recording: its own, or .wav or .npy where its format is only read."""
    if path.suffix.lower() in MEDIA:
        return path.with_suffix(".wav").name
    return path.with_suffix(".npy").name if path.suffix.lower() in BY_MNE | BY_OBSPY else path.name


def _check_is_file(path: Path) -> None:
    try:
        if path.is_file():
            return
        is_folder = path.is_dir()
    except OSError:  # the name is too long, or a folder above may not be looked into
        is_folder = False
    if is_folder:
        raise DanError(path, "it is a folder, not a file", "Give the path of a recording")
    raise DanError(path, "there is no such file", "Give the path of a recording")


def _at_rate(form: Form, sample_rate_hz: float | None) -> Form:
    """The same at another rate, of whatever length."""
    if sample_rate_hz is None or sample_rate_hz == form.sample_rate_hz:
        return form
    length = form.length_samples if form.sample_rate_hz is None else None
    return Form(form.path, sample_rate_hz, form.channels, length, form.encoding, form.rank, form.metadata)


def _writer(path: Path, target: Path, template: Form, sample_rate_hz: float | None) -> Writer:
    suffix = target.suffix.lower()
    if suffix in TABLES:
        from dan.io._table_writer import TableWriter

        return TableWriter(path, target, template)
    if suffix in EDF:
        from dan.io._edf_writer import EdfWriter

        return EdfWriter(path, target, template)
    if suffix in (".npz", ".mat"):
        from dan.io.archive import MatWriter, NpzWriter

        return (NpzWriter if suffix == ".npz" else MatWriter)(path, target, template)
    form = _at_rate(template, sample_rate_hz)
    return ArrayWriter(path, target, form) if suffix == ".npy" else AudioWriter(path, target, form)
