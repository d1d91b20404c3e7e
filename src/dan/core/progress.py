"""Progress of long work: tracked where the work is done, shown by whoever listens.

Nothing is passed from function to function: the listener is a context variable. Without one, tracking costs
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")

PROGRESS_VARIABLE = "DAN_PROGRESS"
"""The environment variable that makes a command tell its progress in lines of JSON on stderr: ``json``."""

Listener = Callable[[str, float, str], None]
"""Called with what is being done, the fraction done in [0, 1], and a note such as the latest loss."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell a listener of all progress within the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(label: str, done: float, note: str = "") -> None:
    """Tell the listener, if there is one, how far along the work is."""
    listener = _listener.get()
    if listener is not None:
        listener(label, done, note)


@contextmanager
def at_least(share: Callable[[], float]) -> Iterator[None]:
    """Tell of all progress within the block that a share is done at least: work that the clock may end."""
    outer = _listener.get()
    if outer is None:
        yield
        return
    with listening(lambda label, done, note: outer(label, max(done, share()), note)):
        yield


class Pace:
    """Pace of work that is told as a listener is, and the time left by it.

    The pace counts from the first part that is done: until then things start up, and what is resumed does not
    begin at 0. Another label, or a fraction that goes back, is other work.
    """

    LEAST_S = 3.0
    """Before so long, the pace says little."""

    def __init__(self) -> None:
        self._label, self._done = "", 0.0
        self._first: tuple[float, float] | None = None

    def take(self, label: str, done: float) -> None:
        """Take the fraction done, now."""
        if label != self._label or done < self._done:
            self._first = None
        if done > 0 and self._first is None:
            self._first = time.monotonic(), done
        self._label, self._done = label, done

    def seconds_left(self) -> float | None:
        """Return the seconds until the end at the pace so far, None where that cannot be said yet."""
        if self._first is None:
            return None
        start, before = self._first
        passed, gained = time.monotonic() - start, self._done - before
        if passed < self.LEAST_S or gained <= 0:
            return None
        return passed * (1 - self._done) / gained


def track(items: Iterable[Item], label: str, *, total: int | None = None) -> Iterator[Item]:
    """Yield items, and report after each the fraction done.

    What is tracked while an item is worked on counts as part of that item, under this label: loops may nest.

    Args:
        items: what is worked on, one after the other.
        label: of the work, as ``Scoring``.
        total: number of items; their length, where they have one.
    """
    outer = _listener.get()
    if outer is None:
        yield from items
        return
    count = max(1, total if total is not None else len(items) if isinstance(items, Sized) else 1)
    outer(label, 0.0, "")
    for done, item in enumerate(items):
        token = _listener.set(_within(outer, label, min(1.0, done / count), min(1.0, (done + 1) / count)))
        try:
            yield item
        finally:
            _listener.reset(token)
        outer(label, min(1.0, (done + 1) / count), "")


def _within(outer: Listener, label: str, start: float, end: float) -> Listener:
    """Return the listener to a part of the work: its 0 to 1 is `start` to `end` of the whole.

    Several loops in one part each begin at 0; the whole never goes back.
    """
    reached = start

    def listener(_: str, done: float, note: str) -> None:
        nonlocal reached
        reached = max(reached, min(end, start + (end - start) * done))
        outer(label, reached, note)

    return listener
