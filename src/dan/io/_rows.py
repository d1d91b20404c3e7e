"""The rows of a text file: where they start, and their text with its line end.

Line ends are CR LF, LF or CR, mixed too; empty lines and those that begin with a comment mark are no rows.
Text is taken as Latin-1, in which every file comes back byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile
from typing import TextIO
from weakref import finalize

import numpy as np
import numpy.typing as npt

from dan.io._cells import BOM

ROWS_APART = 1024
CHUNK_BYTES = 2**20
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16."""
COMMENT_MARKS = "#%"
NO_ROW = np.frombuffer(f"\r\n{COMMENT_MARKS}".encode(), np.uint8)
"""Bytes that a line which is no row begins with."""
EMPTY = np.frombuffer(b"\r\n", np.uint8)


def open_text(path: Path, start_byte: int = 0) -> TextIO:
    """Open a text file at a byte, for reading line by line with any line end, which is kept."""
    file = path.open("rb")
    file.seek(start_byte)
    return TextIOWrapper(file, "latin-1", newline="")


def in_utf_8(path: Path, *, owner: object) -> Path:
    """Return a text file as it is or, where its byte order mark says UTF-16, a copy of it in UTF-8.

    Args:
        path: the file.
        owner: with whom the copy goes.

    Raises:
        UnicodeError: if it is not the UTF-16 that it says it is.
    """
    with path.open("rb") as file:
        if file.read(2) not in UTF_16:
            return path
    with NamedTemporaryFile("w", encoding="utf-8", newline="", delete=False) as copy:
        finalize(owner, Path(copy.name).unlink)
        with path.open(encoding="utf-16", newline="") as wide:
            copyfileobj(wide, copy)
    return Path(copy.name)


def is_row(line: str) -> bool:
    """Return whether a line is one of numbers or words: neither empty nor a comment."""
    return line.removeprefix(BOM)[:1] not in ("\r", "\n", "", *COMMENT_MARKS)


class RowIndex:
    """Offsets of every ``ROWS_APART``-th row of a file, and the number of rows.

    Rows of white space at the end do not count.

    Args:
        path: the file, which is gone through once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marks: list[int] = []
        self.count = 0
        self.empty_lines: list[int] = []
        """Number of rows above each empty line."""
        for starts, firsts in _line_starts(path):
            rows = ~np.isin(firsts, NO_ROW)
            self._marks += starts[rows][-self.count % ROWS_APART :: ROWS_APART].tolist()
            self.empty_lines += (self.count + np.cumsum(rows))[np.isin(firsts, EMPTY)].tolist()
            self.count += int(rows.sum())
        while self.count and not next(self.rows(self.count - 1, 1), "").strip():
            self.count -= 1

    def rows(self, first: int, count: int) -> Iterator[str]:
        """Yield so many rows from one on, with their line ends."""
        stop = min(first + count, self.count)
        if first >= stop:
            return
        with open_text(self._path, self._marks[first // ROWS_APART]) as file:
            skipped = first % ROWS_APART
            yield from islice(filter(is_row, file), skipped, skipped + stop - first)

    def line_number(self, row: int) -> int:
        """The number of a row among all lines, counted from 1."""
        with open_text(self._path) as file:
            places = (number for number, line in enumerate(file, start=1) if is_row(line))
            return next(islice(places, row, None), 0)


def _line_starts(path: Path) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
    """Yield where lines start, and the first byte of each, a chunk of the file at a time."""
    offset, begins = 0, True
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            while chunk.endswith(b"\r") and (more := file.read(1)):  # CR LF is one line end
                chunk += more
            data = np.frombuffer(chunk, np.uint8)
            starts = np.concatenate([[0] * begins, _line_ends(chunk, data) + 1]).astype(np.int64)
            begins = bool(len(starts)) and int(starts[-1]) == len(data)
            starts = starts[: len(starts) - begins]
            behind_mark = len(BOM) * (offset == 0 and chunk.startswith(BOM.encode("latin-1")))
            firsts = data[np.minimum(starts + behind_mark * (starts == 0), len(data) - 1)]
            yield starts + offset, firsts
            offset += len(data)


def _line_ends(chunk: bytes, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The last byte of each line end."""
    ends = data == ord("\n")
    if b"\r" in chunk:
        followed = np.append(ends[1:], False)
        ends |= (data == ord("\r")) & ~followed
    return np.flatnonzero(ends)
