"""Denoising files and folders of recordings: what `dan denoise` does around the denoiser."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from dan.core.arrays import check_sample_rate
from dan.core.atomic import is_there
from dan.core.cores import usable_cores
from dan.core.errors import DanError, renamed
from dan.core.progress import track
from dan.inference.denoiser import Denoiser
from dan.inference.pipeline import Crew, crew_of
from dan.inference.recording import Written, denoise_recording
from dan.inference.stream import check_strength
from dan.io.base import Missing
from dan.io.folder import find_recordings, look_through
from dan.io.recordings import SUFFIXES, WFDB, written_name
from dan.workflows.pipes import STDIN, STDIO, is_pipe, opened_pipe, write_stdout

FIRST = 3
"""Files that a message names that is about many."""


@dataclass
class Report:
    """Results of all files."""

    written: list[Written] = field(default_factory=list)
    failures: list[DanError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Notes on what was left out, in a sentence each."""


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
    skip_existing: bool = False,
    jobs: int | None = None,
) -> Report:
    """Denoise recordings; one that fails does not stop the rest.

    Args:
        denoiser: the model.
        inputs: files, and folders whose recordings are taken with their tree; ``-`` alone is stdin, and a
            FIFO is read likewise.
        out: a file for one file, otherwise a folder, which is no input where it lies within one; ``-`` for
            stdout. Without it, ``NAME_denoised`` beside each input, and stdout for stdin.
        strength: 0 returns the input, 1 all of the effect.
        sample_rate_hz: rate in Hz of files that do not say theirs.
        resample: take recordings of another rate too: to the model's rate and back.
        missing: "fill" fills missing samples (NaN) between their neighbours for the denoiser, and leaves them
            missing in what is written; "refuse" is an error.
        columns: of tables, the columns to denoise, by name or by number from 1; None for all that seem to be
            signals.
        time_column: of tables, the column that holds the times; None for the one that seems to.
        force: overwrite what is there.
        skip_existing: leave out recordings whose output is there already.
        jobs: cores to work on; None for all. Files are worked on side by side, and where there are fewer
            than cores, the parts of each: the samples are the same.

    Returns:
        What was written, and the errors of the files that could not be.

    Raises:
        DanError: if an option is wrong, an input does not exist or holds no recordings, or two would be
            written to one name.
    """
    inputs = list(inputs)
    check_choices(strength, sample_rate_hz, force=force, skip_existing=skip_existing)
    options: dict[str, Any] = {
        "sample_rate_hz": sample_rate_hz, "missing": missing, "columns": columns, "time_column": time_column,
    }  # fmt: skip
    work = partial(_denoise_one, denoiser, options=options, strength=strength, resample=resample, force=force)
    cores = jobs or usable_cores()
    if out == STDIO or any(is_pipe(given) for given in inputs):
        with _piped(inputs, out) as (source, target, rename):
            return rename(collected(_each(work, {source: target}, cores)))
    pairs = plan(inputs, out)
    notes = [note for given in inputs if given.is_dir() for note in left_out(given, out)]
    if skip_existing:
        there = [source for source, target in pairs.items() if target.exists()]
        pairs = {source: target for source, target in pairs.items() if source not in there}
        notes += [f"{named(there)}: written before, left as it is"] if there else []
    report = collected(_each(work, pairs, cores))
    report.notes = notes + report.notes
    return report


def check_choices(strength: float, sample_rate_hz: float | None, *, force: bool, skip_existing: bool) -> None:
    """Check what was chosen before anything is read.

    Raises:
        DanError: if a value is out of its range, or two choices exclude each other.
    """
    check_strength(strength)
    if sample_rate_hz is not None:
        check_sample_rate(sample_rate_hz)
    if force and skip_existing:
        raise DanError(
            "--force and --skip-existing", "what is there is overwritten or left", "Give one of them"
        )


@dataclass
class FileResult:
    """Result of one file."""

    source: Path | str
    result: Written | DanError
    notes: list[str] = field(default_factory=list)


def collected(outcomes: Iterable[FileResult]) -> Report:
    """The report of all outcomes together; what there is to say of several files is said once."""
    report, sources = Report(), dict[str, list[Path | str]]()
    for outcome in outcomes:
        if isinstance(outcome.result, Written):
            report.written.append(outcome.result)
        else:
            report.failures.append(outcome.result)
        for note in outcome.notes:
            sources.setdefault(note, []).append(outcome.source)
    report.notes = [f"{named(files)}: {note}" for note, files in sources.items()]
    return report


Work = Callable[..., FileResult]


def _each(work: Work, pairs: dict[Path, Path], cores: int) -> list[FileResult]:
    """Work on each pair, several at once, and return what came of them in their order."""
    at_once = min(cores, max(1, len(pairs)))
    with crew_of(cores, recordings=at_once) if cores > at_once else nullcontext() as crew:
        work = partial(work, crew=crew)
        if at_once == 1:
            return [work(source, target) for source, target in track(pairs.items(), "Denoising")]
        return _side_by_side(work, pairs, at_once)


def _side_by_side(work: Work, pairs: dict[Path, Path], at_once: int) -> list[FileResult]:
    stop = threading.Event()
    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(work, source, target, stop=stop) for source, target in pairs.items()]
        try:
            return [future.result() for future in track(futures, "Denoising")]
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _denoise_one(
    denoiser: Denoiser,
    source: Path,
    target: Path,
    *,
    options: dict[str, Any],
    strength: float,
    resample: bool,
    force: bool,
    crew: Crew | None,
    stop: threading.Event | None = None,
) -> FileResult:
    """Denoise a file; what is wrong with it is its result."""
    try:
        written, notes = denoise_recording(
            denoiser,
            source,
            target,
            options=options,
            strength=strength,
            resample=resample,
            force=force,
            stop=stop,
            crew=crew,
        )
        return FileResult(source, written, notes)
    except DanError as error:
        return FileResult(source, error)


@contextmanager
def _piped(inputs: list[Path], out: Path | None) -> Iterator[tuple[Path, Path, Callable[[Report], Report]]]:
    """Yield files that stand for stdin and stdout, and what gives a report their names; then write stdout."""
    if len(inputs) != 1 or inputs[0].is_dir():
        raise DanError(
            ", ".join(map(str, inputs)), "a pipe is read or written by itself", "Give one file or -"
        )
    (given,) = inputs
    to_stdout = out == STDIO or (out is None and str(given) in STDIN)
    with ExitStack() as stack:
        source = stack.enter_context(opened_pipe(given)) if is_pipe(given) else given
        suffix = Path(written_name(source)).suffix
        if to_stdout and suffix == WFDB:
            rule = "a WFDB record is several files, and a pipe takes one"
            raise DanError(given, rule, "Give a file to write to: -o NAME.hea")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dan-")))
        target = folder / f"output{suffix}" if to_stdout else _target(given, out, suffix)
        names = {str(source): str(given), str(target): "stdout"} if to_stdout else {str(source): str(given)}

        def rename(report: Report) -> Report:
            if to_stdout and report.written:
                write_stdout(target)
                report.written = [replace(one, path=STDIO) for one in report.written]
            report.notes = [renamed(note, names) for note in report.notes]
            report.failures = [error.renamed(names) for error in report.failures]
            return report

        yield source, target, rename


def _target(given: Path, out: Path | None, suffix: str) -> Path:
    """File that is written for a given one, or for stdin."""
    if out is None:
        return given.with_name(f"{given.stem}_denoised{given.suffix or suffix}")
    if out.suffix and not out.is_dir():
        return out
    return out / f"{'stdin' if str(given) in STDIN else given.stem}{suffix}"


def together(failures: Iterable[DanError]) -> list[DanError]:
    """One error for all that failed for the same reason, which names the first few of them."""
    alike: dict[tuple[str, str], list[str]] = {}
    for error in failures:
        alike.setdefault((error.rule, error.way_out), []).append(error.what)
    return [DanError(named(what, first=FIRST), *reason) for reason, what in alike.items()]


def named(files: Sequence[Path | str], *, first: int = 1) -> str:
    """The first of some files, and how many more there are."""
    names, more = ", ".join(map(str, files[:first])), len(files) - first
    return f"{names} and {more} more" if more > 0 else names


def left_out(folder: Path, out: Path | None) -> list[str]:
    """A sentence on what a folder holds beside the recordings that are denoised, if there is anything."""
    reasons = [described] if (described := look_through(folder).describe_left_out()) else []
    reasons += [f"{out}, where outputs go"] if _is_below(out, folder) else []
    return [f"{folder}: left out: {', '.join(reasons)}"] if reasons else []


def plan(inputs: list[Path], out: Path | None) -> dict[Path, Path]:
    """The target of each recording, by its source.

    Raises:
        DanError: if an input does not exist, holds no recordings, or two would be written to one name.
    """
    for given in inputs:
        if not (is_there(given) or is_there(given, folder=True)):
            header = given.with_name(f"{given.name}.hea")  # WFDB's programs take a record's name
            way_out = f"Give {header}" if given.name and is_there(header) else "Give the path of a recording"
            raise DanError(given, "there is no such file or folder", way_out)
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
    """Refuse two outputs of one name, and any onto an input."""
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
    target, files = out or whole.with_name(f"{whole.name}_denoised"), find_recordings(folder)
    if _is_below(out, folder):  # outputs of an earlier run are no recordings
        files = [file for file in files if not _is_below(file, target)]
    if not files:
        raise DanError(folder, f"it holds no recordings outside {out}, where outputs go", "Give another -o")
    return [(file, (target / file.relative_to(folder)).with_name(written_name(file))) for file in files]


def _is_below(path: Path | None, folder: Path) -> bool:
    """Return whether a file or folder lies within another one."""
    return path is not None and folder.resolve() in path.resolve().parents
