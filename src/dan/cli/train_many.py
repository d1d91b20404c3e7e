"""`dan train-many`."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dan.cli.console import progress, say, show_grid, shown
from dan.cli.options import Force, Ray
from dan.cli.train import again, resumable
from dan.core.cores import usable_cores

if TYPE_CHECKING:
    from dan.workflows.plan import PlannedTraining
    from dan.workflows.train_many import Trained

log = logging.getLogger(__name__)

HEAD = ("name", "state", "noisy dB", "score dB", "epochs", "seconds", "folder")


def train_many(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.toml", help="What is trained: docs/scale.md.")],
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", min=0, help="Trainings at once, 0 for as many as cores; with --ray its cores."
        ),
    ] = None,
    ray: Ray = None,
    force: Force = False,
) -> None:
    """Train a denoiser for each sensor, individual or station of an archive, side by side.

    Each has a run folder of its own, as `dan train` makes it. The same command again resumes those that were
    stopped, and skips those that are finished.
    """
    from dan.workflows.plan import plan_trainings

    trainings = plan_trainings(plan, force=force)
    done: dict[str, Trained] = {}
    with resumable(force=force), progress():
        for trained in _trained(trainings, jobs, ray):
            done[trained.name] = trained
            _say(trained)
    rows = [done[training.name] for training in trainings]
    show_grid(HEAD, [_cells(trained) for trained in rows], title=_summary(rows))
    _end(rows, force=force)


def _trained(trainings: Sequence[PlannedTraining], jobs: int | None, ray: str | None) -> Iterator[Trained]:
    """Yield what was finished before, and then the others as they are done."""
    from dan.workflows.train_many import finished_before

    finished = {training.name: finished_before(training) for training in trainings}
    yield from filter(None, finished.values())
    left = [training for training in trainings if finished[training.name] is None]
    if left:
        yield from _started(left, jobs, ray)


def _started(trainings: Sequence[PlannedTraining], jobs: int | None, ray: str | None) -> Iterator[Trained]:
    if ray:
        from dan.cluster.train_many import train_many as train_on_ray

        return train_on_ray(trainings, address=ray, cores=jobs or None)
    from dan.workflows.train_many import train_many as train_here

    return train_here(trainings, jobs=1 if jobs is None else jobs or usable_cores())


def _say(trained: Trained) -> None:
    """Say what came of one, above the bar."""
    log.info("%s: %s", shown(trained.name), _outcome(trained))
    for note in trained.notes:
        log.warning("%s: %s", shown(trained.name), note)


def _outcome(trained: Trained) -> str:
    if trained.state == "failed":
        return "failed."
    state = "skipped, it was finished before" if trained.state == "skipped" else trained.state
    if trained.best is None:
        return f"{state} before its first validation."
    return (
        f"{state}, {trained.best['val_snr_db']:.2f} dB, {trained.best['val_snr_gain_db']:+.2f} dB over noisy."
    )


def _cells(trained: Trained) -> list[str]:
    best = trained.best
    noisy_db, score_db = (
        ("", "")
        if best is None
        else (f"{best['val_snr_db'] - best['val_snr_gain_db']:.2f}", f"{best['val_snr_db']:.2f}")
    )
    folder = (
        Path(os.path.relpath(trained.folder)) if trained.folder.is_relative_to(Path.cwd()) else trained.folder
    )
    figures = [noisy_db, score_db, str(trained.epochs), f"{trained.seconds:.0f}"]
    return [shown(trained.name), trained.state, *figures, shown(folder)]


def _summary(rows: Sequence[Trained]) -> str:
    counts = Counter(trained.state for trained in rows)
    return f"{len(rows)} training{'s' * (len(rows) > 1)}: " + ", ".join(
        f"{count} {state}" for state, count in counts.items()
    )


def _end(rows: Sequence[Trained], *, force: bool) -> None:
    """Say what is left to do, and end with code 1 where a training failed."""
    failed = [trained for trained in rows if trained.state == "failed"]
    for trained in failed:
        say(f"dan: {shown(trained.name)}: {trained.error}")
    if any(trained.state == "stopped" for trained in rows):
        say(f"Stopped before the end: {again(force=force)}.")
    if failed:
        raise typer.Exit(1)
