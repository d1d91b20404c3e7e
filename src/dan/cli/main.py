"""The command line: the commands together, and what their end says to the shell."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from dan.cli import data
from dan.cli.app import app as page
from dan.cli.bench import bench
from dan.cli.console import logged, say, show_any_name
from dan.cli.demo import demo
from dan.cli.denoise import denoise
from dan.cli.evaluate import evaluate
from dan.cli.export import export
from dan.cli.info import info
from dan.cli.models import models
from dan.cli.options import RayCommand
from dan.cli.recipes import recipes
from dan.cli.stream import stream
from dan.cli.train import train
from dan.cli.train_many import train_many
from dan.core.errors import DanError
from dan.core.extras import install
from dan.core.launch import is_first, process_name
from dan.core.stopping import Stopped, stoppable
from dan.core.version import __version__

app = typer.Typer(
    name="dan",
    help="DAN, the Denoising Adversarial Network: a small denoiser that you train on your own 1-D signals.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data.app, name="data")
for command in (recipes, models, train, evaluate, stream, export, info, demo, bench):
    app.command()(command)
app.command(cls=RayCommand)(denoise)
app.command(name="train-many", cls=RayCommand)(train_many)
app.command(name="app")(page)

TRAINING = ("torch", "onnx", "scipy", "pywt", "matplotlib")
"""Packages that the plain install, which denoises, does without."""


def main() -> None:
    """Run the command line.

    Exit code 0 done, 1 the input is wrong, 2 the command line is wrong, 128 + its number on a signal.
    """
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    show_any_name()
    try:
        with stoppable(), logged():
            app()
    except Stopped as stopped:
        if is_first():
            say("dan: stopped")
        _leave(stopped)
    except DanError as error:
        if debug:
            raise
        say(f"{process_name()}: {error}")
        sys.exit(1)
    except ModuleNotFoundError as error:
        if debug or error.name not in TRAINING:
            raise
        missing = DanError(error.name, "it is not installed", f"Run {install('train')}")
        say(f"{process_name()}: {missing}")
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        rule = f"it cannot be opened, read or written ({error.strerror})"
        broken = DanError(error.filename or "the output", rule, "Free some space, or give another place")
        say(f"{process_name()}: {broken}")
        _leave(Stopped(1))


def _leave(stopped: Stopped) -> None:
    """End now: not when threads that draw batches ahead are done."""
    for pipe in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):
            pipe.flush()
    os._exit(int(stopped.code or 0))


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dan {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options of every command; `main` has taken `--debug` off the line, wherever it stood."""
