"""How soon the recipe `tones` is as good as `classic` is in the end, one after the other.

python benchmarks/race.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tables import show

from dan.cli.console import progress
from dan.config import Recipe
from dan.config.load import load_recipe
from dan.data.folder.load import create
from dan.data.sources import open_source, open_validation
from dan.training.loop import train
from dan.training.state import Hooks, TrainingState, new_state


@dataclass(frozen=True)
class Race:
    """What both came to; the seconds are those of the steps alone."""

    classic_snr_db: float
    """Best validation of the whole training."""
    classic_seconds: float
    tones_snr_db: float
    """Last validation: the first that passes, or the end's if none does."""
    tones_seconds: float


def race() -> Race:
    """Train `classic` to its end, and `tones` until its validation passes it."""
    classic = load_recipe("classic")
    with TemporaryDirectory() as folder:
        data = create(classic, Path(folder) / "data")
        slow = train_until(classic, data, float("inf"))
    best_db = max(_snr_db(slow))
    tones = load_recipe("tones", overrides=["training.steps_per_epoch=10", "training.epochs=200"])
    quick = train_until(tones, None, best_db)
    return Race(best_db, slow.seconds, _snr_db(quick)[-1], quick.seconds)


def train_until(recipe: Recipe, data: Path | None, snr_db: float) -> TrainingState:
    """Train until a validation reaches an SNR, or to the end."""
    state = new_state(recipe)
    hooks = Hooks(should_stop=lambda: any(value >= snr_db for value in _snr_db(state)))
    train(state, open_source(recipe, data), open_validation(recipe, data), hooks)
    return state


def _snr_db(state: TrainingState) -> list[float]:
    """Return the SNR of each validation."""
    return [float(record["val_snr_db"]) for record in state.history]


if __name__ == "__main__":
    with progress():
        both = race()
    show([both])
