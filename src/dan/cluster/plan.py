"""Paths of a run: recordings and outputs by path or address, and the manifest beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dan.cluster import storage
from dan.cluster.manifest import NAME
from dan.cluster.storage import is_address
from dan.core.errors import DanError
from dan.io.folder import find_recordings
from dan.io.recordings import written_name
from dan.workflows.denoise import plan
from dan.workflows.pipes import STDIN, STDIO

PIPES = frozenset([*STDIN, str(STDIO)])
"""Names of stdin and stdout."""


def manifest_beside(inputs: Sequence[str], place: str | None) -> Path:
    """Default path of the manifest: in the folder of outputs, or here."""
    if place and is_address(place):
        return Path(f"{place.rstrip('/').rpartition('/')[2]}.{NAME}")
    if place:
        single = Path(place).suffix and not Path(place).is_dir() and Path(inputs[0]).is_file()
        return Path(f"{place}.{NAME}") if single else Path(place) / NAME
    folder = Path(inputs[0])
    if len(inputs) > 1 or not folder.is_dir():
        raise DanError("--ray", "where the outputs and the manifest go must be said", "Give -o a folder")
    folder = folder if folder.name not in ("", "..") else folder.resolve()
    return folder.with_name(f"{folder.name}_denoised") / NAME


def witness(account_file: Path, place: str | None) -> str | None:
    """A file or folder by which a node shows that it sees where the outputs go."""
    if place is None or is_address(place) or Path(place).suffix:
        return str(account_file.absolute()) if account_file.name == NAME else None
    Path(place).mkdir(parents=True, exist_ok=True)
    return str(Path(place).absolute())


def plan_all(inputs: Sequence[str], out: str | None) -> dict[str, str]:
    """The target of each recording, by its source: paths or addresses.

    Raises:
        DanError: if an input does not exist, holds no recordings or is a pipe, or two would be written to one
            name.
    """
    if any(one in PIPES for one in (*inputs, out or "")):
        raise DanError("-", "no pipe is read or written on Ray", "Give a file or folder, or leave out --ray")
    if not any(is_address(one) for one in (*inputs, out or "")):
        paths = plan([Path(one) for one in inputs], Path(out) if out else None)
        return {str(source): str(target) for source, target in paths.items()}
    if out is None:
        raise DanError(inputs[0], "where the output of an address goes must be said", "Give -o")
    files = {
        source: name
        for one in inputs
        for source, name in _recordings(one).items()
        if not (is_below(out, one) and is_below(source, out))
    }
    if not files:
        raise DanError(
            ", ".join(inputs), f"it holds no recordings outside {out}, where outputs go", "Give another -o"
        )
    if len(files) == 1 and list(files) == list(inputs) and Path(out).suffix:
        pairs = [(inputs[0], out)]
    else:
        pairs = [(source, _below(out, name)) for source, name in files.items()]
    return _without_clashes(pairs)


def is_below(name: str, folder: str) -> bool:
    """Return whether an address lies within another one."""
    return name.startswith(f"{folder.rstrip('/')}/")


def _recordings(given: str) -> dict[str, str]:
    """The recordings at an address or path, and what each is called below it."""
    if is_address(given):
        return storage.find(given)
    if Path(given).is_dir():
        return {str(file): str(file.relative_to(given)) for file in find_recordings(given)}
    if not Path(given).is_file():
        raise DanError(given, "there is no such file or folder", "Give the path of a recording")
    return {given: Path(given).name}


def _below(out: str, name: str) -> str:
    name = Path(name).with_name(written_name(Path(name))).as_posix()
    return f"{out.rstrip('/')}/{name}" if is_address(out) else str(Path(out, name))


def _without_clashes(pairs: list[tuple[str, str]]) -> dict[str, str]:
    taken_by: dict[str, str] = {}
    sources = {source for source, _ in pairs}
    for source, target in pairs:
        if target in sources:
            raise DanError(f"{source} to {target}", "that is one of the inputs", "Give another -o")
        if taken_by.setdefault(target, source) != source:
            raise DanError(
                f"{taken_by[target]} and {source}", f"both would be {target}", "Give them separately"
            )
    return dict(pairs)


def places(source: str, target: str) -> tuple[str, str]:
    """Source and target from wherever the command is given."""
    source, target = (one if is_address(one) else str(Path(one).absolute()) for one in (source, target))
    return source, target
