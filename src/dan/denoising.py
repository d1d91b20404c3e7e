"""Denoising files and folders of recordings: what `dan denoise` does around the denoiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dan.denoiser import Denoiser
from dan.recordings import SUFFIXES, Recording, read, write
from dan.signals import DanError


@dataclass(frozen=True)
class Written:
    """A denoised file."""

    path: Path
    clipped_samples: int


@dataclass
class Report:
    """What came of each file."""

    written: list[Written] = field(default_factory=list)
    failures: list[DanError] = field(default_factory=list)


def denoise_files(
    denoiser: Denoiser,
    inputs: Iterable[Path],
    *,
    out: Path | None = None,
    strength: float = 1.0,
    sample_rate_hz: float | None = None,
    force: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Report:
    """Denoise recordings; one that fails does not stop the rest.

    Args:
        denoiser: the model.
        inputs: files, and folders whose recordings are taken with their tree.
        out: a file for one file, otherwise a folder; without it, ``NAME_denoised`` beside each input.
        strength: 0 returns the input, 1 all of the effect.
        sample_rate_hz: rate in Hz of .npy files.
        force: overwrite what is there.
        progress: called with the fraction done, in (0, 1].

    Returns:
        What was written, and the errors of the files that could not be.

    Raises:
        DanError: if an input does not exist, holds no recordings, or two would be written to one name.
    """
    pairs = plan(list(inputs), out)
    report = Report()
    for done, (source, target) in enumerate(pairs.items(), start=1):
        try:
            recording = _read(source, denoiser, sample_rate_hz)
            rate_hz = denoiser.info.sample_rate_hz
            denoised = denoiser(recording.samples, sample_rate=rate_hz, strength=strength)
            clipped = write(target, denoised, sample_rate_hz=rate_hz, like=recording, force=force)
            report.written.append(Written(target, clipped))
        except DanError as error:
            report.failures.append(error)
        if progress:
            progress(done / len(pairs))
    return report


def _read(source: Path, denoiser: Denoiser, sample_rate_hz: float | None) -> Recording:
    """A recording of the denoiser's rate."""
    recording = read(source, sample_rate_hz=sample_rate_hz)
    if recording.sample_rate_hz is None:
        wanted = f"--sample-rate {denoiser.info.sample_rate_hz:g}"
        raise DanError(source, "a .npy array does not say its sample rate", f"Say it, as in {wanted}")
    try:
        denoiser.check_rate(recording.sample_rate_hz)
    except DanError as error:
        raise DanError(f"{source} at {error.what}", error.rule, error.way_out) from error
    return recording


def plan(inputs: list[Path], out: Path | None) -> dict[Path, Path]:
    """The target of each recording, by its source.

    Raises:
        DanError: if an input does not exist, holds no recordings, or two would be written to one name.
    """
    single = len(inputs) == 1 and inputs[0].is_file()
    if single and out and not out.is_dir() and out.suffix:
        return {inputs[0]: out}
    pairs: dict[Path, Path] = {}
    for given in inputs:
        pairs |= _plan_folder(given, out) if given.is_dir() else {given: _beside(given, out)}
    taken: dict[Path, Path] = {}
    for source, target in pairs.items():
        if target in taken:
            raise DanError(f"{taken[target]} and {source}", f"both would be {target}", "Give them separately")
        taken[target] = source
    return pairs


def _beside(file: Path, out: Path | None) -> Path:
    return out / file.name if out else file.with_name(f"{file.stem}_denoised{file.suffix}")


def _plan_folder(folder: Path, out: Path | None) -> dict[Path, Path]:
    target = out or folder.with_name(f"{folder.name}_denoised")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise DanError(folder, "it holds no recordings", f"Give a folder with {', '.join(sorted(SUFFIXES))}")
    return {file: target / file.relative_to(folder) for file in files}
