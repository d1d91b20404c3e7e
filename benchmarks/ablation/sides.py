"""The sides that are compared: the same training without the adversarial part, with it, and with features."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.config import Recipe
from dan.config.load import load_recipe
from dan.core.progress import track
from dan.data.batches import Source, ValidationSet
from dan.inference.model_file import find_model, load_model
from dan.training.loop import train
from dan.training.state import TrainingState, new_state

OFF, ON, FEATURES = SIDES = ("off", "on", "on, feature matching")
METRIC = "on, a metric predicted"
"""For speech alone: the discriminator predicts PESQ."""

ADVERSARIAL = (
    "discriminator.kind=conditional",
    "losses.adversarial_kind=hinge",
    "losses.adversarial_balance=gradient",
    "losses.adversarial_warmup_epochs=0.5",
)
"""What both sides with an adversarial part have in common."""

Opened = tuple[Source, ValidationSet]


@dataclass(frozen=True)
class Result:
    """What one training came to."""

    figures: dict[str, npt.NDArray[np.float64]]
    """Each figure of each signal ``[N]``."""
    seconds: float
    """Of the processor, for the training."""
    accuracy: float | None
    """Of the discriminator in the last epoch."""


def side_recipe(
    name: str,
    side: str,
    seed: int,
    *,
    share: float,
    common: Sequence[str],
    judged: Sequence[str],
    features_share: float | None = None,
) -> Recipe:
    """Return the recipe of one side.

    Args:
        name: of the recipe that all sides share.
        side: one of `SIDES`.
        seed: of the training.
        share: norm of the adversarial gradient at the output, relative to the reconstruction's.
        common: overrides of all sides.
        judged: overrides of those with an adversarial part.
        features_share: norm of the gradient of feature matching, where a side has it; `share` if left out.
    """
    matched = 0 if side != FEATURES else share if features_share is None else features_share
    weights = [
        f"losses.weights.adversarial={0 if side == OFF else share}",
        f"losses.weights.feature_matching={matched}",
    ]
    given = [] if side == OFF else [*ADVERSARIAL, *judged]
    return load_recipe(name, overrides=[*common, *given, *weights], seed=seed)


def train_side(recipe: Recipe, opened: Opened, *, start: Path | None = None) -> tuple[TrainingState, float]:
    """Train, from fresh weights or from a model's.

    Returns:
        The trained state, and the seconds of the processor that it took.
    """
    state = new_state(recipe)
    if start is not None:
        path = find_model(str(start), suffixes=(".safetensors",))
        weights = load_model(path)[0].state_dict()
        for network in filter(None, (state.generator, state.average)):
            network.load_state_dict(weights)
    started = time.process_time()
    train(state, *opened)
    return state, time.process_time() - started


def by_side(
    sides: Sequence[str], seeds: Sequence[int], trained: Callable[[str, int], Result]
) -> dict[str, list[Result]]:
    """Train every side from every seed, seed by seed: other work on the machine slows all sides alike."""
    found: dict[str, list[Result]] = {side: [] for side in sides}
    for seed in track(seeds, "Seeds"):
        for side in sides:
            found[side].append(trained(side, seed))
    return found
