"""Recordings by address: in object stores and wherever else fsspec reaches, copied block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dan.core.errors import DanError
from dan.core.extras import require
from dan.io.base import reason
from dan.io.media import MEDIA
from dan.io.other_biosignals import BY_MNE
from dan.io.recordings import SUFFIXES, WFDB
from dan.io.wfdb import named_files

OBJECT_STORES = frozenset(["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss"])
"""Storage in which an object appears whole or not at all; elsewhere it is renamed once it is whole."""
IN_ONE_PROCESS = frozenset(["memory"])
"""Schemes of addresses that only the process sees that writes them."""
HERE = ("file://", "local://")
"""Prefixes of addresses of files here."""
IN_SEVERAL_FILES = frozenset([WFDB, *BY_MNE])
"""Suffixes of recordings whose samples lie in other files, of the same stem or as a header names them."""


def is_address(name: str) -> bool:
    """Return whether a name is an address such as ``s3://BUCKET/FOLDER``, not a path."""
    return "://" in name


def is_in_one_process(name: str) -> bool:
    """Return whether what lies at an address is seen by one process alone."""
    return name.partition("://")[0] in IN_ONE_PROCESS


def file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path there.

    Raises:
        DanError: if fsspec, or what it takes for this kind of address, is not installed.
    """
    fsspec = require("fsspec", extra="cluster", what=address)
    try:
        fs, path = fsspec.core.url_to_fs(address)
    except ImportError as error:  # the message names the package
        raise DanError(address, f"it takes another package ({reason(error)})", "Install it") from error
    except Exception as error:
        raise _unreachable(address, error) from error
    return fs, str(path)


@contextmanager
def reaching(address: str) -> Iterator[tuple[Any, str]]:
    """Yield the file system of an address and the path there; what goes wrong within is a `DanError`.

    Raises:
        DanError: if it cannot be reached.
    """
    fs, path = file_system(address)
    try:
        yield fs, path
    except DanError:
        raise
    except Exception as error:  # each kind of store has errors of its own
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> DanError:
    return DanError(
        address,
        f"it cannot be reached ({type(error).__name__}: {reason(error)})",
        "See that it exists, and that its credentials are there, on every node",
    )


def find(address: str) -> dict[str, str]:
    """The recordings at an address, a file or all below a folder, by their suffixes.

    Returns:
        Of each, by its address, the path below the folder, or the name of the file.

    Raises:
        DanError: if there is nothing, or it cannot be reached.
    """
    with reaching(address) as (fs, path):
        if fs.isfile(path):
            return {str(fs.unstrip_protocol(path)): Path(path).name}
        inside = [(str(file), str(file).removeprefix(path).lstrip("/")) for file in sorted(fs.find(path))]
        files = {fs.unstrip_protocol(file): name for file, name in inside if _is_recording(Path(name))}
    if not files:
        raise DanError(address, "it holds no recordings", f"Give one with {', '.join(sorted(SUFFIXES))}")
    return files


def _is_recording(name: Path) -> bool:
    hidden = any(part.startswith((".", "~")) for part in name.parts)
    return not hidden and name.suffix.lower() in SUFFIXES | MEDIA


def existing(folder: str) -> set[str]:
    """All addresses of files at an address or below it, none where there is nothing.

    Raises:
        DanError: if it cannot be reached.
    """
    with reaching(folder) as (fs, path):
        return {fs.unstrip_protocol(file) for file in fs.find(path)}


def normal(name: str) -> str:
    """Return an address as `find` and `existing` write it; one of a file here as its path."""
    if not is_address(name):
        return name
    with reaching(name) as (fs, path):
        return path if name.startswith(HERE) else str(fs.unstrip_protocol(path))


def fetch(address: str, folder: Path) -> Path:
    """Copy a recording, with the files that belong to it, into a folder of this machine.

    Raises:
        DanError: if there is none, or it cannot be reached.
    """
    with reaching(address) as (fs, path):
        name = Path(path)
        files = [path]
        if name.suffix.lower() in IN_SEVERAL_FILES:
            named = named_files(fs.cat_file(path).decode("latin-1")) if name.suffix == WFDB else frozenset()
            wanted = {name.stem, *named}
            beside = fs.ls(str(name.parent), detail=False)
            files = [file for file in beside if wanted & {Path(file).name, Path(file).stem}]
        for file in files:
            fs.get_file(file, str(folder / Path(file).name))
    return folder / name.name


def store(files: Iterable[Path], address: str) -> None:
    """Copy the files of a recording to where an address is, the one of that name last.

    Each appears under its name whole or not at all.

    Raises:
        DanError: if it cannot be reached.
    """
    with reaching(address) as (fs, path):
        place = Path(path)
        fs.makedirs(str(place.parent), exist_ok=True)
        for file in sorted(files, key=lambda file: file.name == place.name):
            _put(fs, file, place.with_name(file.name), whole=address.partition("://")[0] in OBJECT_STORES)


def _put(fs: Any, file: Path, target: Path, *, whole: bool) -> None:
    if whole:
        fs.put_file(str(file), str(target))
        return
    temporary = str(target.with_name(f"{file.parent.name}{target.suffix}"))
    try:
        fs.put_file(str(file), temporary)
        fs.mv(temporary, str(target))
    except BaseException:
        if fs.exists(temporary):
            fs.rm_file(temporary)
        raise
