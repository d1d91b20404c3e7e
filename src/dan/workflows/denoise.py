"""Denoising files and folders of recordings: what `dan denoise` does around the denoiser."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dan.core.arrays import Signal, check_sample_rate
from dan.core.atomic import is_there
from dan.core.errors import DanError
from dan.core.progress import track
from dan.inference.denoiser import Denoiser
from dan.inference.stream import Stream, check_strength
from dan.io.base import Missing, Reader, Writer
from dan.io.recordings import SUFFIXES, find_recordings, open_reader, open_writer, tables_beside, written_name

BLOCK_VALUES = 2**18
"""Samples, of all channels, that are in memory at once: 1 MB."""

UNKNOWN_LENGTH = 2**62
"""Samples of a file that does not say how many they are: it is there as a whole all the same."""


@dataclass(frozen=True)
class Written:
    """A denoised file."""

    path: Path
    clipped_samples: int


@dataclass
class Report:
    """What came of each file."""

    written: list[Written] = field(default_factory=list)
    failures: list[DanError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was left out, in a sentence each."""


def denoise_files(
    denoiser: Denoiser,
    inputs: Iterable[Path],
    *,
    out: Path | None = None,
    strength: float = 1.0,
    sample_rate_hz: float | None = None,
    resample: bool = False,
    missing: Missing = "fill",
    columns: Sequence[str] | None = None,
    time_column: str | None = None,
    force: bool = False,
) -> Report:
    """Denoise recordings; one that fails does not stop the rest.

    Args:
        denoiser: the model.
        inputs: files, and folders whose recordings are taken with their tree.
        out: a file for one file, otherwise a folder; without it, ``NAME_denoised`` beside each input.
        strength: 0 returns the input, 1 all of the effect.
        sample_rate_hz: rate in Hz of files that do not say theirs.
        resample: take recordings of another rate too: to the model's rate and back.
        missing: "fill" puts a straight line through missing samples (NaN) for the denoiser, and leaves them
            missing in what is written; "refuse" is an error.
        columns: of tables, the columns to denoise, by name or by number from 1; None for all that seem to be
            signals.
        time_column: of tables, the column that holds the times; None for the one that seems to.
        force: overwrite what is there.

    Returns:
        What was written, and the errors of the files that could not be.

    Raises:
        DanError: if an option is wrong, an input does not exist or holds no recordings, or two would be
            written to one name.
    """
    inputs = list(inputs)
    check_strength(strength)
    if sample_rate_hz is not None:
        check_sample_rate(sample_rate_hz)
    options: dict[str, Any] = {
        "sample_rate_hz": sample_rate_hz, "missing": missing, "columns": columns, "time_column": time_column,
    }  # fmt: skip
    pairs, told = plan(inputs, out), dict[str, list[Path]]()
    report = Report(notes=[note for given in inputs if given.is_dir() for note in _left_out(given)])
    for source, target in track(pairs.items(), "Denoising"):
        try:
            with open_reader(source, **options) as reader:
                stream = _open_stream(denoiser, reader, strength=strength, resample=resample)
                with open_writer(target, reader, force=force) as writer:
                    _copy(reader, stream, writer)
                clipped = writer.clipped_samples
                for note in [*_told(reader, writer), *writer.notes]:
                    told.setdefault(note, []).append(source)
            report.written.append(Written(target, clipped))
        except DanError as error:
            report.failures.append(error)
    report.notes += [f"{_named(files)}: {note}" for note, files in told.items()]
    return report


def _named(files: list[Path]) -> str:
    return f"{files[0]} and {len(files) - 1} more" if len(files) > 1 else str(files[0])


def _left_out(folder: Path) -> list[str]:
    tables = tables_beside(folder)
    if not tables:
        return []
    few = ", ".join(table.name for table in tables[:3])
    return [f"{folder}: left out beside other recordings, tables: {len(tables)} ({few}). Give them by name."]


def _copy(reader: Reader, stream: Stream, writer: Writer) -> None:
    """Block by block: a recording of any length takes the memory of one block."""
    block_samples = max(1, BLOCK_VALUES // reader.channels)
    count = math.ceil((reader.length_samples or 0) / block_samples)
    for block in track(reader.blocks(block_samples), "Blocks", total=count):
        _write(reader, writer, _fed(stream, block, reader.path))
    _write(reader, writer, stream.flush())


def _write(reader: Reader, writer: Writer, block: Signal) -> None:
    """Write the next samples, with what was missing put back where the format can say so."""
    with_missing = reader.gaps.put_back(block, writer.written_samples)
    writer.write(with_missing if writer.holds_missing else block)


def _told(reader: Reader, writer: Writer) -> list[str]:
    """Sentences on how a recording was understood."""
    if not reader.gaps.count:
        return reader.notes
    back = (
        "put back" if writer.holds_missing else "left filled, as the format cannot say that they are missing"
    )
    return [*reader.notes, f"{reader.gaps.count} missing samples, filled for denoising and {back}"]


def _fed(stream: Stream, block: Signal, path: Path) -> Signal:
    try:
        return stream.feed(block)
    except DanError as error:
        raise DanError(f"{path} has {error.what}", error.rule, error.way_out) from error


def _open_stream(denoiser: Denoiser, reader: Reader, *, strength: float, resample: bool) -> Stream:
    """A stream for a recording at its own rate."""
    if reader.sample_rate_hz is None:
        wanted = f"--sample-rate {denoiser.info.sample_rate_hz:g}"
        raise DanError(reader.path, reader.rate_unknown, f"Say it, as in {wanted}")
    try:
        return denoiser.stream(
            channels=reader.channels,
            strength=strength,
            sample_rate=reader.sample_rate_hz,
            resample=resample,
            length_samples=reader.length_samples or UNKNOWN_LENGTH,
        )
    except DanError as error:
        raise DanError(f"{reader.path} at {error.what}", error.rule, error.way_out) from error


def plan(inputs: list[Path], out: Path | None) -> dict[Path, Path]:
    """The target of each recording, by its source.

    Raises:
        DanError: if an input does not exist, holds no recordings, or two would be written to one name.
    """
    for given in inputs:
        if not (is_there(given) or is_there(given, folder=True)):
            raise DanError(given, "there is no such file or folder", "Give the path of a recording")
    single = len(inputs) == 1 and inputs[0].is_file()
    if single and out and not out.is_dir() and out.suffix:
        return _without_clashes([(inputs[0], out)])
    if out and not out.is_dir() and (out.exists() or out.suffix.lower() in SUFFIXES):
        raise DanError(out, "a folder is needed here, and it is none", "Give -o a folder")
    pairs: list[tuple[Path, Path]] = []
    for given in inputs:
        pairs += _plan_folder(given, out) if given.is_dir() else [(given, _beside(given, out))]
    return _without_clashes(pairs)


def _without_clashes(pairs: list[tuple[Path, Path]]) -> dict[Path, Path]:
    """No two to one name, and none onto an input."""
    sources, taken = {source.resolve() for source, _ in pairs}, dict[Path, Path]()
    for source, target in pairs:
        if target.resolve() in sources:
            raise DanError(f"{source} to {target}", "that is one of the inputs", "Give another -o")
        if taken.setdefault(target.resolve(), source) != source:
            raise DanError(
                f"{taken[target.resolve()]} and {source}", f"both would be {target}", "Give them separately"
            )
    return dict(pairs)


def _beside(file: Path, out: Path | None) -> Path:
    name = Path(written_name(file))
    return out / name if out else file.with_name(f"{name.stem}_denoised{name.suffix}")


def _plan_folder(folder: Path, out: Path | None) -> list[tuple[Path, Path]]:
    whole = folder if folder.name not in ("", "..") else folder.resolve()  # `.` has no name of its own
    target = out or whole.with_name(f"{whole.name}_denoised")
    return [
        (file, (target / file.relative_to(folder)).with_name(written_name(file)))
        for file in find_recordings(folder)
    ]
