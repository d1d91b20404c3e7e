"""`dan train`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dan.cli.console import progress, say
from dan.cli.options import Force, Overrides, Rate, Seed
from dan.core.launch import is_first
from dan.core.stopping import Stopped


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or file.")],
    out: Annotated[Path, typer.Option("--out", help="The run folder.")],
    data: Annotated[Path | None, typer.Option("--data", help="A data folder.")] = None,
    clean: Annotated[Path | None, typer.Option("--clean", help="A folder of clean recordings.")] = None,
    noise: Annotated[Path | None, typer.Option("--noise", help="A folder of noise.")] = None,
    noisy: Annotated[
        Path | None,
        typer.Option("--noisy", help="Noisy recordings: named as the clean ones, or without any clean ones."),
    ] = None,
    second_take: Annotated[
        Path | None,
        typer.Option("--second-take", help="Beside --noisy: the same signals with noise of their own."),
    ] = None,
    epochs: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--epochs", metavar="FROM TO", help="Beside --noisy: pair trials, in seconds after a mark."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Annotations of --noisy, a file or a folder; by default its own."),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option("--rounds", min=0, help="Beside --noisy: learn again from outputs, so many times."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Go on from this model: a run folder, a file, or a name.")
    ] = None,
    sample_rate: Rate = None,
    overrides: Overrides = None,
    seed: Seed = None,
    max_minutes: Annotated[float | None, typer.Option("--max-minutes", min=0, help="Stop after.")] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, or cuda where there is one.")] = "cpu",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Curves in OUT/tensorboard.")] = False,
    force: Force = False,
) -> None:
    """Train by a recipe; the same command again resumes.

    Several processes train one network: torchrun --nproc-per-node N -m dan train ...
    """
    from dan.config.load import load_recipe
    from dan.data.recordings_source import Folders
    from dan.workflows.train import train_run

    given = [*(overrides or ()), *([f"refinement.rounds={rounds}"] if rounds is not None else [])]
    settings = load_recipe(recipe, overrides=given, seed=seed, start=start)
    with resumable(force=force), progress():
        outcome = train_run(
            settings,
            out,
            folders=Folders(data, clean, noise, noisy, sample_rate, second_take, labels, epochs),
            force=force,
            max_minutes=max_minutes,
            device=device,
            tensorboard=tensorboard,
        )
    if not is_first():
        return
    if not outcome.complete:
        typer.echo(f"Stopped before the end: {again(force=force)}.")
    typer.echo(f"Model: {outcome.run.model}")
    if outcome.state.history:
        typer.echo(f"Plots: {outcome.run.plots}")
    else:
        typer.echo(
            "No epoch came to its end: give it more time. Shorter epochs (--set training.steps_per_epoch=N) "
            "are another training: give another --out, or --force, which deletes what was trained here."
        )


@contextmanager
def resumable(*, force: bool) -> Iterator[None]:
    """Say on Ctrl-C or SIGTERM within the block how the work goes on."""
    try:
        yield
    except Stopped:
        if is_first():
            say(f"Stopped: {again(force=force)}.")
        raise


def again(*, force: bool) -> str:
    """Say in words which command goes on where this one ends."""
    return f"the same command{' without --force' if force else ''} resumes"
