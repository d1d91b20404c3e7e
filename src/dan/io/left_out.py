"""Contents of a folder beside the recordings that are read: counted by kind, for a note of one line."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from dan.core.errors import DanError
from dan.io.recordings import WFDB, find_recordings, tables_beside

MOST_KINDS = 8
"""Suffixes that are named."""


def describe_left_out(folder: str | Path) -> str:
    """Count the files of a folder and all below it that are not taken for recordings; empty where all are.

    Samples and annotations beside the header of a WFDB record belong to it and are not counted.

    Raises:
        DanError: if there is no such folder.
    """
    top = Path(folder)
    dangling, hidden, others = _kinds(top)
    tables = [table for table in tables_beside(top) if table in others]
    suffixes = Counter(path.suffix.lower() or "none" for path in others if path not in tables)
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


def _kinds(top: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Links that lead nowhere, hidden files, and whatever else is no recording."""
    try:
        taken = set(find_recordings(top))
    except DanError:
        taken = set()
    dangling, hidden, others = [], [], []
    for path in sorted(_below(top) - taken):
        if any(part.startswith((".", "~")) for part in path.relative_to(top).parts):
            hidden.append(path)
        elif path.is_symlink() and not path.exists():
            dangling.append(path)
        elif path.with_suffix(WFDB) not in taken:
            others.append(path)
    return dangling, hidden, others


def _below(top: Path) -> set[Path]:
    """All files, links included; links to folders are followed, each folder once."""
    found, seen = set[Path](), set[str]()
    for folder, below, names in os.walk(top, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen:
            below.clear()
            continue
        seen.add(place)
        found |= {Path(folder, name) for name in names}
    return found


def _number(paths: list[Path], noun: str) -> str:
    return f"{len(paths)} {noun}{'s' if len(paths) > 1 else ''}"


def _few(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths[:3]) + (", ..." if len(paths) > 3 else "")


def _counted(suffixes: Counter[str]) -> str:
    named = [f"{suffix} {count}" for suffix, count in suffixes.most_common(MOST_KINDS)]
    return ", ".join(named) + (", ..." if len(suffixes) > MOST_KINDS else "")
