"""Ctrl-C and SIGTERM: work is unwound wherever it is, but for blocks that must not be left half done."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], Any] | int | None

SHOW_CURSOR = "\x1b[?25h"
"""Escape code that shows the cursor again where a progress bar had no time to."""


class Stopped(SystemExit):
    """Request to stop, on its way out through the work; its code is the shell's, 128 + its number."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM raise `Stopped` within the block, and the second end the process.

    A signal that the process was started to ignore, as by `nohup` or a shell's ``&``, stays ignored.
    """
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, _unwind) for number in heeded}
    try:
        yield
    finally:
        _set(previous)


@contextmanager
def awaited() -> Iterator[Callable[[], int]]:
    """Take note of the first Ctrl-C or SIGTERM within the block; the second ends the process.

    For work that several processes stop at one place, on which they have to agree.

    Yields:
        What tells the signal's number, 0 while there was none.
    """
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)
        _set(dict.fromkeys(previous, _end_at_once))

    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, note) for number in heeded}
    try:
        yield lambda: seen[0] if seen else 0
    finally:
        _set(previous)


@contextmanager
def undivided() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM to the end of the block: what it changes, it changes whole.

    Signals reach the main thread alone; in another one the block is undivided anyway.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        if pending and _unwind in previous.values():
            _end_at_once(number, None)
        pending.append(number)

    previous = {number: signal.signal(number, hold) for number in SIGNALS}
    try:
        yield
    finally:
        _set(previous)
    if pending:
        _deliver(pending[0])


def _deliver(number: int) -> None:
    """Let a signal come that was held back, also where it is blocked, as Ctrl-C is in workers of Ray."""
    handler = signal.getsignal(number)
    if callable(handler):
        handler(number, None)
    else:
        signal.raise_signal(number)


def _set(handlers: Mapping[signal.Signals, Handler]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _unwind(number: int, _: FrameType | None) -> None:
    _set(dict.fromkeys(SIGNALS, _end_at_once))
    raise Stopped(128 + number)


def _end_at_once(number: int, _: FrameType | None) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
    os._exit(128 + number)
