"""The terminal: messages, tables and one progress bar, with every text shown as it is written."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def say(text: str) -> None:
    """Print a message on stderr."""
    typer.echo(text, err=True)


def show_any_name() -> None:
    """Let stdout and stderr print escapes of what the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes no text for markup: names may hold brackets and colons."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def progress() -> Progress:
    """Return a progress display on stderr, with the time left and a note."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    description, note = (
        TextColumn(field, markup=False) for field in ("{task.description}", "{task.fields[note]}")
    )
    columns = (description, BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), note)
    return Progress(*columns, console=console(stderr=True))


@contextmanager
def bar(description: str) -> Iterator[Callable[[float], None]]:
    """Show a bar with the time left on stderr; yields what is to be called with the share done."""
    if os.environ.get("DAN_PROGRESS") == "json":  # for the program that started this one
        yield lambda share: say(f'{{"progress": {share:.4f}}}')
        return
    with progress() as display:
        task = display.add_task(description, total=1.0, note="")
        yield lambda share: display.update(task, completed=share)


def show_grid(
    head: Sequence[str], lines: Sequence[Sequence[str]], *, title: str, bold: str | None = None
) -> None:
    """Print a table on stdout, names on the left and figures on the right.

    Args:
        head: a heading a column.
        lines: the cells.
        title: printed above.
        bold: lines whose first cell begins with it are set off.
    """
    from rich.table import Table

    grid = Table(title=title)
    for place, heading in enumerate(head):
        grid.add_column(heading, justify="right" if place else "left")
    for line in lines:
        grid.add_row(*line, style="bold" if bold and line[0].startswith(bold) else None)
    console().print(grid)
