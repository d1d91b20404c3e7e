"""A folder of noise cut from the pauses of noisy recordings, a folder within it for each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dan.core.arrays import Signal
from dan.core.atomic import atomic_folder
from dan.core.errors import DanError
from dan.core.progress import track
from dan.data.index import Corpus, Entry, index
from dan.data.pauses import Pauses, find_pauses
from dan.io.recordings import open_reader, write

SAYS = "pauses.json"
PICTURE = "pauses.png"
SHOWN = 3
"""Recordings that are drawn."""


@dataclass(frozen=True)
class Taken:
    """What was taken of a folder."""

    out: Path
    notes: tuple[str, ...]
    """What was taken and what was left out, in a sentence each."""
    shown: tuple[tuple[str, float, Pauses], ...]
    """Name, rate in Hz and pauses of the first few channels."""


def write_pauses(
    folder: Path,
    out: Path,
    *,
    sample_rate_hz: float | None = None,
    threshold_db: float = 6.0,
    shortest_s: float = 0.2,
    force: bool = False,
) -> Taken:
    """Cut the pauses out of the recordings of a folder; what is made appears whole or not at all.

    Args:
        folder: of noisy recordings.
        out: the folder to make, with a folder for each recording that has pauses.
        sample_rate_hz: of .npy arrays, in Hz.
        threshold_db: by which a quiet frame may lie above the floor, in dB.
        shortest_s: length of a stretch that is worth taking, in seconds.
        force: replace a folder that was made so.

    Raises:
        DanError: if a folder or a recording is wrong, no pause is found, or the folder cannot be made.
    """
    corpus = index(folder, sample_rate_hz=sample_rate_hz)
    shown, taken_s, without = list[tuple[str, float, Pauses]](), 0.0, list[str]()
    with atomic_folder(out, force=force, replaceable=_is_ours) as made:
        for entry in track(corpus.entries, "Pauses"):
            samples = 0
            for channel, signal in _channels(entry):
                found = find_pauses(
                    signal,
                    sample_rate_hz=entry.sample_rate_hz,
                    threshold_db=threshold_db,
                    shortest_s=shortest_s,
                )
                _write_stretches(made, entry, channel, signal, found)
                shown += [(entry.name, entry.sample_rate_hz, found)] if len(shown) < SHOWN else []
                samples += found.samples
            taken_s += samples / len(entry.channels) / entry.sample_rate_hz
            without += [] if samples else [entry.name]
        _check_some(corpus, taken_s, threshold_db, shortest_s)
        said = {"source": folder.name, "threshold_db": threshold_db, "shortest_s": shortest_s}
        (made / SAYS).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return Taken(out, tuple(_notes(corpus, taken_s, without)), tuple(shown))


def _channels(entry: Entry) -> Iterator[tuple[int, Signal]]:
    with open_reader(entry.path, sample_rate_hz=entry.sample_rate_hz, dtype=np.float32) as recorded:
        whole = recorded.read(0, entry.stop)
    for channel in entry.channels:
        yield channel, whole[channel]


def _write_stretches(made: Path, entry: Entry, channel: int, signal: Signal, found: Pauses) -> None:
    suffix = ".wav" if entry.sample_rate_hz == round(entry.sample_rate_hz) else ".npy"
    for number, (start, stop) in enumerate(found.stretches):
        path = made / entry.name.replace(".", "_") / f"{channel}_{number:04d}{suffix}"
        write(path, signal[start:stop], sample_rate_hz=entry.sample_rate_hz)


def _check_some(corpus: Corpus, taken_s: float, threshold_db: float, shortest_s: float) -> None:
    if taken_s == 0:
        raise DanError(
            corpus.folder,
            f"no stretch of {shortest_s:g} s lies within {threshold_db:g} dB of its recording's floor",
            "Raise --threshold, lower --shortest, or record some noise alone",
        )


def _notes(corpus: Corpus, taken_s: float, without: list[str]) -> Iterator[str]:
    yield from corpus.notes
    share = taken_s / corpus.duration_s
    yield f"{corpus.folder}: {taken_s:.3g} of {corpus.duration_s:.3g} s ({share:.0%}) taken for noise alone"
    if without:
        few = ", ".join(without[:3]) + (", ..." if len(without) > 3 else "")
        yield f"{corpus.folder}: {len(without)} of {len(corpus.entries)} recordings have no pause ({few})"


def _is_ours(folder: Path) -> bool:
    return (folder / SAYS).is_file()
