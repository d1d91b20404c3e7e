"""An index of a folder of recordings: what lies there, how long, at which rate, and what each of it is.

Nothing is written into the folder. Each recording is read once, long ones in part.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_sample_rate
from dan.core.errors import DanError
from dan.core.progress import track
from dan.core.words import few
from dan.io.folder import look_through
from dan.io.recordings import Reader, open_reader

Alive = npt.NDArray[np.bool_]

WHOLE_SAMPLES = 2**17
"""Recordings up to this length are hashed whole, longer ones by their length and `PARTS` parts of them."""
PARTS, PART_SAMPLES = 8, 2**14
SHORTEST_SAMPLES = 32
"""Length below which a recording is not used."""
MOST_LISTED = 20
"""Most files named of those that cannot be used."""
CLIPPED_SHARE, CLIPPED_LEVELS = 1e-4, 64
"""A channel is clipped if such a share of its samples, and five at least, end runs of three at its largest or
smallest value, and it has so many values: of a coarse or switched signal that says nothing."""


@dataclass(frozen=True)
class IndexEntry:
    """A recording, or the stretch of it that lies on one side of a split."""

    path: Path
    name: str
    """The path within the corpus, with forward slashes."""
    sample_rate_hz: float
    channels: tuple[int, ...]
    """Those that hold a signal: a channel that never changes is left out."""
    digest: str
    """Digest of the samples as they are decoded, of long recordings of parts of them: the same in whatever
    lossless file they lie."""
    start: int
    stop: int
    clipped: bool = False
    """Set if its peaks are flat."""

    @property
    def length_samples(self) -> int:
        """Samples of the stretch, at its own rate."""
        return self.stop - self.start

    @property
    def folder(self) -> str:
        """The first folder below the corpus, a speaker or a subject; empty for a file directly in it."""
        first, slash, _ = self.name.partition("/")
        return first if slash else ""

    @property
    def plain_name(self) -> str:
        """The name without dots, for a folder of what is cut out of the recording."""
        return self.name.replace(".", "_")

    def open(self) -> Reader:
        """Open the whole recording, in float32.

        Raises:
            DanError: if it has gone or cannot be read any more.
        """
        return open_reader(self.path, sample_rate_hz=self.sample_rate_hz, dtype=np.float32)


@dataclass(frozen=True)
class Corpus:
    """The recordings of a folder, by name."""

    folder: Path
    entries: tuple[IndexEntry, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)
    """Notes on what was left out, in a sentence each."""

    @property
    def duration_s(self) -> float:
        """Duration of all recordings together, in seconds."""
        return sum(entry.length_samples / entry.sample_rate_hz for entry in self.entries)

    @property
    def digest(self) -> str:
        """Digest of all that is in it: another one means other material."""
        parts = [f"{entry.name} {entry.digest} {entry.sample_rate_hz}" for entry in self.entries]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def index(
    folder: str | Path,
    *,
    sample_rate_hz: float | None = None,
    shortest_s: float = 0.0,
) -> Corpus:
    """Index the recordings in a folder and all folders below it.

    Silent and constant recordings, and those too short to be of use, are left out. They and all other files
    that are not read are counted in a note, and so are recordings that are clipped.

    Args:
        folder: hidden files in it, and files that are no recordings by their suffix, are not looked at.
        sample_rate_hz: the rate of arrays and tables, in Hz; audio files say their own.
        shortest_s: what lasts less is left out, as is what is shorter than 32 samples.

    Raises:
        DanError: if there is no such folder or no usable recording in it, a file cannot be read or holds NaN
            or infinity where it was looked at, or nothing says the rate of a .npy array.
    """
    root = Path(folder)
    found = look_through(root)
    entries: list[IndexEntry] = []
    failures: list[DanError] = []
    useless: dict[str, list[str]] = defaultdict(list)
    for path in track(found.recordings, f"Indexing {root}"):
        try:
            entry = _entry(root, path, sample_rate_hz)
        except DanError as error:
            failures.append(error)
            continue
        if reason := _useless(entry, shortest_s):
            useless[reason].append(entry.name)
        else:
            entries.append(entry)
    if failures:
        raise _all_of(failures, root)
    left_out = [_counted(names, reason) for reason, names in sorted(useless.items())]
    if not entries:
        raise DanError(root, f"no recording in it is of use: {', '.join(left_out)}", "Give others")
    left_out += filter(None, [found.describe_left_out()])
    return Corpus(root, tuple(entries), tuple(_notes(root, entries, left_out)))


def _useless(entry: IndexEntry, shortest_s: float) -> str:
    """Reason why a recording cannot be used; empty where it can."""
    if entry.length_samples < SHORTEST_SAMPLES:
        return f"shorter than {SHORTEST_SAMPLES} samples"
    if entry.length_samples < shortest_s * entry.sample_rate_hz:
        return f"shorter than {shortest_s:.3g} s"
    return "" if entry.channels else "silent, all samples the same"


def _notes(root: Path, entries: list[IndexEntry], left_out: list[str]) -> list[str]:
    """Notes on what was left out, in one line, and on what is clipped."""
    notes = [f"{root}: left out {', '.join(left_out)}"] if left_out else []
    clipped = [entry.name for entry in entries if entry.clipped]
    return [*notes, f"{root}: {_counted(clipped, 'clipped')}, used as they are"] if clipped else notes


def _counted(names: list[str], what: str) -> str:
    return f"{len(names)} {what} ({few(names)})"


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
    for one, other in same_recordings(clean, noise):
        rule = f"the same recording is in {first} and in {second}"
        raise DanError(f"{one.path} and {other.path}", rule, "Remove one of them")


def check_plain_names(entries: Iterable[IndexEntry]) -> None:
    """Check that names differ by more than dots and underscores.

    Raises:
        DanError: if two do not; it names both files.
    """
    known = dict[str, IndexEntry]()
    for entry in entries:
        other = known.setdefault(entry.plain_name, entry)
        if other is not entry:
            rule = "what is cut out of them would lie in one folder, as dots become underscores"
            raise DanError(f"{other.path} and {entry.path}", rule, "Rename one of them")


def same_recordings(first: Corpus, second: Corpus) -> Iterator[tuple[IndexEntry, IndexEntry]]:
    """Yield the pairs of recordings, one of each corpus, that hold the very same samples."""
    by_digest = defaultdict[str, list[IndexEntry]](list)
    for entry in first.entries:
        by_digest[entry.digest].append(entry)
    for entry in second.entries:
        yield from ((other, entry) for other in by_digest[entry.digest] if _is_same(other, entry))


def _is_same(first: IndexEntry, second: IndexEntry) -> bool:
    """Return whether recordings of one digest are equal in what is in no digest, too."""
    if first.path == second.path:
        return True
    with first.open() as one, second.open() as other:
        blocks = zip(one.blocks(WHOLE_SAMPLES), other.blocks(WHOLE_SAMPLES), strict=True)
        return all(np.array_equal(*pair) for pair in blocks)


def _entry(root: Path, path: Path, sample_rate_hz: float | None) -> IndexEntry:
    with open_reader(path, sample_rate_hz=sample_rate_hz, dtype=np.float32) as recorded:
        length = recorded.length_samples or sum(block.shape[-1] for block in recorded.blocks(WHOLE_SAMPLES))
        digest, alive, clipped = _look(recorded, length)
        if recorded.sample_rate_hz is None:
            raise DanError(path, "nothing says its sample rate", "Give --sample-rate")
        return IndexEntry(
            path=path,
            name=path.relative_to(root).as_posix(),
            sample_rate_hz=check_sample_rate(recorded.sample_rate_hz, name=f"{path}: sample_rate_hz"),
            channels=tuple(np.flatnonzero(alive).tolist()),
            digest=digest,
            start=0,
            stop=length,
            clipped=clipped,
        )


def _look(recorded: Reader, length: int) -> tuple[str, Alive, bool]:
    """A hash of the samples, which channels ever change, and whether one is clipped."""
    hashed = hashlib.sha256(f"{recorded.channels} {length}".encode())
    first, alive, clipped = recorded.read(0, 1), np.zeros(recorded.channels, bool), False
    for start, count in _parts(length):
        part = recorded.read(start, count)
        hashed.update(part.tobytes())
        alive |= (part != first).any(axis=-1)
        clipped |= any(is_clipped(channel) for channel in part)
    if length > WHOLE_SAMPLES and not alive.all():
        for block in recorded.blocks(WHOLE_SAMPLES):
            if alive.all():
                break
            alive |= (block != first).any(axis=-1)
    return hashed.hexdigest(), alive, clipped


def is_clipped(signal: Signal) -> bool:
    """Return whether the peaks of a signal ``[T]`` are flat: runs of samples at its extreme values."""
    at_peak = (signal == signal.max()) | (signal == signal.min())
    runs = at_peak[2:] & (signal[2:] == signal[1:-1]) & (signal[1:-1] == signal[:-2])
    few = max(5, CLIPPED_SHARE * len(signal))
    return bool(np.count_nonzero(runs) >= few and len(np.unique(signal)) >= CLIPPED_LEVELS)


def _parts(length: int) -> list[tuple[int, int]]:
    """Start and count of what is read of a recording: all of it, or parts from its beginning to its end."""
    if length <= WHOLE_SAMPLES:
        return [(0, length)]
    last = length - PART_SAMPLES
    return [(round(last * part / (PARTS - 1)), PART_SAMPLES) for part in range(PARTS)]
