"""`dan train`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from dan.cli.console import progress
from dan.cli.options import Force, Overrides, Rate, Seed


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or file.")],
    out: Annotated[Path, typer.Option("--out", help="The run folder.")],
    data: Annotated[Path | None, typer.Option("--data", help="A data folder.")] = None,
    clean: Annotated[Path | None, typer.Option("--clean", help="A folder of clean recordings.")] = None,
    noise: Annotated[Path | None, typer.Option("--noise", help="A folder of noise.")] = None,
    noisy: Annotated[
        Path | None, typer.Option("--noisy", help="Instead of noise: noisy recordings named as the clean.")
    ] = None,
    sample_rate: Rate = None,
    overrides: Overrides = None,
    seed: Seed = None,
    max_minutes: Annotated[float | None, typer.Option("--max-minutes", min=0, help="Stop after.")] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, or cuda where there is one.")] = "cpu",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Curves in OUT/tensorboard.")] = False,
    force: Force = False,
) -> None:
    """Train by a recipe; the same command again resumes."""
    from dan.config.load import load_recipe
    from dan.data.sources import Folders
    from dan.workflows.train import train_run

    settings = load_recipe(recipe, overrides=overrides or (), seed=seed)
    with training_session(out) as session:
        outcome = train_run(
            settings,
            out,
            folders=Folders(data, clean, noise, noisy, sample_rate),
            force=force,
            max_minutes=max_minutes,
            device=device,
            tensorboard=tensorboard,
            session=session,
        )
    if not outcome.complete:
        typer.echo("Stopped before the end: the same command resumes.")
    if outcome.state.history:
        typer.echo(f"Model: {outcome.run.model}\nPlots: {outcome.run.plots}")


@contextmanager
def training_session(out: Path) -> Iterator[Any]:
    """A bar over steps with losses and validation SNR; Ctrl-C and SIGTERM stop after the step, resumable."""
    from dan.training.loop import Progress
    from dan.workflows.train import Session

    interrupted: list[int] = []
    stops = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(stop, lambda number, _: interrupted.append(number)) for stop in stops]
    try:
        with progress() as display:
            task = display.add_task(f"Training {out}", total=None, note="")
            best_db = [-float("inf")]

            def show(event: Progress) -> None:
                if event.record:
                    best_db[0] = max(best_db[0], event.record["val_snr_db"])
                validation = f"validation {best_db[0]:.2f} dB" if best_db[0] > -float("inf") else ""
                loss = f"loss {event.losses['generator']:.3f}  " if event.losses else ""
                if event.losses or event.record:
                    display.update(task, completed=event.step, total=event.steps, note=loss + validation)

            yield Session(display.console.print, show, lambda: bool(interrupted))
    finally:
        for stop, handler in zip(stops, previous, strict=True):
            signal.signal(stop, handler)
