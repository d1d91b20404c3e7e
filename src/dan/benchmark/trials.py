"""The signals on which peers are compared: drawn by a recipe, of a data folder, or mixed on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dan.config import Recipe, SignalKind
from dan.config.load import load_recipe, recipe_names
from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.evaluation import baselines
from dan.evaluation.baselines import Baselines
from dan.evaluation.held_out import load_held_out
from dan.inference.model_file import ModelInfo
from dan.synthesis.mix import draw_pairs
from dan.workflows.data import mix_folder

BENCH_DRAWS = 70_001
"""Tag of the seed of the signals that are drawn: no training and no data folder draws them."""

MIXED_TRAINING = 40
MIXED_DURATION_S = 4.0
MIXED_SNR_DB = (-5.0, 10.0)
"""Signals that are mixed on the spot: how many the filters are set on, how long, and how noisy."""


@dataclass(frozen=True)
class Trial:
    """Signals under test, and the filters set for them."""

    words: str
    """Description of the signals."""
    clean: list[Signal]
    mixed: list[Signal]
    """Each ``[T]`` of its own length."""
    sample_rate_hz: float
    kind: SignalKind
    """Kind of the signals, for the figures of their field."""
    filters: Baselines
    """Set by what is known of the signals: by their recipe, or on the training side."""


def drawn(recipe: Recipe, *, count: int) -> Trial:
    """Draws of a recipe's own signals, the filters set by what it says."""
    pairs = draw_pairs(recipe, count, random=np.random.default_rng([recipe.seed, BENCH_DRAWS]))
    return Trial(
        f"{count} draws of the recipe {recipe.name}",
        list(pairs.clean),
        list(pairs.mixed),
        recipe.signal.sample_rate_hz,
        "tones",
        baselines.from_recipe(recipe, limit=False),
    )


def is_drawn(info: ModelInfo) -> bool:
    """Return whether a model's own signals can be drawn: its recipe comes with the package and makes them."""
    return info.recipe in recipe_names() and load_recipe(info.recipe).data.source != "recordings"


def from_folder(data: Path, *, count: int, kind: SignalKind = "other") -> Trial:
    """Up to so many signals of a folder's validation side, evenly spread; the filters set on its other side.

    Args:
        data: the data folder.
        count: signals at most.
        kind: what they are, where the folder does not say it.

    Raises:
        DanError: if the folder is wrong.
    """
    found = load_held_out(data)
    places = sorted(set(np.linspace(0, len(found.clean) - 1, count).round().astype(int).tolist()))
    filters = baselines.choose(
        sample_rate_hz=found.sample_rate_hz, recipe=found.recipe, training=found.training, limit=False
    )
    clean, mixed = ([part[place] for place in places] for part in (found.clean, found.mixed))
    words = f"{len(places)} signals of the data folder {data.name}"
    return Trial(words, clean, mixed, found.sample_rate_hz, found.kind or kind, filters)


def from_recordings(
    clean: Path,
    noise: Path,
    *,
    sample_rate_hz: float,
    count: int,
    kind: SignalKind = "other",
) -> Trial:
    """Mixtures of recordings at -5 to 10 dB; the filters are set on mixtures of other recordings.

    Raises:
        DanError: if a folder or a recording is wrong, or they cannot be split.
    """
    from dan.config import RecordingsSettings

    total = count + MIXED_TRAINING
    with TemporaryDirectory() as folder:
        data = Path(folder) / "mixed"
        mix_folder(
            data,
            clean=clean,
            noise=noise,
            snr_db=MIXED_SNR_DB,
            count=total,
            duration_s=MIXED_DURATION_S,
            sample_rate_hz=sample_rate_hz,
            recordings=RecordingsSettings(held_out_share=count / total),
        )
        found = from_folder(data, count=count, kind=kind)
    low_db, high_db = MIXED_SNR_DB
    words = f"{count} mixtures of {clean.name} with {noise.name} at {low_db:g} to {high_db:g} dB"
    return Trial(words, found.clean, found.mixed, found.sample_rate_hz, found.kind, found.filters)


def kind_of(infos: Sequence[ModelInfo]) -> SignalKind:
    """Return what models denoise, as the first says that knows it."""
    return next((info.signal.kind for info in infos if info.signal.kind != "other"), "other")


def check_count(count: int) -> None:
    """Check the number of signals.

    Raises:
        DanError: if it is below 1.
    """
    if count < 1:
        raise DanError(f"count={count}", "there is at least one signal", "Give 1 or more")
