"""Pipes as they are: read as bytes come, written whole, waited for where they do not block."""

from __future__ import annotations

import os
import select
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dan.core.errors import DanError
from dan.io.recordings import suffix_of

STDIO = Path("-")
"""Stands for stdin and for stdout."""
STDIN = ("-", "/dev/stdin")
READ_BYTES = 2**16
"""Most bytes taken at once; what has come is taken, however little."""
HEAD_BYTES = 2**12
"""First bytes by which the kind of a recording without a name is told."""


def read_some(source: BinaryIO) -> bytes:
    """Read what has come, waiting until something has; nothing at the end.

    Raises:
        DanError: if it cannot be read.
    """
    while True:
        try:
            return os.read(source.fileno(), READ_BYTES)
        except BlockingIOError:
            select.select([source], [], [])
        except OSError as error:
            raise DanError(
                "the input", f"it cannot be read ({error.strerror})", "Give it on stdin"
            ) from error


def write_all(target: BinaryIO, data: bytes) -> None:
    """Write all bytes, waiting where the pipe takes no more for now.

    Raises:
        DanError: if they cannot be written (a full disk).
        BrokenPipeError: if nobody reads any more.
    """
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(target.fileno(), left) :]
        except BlockingIOError:
            select.select([], [target], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            why = f"it cannot be written ({error.strerror})"
            raise DanError("the output", why, "Free some space, or write elsewhere") from error


def is_pipe(path: Path) -> bool:
    """Return whether a path is read once from start to end: ``-`` for stdin, a FIFO, /dev/stdin."""
    if str(path) in STDIN:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


class Pipe:
    """Bytes from a pipe, of which the beginning can be looked at before it is taken.

    Args:
        source: an open file with a descriptor.
    """

    def __init__(self, source: BinaryIO) -> None:
        self.source, self.buffer = source, b""

    def peek(self, count: int) -> bytes:
        """Return the next bytes, fewer at the end, and leave them there."""
        while len(self.buffer) < count and (came := read_some(self.source)):
            self.buffer += came
        return self.buffer[:count]

    def skip(self, count: int) -> None:
        """Leave out bytes that have been looked at."""
        self.buffer = self.buffer[count:]

    def read(self) -> bytes:
        """Return what has come, waiting until something has; nothing at the end."""
        came, self.buffer = self.buffer or read_some(self.source), b""
        return came


@contextmanager
def spooled(pipe: Pipe, *, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary file of all that comes, named by what it is; it goes at the end.

    Args:
        pipe: read to its end.
        suffix: of the file where its first bytes do not say what it is; a table's without one.

    Raises:
        DanError: if it cannot be read, or there is no room for it.
    """
    start = pipe.peek(HEAD_BYTES)
    table = ".tsv" if b"\t" in start.partition(b"\n")[0] else ".csv"
    folder = Path(tempfile.mkdtemp(prefix="dan-"))
    path = folder / f"input{suffix_of(start) or suffix or table}"
    try:
        try:
            with path.open("wb") as file:
                while came := pipe.read():
                    file.write(came)
        except OSError as error:
            why = f"there is no room for it ({error.strerror})"
            raise DanError("the input", why, "Set TMPDIR to a folder with more") from error
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def opened_pipe(path: Path) -> Iterator[Path]:
    """Yield a temporary file of what comes out of a pipe, ``-`` being stdin.

    Raises:
        DanError: if stdin is closed, or the pipe cannot be read.
    """
    if str(path) not in STDIN:
        with path.open("rb", buffering=0) as pipe, spooled(Pipe(pipe), suffix=path.suffix) as file:
            yield file
    elif sys.stdin is None:
        raise DanError("stdin", "it is closed", "Give a recording: dan denoise MODEL - < in.wav > out.wav")
    else:
        with spooled(Pipe(sys.stdin.buffer)) as file:
            yield file


def write_stdout(path: Path) -> None:
    """Write a file to stdout."""
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            write_all(sys.stdout.buffer, block)
