"""Batches and validation signals from noisy recordings, where nothing is clean."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Literal

from dan.config import Recipe
from dan.core.errors import DanError
from dan.data.pauses_folder import PauseOptions, check_pauses, write_pauses
from dan.data.recordings import Half, open_outputs, open_takes
from dan.data.recordings_source import Folders, TrainingData, training_data
from dan.data.trials import write_trials

log = logging.getLogger(__name__)

PAUSES, TRIALS = "pauses", "trials"
"""Folders of the noise and of the trials that are cut out of recordings, within a cache."""
OUTPUTS, INPUTS = "outputs", "inputs"
"""Folders of denoised recordings, and of what they were made of."""


def open_noisy(
    recipe: Recipe, folders: Folders, *, cache: Path | None = None, half: Half | None = None
) -> TrainingData:
    """The source of batches and the validation signals from noisy recordings, without clean ones.

    Args:
        recipe: the whole training.
        folders: of noisy recordings, and of noise or second takes.
        cache: a folder for noise that is cut out of the recordings, and for what is decoded.
        half: of the recordings to train on; None for all of them.

    Raises:
        DanError: if a folder or a recording is wrong, they cannot be split, or one is in two places.
    """
    if folders.noisy is None:
        raise DanError("--second-take", "it stands beside noisy recordings", "Give --noisy as well")
    noise, notes = folders.noise, tuple[str, ...]()
    if noise is None and folders.second_take is None:
        noise, notes = _own_pauses(folders.noisy, folders, cache)
    material = open_takes(
        recipe,
        noisy=folders.noisy,
        noise=noise,
        second_take=folders.second_take,
        sample_rate_hz=folders.sample_rate_hz,
        cache=cache,
        half=half,
    )
    words = f"noisy recordings of the folder {folders.noisy.name}, none of them clean"
    takes: Literal["recorded", "made"] = "made" if folders.second_take is None else "recorded"
    signals = training_data(recipe, material, words, takes=takes)
    return replace(signals, notes=(*notes, *signals.notes))


def open_refined(
    recipe: Recipe,
    folders: Folders,
    denoised: Path,
    *,
    cache: Path | None = None,
    half: Half | None = None,
) -> TrainingData:
    """The source of batches from denoised recordings; the validation is that of the noisy ones as they are.

    Args:
        recipe: the whole training.
        folders: of noisy recordings, and of noise or second takes.
        denoised: holds `OUTPUTS` and the recordings that they were made of, `INPUTS`.
        cache: as `open_noisy` has it.
        half: of the recordings to train on; None for all of them.

    Raises:
        DanError: if a folder or a recording is wrong.
    """
    noisy = open_noisy(recipe, folders, cache=cache)
    material = open_outputs(recipe, outputs=denoised / OUTPUTS, noisy=denoised / INPUTS, half=half)
    refined = training_data(recipe, material, noisy.words)
    return replace(refined, validation=noisy.validation, notes=noisy.notes)


def forget_cuts(cache: Path) -> None:
    """Remove the noise and the trials that were cut out of recordings: these may be others now."""
    for name in (PAUSES, TRIALS):
        shutil.rmtree(cache / name, ignore_errors=True)


def with_trials(folders: Folders, *, cache: Path) -> Folders:
    """The folders with trials, paired as two takes, for the recordings; how many there are is logged.

    Raises:
        DanError: if there are no two trials, or other noise or takes are given beside them.
    """
    if folders.epochs_s is None:
        return folders
    if folders.noisy is None or folders.clean or folders.noise or folders.second_take:
        raise DanError("--epochs", "trials are cut from --noisy alone", "Leave the other folders out")
    trials = write_trials(
        folders.noisy,
        cache / TRIALS,
        window_s=folders.epochs_s,
        labels=folders.labels,
        sample_rate_hz=folders.sample_rate_hz,
    )
    for note in trials.notes:
        log.info(note)
    return replace(folders, noisy=trials.first, second_take=trials.second, epochs_s=None)


def _own_pauses(noisy: Path, folders: Folders, cache: Path | None) -> tuple[Path, tuple[str, ...]]:
    """The noise between the events of the recordings themselves, cut out into the cache."""
    if cache is None:
        raise DanError("--noisy alone", "there is no folder for the noise in it", "Give --noise as well")
    out, options = cache / PAUSES, PauseOptions(sample_rate_hz=folders.sample_rate_hz, labels=folders.labels)
    if out.is_dir():
        check_pauses(noisy, out, options=options)
        return out, (f"The noise is that of the pauses in {out}.",)
    taken = write_pauses(noisy, out, options=options)
    return out, taken.notes
