"""The public functions: one call each for what the commands do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import ParameterError
from dan.core.warn import warn

if TYPE_CHECKING:
    from dan.evaluation.table import Table
    from dan.inference.denoiser import Denoiser


def read(path: str | Path, *, sample_rate: float | None = None) -> tuple[Signal, float | None]:
    """Read a recording: audio, a .npy array, a table, EDF or WFDB.

    Args:
        path: the file.
        sample_rate: in Hz, of a file that does not say its own, or of a table in place of what its times say.

    Returns:
        The samples ``[T]``, or ``[C, T]`` of several channels, float32 or float64 as the stored values need;
        and the sample rate in Hz, None where nobody says it.

    Raises:
        DanError: if there is no such file, it cannot be read, or it says another rate than `sample_rate`.

    Warns:
        UserWarning: on what is not in the samples, as channels of another rate, and on what is doubtful.

    Examples:
        >>> y, sr = dan.read("noisy.wav")
        >>> y.shape, sr
        ((2048,), 256.0)
    """
    from dan.io.base import is_same_rate
    from dan.io.recordings import read as read_whole

    recording = read_whole(path, sample_rate_hz=sample_rate)
    own_hz = recording.sample_rate_hz
    if sample_rate is not None and own_hz is not None and not is_same_rate(own_hz, sample_rate):
        raise ParameterError(f"sample_rate={sample_rate:g}", f"{path} says {own_hz:.9g} Hz", "Leave it out")
    for note in recording.notes:
        warn(f"{path}: {note}")
    return recording.samples, own_hz


def denoise(
    noisy: npt.ArrayLike,
    sample_rate: float,
    *,
    model: str | Path | Denoiser,
    strength: float = 1.0,
    resample: bool = False,
) -> Signal:
    """Denoise a signal. For many of them, load the denoiser once with `load`.

    Args:
        noisy: ``[*, T]``, any leading axes; each row by itself.
        sample_rate: its rate in Hz, which must be the model's unless `resample` is set.
        model: a denoiser, a run folder, a model file, or one of `list_models`.
        strength: 0 returns the input, 1 the denoised signal, between them their mix.
        resample: take another rate too: to the model's and back.

    Returns:
        The denoised signal, of the same shape and dtype (booleans as float64).

    Raises:
        DanError: if there is no such model, the signal is wrong, or its rate is not the model's.

    Examples:
        >>> y, sr = dan.read("noisy.wav")
        >>> clean = dan.denoise(y, sr, model="tones-wide")
        >>> clean.shape == y.shape and clean.dtype == y.dtype
        True
    """
    return _opened(model)(noisy, sample_rate=sample_rate, strength=strength, resample=resample)


def denoise_file(
    source: str | Path,
    target: str | Path,
    *,
    model: str | Path | Denoiser,
    strength: float = 1.0,
    sample_rate: float | None = None,
    resample: bool = False,
    force: bool = False,
) -> Path:
    """Denoise a recording of any length into a file of the same rate, channels and sample type.

    Args:
        source: the recording.
        target: the file to write; its suffix says its format.
        model: a denoiser, a run folder, a model file, or one of `list_models`.
        strength: 0 copies the input, 1 is all of the effect.
        sample_rate: in Hz, of a file that does not say its own.
        resample: take another rate too: to the model's and back.
        force: overwrite a file of that name.

    Returns:
        The path of the file written.

    Raises:
        DanError: if there is no such model or file, its rate is not the model's, or the target exists.

    Warns:
        UserWarning: on each thing that `dan denoise` says of a file, as samples that were clipped.

    Examples:
        >>> dan.denoise_file("noisy.wav", "clean.wav", model="tones-wide").name
        'clean.wav'
    """
    return _opened(model).denoise_file(
        source, target, strength=strength, sample_rate=sample_rate, resample=resample, force=force
    )


def train(
    recipe: str,
    *,
    out: str | Path,
    data: str | Path | None = None,
    clean: str | Path | None = None,
    noise: str | Path | None = None,
    noisy: str | Path | None = None,
    second_take: str | Path | None = None,
    start: str | Path | None = None,
    sample_rate: float | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    max_minutes: float | None = None,
    device: str = "cpu",
    force: bool = False,
) -> Denoiser:
    """Train a denoiser; the same call again resumes a training that was interrupted.

    Args:
        recipe: one of `list_recipes`, or a recipe's file.
        out: the run folder, which holds the model, its history and plots.
        data: a data folder.
        clean: instead, a folder of clean recordings.
        noise: a folder of noise to mix with the clean recordings.
        noisy: beside clean, a folder of noisy recordings named as the clean ones; without clean, what is
            learnt from.
        second_take: beside noisy, a folder of the same signals and names with noise of their own.
        start: go on from this model: a run folder, a model file, or one of `list_models`.
        sample_rate: in Hz, of files that do not say their own.
        settings: keys of the recipe to override, as ``{"training.epochs": 20}`` or
            ``{"training": {"epochs": 20}}``.
        seed: everything random follows from it; None for the recipe's.
        max_minutes: stop after so many minutes.
        device: where torch computes: `cpu`, `cuda`, `cuda:N`, `mps` or `xpu`.
        force: start over what is there.

    Returns:
        The best denoiser so far. Its `history` has a record for each validation.

    Raises:
        DanError: if a setting, a folder or a recording is wrong, the training diverges, or it was stopped
            before its first validation.

    Examples:
        >>> short = {"training.epochs": 2, "training.steps_per_epoch": 3}
        >>> mine = dan.train("tones", out="runs/mine", settings=short)
        >>> [record["step"] for record in mine.history]
        [3, 6]
    """
    from dan.config.load import load_recipe
    from dan.data.recordings_source import Folders
    from dan.workflows.train import train_run

    run = train_run(
        load_recipe(recipe, settings=settings, seed=seed, start=None if start is None else str(start)),
        Path(out),
        folders=Folders(
            _path(data), _path(clean), _path(noise), _path(noisy), sample_rate, _path(second_take)
        ),
        force=force,
        max_minutes=max_minutes,
        device=device,
    ).run
    denoiser = _opened(run.folder)
    denoiser.history = tuple(run.read_history())
    return denoiser


def evaluate(
    model: str | Path | Denoiser,
    data: str | Path,
    *,
    kind: str | None = None,
    sample_rate: float | None = None,
    report: str | Path | None = None,
    force: bool = False,
) -> Table:
    """Score a denoiser beside classical filters on the validation side of a data folder.

    Args:
        model: a denoiser, a run folder, a model file, or one of `list_models`.
        data: the data folder.
        kind: of the signals, where the folder does not say it: tones, speech, ecg or eeg.
        sample_rate: in Hz, of files that do not say their own.
        report: folder to write a report with pictures to.
        force: overwrite an earlier report.

    Returns:
        The score table: it prints, shows itself in a notebook, and has `to_frame` and `plot`.

    Raises:
        DanError: if there is no such model, the data are wrong, or their rate is not the model's.

    Examples:
        >>> table = dan.evaluate("tones", "held_out")
        >>> [row.name for row in table.rows][:2]
        ['noisy', 'dan']
    """
    from dan.workflows.evaluate import judge

    return judge(
        model, Path(data), kind=kind, sample_rate_hz=sample_rate, report=_path(report), force=force
    ).table


def list_models() -> list[str]:
    """List the names of the models that come with the package.

    Examples:
        >>> "tones-wide" in dan.list_models()
        True
    """
    from dan.inference.model_file import model_names

    return model_names()


def list_recipes() -> list[str]:
    """List the names of the recipes that come with the package.

    Examples:
        >>> "speech-16k" in dan.list_recipes()
        True
    """
    from dan.config.load import recipe_names

    return recipe_names()


def _opened(model: str | Path | Denoiser) -> Denoiser:
    from dan.inference.denoiser import Denoiser, load

    return model if isinstance(model, Denoiser) else load(model)


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
