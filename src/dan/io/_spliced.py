"""A file seen with one stretch of it replaced, for a library that would misread it as it is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple


class Splice(NamedTuple):
    """Splice in a file: the bytes seen instead of a stretch, and where the file is taken to end."""

    offset: int
    removed_bytes: int
    content: bytes
    stop: int | None = None
    """None for the file's own end."""


class SplicedFile(io.RawIOBase):
    """A file open for reading, which is not changed.

    Args:
        path: the file.
        splice: what is seen differently.
    """

    def __init__(self, path: Path, splice: Splice) -> None:
        super().__init__()
        self.name = str(path)
        self._file = path.open("rb")
        self._splice, self._place = splice, 0
        end = self._file.seek(0, 2) if splice.stop is None else splice.stop
        self._end = end + len(splice.content) - splice.removed_bytes

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, and return it."""
        self._place = max(0, offset + (0, self._place, self._end)[whence])
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, and return how many bytes."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and (part := self._part(len(view) - done)):
            view[done : done + len(part)] = part
            done += len(part)
            self._place += len(part)
        return done

    def _part(self, count: int) -> bytes:
        """The next bytes, so many at most, of what lies before, in or behind the splice."""
        offset, removed, content, _ = self._splice
        behind = offset + len(content)
        if offset <= self._place < behind:
            return content[self._place - offset :][:count]
        is_before = self._place < offset
        self._file.seek(self._place if is_before else self._place - len(content) + removed)
        return self._file.read(max(0, min(count, (offset if is_before else self._end) - self._place)))
