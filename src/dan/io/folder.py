"""Contents of a folder: its recordings, and what is left out, counted by kind for a note of one line."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dan.core.atomic import is_there
from dan.core.errors import DanError
from dan.core.words import few
from dan.io._content import format_by_content
from dan.io.annotations import raven_stem
from dan.io.recordings import AMBIGUOUS, SUFFIXES, TABLES, TEXT, WFDB
from dan.io.table import is_table
from dan.io.wfdb import files_of

MOST_KINDS = 8
"""Suffixes that are named."""
PAUSES = ("pauses.json", "pauses.png")
"""Files that DAN writes beside noise cut from pauses, of which there is nothing to say."""


@dataclass(frozen=True)
class Contents:
    """The files of a folder and of all below it, in order, each in one list."""

    recordings: list[Path]
    """Tables only where there is nothing else: beside recordings of other kinds they describe them more
    often than they are some (``metadata.csv``)."""
    tables: list[Path]
    """Those beside recordings of other kinds."""
    others: list[Path]
    """Files that are no recordings; samples and annotations of a WFDB record belong to its header, as Raven's
    selections do to their recording."""
    dangling: list[Path]
    """Links that lead nowhere."""
    hidden: list[Path]

    def describe_left_out(self) -> str:
        """Count the files that are not taken for recordings; empty where all are."""
        tables, dangling, hidden = self.tables, self.dangling, self.hidden
        suffixes = Counter(path.suffix.lower() or "none" for path in self.others if path.name not in PAUSES)
        parts = [f"{_number(tables, 'table')} beside other recordings ({_few(tables)})"] if tables else []
        if suffixes:
            which = "that are no recordings" if suffixes.total() > 1 else "that is no recording"
            parts.append(f"{suffixes.total()} {which} by suffix or content ({_counted(suffixes)})")
        if dangling:
            verb = "lead" if len(dangling) > 1 else "leads"
            parts.append(f"{_number(dangling, 'link')} that {verb} nowhere ({_few(dangling)})")
        if hidden:
            parts.append(f"{len(hidden)} hidden ({_few(hidden)})")
        return ", ".join(parts)


def look_through(folder: str | Path) -> Contents:
    """Tell what each file of a folder and of all below it is.

    Links to folders are followed, each folder once: a link back up ends there.

    Raises:
        DanError: if there is no such folder, or no recordings in it.
    """
    top = Path(folder)
    if not top.is_dir():
        rule = "it is a file, not a folder" if is_there(top) else "there is no such folder"
        raise DanError(top, rule, "Give a folder with recordings")
    found: dict[Kind, list[Path]] = defaultdict(list)
    for path in sorted(_files(top)):
        found[_kind(path, top)].append(path)
    recordings, tables = found["recording"], found["table"]
    if not recordings:
        recordings, tables = tables, []
    if not recordings:
        raise DanError(top, "it holds no recordings", f"Give a folder with {', '.join(sorted(SUFFIXES))}")
    headers = {path for path in recordings if path.suffix == WFDB}
    named = {(path.parent, name) for path in recordings for name in (path.stem, path.name)}
    tables, others = (
        [
            path
            for path in paths
            if path.with_suffix(WFDB) not in headers and (path.parent, raven_stem(path)) not in named
        ]
        for paths in (tables, found["other"])
    )
    others = _not_named(others, headers)
    return Contents(recordings, tables, others, found["dangling"], found["hidden"])


def _not_named(others: list[Path], headers: set[Path]) -> list[Path]:
    """Those that no header of a WFDB record names; headers are read only where a file may be named."""
    beside = {path.parent for path in others}
    named = {
        header.with_name(name) for header in headers if header.parent in beside for name in files_of(header)
    }
    return [path for path in others if path not in named]


def find_recordings(folder: str | Path) -> list[Path]:
    """The recordings in a folder and all below it, in order; hidden and temporary files are left out.

    Raises:
        DanError: as `look_through` does.
    """
    return look_through(folder).recordings


Kind = Literal["recording", "table", "other", "dangling", "hidden"]


def _files(top: Path) -> Iterator[Path]:
    """All files below, through links too, those of one folder once however many links lead there."""
    seen: set[str] = set()
    for folder, below, names in os.walk(top, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen:
            below.clear()
            continue
        seen.add(place)
        yield from (Path(folder, name) for name in names)


def _kind(path: Path, top: Path) -> Kind:
    if any(part.startswith((".", "~")) for part in path.relative_to(top).parts):
        return "hidden"
    if path.is_symlink() and not os.path.exists(path):  # noqa: PTH110 (which no forbidden folder stops)
        return "dangling"
    if not (is_there(path) and _is_recording(path)):
        return "other"
    return "table" if path.suffix.lower() in TABLES else "recording"


def _is_recording(path: Path) -> bool:
    """Return whether a file is a recording by its suffix and, where others use that, by its content."""
    suffix = path.suffix.lower()
    if suffix == ".mat" and path.with_suffix(WFDB).exists():
        return False  # the samples of that record
    if suffix in AMBIGUOUS:
        return format_by_content(path) is not None
    return suffix in SUFFIXES or (suffix == TEXT and is_table(path))


def _number(paths: list[Path], noun: str) -> str:
    return f"{len(paths)} {noun}{'s' if len(paths) > 1 else ''}"


def _few(paths: list[Path]) -> str:
    return few([path.name for path in paths])


def _counted(suffixes: Counter[str]) -> str:
    return few([f"{suffix} {count}" for suffix, count in suffixes.most_common()], most=MOST_KINDS)
