"""`dan app`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from dan.cli.console import say
from dan.core.errors import DanError
from dan.core.extras import install
from dan.core.stopping import Stopped

CTRL_C = 128 + signal.SIGINT
"""Code of a command that Ctrl-C stopped: the page's way to end."""


def app(
    model: Annotated[
        str | None, typer.Argument(help="The model that is chosen at first: a run folder, a file or a name.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Of the page on this machine; 0 takes a free one.")] = 0,
    folder: Annotated[Path, typer.Option("--folder", help="Where run folders and votes are kept.")] = Path(
        "runs"
    ),
) -> None:
    """Open a page on this machine to denoise, train and compare: nothing leaves it."""
    try:
        from dan.app.server import serve
    except ModuleNotFoundError as error:
        raise DanError(
            str(error.name), "it is not installed", f"Run {install('app')}, and [train] to train"
        ) from error
    from dan.inference.model_file import find_model

    if model is not None:
        find_model(model)
    say("The page of DAN, on this machine alone; Ctrl-C ends it. Open")
    try:
        serve(model=model, port=port, folder=folder, say=typer.echo)
    except Stopped as stopped:
        if stopped.code != CTRL_C:
            raise
    kept = f" Runs and votes are in {folder.resolve()}." if folder.is_dir() else ""
    say(f"The page has ended, and its temporary folder is gone.{kept}")
