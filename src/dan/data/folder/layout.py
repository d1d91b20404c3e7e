"""Layout of a data folder: its files, those that belong together, and dataset.json.

    DATA/dataset.json                             what it is
    DATA/{train,validation}/{clean,noise,mixed}/  one file a signal, the same stem in all three
    DATA/resampled/, DATA/{train,validation}.png  a few of them to listen to and to look at

In folders made elsewhere dataset.json may be absent, files may be audio, and stems may differ that end in the
same number.
"""

from __future__ import annotations

import json
import logging
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveFloat, ValidationError

from dan.config import Recipe
from dan.core.arrays import check_signal
from dan.core.atomic import is_there
from dan.core.errors import DanError
from dan.io.recordings import SUFFIXES, Recording, read

log = logging.getLogger(__name__)

Side = Literal["train", "validation"]
SIDES: tuple[Side, ...] = ("train", "validation")
KINDS = ("clean", "noise", "mixed")
FILL = "Make a folder with dan data create"


class Dataset(BaseModel):
    """Contents of dataset.json; one not made from a recipe may say more, or leave some unsaid."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    sample_rate_hz: PositiveFloat
    duration_s: PositiveFloat | None = None
    snr_db: float | tuple[float, float] | None = None
    """SNR of every mixed signal, or the lowest and the highest."""
    seed: int | None = None
    recipe: Recipe | None = None
    """As it was when the data were drawn; its sections on networks and training are the defaults."""
    counts: dict[str, int] = {}
    """Signals of each side."""
    dan_version: str | None = None
    kind: str | None = None
    """Kind of the signals, one of `SignalKind`: it says which figures judge them."""
    sines: dict[str, dict[str, int]] | None = None
    """Number of them for each clean signal, by its side and its stem, where that varies."""


@dataclass(frozen=True)
class Triple:
    """The files of one signal."""

    stem: str
    """The clean file's."""
    files: dict[str, Path]
    """Folders of one signal's files by kind; noise is lacking where the whole side has none."""


def read_dataset(data: Path) -> Dataset | None:
    """Read the folder's dataset.json; None where there is none.

    Raises:
        DanError: if it cannot be read, or a value in it is wrong.
    """
    path = data / "dataset.json"
    if not path.exists():
        return None
    try:
        said = path.read_bytes()
        return Dataset.model_validate_json(said)
    except ValidationError as error:
        faults = error.errors()
        where, why = ".".join(str(key) for key in faults[0]["loc"]) or "the file", faults[0]["msg"]
        if any(fault["loc"][:1] != ("recipe",) for fault in faults):
            raise DanError(path, f"{where} is wrong: {why}", "Mend it, or remove the file") from error
        log.warning("%s: its recipe is of another version of DAN and is not used (%s: %s)", path, where, why)
        return Dataset.model_validate_json(json.dumps(json.loads(said) | {"recipe": None}))
    except OSError as error:
        raise DanError(path, f"it cannot be read ({error.strerror})", "Mend it, or remove it") from error


def write_dataset(data: Path, recipe: Recipe, counts: Mapping[Side, int], more: Mapping[str, Any]) -> None:
    """Write the folder's dataset.json: how its signals were drawn, their counts, and more by its names."""
    from dan.core.version import __version__

    dataset = Dataset(
        sample_rate_hz=recipe.signal.sample_rate_hz,
        duration_s=recipe.signal.duration_s,
        snr_db=recipe.noise.snr_db,
        seed=recipe.seed,
        counts={str(side): count for side, count in counts.items()},
        dan_version=__version__,
    )
    said = {**dataset.model_dump(mode="json"), **more}
    (data / "dataset.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def is_data_folder(folder: Path) -> bool:
    """Return whether a folder holds what a data folder holds and nothing else, so that it may be replaced."""
    names = {entry.name for entry in folder.iterdir()}
    below = {entry.name for side in SIDES if (folder / side).is_dir() for entry in (folder / side).iterdir()}
    known = {"dataset.json", "resampled", *SIDES, *(f"{side}.png" for side in SIDES)}
    return not names.isdisjoint({"dataset.json", "train"}) and names <= known and below <= set(KINDS)


def check_holds_data(data: Path) -> None:
    """Check that a folder exists and holds recordings of either side.

    Raises:
        DanError: if not.
    """
    if not is_there(data, folder=True):
        raise DanError(data, "there is no such folder", FILL)
    if not any(_recordings(data / side / kind) for side in SIDES for kind in KINDS):
        raise DanError(
            data,
            "it holds no recordings in {train,validation}/{clean,noise,mixed}",
            FILL,
        )


def pair_files(data: Path, side: Side) -> tuple[list[Triple], list[DanError]]:
    """The signals of one side by their files, in order, and an error for each file that lacks its partners.

    Files belong together by their stem; where the kinds share none, by the number that it ends in.
    """
    files = {kind: _recordings(data / side / kind) for kind in KINDS}
    lacking = [kind for kind in ("clean", "mixed") if not files[kind]]
    if lacking:
        return [], [DanError(data / side / kind, "it is missing or empty", FILL) for kind in lacking]
    needed = {kind for kind in KINDS if files[kind]}
    stems = {kind: {path.stem for path in files[kind]} for kind in needed}
    keyed, problems = _keyed(files, by_stem=all(stems[kind] & stems["clean"] for kind in needed))
    problems += [_partless(triple, needed) for triple in keyed.values() if needed > set(triple)]
    whole = [keyed[key] for key in sorted(keyed) if needed == set(keyed[key])]
    return [Triple(triple["clean"].stem, triple) for triple in whole], problems


def read_signal(path: Path, *, sample_rate_hz: float | None) -> Recording:
    """Read one file of a folder, whose rate is compared with the folder's where that is known.

    A file holds one channel. Channels are not taken for signals of their own, as they hold much the same.

    Raises:
        DanError: if it cannot be read, has several channels or says another rate.
    """
    recording = read(path, sample_rate_hz=sample_rate_hz)
    if recording.samples.ndim > 1 and len(recording.samples) > 1:
        raise DanError(
            f"{path} of {len(recording.samples)} channels",
            "a data folder's files have one channel",
            "Split it into a file for each, or keep one of them",
        )
    check_signal(recording.samples, name=str(path), rank=1)
    if sample_rate_hz is not None and recording.sample_rate_hz != sample_rate_hz:
        raise DanError(
            f"{path} at sample_rate_hz={recording.sample_rate_hz:g}",
            f"the folder's rate is {sample_rate_hz:g} Hz",
            "Resample it, or correct dataset.json",
        )
    return recording


def folder_rate_hz(
    data: Path, triples: list[Triple], *, dataset: Dataset | None, sample_rate_hz: float | None
) -> float:
    """The rate of a folder: dataset.json's, else that of its first audio file, else the one given for .npy.

    Raises:
        DanError: if the first file cannot be read, or nothing says the rate.
    """
    if dataset:
        return dataset.sample_rate_hz
    found_hz = (
        read(triples[0].files["clean"], sample_rate_hz=sample_rate_hz).sample_rate_hz if triples else None
    )
    if found_hz is None:
        raise DanError(
            f"{data} without dataset.json",
            "nothing says the sample rate of its .npy files",
            "Give --sample-rate",
        )
    return found_hz


def _keyed(
    files: dict[str, list[Path]], *, by_stem: bool
) -> tuple[dict[str, dict[str, Path]], list[DanError]]:
    keyed: dict[str, dict[str, Path]] = defaultdict(dict)
    problems = []
    for kind, path in [(name, path) for name in KINDS for path in files[name]]:
        key = path.stem if by_stem else _number(path.stem)
        if key is None:
            problems.append(DanError(path, "its name ends in no number that says its partners", "Rename it"))
        elif kind in keyed[key]:
            rival = keyed[key][kind].name
            problems.append(DanError(path, f"{rival} has the same name or number", "Remove one of them"))
        else:
            keyed[key][kind] = path
    return keyed, problems


def _recordings(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DanError(folder, f"it cannot be listed ({error.strerror})", "Allow it to be read") from error
    return [path for path in entries if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]


def _number(stem: str) -> str | None:
    """The number that a stem ends in, in so many digits that the text sorts like the number."""
    found = re.search(r"\d+$", stem)
    return found.group().lstrip("0").zfill(20) if found else None


def _partless(triple: dict[str, Path], needed: set[str]) -> DanError:
    lacking = " and ".join(kind for kind in KINDS if kind in needed - set(triple))
    return DanError(
        next(iter(triple.values())), f"it has no partner in {lacking}", "Add it, or remove this one"
    )
