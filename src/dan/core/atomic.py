"""Files and folders that appear under their final name whole or not at all.

Both are made under a hidden temporary name beside the target, on the same file system, and then renamed. A
file is on the disk before it is renamed: a power cut leaves the old one or the new one, never an empty one.
What a process that was killed has left goes when the next one writes into the same folder.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dan.core.errors import DanError

PARTIAL = ".partial-"
"""Beginning of temporary names."""


@contextmanager
def atomic_write(path: str | Path, *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write a file to, of the same suffix; it takes the final name at the end.

    Folders above the file are made as needed. Whatever goes wrong, the temporary file is removed and a file
    that stood under the final name is as it was.

    Args:
        path: the final name.
        force: overwrite a file of that name.

    Raises:
        DanError: if the name is taken, or nothing can be written there (no permission, full disk).
    """
    target = Path(path)
    target = target.resolve() if target.is_symlink() else target  # what it leads to is replaced, not the link
    temporary = _beside(target)
    try:
        _check_file_name_free(target, force=force)
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        yield temporary
        _flush(temporary)
        temporary.replace(target)
    except OSError as error:
        raise _failed(error, target, temporary) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(
    path: str | Path, *, force: bool = False, replaceable: Callable[[Path], bool]
) -> Iterator[Path]:
    """Yield a temporary folder to fill; it takes the final name at the end, and goes if anything goes wrong.

    Args:
        path: the final name.
        force: replace a folder of that name, if it is replaceable.
        replaceable: whether an existing folder may be deleted, everything in it included.

    Raises:
        DanError: if the name is taken, or nothing can be written there (no permission, full disk).
    """
    target = Path(path).resolve()
    temporary = _beside(target)
    try:
        _check_folder_name_free(target, force=force, replaceable=replaceable)
        temporary.mkdir(parents=True)
        yield temporary
        _swap(temporary, target)
    except OSError as error:
        raise _failed(error, target, temporary) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder of this machine for temporary files; it goes at the end.

    What a process that was killed has left goes when the next one makes such a folder.
    """
    place = Path(tempfile.gettempdir())
    sweep(place)
    folder = _beside(place / "scratch")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_there(path: Path, *, folder: bool = False) -> bool:
    """Return whether a file (or folder) of that name exists; a name that the system cannot take does not."""
    try:
        return path.is_dir() if folder else path.is_file()
    except OSError:
        return False


def check_free(*paths: Path | None, force: bool) -> None:
    """Check before minutes of work, not after them, that nothing would be overwritten; None is passed over.

    Raises:
        DanError: if something of that name exists and `force` is not set.
    """
    for path in paths:
        if path and path.exists() and not force:
            raise taken(path)


def _beside(target: Path) -> Path:
    """A new name, no longer than it must be: the target's own may be as long as the file system allows."""
    return target.parent / f"{PARTIAL}{_host()}-{os.getpid()}-{secrets.token_hex(4)}{target.suffix}"


def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


_swept: set[Path] = set()
"""Folders that this process has swept."""


def sweep(folder: Path, *, again: bool = False) -> None:
    """Remove what processes of this machine that are no more have left half written.

    Args:
        folder: where they wrote.
        again: also if this process has done so before.
    """
    if folder in _swept and not again:
        return
    _swept.add(folder)
    for path in folder.glob(f"{PARTIAL}{_host()}-*"):
        maker = re.match(rf"{re.escape(PARTIAL)}[0-9a-f]{{8}}-(\d+)-", path.name)
        if maker and not is_running(int(maker[1])):
            with suppress(OSError):  # another user's
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Return whether a process of this machine still runs, or this cannot be told."""
    if os.name != "posix":  # elsewhere signal 0 is one that is sent
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Return whether a process has ended unasked for, as in containers whose first process never asks."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


def _check_file_name_free(target: Path, *, force: bool) -> None:
    if target.exists() and not target.is_file():
        raise DanError(target, "it is no file that could be overwritten", "Give the name of a file")
    if target.exists() and not force:
        raise taken(target)


def _check_folder_name_free(target: Path, *, force: bool, replaceable: Callable[[Path], bool]) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir() or not replaceable(target):
        raise DanError(
            target, "it exists and holds other things than what would be written", "Give another name"
        )
    if not force:
        raise taken(target)


def _flush(file: Path) -> None:
    """Wait until what was written to a file is on the disk."""
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def _swap(temporary: Path, target: Path) -> None:
    """Rename to the target; what stood there is deleted only once the new stands in its place."""
    if not target.exists():
        temporary.rename(target)
        return
    aside = _beside(target)
    target.rename(aside)
    try:
        temporary.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def taken(target: object) -> DanError:
    """Return the error for a name that something stands under."""
    return DanError(target, "it exists already", "Give another name, or overwrite it with --force")


def _failed(error: OSError, target: Path, temporary: Path) -> DanError:
    """The error for a target that cannot be written, or for another file that was read meanwhile."""
    why, named = error.strerror or error, error.filename
    if isinstance(named, str) and not _concerns(Path(named), target, temporary):
        return DanError(named, f"it cannot be opened ({why})", "Give one that can, or take it away")
    way_out = "Free some space, or give a place that can be written to"
    return DanError(target, f"it cannot be written ({why})", way_out)


def _concerns(path: Path, target: Path, temporary: Path) -> bool:
    """Return whether a path is a target, a folder above it, or what is written or put aside for it."""
    beside = path.parent == temporary.parent and path.name.startswith(PARTIAL)
    return beside or path.is_relative_to(temporary) or target.is_relative_to(path)
