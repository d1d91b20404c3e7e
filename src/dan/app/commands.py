"""Commands of the page: a module and its arguments, mostly a `dan` command, and its text to copy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from dan.core.arrays import check_sample_rate
from dan.core.errors import DanError

FILTER = "filter: "
"""Prefix of a classical filter's name among the models."""
FILTERS = ("wiener", "wavelet", "spectral_gate")
VALIDATION_NOISY, VALIDATION_CLEAN = "noisy.wav", "clean.wav"
VALIDATION_SIGNALS = 5
"""Validation signals that are listened to, at most."""


def typed_rate_hz(text: str) -> float | None:
    """Return the sample rate that was typed, with a point or a comma; None where nothing was.

    Raises:
        DanError: if it is no sample rate.
    """
    if not text.strip():
        return None
    try:
        rate_hz = float(text.replace(",", "."))
    except ValueError as error:
        raise DanError(f"Sample rate {text}", "it is no number", "Give it in Hz") from error
    return check_sample_rate(rate_hz, name="Sample rate")


def denoise(
    model: str,
    files: Sequence[Path],
    out: Path,
    *,
    strength: float = 1.0,
    resample: bool = False,
    sample_rate_hz: float | None = None,
) -> list[str]:
    """Return `dan denoise` of files into a folder, or a filter of the page over them."""
    if model.startswith(FILTER):
        return ["dan.app.filtering", model.removeprefix(FILTER), str(out), *map(str, files)]
    options = ["--strength", f"{strength:g}"] if strength != 1 else []
    options += ["--resample"] if resample else []
    options += ["--sample-rate", f"{sample_rate_hz:.12g}"] if sample_rate_hz else []
    return ["dan", "denoise", model, *map(str, files), "-o", str(out), "--force", *options]


def train(recipe: str, out: Path, *, options: Mapping[str, str]) -> list[str]:
    """Return `dan train`; options that are empty are left out."""
    return ["dan", "train", recipe, *_given(options), "--out", str(out)]


def validation(run: Path, out: Path, *, options: Mapping[str, str]) -> list[str]:
    """Return what writes a few validation signals of a run into a folder."""
    return ["dan.app.validation", str(run), str(out), *_given(options)]


def _given(options: Mapping[str, str]) -> list[str]:
    return [part for name, value in options.items() if value for part in (name, value)]


def score(out: Path, clean: Sequence[Path], noisy: Sequence[Path], estimates: Sequence[Path]) -> list[str]:
    """Return what scores folders of denoised files against clean ones of the same names."""
    parts = [*map(str, clean), "--noisy", *map(str, noisy), "--estimates", *map(str, estimates)]
    return ["dan.app.scoring", str(out), "--clean", *parts]


def evaluate(model: str, data: Path, out: Path) -> list[str]:
    """Return `dan evaluate` with its figures into a JSON file."""
    return ["dan", "evaluate", model, "--data", str(data), "--json", str(out), "--force"]


def as_text(arguments: Sequence[str]) -> str:
    """Return a command as a shell takes it."""
    return shlex.join(arguments)
