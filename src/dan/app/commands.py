"""What the page starts: a module and its arguments, mostly a `dan` command, and its text to copy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from dan.app.filtering import PREFIX


def denoise(
    model: str,
    files: Sequence[Path],
    out: Path,
    *,
    strength: float = 1.0,
    resample: bool = False,
    sample_rate_hz: float | None = None,
) -> list[str]:
    """Return `dan denoise` of files into a folder; a filter of the page takes one file."""
    if model.startswith(PREFIX):
        target = out / files[0].name
        return ["dan.app.filtering", model.removeprefix(PREFIX), str(files[0]), str(target)]
    options = ["--strength", f"{strength:g}"] if strength != 1 else []
    options += ["--resample"] if resample else []
    options += ["--sample-rate", f"{sample_rate_hz:g}"] if sample_rate_hz else []
    return ["dan", "denoise", model, *map(str, files), "-o", str(out), "--force", *options]


def train(recipe: str, out: Path, *, folders: Mapping[str, str], minutes: float | None = None) -> list[str]:
    """Return `dan train`; options that are left empty are left out."""
    options = [part for name, value in folders.items() if value for part in (name, value)]
    options += ["--max-minutes", f"{minutes:g}"] if minutes else []
    return ["dan", "train", recipe, *options, "--out", str(out)]


def evaluate(model: str, data: Path, out: Path) -> list[str]:
    """Return `dan evaluate` with its figures into a JSON file."""
    return ["dan", "evaluate", model, "--data", str(data), "--json", str(out), "--force"]


def as_text(arguments: Sequence[str]) -> str:
    """Return a command as a shell takes it."""
    return shlex.join(arguments)
