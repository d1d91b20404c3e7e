"""Levels along a recording, by which near-silent stretches of noise are passed over.

A stretch of noise is scaled to the SNR that is wanted. Where a recording is all but silent, that would raise
what is left, an amplifier's or a converter's own noise, to full strength.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal

BLOCK_SAMPLES = 64
"""Levels are those of whole blocks."""
QUIET_DB = 40.0
"""Below the loudest stretch of the same length of a recording, a stretch is near-silent."""


class Levels:
    """Levels of a recording's stretches, each about its own mean.

    Args:
        parts: of the recording in order, ``[n]``, each but the last of whole blocks.
    """

    def __init__(self, parts: Iterable[Signal]) -> None:
        sums, squares = [np.zeros(1)], [np.zeros(1)]
        for part in parts:
            blocks = len(part) // BLOCK_SAMPLES
            each = part[: blocks * BLOCK_SAMPLES].astype(np.float64).reshape(blocks, BLOCK_SAMPLES)
            sums.append(each.sum(axis=-1))
            squares.append((each**2).sum(axis=-1))
        self._sums, self._squares = (np.cumsum(np.concatenate(total)) for total in (sums, squares))
        self._quiet: dict[int, tuple[npt.NDArray[np.bool_], int]] = {}

    def is_quiet(self, start: int, count: int) -> bool:
        """Return whether a stretch, from the blocks on between which it begins, is near-silent."""
        quiet, _ = self._judged(count)
        first = min(len(quiet) - 1, start // BLOCK_SAMPLES)
        return bool(quiet[first : first + (2 if start % BLOCK_SAMPLES else 1)].any())

    def loudest_start(self, count: int) -> int:
        """First sample of the loudest stretch of a length, to within a block."""
        return self._judged(count)[1] * BLOCK_SAMPLES

    def quiet_share(self, count: int) -> float:
        """Share of the stretches of a length that are near-silent."""
        return float(np.mean(self._judged(count)[0]))

    def _judged(self, count: int) -> tuple[npt.NDArray[np.bool_], int]:
        """Judge the stretch from each block on, near-silent or not, and find the loudest."""
        span = min(max(1, round(count / BLOCK_SAMPLES)), len(self._sums) - 1)
        if span < 1:
            return np.zeros(1, bool), 0
        if span not in self._quiet:
            sums, squares = (total[span:] - total[:-span] for total in (self._sums, self._squares))
            power = np.maximum(squares - sums**2 / (span * BLOCK_SAMPLES), 0)
            loudest = int(np.argmax(power))
            self._quiet[span] = power < power[loudest] * 10 ** (-QUIET_DB / 10), loudest
        return self._quiet[span]
