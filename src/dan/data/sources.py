"""Batches to train and validate on: from a data folder, or drawn afresh at every step.

A batch follows from the seed and the number of the step alone. So a training can stop at any step and go on
from there with the very signals that it would have seen.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from dan.config import Recipe
from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.data.batches import Batch, Source, ValidationSet, batch_of
from dan.data.folder.layout import read_dataset
from dan.data.folder.load import Split, load_split
from dan.data.noisy_source import open_noisy
from dan.data.recordings import open_material
from dan.data.recordings_source import VALIDATION, Folders, TrainingData, training_data
from dan.synthesis.mix import draw_noise, draw_pairs, mix

SHUFFLE, DRAW = range(2)
"""Keys of streams of random numbers, one for each purpose."""


class FreshSource:
    """New draws of the recipe's signals at every step."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.digest = recipe, ""
        self.steps_per_epoch = recipe.training.steps_per_epoch

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        random = np.random.default_rng([self.recipe.seed, DRAW, step])
        pairs = draw_pairs(self.recipe, self.recipe.training.batch_size, random=random)
        return batch_of(noisy=pairs.mixed, clean=pairs.clean)

    def close(self) -> None:
        """Nothing runs beside the training."""


class FolderSource:
    """A data folder's training side, shuffled anew each epoch; what does not fill a batch waits its turn."""

    def __init__(self, recipe: Recipe, data: Path, *, sample_rate_hz: float | None = None) -> None:
        split = load_split(data, "train", sample_rate_hz=sample_rate_hz)
        _check_fits(recipe, split, data, sample_rate_hz)
        self.recipe, self.clean, self.mixed = recipe, split.clean, split.mixed
        self.size = min(recipe.training.batch_size, len(self.clean))
        self.steps_per_epoch = len(self.clean) // self.size
        self.digest = hashlib.sha256(self.clean.tobytes() + self.mixed.tobytes()).hexdigest()

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.recipe.seed, SHUFFLE, epoch]).permutation(len(self.clean))
        rows = order[place * self.size : (place + 1) * self.size]
        clean = self.clean[rows]
        noisy = self._with_fresh_noise(clean, step) if self.recipe.data.fresh_noise else self.mixed[rows]
        return batch_of(noisy=noisy, clean=clean)

    def close(self) -> None:
        """Nothing runs beside the training."""

    def _with_fresh_noise(self, clean: Signal, step: int) -> Signal:
        random = np.random.default_rng([self.recipe.seed, DRAW, step])
        noise = draw_noise(self.recipe.noise, self.recipe.signal, len(clean), random=random)
        low_db, high_db = self.recipe.noise.snr_range_db
        return mix(clean, noise, snr_db=random.uniform(low_db, high_db, len(clean)))[0]


def open_recordings(
    recipe: Recipe,
    *,
    clean: Path,
    noise: Path | None = None,
    noisy: Path | None = None,
    sample_rate_hz: float | None = None,
    cache: Path | None = None,
) -> TrainingData:
    """The source of batches and the validation signals from folders of recordings.

    Args:
        recipe: the whole training.
        clean: a folder of clean recordings.
        noise: a folder of noise; without one, the noise is what the recipe synthesises.
        noisy: instead of noise, a folder of noisy recordings with the names of the clean ones.
        sample_rate_hz: of .npy arrays, in Hz.
        cache: a folder in which long folders of compressed files are kept decoded; without one they are not.

    Raises:
        DanError: if a folder or a recording is wrong, they cannot be split, or one is on both sides or is
            both clean and noise.
    """
    material = open_material(
        recipe,
        clean=clean,
        noise=noise,
        noisy=noisy,
        sample_rate_hz=sample_rate_hz,
        cache=cache,
    )
    return training_data(recipe, material, f"recordings of the folder {clean.name}")


def open_training_data(recipe: Recipe, folders: Folders, *, cache: Path | None = None) -> TrainingData:
    """The signals that a recipe and the folders given stand for.

    A recipe that draws its signals afresh goes on doing so where the data folder was drawn by the very same
    settings, and is validated on it; any other folder it is trained on as well.

    Args:
        recipe: the whole training.
        folders: where signals come from that are not drawn.
        cache: a folder in which long folders of compressed recordings are kept decoded.

    Raises:
        DanError: if a folder is missing, wrong, of another rate, or given beside another that it excludes.
    """
    if folders.clean is not None:
        if folders.data is not None:
            raise DanError("--data and --clean", "signals come from one of them", "Give only one")
        return open_recordings(
            recipe,
            clean=folders.clean,
            noise=folders.noise,
            noisy=folders.noisy,
            sample_rate_hz=folders.sample_rate_hz,
            cache=cache,
        )
    if folders.noisy is not None or folders.second_take is not None:
        if folders.data is not None:
            raise DanError("--data and --noisy", "signals come from one of them", "Give only one")
        return open_noisy(recipe, folders, cache=cache)
    if folders.noise is not None:
        raise DanError("--noise", "it needs recordings beside it", "Give --clean, or --noisy, as well")
    data, rate_hz = folders.data, folders.sample_rate_hz
    source = open_source(recipe, data, sample_rate_hz=rate_hz)
    validation = open_validation(recipe, data, sample_rate_hz=rate_hz)
    if data is None:
        return TrainingData(source, validation, f"fresh draws of the recipe {recipe.name}")
    if isinstance(source, FreshSource):
        words = f"fresh draws of the recipe {recipe.name}"
        note = f"{data} was drawn as {recipe.name} draws: it is validated on, and fresh draws are trained on"
        return TrainingData(source, validation, words, (note,))
    return TrainingData(source, validation, f"the data folder {data.name}")


def _is_drawn_alike(recipe: Recipe, data: Path) -> bool:
    """Return whether dataset.json says that the folder's signals were drawn as the recipe's are."""
    dataset = read_dataset(data)
    if dataset is None or dataset.recipe is None:
        return False
    return all(
        getattr(dataset.recipe, name) == getattr(recipe, name) for name in ("signal", "clean", "noise")
    )


def open_source(recipe: Recipe, data: Path | None, *, sample_rate_hz: float | None = None) -> Source:
    """The source of batches that the recipe asks for.

    Args:
        recipe: the whole training.
        data: a data folder, if there is one.
        sample_rate_hz: of its .npy files where no dataset.json says it.

    Raises:
        DanError: if the folder is missing, wrong, or of another rate or length.
    """
    if recipe.data.source == "fresh" and (data is None or _is_drawn_alike(recipe, data)):
        return FreshSource(recipe)
    if recipe.data.source == "recordings" and data is None:
        raise DanError(
            f"the recipe {recipe.name}",
            "it trains on recordings",
            "Give folders of them: --clean and --noise",
        )
    if data is None:
        raise DanError(
            "data.source=folder", "it needs a data folder", "Give --data, or --set data.source=fresh"
        )
    return FolderSource(recipe, data, sample_rate_hz=sample_rate_hz)


def open_validation(
    recipe: Recipe, data: Path | None, *, sample_rate_hz: float | None = None
) -> ValidationSet:
    """The validation side of the data folder; without one, draws that no training step sees.

    Args:
        recipe: the whole training.
        data: a data folder, if there is one.
        sample_rate_hz: of its .npy files where no dataset.json says it.

    Raises:
        DanError: if the folder is missing, wrong, or of another rate or length.
    """
    if data is None:
        random = np.random.default_rng([recipe.seed, VALIDATION])
        pairs = draw_pairs(recipe, recipe.data.validation_count, random=random)
        return ValidationSet(clean=pairs.clean, mixed=pairs.mixed)
    split = load_split(data, "validation", sample_rate_hz=sample_rate_hz)
    _check_fits(recipe, split, data, sample_rate_hz)
    return ValidationSet(clean=split.clean, mixed=split.mixed)


def _check_fits(recipe: Recipe, split: Split, data: Path, given_hz: float | None) -> None:
    """The rate and, as the generator is built for it, the length."""
    rate_hz, length = split.sample_rate_hz, split.clean.shape[-1]
    if given_hz not in (None, rate_hz):
        raise DanError(
            f"--sample-rate {given_hz:g}",
            f"{data} says {rate_hz:g} Hz",
            "Leave it out, or correct the folder",
        )
    if rate_hz != recipe.signal.sample_rate_hz:
        raise DanError(
            f"{data} at sample_rate_hz={rate_hz:g}",
            f"the recipe {recipe.name} is for {recipe.signal.sample_rate_hz:g} Hz",
            f"Train with --set signal.sample_rate_hz={rate_hz:g}, or on other data",
        )
    if length != recipe.signal.length_samples:
        raise DanError(
            f"{data} with signals of {length} samples",
            f"the recipe {recipe.name} is for {recipe.signal.length_samples}",
            f"Train with --set signal.duration_s={length / rate_hz}, or on other data",
        )
