"""Denoising an archive on Ray: what `dan denoise --ray` does around the work on each recording.

Each recording is a task of Ray's core. Ray Data would cut the list of files into blocks, run a block again
for one worker lost, and stop for one file that fails; here each file is retried, told and resumed by itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from dan.cluster import storage
from dan.cluster.manifest import Manifest
from dan.cluster.plan import is_below, manifest_beside, places, plan_all, witness
from dan.cluster.session import LOCAL, connected
from dan.cluster.storage import is_address, is_in_one_process
from dan.cluster.tasks import Tasks, check_version
from dan.cluster.work import Order, RecordingResult, RecordingTask, denoise_job
from dan.core.atomic import sweep, taken
from dan.core.errors import DanError
from dan.core.progress import track
from dan.inference.denoiser import Denoiser
from dan.inference.model_file import ModelInfo
from dan.io.base import Missing
from dan.workflows.denoise import FileResult, Report, check_choices, collected, left_out, named


def denoise_files(
    denoiser: Denoiser,
    inputs: Sequence[str | Path],
    *,
    address: str = LOCAL,
    out: str | Path | None = None,
    strength: float = 1.0,
    sample_rate_hz: float | None = None,
    resample: bool = False,
    missing: Missing = "fill",
    columns: Sequence[str] | None = None,
    time_column: str | None = None,
    force: bool = False,
    skip_existing: bool = False,
    jobs: int | None = None,
    manifest: str | Path | None = None,
) -> Report:
    """Denoise recordings on a Ray cluster; one that fails is tried once more elsewhere, then told.

    The same call goes on where one was cut off: what the manifest says is done, and is there, is left. Nodes
    see the same files, in a shared folder or by address.

    Args:
        denoiser: the model; each node gets it once.
        inputs: files and folders, by path or by an address that fsspec knows, as ``s3://BUCKET/FOLDER``.
        address: of the cluster: "local", "auto", ``ray://HOST:PORT`` or ``HOST:PORT``.
        out: a file for one file, otherwise a folder, by path or address. Without it, ``NAME_denoised`` beside
            the one folder that is given.
        strength: 0 returns the input, 1 all of the effect.
        sample_rate_hz: rate in Hz of files that do not say theirs.
        resample: take recordings of another rate too: to the model's rate and back.
        missing: "fill" or "refuse" missing samples (NaN).
        columns: of tables, the columns to denoise; None for all that seem to be signals.
        time_column: of tables, the column that holds the times.
        force: overwrite what is there; a run that came to its end is then done once more.
        skip_existing: leave out recordings whose output is there already.
        jobs: recordings that are worked on at once; None for as many as there are cores.
        manifest: the file of JSON lines that tells what came of each recording; None for ``manifest.jsonl``
            in `out` or, where that is an address, ``NAME.manifest.jsonl`` here.

    Returns:
        What was written, and the errors of the files that could not be.

    Raises:
        DanError: if an option is wrong, an input does not exist or holds no recordings, two would be written
            to one name, the manifest is that of another run, or no cluster answers.
    """
    check_choices(strength, sample_rate_hz, force=force, skip_existing=skip_existing)
    options: dict[str, Any] = {
        "sample_rate_hz": sample_rate_hz, "missing": missing, "columns": columns, "time_column": time_column,
    }  # fmt: skip
    given, place = [storage.normal(str(one)) for one in inputs], storage.normal(str(out)) if out else None
    pairs = plan_all(given, place)
    account_file = Path(manifest) if manifest else manifest_beside(given, place)
    run_info = _run(denoiser.info, strength=strength, resample=resample, **options)
    with Manifest(account_file, run_info, anew=force) as account:
        run = _Run(account, pairs, force=force, skip_existing=skip_existing, there=_there(place))
        order = Order(str(Path.cwd()), witness(account_file, place), options, strength, resample)
        waiting = run.jobs()
        if first := next(waiting, None):
            with run.swept(), connected(address, cores=jobs) as ray:
                check_version(ray)
                tasks = Tasks(ray, denoise_job, lost=_lost, at_once=None if address == LOCAL else jobs)
                done = tasks.run(chain([first], waiting), [ray.put(denoiser)], order)
                for job, result in track(done, "Denoising", total=len(pairs)):
                    run.take(job, result)
        account.finish()
    report = collected(run.in_order())
    report.notes = [*_left_out(given, place), *run.notes(), *report.notes]
    return report


def _left_out(given: Sequence[str], place: str | None) -> Iterator[str]:
    """Yield what is not denoised of folders, by path or address, in a sentence each."""
    for one in given:
        if is_address(one):
            yield from [f"{one}: left out: {place}, where outputs go"] if is_below(place or "", one) else []
        elif Path(one).is_dir():
            yield from left_out(Path(one), Path(place) if place and not is_address(place) else None)


def _run(info: ModelInfo, **options: Any) -> dict[str, Any]:
    """Identity of a run in its manifest: a run of another does not resume from it."""
    model = {"model": info.name, "version": info.version, "seed": info.seed, "val_snr_db": info.val_snr_db}
    return {"manifest": 1, **model, **options}


@dataclass
class _Run:
    """State of a run: the recordings, those that are done, and their results."""

    account: Manifest
    pairs: dict[str, str]
    force: bool
    skip_existing: bool
    there: set[str]
    """Outputs that exist, where they are addresses."""
    outcomes: dict[str, FileResult] = field(default_factory=dict)
    done_before: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def jobs(self) -> Iterator[RecordingTask]:
        """Yield what is to be done, in order, and note it as started."""
        for source, target in self.pairs.items():
            if not self._settled(source, target):
                is_there = self._exists(target)
                self.account.add(*places(source, target), "replacing" if is_there else "started")
                contents = _contents(source) if is_in_one_process(source) else None
                yield RecordingTask(source, target, contents)

    def _settled(self, source: str, target: str) -> bool:
        """Return whether there is nothing to do for a recording, or nothing may be done."""
        if not self._exists(target):
            return False
        state = self.account.states.get(places(source, target))
        if state == "done":
            self.done_before.append(source)
        elif state == "started":  # there was nothing then, and what appears is whole
            self.account.add(*places(source, target), "done")
            self.done_before.append(source)
        elif self.skip_existing:
            self.skipped.append(source)
        elif not self.force:
            self._fail(source, target, taken(target))
        else:
            return False
        return True

    def _exists(self, target: str) -> bool:
        return target in self.there if is_address(target) else Path(target).exists()

    def _fail(self, source: str, target: str, error: DanError) -> None:
        self.outcomes[source] = FileResult(source, error)
        self.account.add(*places(source, target), "failed", error=str(error))

    def take(self, job: RecordingTask, done: RecordingResult) -> None:
        """Note what came of a recording."""
        result = done.outcome.result
        if isinstance(result, DanError):
            self._fail(job.source, job.target, result)
            return
        if done.contents:
            _put(done.contents, job.target)
        self.outcomes[job.source] = done.outcome
        self.account.add(
            *places(job.source, job.target),
            "done",
            duration_s=round(result.duration_s, 6),
            seconds=round(done.seconds, 6),
            clipped_samples=result.clipped_samples,
            error=None,
        )

    @contextmanager
    def swept(self) -> Iterator[None]:
        """At the end, remove what workers of this machine that were killed have left half written."""
        try:
            yield
        finally:
            for folder in {Path(target).parent for target in self.pairs.values() if not is_address(target)}:
                sweep(folder, again=True)

    def in_order(self) -> Iterator[FileResult]:
        """Yield what came of the recordings, in the order that they were given in."""
        return (self.outcomes[source] for source in self.pairs if source in self.outcomes)

    def notes(self) -> list[str]:
        """Say what was left as it is."""
        notes = {
            "done before, left as it is": self.done_before,
            "written before, left as it is": self.skipped,
        }
        return [f"{named(files)}: {note}" for note, files in notes.items() if files]


def _lost(job: RecordingTask, why: str) -> RecordingResult:
    error = DanError(job.source, f"its workers were lost ({why})", "See that a node has the memory for it")
    return RecordingResult(FileResult(job.source, error))


def _there(place: str | None) -> set[str]:
    return storage.existing(place) if place and is_address(place) else set()


def _contents(address: str) -> dict[str, bytes]:
    """The files of a recording that no other process sees."""
    with tempfile.TemporaryDirectory(prefix="dan-") as folder:
        storage.fetch(address, Path(folder))
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def _put(contents: Mapping[str, bytes], address: str) -> None:
    """Write the files of a recording where no other process could."""
    with tempfile.TemporaryDirectory(prefix="dan-") as folder:
        for name, content in contents.items():
            Path(folder, name).write_bytes(content)
        storage.store(Path(folder).iterdir(), address)
