"""Measuring fairly: alternatives take turns on one core, and the median of the turns counts."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from dan.core.progress import track

MeasuredT = TypeVar("MeasuredT")


@dataclass(frozen=True)
class Spread:
    """Median and range of repeated measurements."""

    median: float
    low: float
    """The least of them."""
    high: float
    """The greatest."""


def spread(values: Sequence[float]) -> Spread:
    """Median, least and greatest of measurements, at least one."""
    return Spread(statistics.median(values), min(values), max(values))


def in_turns(
    measures: Mapping[str, Callable[[], MeasuredT]], *, turns: int, label: str = "Timing"
) -> dict[str, list[MeasuredT]]:
    """Take measurements turn by turn, after one turn each that does not count.

    Args:
        measures: by name, what takes one measurement.
        turns: measurements of each that count.
        label: of its progress.

    Returns:
        By name the measurements, in their order.
    """
    taken: dict[str, list[MeasuredT]] = {name: [] for name in measures}
    for turn in track(range(turns + 1), label):
        for name, measure in measures.items():
            value = measure()
            if turn:
                taken[name].append(value)
    return taken


def seconds_of(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


@contextmanager
def one_core() -> Iterator[None]:
    """One core and one thread, for a while: for this thread, for torch, and for processes started meanwhile.

    Where the system binds no process to a core, it is one thread alone.
    """
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 1
    try:
        if affinity:
            os.sched_setaffinity(0, {min(affinity)})
        if torch:
            torch.set_num_threads(1)
        yield
    finally:
        if affinity:
            os.sched_setaffinity(0, affinity)
        if torch:
            torch.set_num_threads(threads)
