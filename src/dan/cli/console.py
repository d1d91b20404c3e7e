"""The terminal: messages, tables and one progress bar, with every text shown as it is written."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING

import typer

from dan.core.progress import PROGRESS_VARIABLE, Listener, Pace, listening

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_bar: ContextVar[Progress | None] = ContextVar("bar", default=None)
"""The bar that is shown, above which messages go."""


def say(text: str) -> None:
    """Print a message on stderr."""
    typer.echo(text, err=True)


def shown(name: object) -> str:
    """Return a name in one line: what ends lines or moves the cursor is escaped."""
    return "".join(
        part if part.isprintable() else part.encode("unicode_escape").decode() for part in str(name)
    )


def show_any_name() -> None:
    """Let stdout and stderr print escapes of what the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes no text for markup: names may hold brackets and colons."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


@contextmanager
def progress() -> Iterator[None]:
    """Show the progress of the block on stderr: one bar with the time left, and above it what is logged.

    Where no bar can move, as in a log file, it is a line now and then.
    """
    if os.environ.get(PROGRESS_VARIABLE) == "json":  # for the program that started this one
        shown: AbstractContextManager[Listener] = nullcontext(_json)
    elif sys.stderr is not None and sys.stderr.isatty():
        shown = _one_bar()
    else:
        shown = nullcontext(_Lines())
    with shown as listener, listening(listener):
        yield


@contextmanager
def _one_bar() -> Iterator[Listener]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.table import Column

    label, note = (
        TextColumn(field, markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        for field in ("{task.description}", "{task.fields[note]}")
    )
    columns = (label, BarColumn(bar_width=20), TaskProgressColumn(), TimeRemainingColumn(), note)
    with Progress(*columns, console=console(stderr=True), transient=True) as display:
        task = display.add_task("", total=1.0, note="", visible=False)

        def show(label: str, done: float, note: str) -> None:
            if label != display.tasks[0].description or done < display.tasks[0].completed:
                display.reset(task, description=label)
            display.update(task, completed=done, note=note, visible=done < 1)

        token = _bar.set(display)
        try:
            yield show
        finally:
            _bar.reset(token)


class _Lines:
    """A line every ten seconds, with the time left where it can be said."""

    EVERY_S = 10.0

    def __init__(self) -> None:
        self._label, self._reported, self._pace = "", 0.0, Pace()

    def __call__(self, label: str, done: float, note: str) -> None:
        now = time.monotonic()
        self._pace.take(label, done)
        if label != self._label:
            self._label, self._reported = label, now
        if done > 0 and now - self._reported >= self.EVERY_S:
            left_s = self._pace.seconds_left()
            left = f", {left_s:.0f} s left" if left_s is not None else ""
            say(f"{label}: {done:.0%}{left}  {note}".rstrip())
            self._reported = now


def _json(label: str, done: float, note: str) -> None:
    """Print a line for a program that reads it."""
    say(json.dumps({"progress": round(done, 4), "label": label, "note": note}))


class LogHandler(logging.Handler):
    """Prints on stderr what the library logs."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record, a warning as one."""
        text = f"Warning: {record.getMessage()}" if record.levelno >= logging.WARNING else record.getMessage()
        bar = _bar.get()
        if bar is None:
            say(text)
        else:
            bar.console.print(text, soft_wrap=True)


@contextmanager
def logged() -> Iterator[None]:
    """Print what the library logs within the block."""
    logger, handler = logging.getLogger("dan"), LogHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def show_grid(
    head: Sequence[str], lines: Sequence[Sequence[str]], *, title: str, bold: str | None = None
) -> None:
    """Print a table on stdout, names on the left and figures on the right; without lines where it is narrow.

    Args:
        head: a heading a column.
        lines: the cells.
        title: printed above.
        bold: lines whose first cell begins with it are set off.
    """
    from rich.table import Table

    widths = [max(map(_longest_word, column)) for column in zip(head, *lines, strict=True)]
    if sum(widths) + 3 * len(widths) + 1 > console().width:
        head, *lines = (_broken(line, widths) for line in (head, *lines))
        grid = Table(title=title, box=None, padding=(0, 1, 0, 0))
    else:
        grid = Table(title=title)
    are_words = not any(" " in line[0] for line in lines)  # which would be cut off
    for place, heading in enumerate(head):
        grid.add_column(heading, justify="right" if place else "left", no_wrap=place == 0 and are_words)
    for line in lines:
        grid.add_row(*line, style="bold" if bold and line[0].startswith(bold) else None)
    console().print(grid)


def _longest_word(cell: str) -> int:
    return max(map(len, cell.split()), default=0)


def _broken(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """A line's cells, broken at blanks to the widths of their columns."""
    cells = zip(line, widths, strict=True)
    return [textwrap.fill(cell, max(1, width), break_on_hyphens=False) for cell, width in cells]
