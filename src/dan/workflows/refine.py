"""Rounds of refinement without clean recordings: a recording's target is the output of a model new to it.

A model learns the noise of its own recordings by heart, and its outputs for them hold it. So there are two
models, of one half of the recordings each, and either denoises the other's half (cross-fitting). Such outputs
are nearly clean, what was taken away is noise, and both can be recombined as clean signals and noise are.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dan.config import Recipe
from dan.core.arrays import Signal
from dan.core.atomic import atomic_folder
from dan.core.errors import DanError
from dan.core.progress import track
from dan.data.index import Corpus, IndexEntry
from dan.data.noisy_source import INPUTS, OUTPUTS, open_noisy, open_refined
from dan.data.recordings import HALVES, Half, heard_by_half, indexed
from dan.data.recordings_source import Folders, TrainingData
from dan.data.split import pair
from dan.inference.denoiser import Denoiser, load
from dan.io.recordings import write
from dan.networks import processes

log = logging.getLogger(__name__)

ROUNDS = "rounds"
"""Folder of what the rounds leave, within a cache."""
Trainer = Callable[[Recipe, Path, Callable[[], TrainingData]], bool]
"""Trains by a recipe in a run folder on signals that are opened; whether it came to its end."""


def check_rounds(recipe: Recipe, folders: Folders) -> None:
    """Check that rounds are asked for where they can be had.

    Raises:
        DanError: if there are clean recordings, or none at all.
    """
    if recipe.refinement.rounds and not folders.are_noisy:
        raise DanError(
            f"refinement.rounds={recipe.refinement.rounds}",
            "rounds are for noisy recordings without clean ones",
            "Give --noisy without --clean, or leave --rounds out",
        )


def refine(
    recipe: Recipe, folders: Folders, *, cache: Path, training: Trainer, force: bool = False
) -> Path | None:
    """Train the models of all rounds and denoise with them; what is there already is used.

    Args:
        recipe: the whole training, whose rounds are meant.
        folders: of noisy recordings, and of noise or second takes.
        cache: what is made lies in its folder `ROUNDS`.
        training: trains a model of a half.
        force: make all anew.

    Returns:
        The folder of the last round's outputs and inputs; None if a training was stopped.
    """
    denoised: Path | None = None
    for number in range(1, recipe.refinement.rounds + 1):
        folder, before = cache / ROUNDS / str(number), denoised
        for half in HALVES:
            log.info("Round %d of %d, model %d of 2.", number, recipe.refinement.rounds, half + 1)

            def signals(half: Half = half, before: Path | None = before) -> TrainingData:
                if before is None:
                    return open_noisy(recipe, folders, cache=cache, half=half)
                return open_refined(recipe, folders, before, cache=cache, half=half)

            if not training(_of_a_half(recipe), folder / str(half), signals):
                return None
        denoised = folder / "denoised"
        with processes.first_alone():
            if processes.rank() == 0 and (force or not denoised.is_dir()):
                write_outputs(recipe, folders, denoised, models=(load(folder / "0"), load(folder / "1")))
    return denoised


def _of_a_half(recipe: Recipe) -> Recipe:
    epochs = math.ceil(recipe.refinement.epochs_share * recipe.training.epochs)
    training = recipe.training.model_copy(update={"epochs": epochs})
    refinement = recipe.refinement.model_copy(update={"rounds": 0})
    return recipe.model_copy(update={"training": training, "refinement": refinement})


def write_outputs(recipe: Recipe, folders: Folders, out: Path, *, models: tuple[Denoiser, Denoiser]) -> None:
    """Denoise each stretch of the noisy recordings by the model that was trained on the other half.

    Outputs and inputs become arrays at the recipe's rate, of one name. Two takes are channels of one array,
    each beside what their mean is denoised to.

    Args:
        recipe: its seed and settings say which recordings are in which half.
        folders: of noisy recordings, and of second takes if there are some.
        out: is made, or replaced.
        models: of the first and of the second half.

    Raises:
        DanError: if a recording cannot be read or the folder not be written.
    """
    assert folders.noisy is not None
    given = [folder for folder in (folders.noisy, folders.second_take) if folder is not None]
    noisy, *others = indexed(recipe, given, folders.sample_rate_hz)
    second: Corpus | None = None
    if others:
        noisy, second = pair(noisy, *others)
    first_half, _ = heard_by_half(recipe, noisy)
    with atomic_folder(out, force=True, replaceable=lambda _: True) as made:
        for place, entry in enumerate(track(noisy.entries, "Denoising")):
            takes = [_read(recipe, entry), *([_read(recipe, second.entries[place])] if second else [])]
            heard = [one for one in first_half.entries if one.path == entry.path]
            output = _crossed(recipe, np.mean(takes, axis=0), entry, heard, models)
            signals = (OUTPUTS, np.tile(output, (len(takes), 1))), (INPUTS, np.concatenate(takes))
            for kind, signal in signals:
                path = made / kind / f"{entry.name}.npy"
                write(path, signal.astype(np.float32), sample_rate_hz=recipe.signal.sample_rate_hz)


def _read(recipe: Recipe, entry: IndexEntry) -> Signal:
    """The channels of a recording that hold a signal ``[C, T]``, at the recipe's rate."""
    with entry.open() as recorded:
        signal = recorded.read(0, entry.stop)[list(entry.channels)]
    if entry.sample_rate_hz == recipe.signal.sample_rate_hz:
        return np.asarray(signal)
    import soxr

    rates_hz = entry.sample_rate_hz, recipe.signal.sample_rate_hz
    return np.stack([soxr.resample(channel, *rates_hz, quality="HQ") for channel in signal])


def _crossed(
    recipe: Recipe,
    signal: Signal,
    entry: IndexEntry,
    heard: list[IndexEntry],
    models: tuple[Denoiser, Denoiser],
) -> Signal:
    """A recording denoised by the first model, and what that one has heard of it by the second."""
    rate_hz = models[0].sample_rate_hz
    ratio = rate_hz / entry.sample_rate_hz
    outputs = _denoised(recipe, signal, models[0])
    others = _denoised(recipe, signal, models[1]) if heard else outputs
    for one in heard:
        start, stop = round(one.start * ratio), round(one.stop * ratio)
        outputs[:, start:stop] = others[:, start:stop]
    return outputs


def _denoised(recipe: Recipe, signal: Signal, model: Denoiser) -> Signal:
    """The model's output; where polarity means nothing, the mean of those for both polarities errs less."""
    with warnings.catch_warnings():
        # The mean of two takes lacks some of their noise, and so some of the level that is trained on.
        warnings.filterwarnings("ignore", message="an RMS of")
        output = model(signal, sample_rate=model.sample_rate_hz)
        if recipe.augmentation.invert_polarity:
            output = (output - model(-signal, sample_rate=model.sample_rate_hz)) / 2
    return np.asarray(output)
