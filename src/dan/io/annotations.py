"""Annotations of recordings: labels of Audacity, tables of Raven, those of EDF+ and WFDB, marker columns."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from dan.core.errors import DanError
from dan.core.extras import require
from dan.io._cells import plain
from dan.io._clock import words
from dan.io._columns import MARKER_WORDS
from dan.io._layout import decoded
from dan.io._stated import THOUSANDS
from dan.io.recordings import EDF, TABLES, WFDB, open_reader

NOISE_WORDS = frozenset(["noise", "background", "silence", "pause", "rest", "baseline", "bg"])
"""Words of labels that stand for noise alone."""
NOTHING = frozenset(["", "0", "0.0", "nan", "none", "-", "no", "off"])
"""Cells of a marker column that mark nothing."""
BEGIN, END, OFFSET, FILE = "Begin Time (s)", "End Time (s)", "File Offset (s)", "Begin File"
"""Columns of a Raven selection table."""
LIKE_LABELS = re.compile(r"\s*[-+]?[\d.,]+\t[-+]?[\d.,]+\s")
"""The beginning of Audacity's labels, damaged ones too."""
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")


@dataclass(frozen=True, order=True)
class Mark:
    """An annotated stretch of a recording, or a point in it."""

    start_s: float
    """Below 0 where it began before the recording did."""
    stop_s: float
    """The start's own time for a point."""
    label: str = ""

    @property
    def is_noise(self) -> bool:
        """Return whether the label says that there is noise alone."""
        return not NOISE_WORDS.isdisjoint(words(self.label))


@dataclass(frozen=True)
class Annotations:
    """Annotations of a recording."""

    marks: tuple[Mark, ...]
    source: str
    """Place where it stands, in words."""
    left_out: int = 0
    """Number of marks that are left out, as the source says."""

    @property
    def are_points(self) -> bool:
        """Return whether no mark has a duration."""
        return all(mark.stop_s == mark.start_s for mark in self.marks)


def find_annotations(
    recording: Path,
    *,
    labels: Path | None = None,
    sample_rate_hz: float | None = None,
    duration_s: float = float("inf"),
) -> Annotations | None:
    """Find what is marked in a recording: in a file of labels, beside it, or within it.

    Looked for are, in this order, ``NAME.txt`` (Audacity's labels), ``NAME.Table.1.selections.txt`` and the
    like (Raven), the annotators of a WFDB record, the annotations of an EDF+ or BDF+ file, and a table's
    column of markers.

    Args:
        recording: the file.
        labels: a file of labels or an annotator of the record, or a folder in which those by the recording's
            name lie; None for its own.
        sample_rate_hz: of a table that does not say its own, in Hz.
        duration_s: of the recording, in seconds: marks after it are left out.

    Returns:
        The marks, in order; none of them where all were left out, and None where there are none.

    Raises:
        DanError: if a file of labels is none, an annotation has no time, or there is no such file or folder.
    """
    none_left = None
    for marked in _everywhere(recording, labels, sample_rate_hz):
        found = _in_time(marked, duration_s)
        if found.marks:
            return found
        none_left = none_left or (found if found.left_out else None)
    return none_left


def _everywhere(recording: Path, labels: Path | None, sample_rate_hz: float | None) -> Iterator[Annotations]:
    """Annotations of a recording wherever they are looked for, in order."""
    if labels is not None and labels.is_file():
        found = _of_annotator(labels, recording) if _is_annotator(labels) else _of_text(labels, recording)
        if found:
            yield found
        return
    folder = recording.parent if labels is None else labels
    if not folder.is_dir():
        raise DanError(folder, "there is no such file or folder", "Give one with labels")
    beside = [path for path in _named_alike(folder, recording) if path != recording]
    yield from filter(None, [_of_text(path, recording, strict=labels is not None) for path in beside])
    if within := _within(recording, folder, sample_rate_hz):
        yield within


def _named_alike(folder: Path, recording: Path) -> list[Path]:
    """Files of labels of the recording's name, with or without its suffix."""
    names = {recording.stem, recording.name}
    return [
        path
        for path in sorted(folder.glob("*"))
        if path.suffix.lower() in (".txt", ".tsv") and (path.stem in names or raven_stem(path) in names)
    ]


def raven_stem(path: Path) -> str:
    """Return the name of the recording whose Raven table a file is by its own; empty where it is none."""
    named = re.fullmatch(r"(.+)\.Table\.\d+\.selections", path.stem)
    return named[1] if named else ""


def _of_text(path: Path, recording: Path, *, strict: bool = True) -> Annotations | None:
    """Marks of a file of labels; where it is none, an error if `strict`, else None."""
    lines = _text(path).splitlines()
    is_raven = bool(lines) and BEGIN in lines[0]
    try:
        if is_raven:
            return _of_raven(path, lines, recording)
        return Annotations(tuple(_audacity(lines)), f"the labels of {path.name}")
    except (ValueError, csv.Error) as error:
        if not (strict or is_raven):
            unread = f"the labels of {path.name} (which do not read: {error})"
            return Annotations((), unread, len(lines)) if LIKE_LABELS.match("\n".join(lines)) else None
        none = "neither Audacity's labels nor Raven's selections"
        rule = f"it holds {'damaged selections of Raven' if is_raven else none} ({error})"
        raise DanError(path, rule, "Export them again, times in seconds") from error


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DanError(path, f"it cannot be read ({error.strerror})", "Take it away, or mend it") from error
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_wide else "utf-8-sig", errors="replace")


def _audacity(lines: list[str]) -> Iterator[Mark]:
    """Start, end and label a line; a line that begins with a backslash holds frequencies."""
    for line in lines:
        if line.strip() and not line.startswith("\\"):
            start, tab, rest = line.partition("\t")
            if not tab:
                raise ValueError(f"a line without a tab: {line.strip()[:40]!r}")
            stop, _, label = rest.partition("\t")
            yield _mark(_local_seconds(start), _local_seconds(stop), label)


def _local_seconds(said: str) -> float:
    """Seconds, with a decimal point or comma."""
    if THOUSANDS.fullmatch(said.strip().lstrip("+-")):
        raise ValueError(f"a time is {said!r}, whose comma may be one of decimals or of thousands")
    return _seconds(said.replace(",", ".") if DECIMAL_COMMA.fullmatch(said.strip()) else said)


def _of_raven(path: Path, lines: list[str], recording: Path) -> Annotations:
    marks, source = tuple(_raven(lines, recording)), f"the selections of {path.name}"
    others = 0 if marks else sum(1 for line in lines[1:] if line.strip())
    return Annotations(marks, f"{source} (none of them is of {recording.name})" if others else source, others)


def _raven(lines: list[str], recording: Path) -> Iterator[Mark]:
    """The selections in one recording; each stands there once a view."""
    seen = set[str]()
    rows = csv.DictReader(lines, delimiter="\t")
    for row in rows:
        of_another = (row.get(FILE) or recording.name).casefold() != recording.name.casefold()
        if of_another or (row.get("Selection") or str(row)) in seen:
            continue
        seen.add(row.get("Selection") or str(row))
        label = next((row[key] for key in row if key and "annot" in key.lower()), "") or ""
        begin_s, end_s = (_seconds(row.get(name), f"line {rows.line_num}: {name}") for name in (BEGIN, END))
        start_s = _seconds(row[OFFSET]) if row.get(OFFSET) and row.get(FILE) else begin_s
        yield _mark(start_s, start_s + end_s - begin_s, label)


def _of_edf(recording: Path) -> Annotations | None:
    """The texts of an EDF+ file's lists of annotations (``+onset<21>duration<20>text<20>``).

    Onsets count from the header's start; the first list, without a text, says when the first record began.
    """
    from dan.io.edf import annotation_lists

    lists = annotation_lists(recording)
    first, *texts = lists[0].split("\x14") if lists else ("",)
    keeps_time = bool(texts) and not texts[0]
    marks = []
    for part in lists:
        when, *texts = part.split("\x14")
        onset, _, duration = when.partition("\x15")
        if any(texts):
            start_s = _seconds(onset) - (_seconds(first) if keeps_time else 0)
            marks += [_mark(start_s, start_s + _seconds(duration or 0), text) for text in texts if text]
    return Annotations(tuple(marks), "its annotations")


def _of_wfdb(recording: Path, folder: Path) -> Annotations | None:
    """The first annotator of a record that marks anything, in a folder or else beside it."""
    places = dict.fromkeys([folder, recording.parent])
    paths = [path for place in places for path in _annotators(place, recording)]
    return next(filter(None, (_of_annotator(path, recording) for path in paths)), None)


def _of_annotator(path: Path, recording: Path) -> Annotations | None:
    """Marks of an annotator, which have no duration; None where there are none, or it only has the name."""
    if path.stem != recording.stem or recording.suffix.lower() != WFDB:
        rule = f"it is an annotator of a WFDB record {path.stem}, and {recording.name} is another recording"
        raise DanError(path, rule, "Leave --labels out, or give a folder of annotators")
    wfdb: Any = require("wfdb", extra="biosignals", what=recording)
    try:
        read = wfdb.rdann(str(path.with_suffix("")), path.suffix[1:]) if _ends_whole(path) else None
    except Exception:  # not every file of that name is an annotator: parsed bytes raise anything
        read = None
    if read is None and _rank(path) < len(ANNOTATORS):
        rule = "it is damaged: it does not read as WFDB's annotations up to their end"
        raise DanError(path, rule, "Copy it again, or take it away")
    if read is None or not len(read.sample):
        return None
    rate_hz = read.fs or wfdb.rdheader(str(recording.with_suffix(""))).fs
    texts = zip(read.symbol, read.aux_note, strict=True)
    labels = [f"{symbol} {aux}".strip(" \x00") for symbol, aux in texts]
    times = np.asarray(read.sample) / rate_hz
    marks = [_mark(at, at, label) for at, label in zip(times, labels, strict=True)]
    return Annotations(tuple(marks), f"the annotations of {path.name}")


def _annotators(folder: Path, recording: Path) -> list[Path]:
    """Files in a folder that may be annotators of a record, those of usual names first."""
    named = [path for path in folder.iterdir() if path.stem == recording.stem]
    found = [path for path in named if path.suffix.lower() not in NO_ANNOTATOR and path.is_file()]
    return sorted(found, key=lambda path: (_rank(path), path.name))


def _is_annotator(path: Path) -> bool:
    """Return whether a file is an annotator by its content or, unless it holds text of labels, its name."""
    named = _rank(path) < len(ANNOTATORS)
    return _ends_whole(path) or (named and not LIKE_LABELS.match(path.read_text("latin-1")))


def _rank(path: Path) -> int:
    name = path.suffix[1:].lower()
    return ANNOTATORS.index(name) if name in ANNOTATORS else len(ANNOTATORS)


def _ends_whole(path: Path) -> bool:
    """Return whether a file is of 16-bit words and ends with one of 0, as all annotators do."""
    content = path.read_bytes()
    return len(content) % 2 == 0 and content.endswith(b"\0\0")


ANNOTATORS = ("atr", "ari", "ecg", "blh", "qrsc", "qrs", "gqrs", "wqrs", "sqrs", "blm", "st", "apn")
"""Usual names of WFDB's annotators: those of people first, then beats found by programs, then others."""
NO_ANNOTATOR = frozenset(["", ".hea", ".dat", ".mat", ".txt", ".tsv", ".csv", ".xyz", ".edf", ".wav"])


def _of_table(recording: Path, sample_rate_hz: float | None) -> Annotations | None:
    """Runs of equal cells of the first column of markers; a single sample is a point."""
    from dan.io.table import TableReader

    with open_reader(recording, sample_rate_hz=sample_rate_hz) as table:
        if not isinstance(table, TableReader):  # by its content
            return None
        names = table.layout.names
        place = next((at for at, name in enumerate(names) if not MARKER_WORDS.isdisjoint(words(name))), None)
        if place is None or not table.sample_rate_hz:
            return None
        cells = [decoded(plain(row[place])).lower() for row in table.checked_cells(0, table.rows)]
    marks, at = list[Mark](), 0
    for label, run in groupby(cells):
        length = sum(1 for _ in run)
        if label not in NOTHING:
            stop = at + length if length > 1 else at
            marks.append(_mark(at / table.sample_rate_hz, stop / table.sample_rate_hz, label))
        at += length
    return Annotations(tuple(marks), f"its column {names[place]}")


def _within(recording: Path, folder: Path, sample_rate_hz: float | None) -> Annotations | None:
    """Annotations in the recording itself, or in a file that belongs to it."""
    suffix = recording.suffix.lower()
    try:
        if suffix == WFDB:
            return _of_wfdb(recording, folder)
        if suffix in EDF:
            return _of_edf(recording)
    except ValueError as error:
        rule = f"one of its annotations is wrong: {error}"
        raise DanError(recording, rule, "Mend it, or give --labels") from error
    return _of_table(recording, sample_rate_hz) if suffix in TABLES else None


def _seconds(said: str | float | None, name: str = "a time") -> float:
    if said is None:
        raise ValueError(f"{name} is missing")
    try:
        return float(said)
    except ValueError:
        raise ValueError(f"{name} is {said!r}, which is no number of seconds") from None


def _mark(start_s: float, stop_s: float, label: str) -> Mark:
    if not -float("inf") < start_s <= stop_s < float("inf"):
        raise ValueError(f"it lasts from {start_s:g} to {stop_s:g} s")
    return Mark(start_s, stop_s, label.strip())


def _in_time(annotations: Annotations, duration_s: float) -> Annotations:
    """Marks in order, but for those that end before the recording begins, or begin after its end."""
    found = sorted(annotations.marks)
    within = [mark for mark in found if mark.start_s >= 0 or mark.stop_s > 0]
    kept = tuple(mark for mark in within if mark.stop_s <= duration_s or mark.start_s < duration_s)
    counts = {"before its start": len(found) - len(within), "after its end": len(within) - len(kept)}
    said = " and ".join(f"{count} {where}" for where, count in counts.items() if count)
    source = f"{annotations.source} ({said} left out)" if said else annotations.source
    return Annotations(kept, source, annotations.left_out + sum(counts.values()))
