"""Data folders: filled from a recipe, read side by side, and verified."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.config import Recipe
from dan.core.arrays import Signal
from dan.core.atomic import atomic_folder
from dan.core.errors import DanError
from dan.core.progress import track
from dan.data.folder.check import FolderReport, SideReport, check
from dan.data.folder.layout import (
    KINDS,
    SIDES,
    Dataset,
    Side,
    Triple,
    check_holds_data,
    folder_rate_hz,
    is_data_folder,
    pair_files,
    read_dataset,
    read_signal,
    write_dataset,
)
from dan.data.folder.preview import PREVIEWS, check_pictures, draw_picture, write_resampled
from dan.synthesis.mix import Pairs, draw_pairs

__all__ = [
    "FolderReport",
    "FolderSignals",
    "SideReport",
    "Split",
    "check",
    "create",
    "load_signals",
    "load_split",
]

RECIPE_SECTIONS = {"name", "summary", "seed", "signal", "clean", "noise", "data"}
"""Sections of a recipe that say how its data came about."""


@dataclass(frozen=True)
class Split:
    """One side of a data folder: signals ``[N, T]``, float32."""

    stems: tuple[str, ...]
    """The names of the clean files."""
    clean: Signal
    noise: Signal | None
    """None where the folder holds none."""
    mixed: Signal
    sample_rate_hz: float


@dataclass(frozen=True)
class FolderSignals:
    """One side of a data folder: signals one by one, each ``[T]`` of its own length, float32."""

    paths: tuple[Path, ...]
    """The clean files."""
    clean: list[Signal]
    noise: list[Signal] | None
    """None where the folder holds none."""
    mixed: list[Signal]
    sample_rate_hz: float
    sines: npt.NDArray[np.int64] | None
    """Number of sines of each clean signal, ``[N]``; None where dataset.json does not say it of all."""
    dataset: Dataset | None
    """Contents of dataset.json; None where there is none."""


def create(
    recipe: Recipe,
    out: str | Path,
    *,
    seed: int | None = None,
    force: bool = False,
) -> Path:
    """Fill a data folder as a recipe says; it appears whole or not at all.

    The two sides come from independent streams of random numbers. The same seed gives the same bytes.

    Args:
        recipe: its sections signal, clean, noise and data are used.
        out: the folder to make.
        seed: instead of the recipe's, from 0 to 2**63 - 1.
        force: replace a data folder of that name; a folder that holds anything else is never replaced.

    Returns:
        The folder.

    Raises:
        DanError: if the name is taken, it cannot be written, or the recipe is one of recordings or cannot be
            followed.
    """
    if recipe.data.source == "recordings":
        rule = "its signals are recordings, and nothing here can be drawn"
        raise DanError(f"recipe {recipe.name}", rule, "Fill a folder from recordings: dan data mix")
    check_pictures()
    if seed is not None and not 0 <= seed < 2**63:
        raise DanError(f"seed={seed}", "a seed is a whole number from 0 up, below 2**63", "Give another")
    recipe = recipe.model_copy(update={"seed": recipe.seed if seed is None else seed})
    random = [np.random.default_rng(child) for child in np.random.SeedSequence(recipe.seed).spawn(len(SIDES))]
    counts: dict[Side, int] = {"train": recipe.data.train_count, "validation": recipe.data.validation_count}
    sines: dict[str, dict[str, int]] = {}
    with atomic_folder(out, force=force, replaceable=is_data_folder) as folder:
        for number, side in enumerate(SIDES):
            pairs = draw_pairs(recipe, counts[side], random=random[number])
            _save_signals(folder / side, pairs)
            if pairs.sines is not None:
                sines[side] = {_stem(row): int(number) for row, number in enumerate(pairs.sines)}
            _save_previews(folder, side, pairs, sample_rate_hz=recipe.signal.sample_rate_hz)
        _save_dataset(folder, recipe, counts, sines)
    return Path(out)


def load_split(data: str | Path, side: Side, *, sample_rate_hz: float | None = None) -> Split:
    """Read one side of a data folder, all signals of one length.

    Args:
        data: the folder.
        side: `train` or `validation`.
        sample_rate_hz: the rate of .npy files where no dataset.json says it; not used where one does.

    Raises:
        DanError: if the folder is missing or empty, files are unpaired, unequal in length or rate, or wrong.
    """
    loaded = load_signals(data, side, sample_rate_hz=sample_rate_hz)
    length = len(loaded.clean[0])
    for path, signal in zip(loaded.paths, loaded.clean, strict=True):
        if len(signal) != length:
            raise DanError(
                f"{path} of {len(signal)} samples", f"the first clean signal has {length}", "Cut them alike"
            )
    noise = None if loaded.noise is None else np.stack(loaded.noise)
    stems = tuple(path.stem for path in loaded.paths)
    return Split(stems, np.stack(loaded.clean), noise, np.stack(loaded.mixed), loaded.sample_rate_hz)


def load_signals(data: str | Path, side: Side, *, sample_rate_hz: float | None = None) -> FolderSignals:
    """Read one side of a data folder, each signal of its own length.

    Args:
        data: the folder.
        side: `train` or `validation`.
        sample_rate_hz: the rate of .npy files where no dataset.json says it; not used where one does.

    Raises:
        DanError: if the folder is missing or empty, files are unpaired, partners are unequal in length, rates
            differ, a file has several channels, or one is wrong.
    """
    folder = Path(data)
    check_holds_data(folder)
    triples, problems = pair_files(folder, side)
    if problems:
        raise problems[0]
    dataset = read_dataset(folder)
    rate_hz = folder_rate_hz(folder, triples, dataset=dataset, sample_rate_hz=sample_rate_hz)
    read = [_read_triple(triple, rate_hz) for triple in track(triples, f"Reading {side}")]
    paths = tuple(triple.files["clean"] for triple in triples)
    noise = [one["noise"] for one in read] if "noise" in read[0] else None
    clean, mixed = [one["clean"] for one in read], [one["mixed"] for one in read]
    sines = _sines(dataset, side, [path.stem for path in paths])
    return FolderSignals(paths, clean, noise, mixed, rate_hz, sines, dataset)


def _read_triple(triple: Triple, rate_hz: float) -> dict[str, Signal]:
    """The samples of one signal's files by kind, all of one length, float32."""
    read = {
        kind: read_signal(path, sample_rate_hz=rate_hz).samples.astype(np.float32)
        for kind, path in triple.files.items()
    }
    if len({len(samples) for samples in read.values()}) > 1:
        sizes = ", ".join(f"{triple.files[kind]} of {len(samples)} samples" for kind, samples in read.items())
        raise DanError(sizes, "clean, noise and mixed of one signal are of one length", "Cut them alike")
    return read


def _sines(dataset: Dataset | None, side: Side, stems: list[str]) -> npt.NDArray[np.int64] | None:
    counts = (dataset.sines or {}).get(side, {}) if dataset else {}
    return np.array([counts[stem] for stem in stems]) if set(stems) <= set(counts) else None


def _stem(row: int) -> str:
    return f"tone_{row:04d}"


def _rows(pairs: Pairs, row: int) -> dict[str, Signal]:
    return {kind: getattr(pairs, kind)[row] for kind in KINDS}


def _save_signals(folder: Path, pairs: Pairs) -> None:
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
    for row in track(range(len(pairs.clean)), f"Writing {folder.name}"):
        for kind, signal in _rows(pairs, row).items():
            np.save(folder / kind / f"{_stem(row)}.npy", signal)


def _save_previews(folder: Path, side: Side, pairs: Pairs, *, sample_rate_hz: float) -> None:
    for row in range(min(PREVIEWS, len(pairs.clean))):
        for kind, signal in _rows(pairs, row).items():
            write_resampled(folder, f"{side}_{_stem(row)}_{kind}", signal, sample_rate_hz=sample_rate_hz)
    title = f"{side}, {_stem(0)}: mixed at {pairs.snr_db[0]:.1f} dB"
    draw_picture(folder / f"{side}.png", _rows(pairs, 0), sample_rate_hz=sample_rate_hz, title=title)


def _save_dataset(
    folder: Path, recipe: Recipe, counts: dict[Side, int], sines: dict[str, dict[str, int]]
) -> None:
    drawn = recipe.model_dump(mode="json", include=RECIPE_SECTIONS)
    varying = None if isinstance(recipe.clean.sines, int) else sines
    write_dataset(folder, recipe, counts, {"recipe": drawn, "kind": recipe.signal.kind, "sines": varying})
