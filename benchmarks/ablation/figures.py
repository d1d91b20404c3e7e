"""Figures of an ablation: the mean of each side, and the interval of its paired difference from the first."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from benchmarks.ablation.sides import Result

from dan.core.atomic import atomic_write

Array = npt.NDArray[np.float64]
DRAWS = 4000


@dataclass(frozen=True)
class Row:
    """One figure of one side on one kind of signals."""

    signals: str
    figure: str
    side: str
    mean: float
    difference: float = 0.0
    """From the side without the adversarial part."""
    low: float = 0.0
    high: float = 0.0
    """Ends of the 95 % interval of the difference."""
    by_seed: tuple[float, ...] = ()
    """Difference of each seed; none where nothing was trained."""


@dataclass(frozen=True)
class Ablation:
    """What one domain came to."""

    domain: str
    words: str
    """How it was trained and judged, in a few words."""
    rows: tuple[Row, ...]
    seconds: dict[str, float]
    """Of the processor, for the training of each side; mean over seeds."""
    accuracy: dict[str, float]
    """Of the discriminator in the last epoch, where it has one; mean over seeds."""

    @classmethod
    def of(
        cls, domain: str, words: str, rows: Iterable[Row], found: Mapping[str, Sequence[Result]]
    ) -> Ablation:
        """Return an ablation with the costs of its trainings."""
        seconds = {side: float(np.mean([one.seconds for one in each])) for side, each in found.items()}
        told = {side: [one.accuracy for one in each if one.accuracy] for side, each in found.items()}
        accuracy = {side: float(np.mean(values)) for side, values in told.items() if values}
        return cls(domain, words, tuple(rows), seconds, accuracy)


def interval(differences: Array) -> tuple[float, float]:
    """Return the 95 % interval of the mean of ``[seeds, signals]``: a bootstrap over both."""
    random, (seeds, count) = np.random.default_rng(0), differences.shape
    means = [
        np.nanmean(differences[random.integers(seeds, size=(seeds, 1)), random.integers(count, size=count)])
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def rows_of(signals: str, sides: Mapping[str, Mapping[str, Array]]) -> list[Row]:
    """Return a row for each figure and side.

    Args:
        signals: what they were taken on.
        sides: by side, by figure: values ``[seeds, signals]``, of the same signals for all sides. The first
            side is the one that the others are compared with.
    """
    first = next(iter(sides.values()))
    rows = []
    for figure, base in first.items():
        for side, figures in sides.items():
            differences = figures[figure] - base
            by_seed = tuple(round(float(value), 4) for value in np.nanmean(differences, axis=1))
            low, high = interval(differences)
            mean, difference = float(np.nanmean(figures[figure])), float(np.nanmean(differences))
            rows.append(Row(signals, figure, side, mean, difference, low, high, by_seed))
    return rows


def save(ablation: Ablation, path: Path) -> None:
    """Write an ablation as JSON."""
    with atomic_write(path, force=True) as temporary:
        temporary.write_text(json.dumps(dataclasses.asdict(ablation), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Ablation:
    """Read an ablation that was written as JSON."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    rows = tuple(Row(**row | {"by_seed": tuple(row["by_seed"])}) for row in tree.pop("rows"))
    return Ablation(rows=rows, **tree)


def of_all_seeds(found: Mapping[str, Sequence[Result]]) -> dict[str, dict[str, Array]]:
    """Return by side, by figure, the values of all seeds ``[seeds, signals]``."""
    return {
        side: {name: np.stack([one.figures[name] for one in results]) for name in results[0].figures}
        for side, results in found.items()
    }
