"""Missing samples (NaN): filled between their neighbours, and put back.

Short gaps are filled on a straight line, long ones with their neighbours' values and a short line in the
middle: what a network takes for a gap is a stretch of one value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal

SEARCHED_SAMPLES = 4096
"""So far is looked first for a neighbour outside a block, then four times as far, and so on."""

MOST_SEARCHED_SAMPLES = 2**18

LONG_SAMPLES, STEP_SAMPLES = 1024, 256
"""Length of a gap from which on it is a long one, and of the line in its middle."""

Neighbour = tuple[int, float] | None
"""Place and value of the nearest sample that is not missing; None where there is none on that side."""


class Gaps:
    """Missing samples of a recording, as far as it was read.

    Args:
        read: ``(start_sample, count)`` to samples ``[C, n]`` as stored, missing ones as NaN.
    """

    def __init__(self, read: Callable[[int, int], Signal]) -> None:
        self._read = read
        self._known: dict[tuple[int, int], tuple[int, Neighbour]] = {}
        """Cache by channel and direction: the place that was searched from last, and what was found."""
        self._stored: list[tuple[int, Signal]] = []
        """Blocks with missing samples as they were stored, by their start."""
        self._seen_samples = 0
        self.count = 0
        """Missing samples found so far, of all channels."""

    def filled(self, block: Signal, start_sample: int) -> Signal:
        """Block ``[C, n]`` from a sample on, filled; a channel that has nothing but missing samples is 0."""
        missing = np.isnan(block)
        if not missing.any():
            self._seen_samples = max(self._seen_samples, start_sample + block.shape[-1])
            return block
        self._remember(block, start_sample)
        filled = block.copy()
        for channel in np.flatnonzero(missing.any(axis=1)).tolist():
            filled[channel, missing[channel]] = self._between(block[channel], start_sample, channel)
        return filled

    def put_back(self, block: Signal, start_sample: int) -> Signal:
        """Block ``[C, n]`` from a sample on, with what is missing there as it was stored."""
        end = start_sample + block.shape[-1]
        self._stored = [(at, old) for at, old in self._stored if at + old.shape[-1] > start_sample]
        back = block.copy() if self._stored else block
        for at, old in self._stored:
            low, high = max(at, start_sample), min(at + old.shape[-1], end)
            if low < high:
                part = old[:, low - at : high - at]
                np.copyto(back[:, low - start_sample : high - start_sample], part, where=np.isnan(part))
        return back

    def _remember(self, block: Signal, start_sample: int) -> None:
        """Keep what is missing, of samples that were not read before."""
        new = block[:, max(0, self._seen_samples - start_sample) :]
        self.count += int(np.isnan(new).sum())
        if new.size:
            self._stored.append((start_sample + block.shape[-1] - new.shape[-1], new))
        self._seen_samples = max(self._seen_samples, start_sample + block.shape[-1])

    def _between(self, row: Signal, start_sample: int, channel: int) -> npt.NDArray[np.float64]:
        """Values of the missing samples of one channel."""
        missing, finite = np.isnan(row), np.isfinite(row)  # what is infinite is refused elsewhere
        before = self._neighbour(channel, start_sample - 1, -1) if missing[0] else None
        after = self._neighbour(channel, start_sample + len(row), 1) if missing[-1] else None
        known = start_sample + np.flatnonzero(finite)
        around = [side for side in (before, after) if side]
        places = np.concatenate([known, [place for place, _ in around]])
        values = np.concatenate([row[finite], [value for _, value in around]])
        if not places.size:
            return np.zeros(int(missing.sum()))
        order = np.argsort(places)
        points = _with_steps(places[order], values[order])
        return np.asarray(np.interp(start_sample + np.flatnonzero(missing), *points))

    def _neighbour(self, channel: int, place: int, direction: int) -> Neighbour:
        """The nearest sample that is not missing, from a place on, forwards (1) or backwards (-1)."""
        known, found, at = self._known.get((channel, direction)), None, place
        for count in _growing():
            if known and _covers(known, at, direction):
                found = known[1]
                break
            low = at if direction > 0 else max(0, at - count + 1)
            row = self._read(low, count if direction > 0 else at + 1 - low)[channel] if at >= 0 else ()
            here = np.flatnonzero(np.isfinite(row))
            if here.size or not len(row):
                nearest = here[0 if direction > 0 else -1] if here.size else 0
                found = (low + int(nearest), float(row[nearest])) if here.size else None
                break
            at = low + len(row) if direction > 0 else low - 1
        self._known[channel, direction] = place, found
        return found


def _with_steps(places: npt.NDArray[Any], values: Signal) -> tuple[npt.NDArray[Any], Signal]:
    """Places of known samples and their values, with the ends of the lines in long gaps."""
    before = np.flatnonzero(np.diff(places) > LONG_SAMPLES)
    middle = (places[before] + places[before + 1]) // 2
    ends = np.stack([middle - STEP_SAMPLES // 2, middle + STEP_SAMPLES // 2], axis=-1).ravel()
    at = np.repeat(before + 1, 2)
    held = np.stack([values[before], values[before + 1]], axis=-1).ravel()
    return np.insert(places, at, ends), np.insert(values, at, held)


def _growing() -> Iterator[int]:
    """Numbers of samples to look at, step by step."""
    count = SEARCHED_SAMPLES
    while True:
        yield count
        count = min(4 * count, MOST_SEARCHED_SAMPLES)


def _covers(known: tuple[int, Neighbour], place: int, direction: int) -> bool:
    """Return whether a neighbour that was found from one place on is that of another, too."""
    start, found = known
    return (place - start) * direction >= 0 and (found is None or (found[0] - place) * direction >= 0)
