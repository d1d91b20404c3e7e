"""Held-out signals of a data folder, and what is known of them: read once, for all that is scored on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.config import Recipe, SignalKind
from dan.core.arrays import Signal
from dan.data.folder.layout import SIDES, pair_files
from dan.data.folder.load import load_signals
from dan.evaluation.training_side import TrainingSide
from dan.metrics.registry import check_kind


@dataclass(frozen=True)
class HeldOut:
    """The validation side of a data folder, signals one by one."""

    clean: list[Signal]
    mixed: list[Signal]
    sample_rate_hz: float
    kind: SignalKind | None
    """Kind of signal, where the folder says it."""
    recipe: Recipe | None
    """The recipe that made the signals, where one did."""
    training: TrainingSide | None
    """The other side, on which filters are set: only where no recipe sets them, and there is one."""
    sines: npt.NDArray[np.int64] | None
    """Number of sines of each signal ``[N]``, where the folder says it."""
    names: tuple[str, ...] = ()
    """Name of each clean file, without its suffix."""


def load_held_out(data: Path, *, sample_rate_hz: float | None = None) -> HeldOut:
    """Read what is scored on.

    Args:
        data: a data folder.
        sample_rate_hz: the rate of .npy files where no dataset.json says it.

    Raises:
        DanError: if the folder is wrong.
    """
    split = load_signals(data, SIDES[1], sample_rate_hz=sample_rate_hz)
    dataset, rate_hz = split.dataset, split.sample_rate_hz
    recipe = dataset.recipe if dataset else None
    kind = check_kind(dataset.kind) if dataset and dataset.kind else None
    training = None if recipe else _training(data, rate_hz)
    names = tuple(path.stem for path in split.paths)
    return HeldOut(split.clean, split.mixed, rate_hz, kind, recipe, training, split.sines, names)


def _training(data: Path, sample_rate_hz: float) -> TrainingSide | None:
    if not pair_files(data, SIDES[0])[0]:
        return None
    split = load_signals(data, SIDES[0], sample_rate_hz=sample_rate_hz)
    return TrainingSide(split.clean, split.mixed, split.sample_rate_hz)
