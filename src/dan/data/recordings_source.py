"""Batches and validation signals drawn from recordings, and the folders that they lie in."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dan.config import Recipe
from dan.data.batches import Batch, Source, ValidationSet, batch_of
from dan.data.mixer import Pool
from dan.data.recordings import Material
from dan.synthesis.mix import Pairs

VALIDATION = 2
"""Key of a stream of random numbers of its own."""


class RecordingsSource:
    """Mixtures of recordings, drawn at every step; the next ones while the network works on these."""

    def __init__(self, recipe: Recipe, pool: Pool, digest: str) -> None:
        self.steps_per_epoch, self.digest, self._pool = recipe.training.steps_per_epoch, digest, pool
        self._steps = recipe.training.epochs * self.steps_per_epoch
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._ahead: dict[int, Future[Pairs]] = {}

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        drawn = self._ahead.pop(step, None) or self._worker.submit(self._pool.pairs, step)
        later = [step + 1] if step + 1 < self._steps else []  # nothing is drawn that is not trained on
        self._ahead = {one: self._worker.submit(self._pool.pairs, one) for one in later}
        pairs = drawn.result()
        return batch_of(noisy=pairs.mixed, clean=pairs.clean)

    def close(self) -> None:
        """Stop preparing batches."""
        self._worker.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class TrainingData:
    """Data of a training: the source of its batches, and its validation signals."""

    source: Source
    validation: ValidationSet
    words: str
    """Description of the signals, in words."""
    notes: tuple[str, ...] = ()
    """Notes on what was left out, held out or upsampled, in a sentence each."""


@dataclass(frozen=True)
class Folders:
    """Folders that signals are read from: a data folder, or folders of recordings."""

    data: Path | None = None
    clean: Path | None = None
    noise: Path | None = None
    noisy: Path | None = None
    """Beside clean recordings: noisy ones of the same names. Without clean ones: what is learnt from."""
    sample_rate_hz: float | None = None
    """Rate in Hz of .npy files that do not say theirs; a data folder that says another is refused."""
    second_take: Path | None = None
    """Beside noisy recordings: others of the same signals and names, with noise of their own."""

    labels: Path | None = None
    """Beside noisy recordings: their annotations, where these are not theirs by name."""
    epochs_s: tuple[float, float] | None = None
    """Beside noisy recordings: where trials begin and end, in seconds after a mark, which are paired."""

    @property
    def are_noisy(self) -> bool:
        """Return whether there are noisy recordings alone, and no clean ones."""
        return self.noisy is not None and self.clean is None

    def paths(self) -> list[Path]:
        """Paths that are given."""
        return [path for path in (self.data, self.labels) if path is not None] + self.recordings()

    def recordings(self) -> list[Path]:
        """Folders that are given of which all recordings are read."""
        folders = (self.clean, self.noise, self.noisy, self.second_take)
        return [path for path in folders if path is not None]


def training_data(
    recipe: Recipe, material: Material, words: str, *, takes: Literal["recorded", "made"] | None = None
) -> TrainingData:
    """Draw the data of a training from recordings: its batches, and its validation signals.

    Args:
        recipe: the whole training.
        material: the recordings of both sides.
        words: what they are, in words.
        takes: how two takes come about where nothing is clean.
    """
    training = recipe.training
    pool = Pool(material.train, seed=recipe.seed, batch=training.batch_size, reuse=recipe.augmentation.reuse)
    random = np.random.default_rng([recipe.seed, VALIDATION])
    pairs = material.validation.draw(recipe.data.validation_count, random=random)
    return TrainingData(
        source=RecordingsSource(recipe, pool, material.digest),
        validation=ValidationSet(pairs.clean, pairs.mixed, takes, material.validation.distinct),
        words=words,
        notes=material.notes,
    )
