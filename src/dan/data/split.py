"""Splits recordings into a training and a validation side: by folder, file or time, never by crop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dan.config import SplitBy
from dan.core.errors import DanError
from dan.core.words import few
from dan.data.index import SHORTEST_SAMPLES, Corpus, IndexEntry, check_distinct, same_recordings

MOST = 1 / 3
"""Share of few or short recordings that is held out at most so that it lasts long enough."""


@dataclass(frozen=True)
class Sides:
    """The two sides of a corpus."""

    train: Corpus
    validation: Corpus
    note: str
    """Note on what was held out, in a sentence."""


def split(
    corpus: Corpus,
    *,
    by: SplitBy = "auto",
    setting: str = "recordings.clean_split",
    held_out_share: float = 0.1,
    held_out_count: int = 0,
    least_s: float = 0.0,
    gap_s: float = 1.0,
    shortest_s: float = 0.0,
    random: np.random.Generator,
) -> Sides:
    """Split a corpus.

    Args:
        corpus: what to split.
        by: what is never on both sides: `folder` (the first below the corpus), `file`, or `time`, of which
            the last part is held out; `auto` takes the first of these that there are two of. A single file
            is cut in time where files were asked for.
        setting: what `by` is called in a recipe, for messages.
        held_out_share: share of the folders, files or time for validation, at least one folder or file,
            and not all of them.
        held_out_count: number of folders or files for validation, instead of a share; 0 for the share.
        least_s: what is held out lasts as long even where the share is less, up to a third of the folders,
            files or time; a number given is as it is.
        gap_s: what lies between the sides of a recording that is cut in time.
        shortest_s: what either side of it must last.
        random: draws the folders or files.

    Raises:
        DanError: if there are not two folders or files or enough time, or one recording is on both sides.
    """
    if by == "auto":
        folders = {entry.folder for entry in corpus.entries}
        by = "folder" if len(folders) > 1 else "file"
    if by == "time" or (by == "file" and len(corpus.entries) == 1):
        if held_out_count:
            raise DanError(
                f"recordings.held_out_count={held_out_count}",
                f"{corpus.folder} is split in time",
                "Set recordings.held_out_share instead",
            )
        return _split_time(corpus, held_out_share, least_s, gap_s, shortest_s)
    groups: dict[str, list[IndexEntry]] = defaultdict(list)
    for entry in corpus.entries:
        groups[entry.folder if by == "folder" else entry.name].append(entry)
    names = sorted(groups)
    drawn = [names[place] for place in random.permutation(len(names))]
    enough = _enough([_part(corpus, groups[name]) for name in drawn], least_s)
    count = held_out_count or max(1, min(len(groups) - 1, round(held_out_share * len(groups))), enough)
    _check_some_are_left(corpus, count, len(groups), by, setting)
    return _split_groups(corpus, groups, sorted(drawn[:count]), by)


def _split_groups(
    corpus: Corpus, groups: Mapping[str, list[IndexEntry]], chosen: list[str], by: SplitBy
) -> Sides:
    """The groups that were chosen for validation, and the others to train on."""
    validation = _part(corpus, [entry for name in chosen for entry in groups[name]])
    train = _part(corpus, [entry for name in groups if name not in chosen for entry in groups[name]])
    check_distinct(train, validation, first="training", second="validation")
    part = f"{_listed(by, chosen)} of {len(groups)}, {_duration(validation)}"
    return Sides(train, validation, note=f"{corpus.folder}: held out for validation {part}")


def halve(corpus: Corpus) -> tuple[Corpus, Corpus]:
    """Halves that share no sample: every other recording each, or a single one cut in the middle."""
    if len(corpus.entries) > 1:
        return _part(corpus, [*corpus.entries[::2]]), _part(corpus, [*corpus.entries[1::2]])
    (entry,) = corpus.entries
    middle = (entry.start + entry.stop) // 2
    return _part(corpus, [replace(entry, stop=middle)]), _part(corpus, [replace(entry, start=middle)])


def check_pairs(clean: Corpus, noisy: Corpus) -> list[str]:
    """Check that clean and noisy recordings differ; a note says how many do not.

    Raises:
        DanError: if both are one folder, none differs from its partner, or a recording stands in both under
            different names.
    """
    if clean.folder.resolve() == noisy.folder.resolve():
        raise DanError(clean.folder, "it is given for both sides of each pair", "Give two folders")
    equal = list(same_recordings(clean, noisy))
    same = {other.name for one, other in equal if _stem(one) == _stem(other)}
    for one, other in equal:
        if other.name not in same:
            rule = f"it holds the very samples of {_stem(one)} in {clean.folder}"
            raise DanError(other.path, rule, "Pair them anew")
    if len(same) == len(noisy.entries):
        rule = "every recording in one is the same as in the other: there is no noise to learn from"
        raise DanError(f"{clean.folder} and {noisy.folder}", rule, "Give noisy recordings")
    if not same:
        return []
    return [f"{noisy.folder}: {len(same)} of {len(noisy.entries)} recordings are the same as the clean ones"]


def pair(clean: Corpus, noisy: Corpus) -> tuple[Corpus, Corpus]:
    """Clean and noisy recordings of the same names apart from their suffixes, in the same order.

    Raises:
        DanError: if a recording has no partner or shares one, or partners differ in length, rate or number of
            channels.
    """
    for corpus, other in ((clean, noisy), (noisy, clean)):
        known, taken = _by_names(other), set[str]()
        for entry in corpus.entries:
            partner = _partner(entry, known)
            if partner is None or partner.name in taken:
                rule = f"it has no partner {'of its own ' if partner else ''}in {other.folder}"
                raise DanError(entry.path, rule, "Add it, or remove this one")
            taken.add(partner.name)
    pairs = [_matched(entry, other) for entry, other in _paired(clean, noisy)]
    return _part(clean, [one for one, _ in pairs]), _part(noisy, [other for _, other in pairs])


def follow(side: Corpus, noisy: Corpus) -> Corpus:
    """The partners in `noisy` of one side of the clean recordings, cut alike."""
    pairs = _paired(side, noisy)
    return _part(noisy, [replace(other, start=entry.start, stop=entry.stop) for entry, other in pairs])


def _paired(side: Corpus, noisy: Corpus) -> list[tuple[IndexEntry, IndexEntry]]:
    """The recordings of one side, each with its partner, which `pair` has seen to."""
    known, pairs = _by_names(noisy), list[tuple[IndexEntry, IndexEntry]]()
    for entry in side.entries:
        other = _partner(entry, known)
        assert other is not None
        pairs.append((entry, other))
    return pairs


def _partner(entry: IndexEntry, known: Mapping[str, IndexEntry]) -> IndexEntry | None:
    """The recording of the same name, or else of the same name apart from the suffix."""
    return known.get(entry.name) or known.get(_stem(entry))


def _by_names(corpus: Corpus) -> dict[str, IndexEntry]:
    """Recordings by their names, and by these without their suffixes."""
    return {_stem(entry): entry for entry in corpus.entries} | {entry.name: entry for entry in corpus.entries}


def _part(corpus: Corpus, entries: list[IndexEntry]) -> Corpus:
    return Corpus(corpus.folder, tuple(sorted(entries, key=lambda entry: entry.name)))


def _check_some_are_left(corpus: Corpus, count: int, groups: int, by: str, setting: str) -> None:
    if count >= groups:
        raise DanError(
            f"{corpus.folder} with {groups} {by}{'s' if groups > 1 else ''}",
            f"{count} held out for validation would leave none to train on",
            f"Add some, or split by {'file or time' if by == 'folder' else 'time'}: --set {setting}=time",
        )


def _enough(drawn: list[Corpus], least_s: float) -> int:
    """Number of the first ones drawn that last long enough together, up to a third of all."""
    total_s = np.cumsum([one.duration_s for one in drawn])
    return min(int(np.searchsorted(total_s, least_s)) + 1, int(MOST * len(drawn)))


def _split_time(corpus: Corpus, share: float, least_s: float, gap_s: float, shortest_s: float) -> Sides:
    wanted = least_s / corpus.duration_s
    cuts = [_cut(entry, share, wanted, gap_s, shortest_s) for entry in corpus.entries]
    names = [entry.name for entry in corpus.entries]
    train, validation = (_part(corpus, [cut[side] for cut in cuts]) for side in (0, 1))
    part = f"the last {validation.duration_s / corpus.duration_s:.0%} ({_duration(validation)})"
    note = f"{corpus.folder}: held out for validation {part} of {_listed('file', names)}"
    return Sides(train, validation, note)


def _cut(
    entry: IndexEntry, share: float, wanted: float, gap_s: float, shortest_s: float
) -> tuple[IndexEntry, IndexEntry]:
    """Parts of a recording before and after the gap, the second of the share, or of more up to a third."""
    gap = round(gap_s * entry.sample_rate_hz)
    more = min(round(wanted * entry.length_samples), int(MOST * (entry.length_samples - gap)))
    second = entry.stop - max(round(share * entry.length_samples), more)
    first = second - gap
    shortest = max(SHORTEST_SAMPLES, shortest_s * entry.sample_rate_hz)
    if min(first - entry.start, entry.stop - second) < shortest:
        raise DanError(
            f"{entry.path} of {entry.length_samples / entry.sample_rate_hz:.3g} s",
            f"it is too short to hold out {share:.0%} of it after a gap of {gap_s:g} s",
            "Give more material, or lower recordings.gap_s",
        )
    return replace(entry, stop=first), replace(entry, start=second)


def _duration(corpus: Corpus) -> str:
    seconds = corpus.duration_s
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds / 60:.3g} minutes"


def _listed(by: str, chosen: list[str]) -> str:
    names = [name or "files in no folder" for name in chosen]
    return f"{len(chosen)} {by}{'s' if len(chosen) > 1 else ''} ({few(names, most=5)})"


def _stem(entry: IndexEntry) -> str:
    return entry.name.rpartition(".")[0]


def _matched(clean: IndexEntry, noisy: IndexEntry) -> tuple[IndexEntry, IndexEntry]:
    """Both with the channels that hold a signal in either."""
    common = tuple(sorted({*clean.channels} & {*noisy.channels}))
    for what, unit in (("length_samples", "samples long"), ("sample_rate_hz", "Hz")):
        ours, theirs = getattr(clean, what), getattr(noisy, what)
        if ours != theirs:
            rule = f"a pair is alike in length and rate, not {ours:.15g} and {theirs:.15g} {unit}"
            raise DanError(f"{clean.path} and {noisy.path}", rule, "Cut or resample one of them")
    if not common:
        raise DanError(
            f"{clean.path} and {noisy.path}", "no channel holds a signal in both", "Pair them anew"
        )
    return replace(clean, channels=common), replace(noisy, channels=common)
