"""The folder of a page: what was dropped into it and what came out, swept at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dan.core.atomic import is_running
from dan.core.errors import DanError

PREFIX = "dan-app-"
RECORD = frozenset([".hea", ".dat", ".atr", ".qrs"])
"""Suffixes of the files of a WFDB record."""
SECONDS_TO_START = 60.0
"""A folder that does not say its process after so long is one that was left behind."""


class Workspace:
    """A temporary folder that only this user may read; a context manager that removes it.

    Folders that killed pages left behind are swept when the next one opens.
    """

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        (self.folder / "pid").write_text(str(os.getpid()), encoding="utf-8")
        self.uploads = self.folder / "uploads"
        self.uploads.mkdir()

    def __enter__(self) -> Workspace:
        """Return the workspace itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_folder(self, purpose: str) -> Path:
        """Make a folder of its own for one job."""
        folder = self.folder / f"{purpose}-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        return folder

    def take_in(self, files: Sequence[str], folder: Path | None = None) -> list[Path]:
        """Bring dropped files into one folder, a record's header beside its samples.

        Args:
            files: as they were uploaded.
            folder: where to; None for a new one. A second file of a name gets a number.

        Raises:
            DanError: if two files of a WFDB record have one name.
        """
        folder = folder or self.new_folder("dropped")
        folder.mkdir(parents=True, exist_ok=True)
        return [_linked(Path(file), folder) for file in files]


def _linked(file: Path, folder: Path) -> Path:
    """Bring one file in, without a copy where the disk allows it."""
    target, number = folder / file.name, 1
    while target.exists():
        if file.suffix.lower() in RECORD:
            rule = "there is another of this name, and a record's files name each other"
            raise DanError(file.name, rule, "Drop them one after the other")
        number += 1
        target = folder / f"{file.stem} ({number}){file.suffix}"
    try:
        os.link(file, target)
    except OSError:
        shutil.copy(file, target)
    return target


def _sweep(top: Path) -> None:
    for folder in top.glob(f"{PREFIX}*"):
        if not _is_alive(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(folder: Path) -> bool:
    """Return whether the process that made the folder still runs, or this cannot be told yet, or ever.

    A new folder does not say its process yet; that of another user may not be read.
    """
    with suppress(OSError, ValueError):
        return is_running(int((folder / "pid").read_text(encoding="utf-8")))
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime < SECONDS_TO_START:
            return True
    return not os.access(folder, os.W_OK)
