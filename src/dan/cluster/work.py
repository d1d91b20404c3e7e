"""Denoising of one recording by a worker, with copies from and to an address."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dan.cluster.storage import fetch, is_address, is_in_one_process, store
from dan.core.atomic import scratch_folder
from dan.core.errors import DanError, renamed
from dan.inference.denoiser import Denoiser
from dan.inference.recording import Written, denoise_recording
from dan.workflows.denoise import FileResult


@dataclass(frozen=True)
class Order:
    """Options that all recordings of a run share."""

    folder: str
    """Folder that relative paths start from."""
    witness: str | None
    """A file beside the outputs, by which a node shows that it sees the folder that the driver sees."""
    options: Mapping[str, Any]
    """Options of reading, as `open_reader` takes them."""
    strength: float = 1.0
    resample: bool = False


@dataclass(frozen=True)
class RecordingTask:
    """One recording."""

    source: str
    """Path or address."""
    target: str
    contents: Mapping[str, bytes] | None = None
    """The files of a recording that no other process sees, by their names."""


@dataclass(frozen=True)
class RecordingResult:
    """Result of one recording."""

    outcome: FileResult
    seconds: float = 0.0
    """Duration of the work."""
    node: str = ""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """Contents of what was written, where no other process sees the target."""

    @property
    def failed(self) -> bool:
        """Return whether nothing was written."""
        return isinstance(self.outcome.result, DanError)


def denoise_job(model: Sequence[Any], order: Order, job: RecordingTask) -> RecordingResult:
    """Denoise a recording; whatever is wrong with it is in what is returned.

    Args:
        model: Ray's reference to the denoiser, in a list, which keeps it from being fetched for each task.
        order: of the run.
        job: the recording.
    """
    import ray

    begun = time.perf_counter()
    try:
        done = denoise_one(_loaded(model), order, job)
    except Exception as error:  # the rest goes on, and the driver tells
        rule = f"the work on it failed ({type(error).__name__}: {error})"
        done = RecordingResult(
            FileResult(job.source, DanError(job.source, rule, "Try it without --ray and with --debug"))
        )
    node = ray.get_runtime_context().get_node_id()
    return replace(done, seconds=time.perf_counter() - begun, node=node)


_models: dict[str, Denoiser] = {}
"""The denoiser that this worker has opened, by its reference."""


def _loaded(model: Sequence[Any]) -> Denoiser:
    import ray

    (reference,) = model
    if reference.hex() not in _models:
        _models.clear()
        _models[reference.hex()] = ray.get(reference)
    return _models[reference.hex()]


def denoise_one(denoiser: Denoiser, order: Order, job: RecordingTask) -> RecordingResult:
    """Denoise a recording on this machine."""
    with ExitStack() as stack:
        names: dict[str, str] = {}
        try:
            source = _brought(job, order, stack, names)
            target, scratch = _place(job, order, stack, names)
            written, notes = denoise_recording(
                denoiser,
                source,
                target,
                options=order.options,
                strength=order.strength,
                resample=order.resample,
                force=True,  # the driver has looked
            )
            contents = _taken_away(job, scratch)
        except DanError as error:
            return RecordingResult(FileResult(job.source, error.renamed(names)))
    lines = [renamed(note, names) for note in notes]
    return RecordingResult(
        FileResult(job.source, Written(job.target, written.clipped_samples, written.duration_s), lines),
        contents=contents,
    )


def _brought(job: RecordingTask, order: Order, stack: ExitStack, names: dict[str, str]) -> Path:
    """The recording as a file of this machine."""
    if not is_address(job.source):
        path = Path(order.folder, job.source)
        names[str(path)] = job.source
        return path
    folder = stack.enter_context(scratch_folder())
    names[f"{folder}{os.sep}"] = job.source.rpartition("/")[0] + "/"
    if job.contents is None:
        return fetch(job.source, folder)
    for name, content in job.contents.items():
        (folder / name).write_bytes(content)
    return folder / job.source.rpartition("/")[2]


def _place(
    job: RecordingTask, order: Order, stack: ExitStack, names: dict[str, str]
) -> tuple[Path, Path | None]:
    """Path that this machine writes to, and its folder where that is not the target itself."""
    if not is_address(job.target):
        path = Path(order.folder, job.target)
        names[str(path)] = job.target
        if order.witness and not Path(order.witness).exists():
            raise DanError(
                Path(job.target).parent,
                f"{platform.node()} does not see the folder that the command sees",
                "Mount it there on every node, or give an address such as s3://BUCKET/FOLDER",
            )
        return path, None
    folder = stack.enter_context(scratch_folder())
    names[f"{folder}{os.sep}"] = job.target.rpartition("/")[0] + "/"
    return folder / job.target.rpartition("/")[2], folder


def _taken_away(job: RecordingTask, scratch: Path | None) -> dict[str, bytes]:
    """Bring what was written to its address; what no other process sees is returned."""
    if scratch is None:
        return {}
    files = [file for file in scratch.iterdir() if not file.name.startswith(".")]
    if is_in_one_process(job.target):
        return {file.name: file.read_bytes() for file in files}
    store(files, job.target)
    return {}
