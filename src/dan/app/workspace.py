"""The folder of a page: what was dropped into it and what came out, swept at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

PREFIX = "dan-app-"


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


def _sweep(top: Path) -> None:
    for folder in top.glob(f"{PREFIX}*"):
        if not _is_alive(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(folder: Path) -> bool:
    """Whether the process that made the folder still runs; a folder of another user counts as such."""
    with suppress(OSError, ValueError):
        os.kill(int((folder / "pid").read_text(encoding="utf-8")), 0)
        return True
    return not os.access(folder, os.W_OK)
