"""An index of a folder of recordings: what lies there, how long, at which rate, and what each of it is.

Nothing is written into the folder. Each recording is read once, long ones in part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_sample_rate
from dan.core.errors import DanError
from dan.core.progress import track
from dan.io.recordings import Reader, find_recordings, open_reader

Alive = npt.NDArray[np.bool_]

WHOLE_SAMPLES = 2**17
"""Recordings up to this length are hashed whole, longer ones by their length and `PARTS` parts of them."""
PARTS, PART_SAMPLES = 8, 2**14
SHORTEST_SAMPLES = 32
"""What is shorter is no material."""
MOST_LISTED = 20
"""Of the files that cannot be used."""
KEPT_BYTES = 2**28
"""A corpus that takes no more than this as float32 is kept in memory once read."""


@dataclass(frozen=True)
class Entry:
    """A recording, or the stretch of it that lies on one side of a split."""

    path: Path
    name: str
    """The path within the corpus, with forward slashes."""
    sample_rate_hz: float
    channels: tuple[int, ...]
    """Those that hold a signal: a channel that never changes is left out."""
    digest: str
    """Of the samples as they are decoded, all channels: the same in whatever lossless file they lie."""
    start: int
    stop: int

    @property
    def length_samples(self) -> int:
        """Samples of the stretch, at its own rate."""
        return self.stop - self.start

    @property
    def folder(self) -> str:
        """The first folder below the corpus, a speaker or a subject; empty for a file directly in it."""
        first, slash, _ = self.name.partition("/")
        return first if slash else ""


@dataclass(frozen=True)
class Corpus:
    """The recordings of a folder, by name."""

    folder: Path
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What was left out, in a sentence each."""

    @property
    def duration_s(self) -> float:
        """Of all recordings together."""
        return sum(entry.length_samples / entry.sample_rate_hz for entry in self.entries)

    @property
    def digest(self) -> str:
        """Of all that is in it: another one means other material."""
        parts = [f"{entry.name} {entry.digest} {entry.sample_rate_hz}" for entry in self.entries]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class Shelf:
    """Reads stretches of single channels by seeking; keeps a small corpus in memory."""

    def __init__(self, corpus: Corpus) -> None:
        values = sum((max(entry.channels) + 1) * entry.stop for entry in corpus.entries)
        self._keep = 4 * values <= KEPT_BYTES
        self._kept: dict[Path, Signal] = {}

    def read(self, entry: Entry, channel: int, start: int, count: int) -> Signal:
        """Samples of one channel from `start` in the file: ``[count]``, float32.

        Raises:
            DanError: if the file has gone or changed, or a sample is not finite.
        """
        if not self._keep:
            return np.asarray(self._read(entry, start, count)[channel])
        if entry.path not in self._kept:
            self._kept[entry.path] = self._read(entry, 0, entry.stop)
        return np.asarray(self._kept[entry.path][channel, start : start + count])

    def _read(self, entry: Entry, start: int, count: int) -> Signal:
        with open_reader(entry.path, sample_rate_hz=entry.sample_rate_hz, dtype=np.float32) as recorded:
            stretch = recorded.read(start, count)
        if stretch.shape[-1] < count:
            raise DanError(
                entry.path, "it is shorter than it was a while ago", "Leave the recordings in peace"
            )
        return stretch


def index(
    folder: str | Path,
    *,
    sample_rate_hz: float | None = None,
) -> Corpus:
    """Index the recordings in a folder and all folders below it.

    Silent and constant recordings, and those too short to be of use, are left out with a note.

    Args:
        folder: hidden files in it, and files that are no recordings by their suffix, are not looked at.
        sample_rate_hz: the rate of arrays and tables, in Hz; audio files say their own.

    Raises:
        DanError: if there is no such folder or no usable recording in it, a file cannot be read or holds NaN
            or infinity where it was looked at, or nothing says the rate of a .npy array.
    """
    root = Path(folder)
    paths = find_recordings(root)
    entries, notes, failures = [], [], []
    for path in track(paths, f"Indexing {root}"):
        try:
            entry = _entry(root, path, sample_rate_hz)
        except DanError as error:
            failures.append(error)
            continue
        if entry.length_samples < SHORTEST_SAMPLES:
            notes.append(f"{path} is left out: it is shorter than {SHORTEST_SAMPLES} samples")
        elif not entry.channels:
            notes.append(f"{path} is left out: it is silent, its samples are all the same")
        else:
            entries.append(entry)
    if failures:
        raise _all_of(failures, root)
    if not entries:
        raise DanError(root, f"no recording in it is of use ({notes[0]})", "Give others")
    return Corpus(root, tuple(entries), tuple(notes))


def _all_of(failures: list[DanError], root: Path) -> DanError:
    """One error for all files that cannot be used: they are mended at once."""
    if len(failures) == 1:
        return failures[0]
    lines = [f"{failure.what}: {failure.rule}" for failure in failures[:MOST_LISTED]]
    if len(failures) > len(lines):
        lines.append(f"and {len(failures) - len(lines)} more")
    rule = "\n  ".join([f"{len(failures)} recordings cannot be used:", *lines])
    return DanError(root, rule, "Mend them, or take them out")


def check_distinct(clean: Corpus, noise: Corpus, *, first: str = "clean", second: str = "noise") -> None:
    """Check that no recording is in both.

    Raises:
        DanError: if one is; it names both files.
    """
    known = {entry.digest: entry.path for entry in clean.entries}
    for entry in noise.entries:
        if entry.digest in known:
            raise DanError(
                f"{known[entry.digest]} and {entry.path}",
                f"the same recording is in {first} and in {second}",
                "Remove one of them",
            )


def _entry(root: Path, path: Path, sample_rate_hz: float | None) -> Entry:
    with open_reader(path, sample_rate_hz=sample_rate_hz, dtype=np.float32) as recorded:
        length = recorded.length_samples or sum(block.shape[-1] for block in recorded.blocks(WHOLE_SAMPLES))
        digest, alive = _look(recorded, length)
        if recorded.sample_rate_hz is None:
            raise DanError(path, "nothing says its sample rate", "Give --sample-rate")
        return Entry(
            path=path,
            name=path.relative_to(root).as_posix(),
            sample_rate_hz=check_sample_rate(recorded.sample_rate_hz, name=f"{path}: sample_rate_hz"),
            channels=tuple(np.flatnonzero(alive).tolist()),
            digest=digest,
            start=0,
            stop=length,
        )


def _look(recorded: Reader, length: int) -> tuple[str, Alive]:
    """A hash of the samples, and which channels ever change."""
    hashed = hashlib.sha256(f"{recorded.channels} {length}".encode())
    first, alive = recorded.read(0, 1), np.zeros(recorded.channels, bool)
    for start, count in _parts(length):
        part = recorded.read(start, count)
        hashed.update(part.tobytes())
        alive |= (part != first).any(axis=-1)
    if length > WHOLE_SAMPLES and not alive.all():
        for block in recorded.blocks(WHOLE_SAMPLES):
            if alive.all():
                break
            alive |= (block != first).any(axis=-1)
    return hashed.hexdigest(), alive


def _parts(length: int) -> list[tuple[int, int]]:
    """Start and count of what is read of a recording: all of it, or parts from its beginning to its end."""
    if length <= WHOLE_SAMPLES:
        return [(0, length)]
    last = length - PART_SAMPLES
    return [(round(last * part / (PARTS - 1)), PART_SAMPLES) for part in range(PARTS)]
