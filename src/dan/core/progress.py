"""How far along: a function called with the fraction done, in (0, 1]."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]


def portion(progress: Progress | None, start: float, share: float) -> Progress:
    """The progress of a part of the work: its 0 to 1 as `start` to ``start + share`` of the whole."""
    if progress is None:
        return lambda _: None
    return lambda done: progress(start + share * done)
