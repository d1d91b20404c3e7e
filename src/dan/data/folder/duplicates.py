"""Finds signals that stand in two sets, at whatever level and sign, without keeping the signals.

A denoiser that is judged on what it was trained on is judged too kindly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, energy

PROJECTIONS = 8
SAME_WITHIN = 1e-6
"""Signals of unit energy that differ by less are the same; scaling a float32 file changes them by 6e-8."""


@dataclass(frozen=True)
class Sketch:
    """A few random projections of a signal at unit energy: near to each other only for nearly equal signals.

    Source: W. B. Johnson and J. Lindenstrauss, "Extensions of Lipschitz mappings into a Hilbert space", 1984.
    """

    length_samples: int
    values: npt.NDArray[np.float64]
    """``[PROJECTIONS]``, the first positive, so that an inverted signal has the same; NaN for silence."""


def sketch(signal: Signal) -> Sketch:
    """The sketch of a signal ``[T]``."""
    level = float(np.sqrt(energy(signal)))
    if level == 0:
        return Sketch(len(signal), np.full(PROJECTIONS, np.nan))
    values = _directions(len(signal)) @ (signal / level)
    return Sketch(len(signal), values if values[0] >= 0 else -values)


def find_same(these: list[Sketch], those: list[Sketch]) -> list[tuple[int, int]]:
    """Places in both lists of signals that are the same; silence is no signal."""
    if not these:
        return []
    values = np.array([one.values for one in these])
    lengths = np.array([one.length_samples for one in these])
    pairs = []
    for place, one in enumerate(those):
        apart = np.sqrt(((values - one.values) ** 2).mean(axis=-1))  # NaN is not below anything
        same = (apart < SAME_WITHIN) & (lengths == one.length_samples)
        pairs += [(int(found), place) for found in np.flatnonzero(same)]
    return pairs


@lru_cache(maxsize=2)
def _directions(length: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(0).standard_normal((PROJECTIONS, length))
