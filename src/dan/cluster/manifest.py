"""The manifest of a run: what came of each file, written as it goes, read when the run goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dan.core.errors import DanError

if sys.platform != "win32":
    import fcntl

NAME = "manifest.jsonl"
"""Name of the file in a folder of outputs."""
FINISHED = "finished"


class Manifest:
    """A file of JSON lines: first what the run is, then what happens to each file, of which the last counts.

    A line is appended whole, so a run may end anywhere: a torn last line costs itself alone. (Of Parquet,
    whose index stands at the end, nothing would be readable.) A line has ``path``, ``output``, ``status``
    ("started", "done" or "failed"), and with the latter two ``duration_s`` of the recording, ``seconds`` that
    the work took, and ``error``; the last one of a run that came to its end says ``{"status": "finished"}``.

    Args:
        path: the file; its folder is made where it is not there.
        run: what the run is: another run does not go on with it.
        anew: begin anew where the run that it tells of came to its end.

    Raises:
        DanError: if it tells of another run, belongs to one that is still going, or cannot be written.
    """

    def __init__(self, path: Path, run: Mapping[str, Any], *, anew: bool = False) -> None:
        self.path = path
        self.states: dict[tuple[str, str], str] = {}
        """Status of each source and output, as far as the run had come before."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            rule = f"it cannot be written ({error.strerror})"
            raise DanError(path, rule, "Give another --manifest") from error
        self._lock()
        finished = self._read(run)
        if finished and anew:
            self._file.truncate(0)
            self.states.clear()
        if not self._file.seek(0, 2):
            self._append(run)

    def _lock(self) -> None:
        """Be the only run that writes to it; the lock ends with the process."""
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            rule = "another run is writing to it"
            raise DanError(self.path, rule, "Wait for its end, or give another --manifest") from error
        except OSError:  # a file system without locks
            return

    def _read(self, run: Mapping[str, Any]) -> bool:
        """Take what is there, a torn last line away, and tell whether that run came to its end."""
        head, status, end = _line(run), "", 0
        self._file.seek(0)
        found = self._file.readline()
        if found != head and not (head.startswith(found) and not found.endswith(b"\n")):
            self._file.close()
            raise DanError(self.path, _difference(found, run), "Give another -o or --manifest, or delete it")
        for line in (found, *self._file):
            if not line.endswith(b"\n"):
                break
            end += len(line)
            if end > len(head):
                status = self._take(line)
        self._file.truncate(end)
        return status == FINISHED

    def _take(self, line: bytes) -> str:
        """Take a line's status, which is returned; a damaged line says nothing of its file."""
        try:
            tree = dict(json.loads(line))
        except (ValueError, TypeError):
            return ""
        status = str(tree.get("status"))
        if "path" in tree:
            self.states[str(tree["path"]), str(tree.get("output"))] = sys.intern(status)
        return status

    def add(self, source: str, output: str, status: str, **more: Any) -> None:
        """Write a line on a file.

        Args:
            source: path or address of the recording.
            output: of what is written.
            status: "started", "done" or "failed".
            more: what else there is to say.
        """
        self._append({"path": source, "output": output, "status": status, **more})

    def finish(self) -> None:
        """Say that the run came to its end."""
        self._append({"status": FINISHED})

    def _append(self, line: Mapping[str, Any]) -> None:
        """Write a line at once, that it outlives the process."""
        try:
            self._file.write(_line(line))
            self._file.flush()
        except OSError as error:
            rule = f"it cannot be written ({error.strerror})"
            raise DanError(self.path, rule, "Free some space; the same command then goes on") from error

    def __enter__(self) -> Self:
        """Return the manifest itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()


def _line(tree: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(tree), ensure_ascii=True).encode() + b"\n"


def _difference(found: bytes, run: Mapping[str, Any]) -> str:
    try:
        before = dict(json.loads(found))
    except (ValueError, TypeError):
        return "it is there, and no manifest"
    changed = [key for key in {**before, **run} if before.get(key) != run.get(key)]
    differences = ", ".join(f"{key} {before.get(key)} then, {run.get(key)} now" for key in changed[:3])
    return f"it tells of another run ({differences})"
