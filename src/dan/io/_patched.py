"""A file seen with some of its bytes replaced, for a library that would misread it as it is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class PatchedFile(io.FileIO):
    """A file open for reading, with other bytes at some places.

    Args:
        path: the file, which is not changed.
        patches: by offset, the bytes that are seen from there on.
    """

    def __init__(self, path: Path, patches: Mapping[int, bytes]) -> None:
        super().__init__(path)
        self._patches = dict(patches)

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, and return how many bytes."""
        start = self.tell()
        count = super().readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        for offset, patch in self._patches.items():
            first, last = max(start, offset), min(start + count, offset + len(patch))
            if first < last:
                view[first - start : last - start] = patch[first - offset : last - offset]
        return count
