"""Trials of events, cut around marks and paired: two takes of one response, each in noise of its own."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dan.core.atomic import atomic_folder
from dan.core.errors import DanError
from dan.core.progress import track
from dan.data.cuts import MADE_OF, check_cuts, digest
from dan.data.index import IndexEntry, check_plain_names, index
from dan.io.annotations import Annotations, Mark, find_annotations
from dan.io.recordings import write

SAYS = "trials.json"
FIRST, SECOND = "first", "second"


@dataclass(frozen=True)
class Trials:
    """Two folders of trials that belong together by name."""

    first: Path
    second: Path
    notes: tuple[str, ...]
    """Notes on what was paired and what was not, in a sentence each."""


def write_trials(
    folder: Path,
    out: Path,
    *,
    window_s: tuple[float, float],
    labels: Path | None = None,
    sample_rate_hz: float | None = None,
) -> Trials:
    """Cut trials around the marks of recordings and pair those of one label and recording.

    The trials of the first half of a recording are paired with those of its second half, in order: the two of
    a pair lie far apart, so that they share no slow noise. An odd one is left out.

    Args:
        folder: of noisy recordings.
        out: the folder to make, or to use if it is there and was made so.
        window_s: where a trial begins and ends, in seconds after its mark.
        labels: a file or a folder of labels; None for what lies beside the recordings or within them.
        sample_rate_hz: of .npy arrays and tables that do not say their own, in Hz.

    Raises:
        DanError: if the window is empty, a folder or a recording is wrong, there are no two trials, or `out`
            holds others.
    """
    if not window_s[0] < window_s[1]:
        raise DanError(
            f"--epochs {window_s[0]:g} {window_s[1]:g}", "a trial lasts longer than 0 s", "Swap them"
        )
    corpus = index(folder, sample_rate_hz=sample_rate_hz)
    marks = {entry: found.marks if (found := _annotations(entry, labels)) else () for entry in corpus.entries}
    made_of = digest(corpus, marks.values(), window_s)
    if not out.is_dir():
        _write_all(folder, out, marks, window_s, made_of)
    rule = "it holds trials of other recordings or marks, or of another window"
    said = check_cuts(out, SAYS, made_of, rule=rule)
    return Trials(out / FIRST, out / SECOND, tuple(said["notes"]))


def _annotations(entry: IndexEntry, labels: Path | None) -> Annotations | None:
    return find_annotations(entry.path, labels=labels, sample_rate_hz=entry.sample_rate_hz)


def _write_all(
    folder: Path,
    out: Path,
    marks: Mapping[IndexEntry, tuple[Mark, ...]],
    window_s: tuple[float, float],
    made_of: str,
) -> None:
    """Write the pairs of all recordings, and what they were made of."""
    check_plain_names(marks)
    with atomic_folder(out, replaceable=lambda _: False) as made:
        counts = Counter[str]()
        for entry, marked in track([*marks.items()], "Trials"):
            counts += _write_pairs(made, entry, marked, window_s)
        if not counts["pairs"]:
            rule = "no recording holds two whole trials of one label"
            raise DanError(folder, rule, "Give --labels, or another window")
        unmarked = sum(not marked for marked in marks.values())
        notes = [f"{folder}: {note}" for note in _notes(counts, window_s, unmarked)]
        said = {"source": folder.name, "window_s": window_s, MADE_OF: made_of, "notes": notes}
        (made / SAYS).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def _notes(counts: Counter[str], window_s: tuple[float, float], unmarked: int) -> Iterator[str]:
    """Notes on the pairs, and on the marks and the recordings that are in none."""
    yield f"{counts['pairs']} pairs of trials, {window_s[0]:g} to {window_s[1]:g} s after their marks"
    if left := counts["marks"] - 2 * counts["pairs"]:
        near = f" ({counts['cut']} too near an end of their recording)" if counts["cut"] else ""
        yield f"{left} of {counts['marks']} marks are in no pair{near}"
    if unmarked:
        yield f"{unmarked} recordings without marks"


def _write_pairs(
    made: Path, entry: IndexEntry, marks: tuple[Mark, ...], window_s: tuple[float, float]
) -> Counter[str]:
    """Write the pairs of a recording; the numbers of pairs, of marks, and of marks whose trial is cut."""
    starts: dict[str, list[int]] = defaultdict(list)
    rate_hz = entry.sample_rate_hz
    length = round((window_s[1] - window_s[0]) * rate_hz)
    for mark in marks:
        start = round((mark.start_s + window_s[0]) * rate_hz)
        if start >= 0 and start + length <= entry.stop:
            starts[mark.label].append(start)
    with entry.open() as recorded:
        whole = recorded.read(0, entry.stop)[list(entry.channels)]
    pairs = [(at, later) for each in starts.values() for at, later in _paired(each, length)]
    suffix = ".wav" if rate_hz == round(rate_hz) else ".npy"
    for number, pair in enumerate(pairs):
        for take, start in zip((FIRST, SECOND), pair, strict=True):
            path = made / take / entry.plain_name / f"{number:04d}{suffix}"
            write(path, whole[:, start : start + length], sample_rate_hz=rate_hz)
    whole_trials = sum(map(len, starts.values()))
    return Counter(pairs=len(pairs), marks=len(marks), cut=len(marks) - whole_trials)


def _paired(starts: list[int], length: int) -> list[tuple[int, int]]:
    """Starts of the first half with those of the second, but for trials that overlap."""
    half = len(starts) // 2
    pairs = zip(starts[:half], starts[len(starts) - half :], strict=True)
    return [(one, other) for one, other in pairs if other - one >= length]
