"""A folder of noise cut from the pauses of noisy recordings, a folder within it for each of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dan.core.arrays import Signal
from dan.core.atomic import atomic_folder
from dan.core.errors import DanError
from dan.core.progress import track
from dan.core.words import few
from dan.data.cuts import MADE_OF, check_cuts, digest
from dan.data.events import cut_events
from dan.data.index import Corpus, IndexEntry, check_plain_names, index
from dan.data.pauses import Pauses, annotated_pauses, find_pauses
from dan.io.annotations import Annotations, find_annotations
from dan.io.folder import PAUSES
from dan.io.recordings import write

SAYS, PICTURE = PAUSES
LEVEL = "the level"
"""Sign by which pauses are told where no annotations are, in words."""
MOST_WAYS = 5
"""Ways to tell pauses that are named one by one."""
SHOWN = 3
"""Recordings that are drawn."""


@dataclass(frozen=True)
class Taken:
    """Pauses that were taken from a folder, and where they were written."""

    out: Path
    notes: tuple[str, ...]
    """Notes on what was taken and what was left out, in a sentence each."""
    shown: tuple[tuple[str, float, Pauses], ...]
    """Name, rate in Hz and pauses of the first few channels that have levels to show."""


@dataclass(frozen=True)
class PauseOptions:
    """Options of what is taken for a pause."""

    sample_rate_hz: float | None = None
    """Rate of .npy arrays, in Hz."""
    threshold_db: float = 6.0
    """Level above the floor up to which a frame is quiet, in dB."""
    shortest_s: float = 0.2
    """Length of a stretch that is worth taking, in seconds."""
    frame_s: float = 0.025
    """Time over which a level is taken, in seconds: what is slower than that is no event."""
    labels: Path | None = None
    """A file of labels for all recordings, or a folder of them by the recordings' names; None for what lies
    beside the recordings."""
    around_s: tuple[float, float] = (0.0, 0.0)
    """Time that an event may begin before its mark and last after it, in seconds."""


@dataclass(frozen=True)
class _Figures:
    """Figures of one recording: what was taken of it, and how."""

    name: str
    criterion: str
    """Signs of its pauses, in words."""
    taken_s: float
    """Mean over the channels of what was taken, in seconds."""
    silent_s: float
    """Mean over the channels of the digital silence, in seconds."""
    left_out: int
    """Number of marks that are left out."""
    events: int
    """Number of events that were written, of all channels."""


def write_pauses(
    folder: Path,
    out: Path,
    *,
    options: PauseOptions | None = None,
    events: Path | None = None,
    force: bool = False,
) -> Taken:
    """Cut the pauses out of the recordings of a folder; what is made appears whole or not at all.

    Where a recording is annotated, in a file beside it or within it, the pauses are the stretches named as
    noise, or else those between the events; where it is not, they are told by the level.

    Args:
        folder: of noisy recordings.
        out: the folder to make, with a folder for each recording that has pauses.
        options: of what is taken for a pause; None for the defaults.
        events: another folder to make, of what lies between the pauses, as `cut_events` has it: the noise
            where the signal is always there, and the pauses are the clean recordings.
        force: replace folders that were made so.

    Raises:
        DanError: if a folder or a recording is wrong, no pause is found, or a folder cannot be made.
    """
    options = options or PauseOptions()
    check_apart((out, folder), (events, folder), (events, out), (out, events))
    corpus = index(folder, sample_rate_hz=options.sample_rate_hz)
    check_plain_names(corpus.entries)
    annotations = _annotations(corpus, options)
    figures, shown = list[_Figures](), list[tuple[str, float, Pauses]]()
    others = atomic_folder(events, force=force, replaceable=_is_ours) if events else nullcontext()
    with atomic_folder(out, force=force, replaceable=_is_ours) as made, others as made_events:
        for entry in track(corpus.entries, "Pauses"):
            of_entry, found = _cut(entry, annotations[entry], options, made, made_events)
            figures.append(of_entry)
            levels = [one for one in found if one.level_db.size]
            shown += [(entry.name, entry.sample_rate_hz, one) for one in levels][: SHOWN - len(shown)]
        _check_some(corpus, figures, options)
        made_of = _made_of(corpus, annotations, options)
        for folder_made in filter(None, (made, made_events)):
            _describe(folder_made, folder, options, made_of)
    notes = [*_notes(corpus, figures, alone="noise alone" if events is None else "the signal alone")]
    notes += _unused_notes(folder, figures, options)
    notes += [_events_note(events, sum(each.events for each in figures))] if events else []
    return Taken(out, tuple(notes), tuple(shown))


def check_pauses(folder: Path, out: Path, *, options: PauseOptions) -> None:
    """Check that a folder of pauses that is there was made of these recordings and marks, by these options.

    Args:
        folder: of noisy recordings.
        out: the folder of pauses.
        options: as `write_pauses` has them.

    Raises:
        DanError: if it was not, or a folder or a recording is wrong.
    """
    corpus = index(folder, sample_rate_hz=options.sample_rate_hz)
    made_of = _made_of(corpus, _annotations(corpus, options), options)
    check_cuts(out, SAYS, made_of, rule="it holds pauses of other recordings or marks")


def _annotations(corpus: Corpus, options: PauseOptions) -> dict[IndexEntry, Annotations | None]:
    """Annotations of each recording, None where there are none."""
    return {
        entry: find_annotations(
            entry.path,
            labels=options.labels,
            sample_rate_hz=entry.sample_rate_hz,
            duration_s=entry.length_samples / entry.sample_rate_hz,
        )
        for entry in corpus.entries
    }


def _made_of(
    corpus: Corpus, annotations: Mapping[IndexEntry, Annotations | None], options: PauseOptions
) -> str:
    """Digest of it; the rates of recordings are in that of the folder."""
    settings = (options.threshold_db, options.shortest_s, options.frame_s, *options.around_s)
    return digest(corpus, [found.marks if found else () for found in annotations.values()], settings)


def _cut(
    entry: IndexEntry,
    annotations: Annotations | None,
    options: PauseOptions,
    made: Path,
    made_events: Path | None,
) -> tuple[_Figures, list[Pauses]]:
    """Cut one recording up: its figures, and the pauses of each channel."""
    marked, criterion, left_out = _usable(annotations, options)
    found, events = list[Pauses](), 0
    for channel, signal in _channels(entry):
        pauses = _pauses(signal, entry, marked, options, steady=made_events is not None)
        pieces = {start: signal[start:stop] for start, stop in pauses.stretches}
        _write_stretches(made, entry, channel, pieces)
        if made_events:
            pieces = cut_events(signal, pauses.stretches, silent=pauses.silent)
            events += _write_stretches(made_events, entry, channel, pieces)
        found.append(pauses)
    taken, silent = sum(each.samples for each in found), sum(each.silent_samples for each in found)
    taken_s, silent_s = (part / len(entry.channels) / entry.sample_rate_hz for part in (taken, silent))
    return _Figures(entry.name, criterion, taken_s, silent_s, left_out, events), found


def _pauses(
    signal: Signal, entry: IndexEntry, marked: Annotations | None, options: PauseOptions, *, steady: bool
) -> Pauses:
    """Pauses of one channel, by its annotations where there are any."""
    common: dict[str, Any] = {"sample_rate_hz": entry.sample_rate_hz, "shortest_s": options.shortest_s}
    found = find_pauses(
        signal, threshold_db=options.threshold_db, frame_s=options.frame_s, steady=steady, **common
    )
    if marked is None:
        return found
    return annotated_pauses(found, marked, length_samples=len(signal), around_s=options.around_s, **common)


def _describe(made: Path, folder: Path, options: PauseOptions, made_of: str) -> None:
    said = {"source": folder.name, "threshold_db": options.threshold_db, "shortest_s": options.shortest_s}
    said |= {MADE_OF: made_of}
    (made / SAYS).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def check_apart(*pairs: tuple[Path | None, Path | None]) -> None:
    """Check that no folder that is made lies in another: it would be read as a part of that one.

    Args:
        pairs: a folder that is made, and one that it is not to lie in; None for what is not there.
    """
    for inner, outer in pairs:
        if inner and outer and inner.resolve().is_relative_to(outer.resolve()):
            raise DanError(
                inner, f"it is or lies in {outer}, and would be read with it", "Give another folder"
            )


def _events_note(events: Path, count: int) -> str:
    if count:
        return f"{events}: {count} events between the pauses of single channels"
    return f"{events}: no events, as nothing lies between the pauses: lower --threshold, or change --frame"


def _usable(found: Annotations | None, options: PauseOptions) -> tuple[Annotations | None, str, int]:
    """Annotations if they say where noise is, the criterion for pauses, and how many are left out."""
    if found is None:
        return None, LEVEL, 0
    if not found.marks:
        return None, f"{LEVEL}, as no mark is left of {found.source}", found.left_out
    if any(mark.is_noise for mark in found.marks):
        return found, f"{found.source}, those of noise", found.left_out
    if not found.are_points or any(options.around_s):
        return found, f"{found.source}, what lies between them", found.left_out
    points = f"{LEVEL}, as {found.source} are points: --around says how far an event reaches"
    return None, points, found.left_out


def _unused_notes(folder: Path, figures: list[_Figures], options: PauseOptions) -> Iterator[str]:
    """Notes on recordings whose marks were asked for, and that have none of use."""
    asked = {"--labels": options.labels is not None, "--around": any(options.around_s)}
    said = " and ".join(option for option, is_given in asked.items() if is_given)
    by_level = [each.name for each in figures if each.criterion.startswith(LEVEL)]
    if said and by_level:
        which = f"{len(by_level)} of {len(figures)} recordings ({few(by_level)})"
        yield f"{folder}: {said} had no effect on {which}, as no marks of use were found"


def _channels(entry: IndexEntry) -> Iterator[tuple[int, Signal]]:
    with entry.open() as recorded:
        whole = recorded.read(0, entry.stop)
    for channel in entry.channels:
        yield channel, whole[channel]


def _write_stretches(made: Path, entry: IndexEntry, channel: int, pieces: Mapping[int, Signal]) -> int:
    """Write pieces of a channel, in their order; how many there are."""
    suffix = ".wav" if entry.sample_rate_hz == round(entry.sample_rate_hz) else ".npy"
    for number, start in enumerate(sorted(pieces)):
        path = made / entry.plain_name / f"{channel}_{number:04d}{suffix}"
        write(path, pieces[start], sample_rate_hz=entry.sample_rate_hz)
    return len(pieces)


def _check_some(corpus: Corpus, figures: list[_Figures], options: PauseOptions) -> None:
    if any(each.taken_s for each in figures):
        return
    near = f"within {options.threshold_db:g} dB of its recording's floor"
    rule = f"no stretch of {options.shortest_s:g} s {near} lies beside something louder"
    way_out = "Move --threshold, lower --shortest, or record some noise alone"
    if silent_s := sum(each.silent_s for each in figures):
        rule += f", and {_silence(corpus, silent_s)}, as a gate leaves it between sounds"
        way_out = "Take the recordings from before the gate, or record some noise alone"
    raise DanError(corpus.folder, rule, way_out)


def _silence(corpus: Corpus, silent_s: float) -> str:
    return f"{silent_s:.3g} of {corpus.duration_s:.3g} s are digital silence"


def _notes(corpus: Corpus, figures: list[_Figures], *, alone: str) -> Iterator[str]:
    taken_s, silent_s = sum(each.taken_s for each in figures), sum(each.silent_s for each in figures)
    without = [each.name for each in figures if not each.taken_s]
    yield from corpus.notes
    yield from _criteria_notes(corpus.folder, figures)
    share = taken_s / corpus.duration_s
    yield f"{corpus.folder}: {taken_s:.3g} of {corpus.duration_s:.3g} s ({share:.0%}) taken for {alone}"
    if silent_s:
        yield (
            f"{corpus.folder}: {_silence(corpus, silent_s)}, taken neither for noise nor for events: a gate "
            "leaves little noise, and ends of sounds that look like it"
        )
    if without:
        which = f"{len(without)} of {len(corpus.entries)} recordings"
        yield f"{corpus.folder}: {which} have no pause ({few(without)})"


def _criteria_notes(folder: Path, figures: list[_Figures]) -> Iterator[str]:
    """Notes on how the pauses were told: each way where they are few, else counts."""
    criteria = Counter(each.criterion for each in figures)
    if len(criteria) <= MOST_WAYS:
        for how, count in criteria.items():
            yield f"{folder}: the pauses of {_recordings(count)} are told by {how}"
        return
    by_level = sum(count for how, count in criteria.items() if how.startswith(LEVEL))
    others = len(figures) - by_level
    yield f"{folder}: pauses are told by the level in {by_level} and by annotations in {others}"
    if without := [each.name for each in figures if each.left_out]:
        count = sum(each.left_out for each in figures)
        rule = "lie outside of their recordings or do not read, and are left out"
        yield f"{folder}: {count} marks {rule} ({few(without)})"


def _recordings(count: int) -> str:
    return f"{count} recording{'' if count == 1 else 's'}"


def _is_ours(folder: Path) -> bool:
    return (folder / SAYS).is_file()
