"""Data folders from recordings: what `dan data mix` makes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dan.config import Recipe, RecordingsSettings
from dan.config.load import check_recipe
from dan.core.arrays import check_sample_rate
from dan.core.atomic import atomic_folder
from dan.core.errors import DanError
from dan.core.progress import track
from dan.data.folder.layout import KINDS, SIDES, Side, is_data_folder, write_dataset
from dan.data.folder.preview import PREVIEWS, write_resampled
from dan.data.pauses_folder import PICTURE, PauseOptions, Taken, check_apart, write_pauses
from dan.data.recordings import open_material
from dan.io.folder import find_recordings
from dan.io.recordings import open_reader
from dan.synthesis.mix import Pairs


@dataclass(frozen=True)
class Mixed:
    """A data folder made from recordings."""

    data: Path
    notes: tuple[str, ...]
    """Notes on what was left out, held out or upsampled, in a sentence each."""


def pauses_folder(
    folder: Path,
    out: Path,
    *,
    options: PauseOptions | None = None,
    events: Path | None = None,
    force: bool = False,
) -> Taken:
    """Cut the noise between the events of noisy recordings out, and draw what was taken.

    Args:
        folder: of noisy recordings.
        out: the folder to make.
        options: of what is taken for a pause; None for the defaults.
        events: another folder to make, of what lies between the pauses, to be mixed in as noise.
        force: replace folders that were made so.

    Raises:
        DanError: if a folder or a recording is wrong, no pause is found, or a folder cannot be made.
    """
    from dan.report.pauses_plot import plot_pauses
    from dan.report.style import save_figure

    taken = write_pauses(folder, out, options=options, events=events, force=force)
    if taken.shown:
        save_figure(plot_pauses(taken.shown), out / PICTURE)
    return taken


def mix_folder(
    out: str | Path,
    *,
    clean: str | Path,
    noise: str | Path,
    snr_db: tuple[float, float] = (-5.0, 10.0),
    count: int = 1000,
    duration_s: float = 4.0,
    sample_rate_hz: float | None = None,
    seed: int = 0,
    recordings: RecordingsSettings | None = None,
    force: bool = False,
) -> Mixed:
    """Fill a data folder with mixtures of recordings; it appears whole or not at all.

    No recording is on both sides. The same recordings and seed give the same bytes.

    Args:
        out: the folder to make.
        clean: a folder of clean recordings.
        noise: a folder of noise.
        snr_db: the lowest and the highest SNR, drawn uniformly in dB, by RMS over the whole mixture.
        count: mixtures of both sides together; `recordings.held_out_share` of them for validation, or a
            tenth where the recordings are held out by their number; at least one on each side.
        duration_s: of a mixture.
        sample_rate_hz: of the mixtures, and of .npy arrays; None for that of the first clean recording.
        seed: everything random follows from it.
        recordings: how they are split, and short ones concatenated.
        force: replace a data folder of that name; a folder that holds anything else is never replaced.

    Returns:
        The folder, and what is to be told of it.

    Raises:
        DanError: if a value is not legal, a folder or recording is wrong, they cannot be split, the name is
            taken or lies within the recordings, or it cannot be written.
    """
    clean, noise, recordings = Path(clean), Path(noise), recordings or RecordingsSettings()
    _check_options(snr_db, duration_s)
    check_apart((Path(out), clean), (Path(out), noise))
    recipe = _recipe(snr_db, duration_s, _rate_hz(clean, sample_rate_hz), seed, recordings)
    counts = _counts(count, recordings)
    with atomic_folder(out, force=force, replaceable=is_data_folder) as folder:
        material = open_material(recipe, clean=clean, noise=noise, sample_rate_hz=sample_rate_hz)
        for number, (side, mixer) in enumerate(
            zip(SIDES, (material.train, material.validation), strict=True)
        ):
            random = np.random.default_rng(np.random.SeedSequence(seed).spawn(len(SIDES))[number])
            for row in track(range(counts[side]), f"Mixing for {side}"):
                pairs = mixer.draw(1, random=random)
                _save(folder, side, row, pairs, sample_rate_hz=recipe.signal.sample_rate_hz)
        more = {
            "recordings": recordings.model_dump(mode="json"),
            "sources": {"clean": clean.name, "noise": noise.name},
        }
        write_dataset(folder, recipe, counts, more)
    return Mixed(Path(out), material.notes)


def _check_options(snr_db: tuple[float, float], duration_s: float) -> None:
    low_db, high_db = snr_db
    if not -math.inf < low_db <= high_db < math.inf:
        way_out = "Give --snr LOW HIGH, as in --snr -5 10"
        raise DanError(f"snr_db={low_db:g} {high_db:g}", "the lower one comes first", way_out)
    if not 0 < duration_s < math.inf:
        raise DanError(f"duration_s={duration_s:g}", "a signal lasts longer than 0 s", "Raise --duration")


def _rate_hz(clean: Path, sample_rate_hz: float | None) -> float:
    if sample_rate_hz is not None:
        return check_sample_rate(sample_rate_hz)
    first = find_recordings(clean)[0]
    with open_reader(first) as recorded:
        if recorded.sample_rate_hz is None:
            raise DanError(first, "nothing says its sample rate", "Give --sample-rate")
        return recorded.sample_rate_hz


def _recipe(
    snr_db: tuple[float, float], duration_s: float, rate_hz: float, seed: int, recordings: RecordingsSettings
) -> Recipe:
    """Recipe that the mixtures are drawn by; the rest of it is not used."""
    tree = {
        "name": "mix",
        "summary": "recordings",
        "seed": seed,
        "signal": {"sample_rate_hz": rate_hz, "duration_s": duration_s},
        "clean": {"frequency_hz": (0, rate_hz / 2)},
        "noise": {"snr_db": snr_db},
        "recordings": recordings.model_dump(),
    }
    return check_recipe(tree, name="mix")


def _counts(count: int, recordings: RecordingsSettings) -> dict[Side, int]:
    if count < 2:
        raise DanError(f"count={count}", "there is one mixture on each side at least", "Give 2 or more")
    share = 0.1 if recordings.held_out_count else recordings.held_out_share
    validation = min(count - 1, max(1, round(count * share)))
    return {"train": count - validation, "validation": validation}


def _save(folder: Path, side: Side, row: int, pairs: Pairs, *, sample_rate_hz: float) -> None:
    for kind in KINDS:
        signal, stem = getattr(pairs, kind)[0], f"mixture_{row:04d}"
        (folder / side / kind).mkdir(parents=True, exist_ok=True)
        np.save(folder / side / kind / f"{stem}.npy", signal)
        if row < PREVIEWS:
            write_resampled(folder, f"{side}_{stem}_{kind}", signal, sample_rate_hz=sample_rate_hz)
