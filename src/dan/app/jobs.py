"""Jobs of the page: `dan` commands that run one after the other, each in a process of its own.

A job that crashes takes only its own process down, and a page that is reloaded finds the job under way.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dan.core.progress import PROGRESS_VARIABLE, Pace

JobState = Literal["queued", "running", "done", "failed", "stopped"]
SECONDS_UNTIL_KILLED = 20.0
"""A job that was stopped and has not ended after so long is killed."""


@dataclass
class Job:
    """A command, and how far it has come."""

    kind: str
    """Purpose: `denoise`, `train`, `compare`."""
    commands: Sequence[Sequence[str]]
    """Modules and their arguments, one command after the other; see `dan.app.commands`."""
    details: dict[str, Any] = field(default_factory=dict)
    """Details that the page needs to show the result."""
    state: JobState = "queued"
    fraction: float = 0.0
    doing: str = ""
    """Stage that the command is at."""
    messages: list[str] = field(default_factory=list)
    """Messages of the commands, line by line."""
    seconds: float = 0.0
    """Duration, once it is over."""
    key: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _process: subprocess.Popen[str] | None = None
    _pace: Pace = field(default_factory=Pace)

    @property
    def is_over(self) -> bool:
        """Return whether it has come to an end, good or bad."""
        return self.state in ("done", "failed", "stopped")

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end at the pace so far; None where that cannot be said yet."""
        return self._pace.seconds_left() if self.state == "running" else None

    def take(self, line: str) -> None:
        """Take a line that a command said: progress, or else words for the user."""
        if told := _progress(line):
            label, self.fraction, note = told
            self.doing = f"{label} {note}".strip()
            self._pace.take(label, self.fraction)
        elif line.strip():
            self.messages.append(line)


class Jobs:
    """A queue of jobs and the thread that works them off in order; a context manager that stops them."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Job | None] = queue.Queue()
        self._lock = threading.Lock()
        """Held where a state changes: the page stops what this thread begins and ends."""
        self.all: dict[str, Job] = {}
        self._thread = threading.Thread(target=self._work, name="dan-jobs", daemon=True)
        self._thread.start()

    def __enter__(self) -> Jobs:
        """Return the queue itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all jobs and wait for the one under way."""
        for job in list(self.all.values()):
            self.stop(job.key)
        self._queue.put(None)
        self._thread.join(SECONDS_UNTIL_KILLED + 5)

    def add(self, job: Job) -> Job:
        """Put a job at the end of the queue."""
        self.all[job.key] = job
        self._queue.put(job)
        return job

    def get(self, key: str | None) -> Job | None:
        """Return the job of a key, None where there is none."""
        return self.all.get(key or "")

    def waiting_before(self, job: Job) -> int:
        """Count the jobs that are to end before this one begins."""
        keys = list(self.all)
        return sum(not self.all[key].is_over for key in keys[: keys.index(job.key)])

    def stop(self, key: str | None) -> None:
        """Stop a job: as Ctrl-C does, and by force if that does not help in time."""
        job = self.get(key)
        with self._lock:
            if job is None or job.is_over:
                return
            job.state, process = "stopped", job._process
        if process and process.poll() is None:
            _end(process)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._lock:
                is_wanted = job.state == "queued"
                job.state = "running" if is_wanted else job.state
            if is_wanted:
                self._run(job)

    def _run(self, job: Job) -> None:
        start = time.monotonic()
        try:
            codes = [self._command(job, arguments) for arguments in job.commands if job.state == "running"]
        except Exception as error:  # whatever it is, the next job must not suffer
            codes = [1]
            job.messages.append(f"The command did not start, or was not understood: {error}.")
        job.seconds = time.monotonic() - start
        with self._lock:
            if job.state == "running":
                job.fraction = job.fraction if any(codes) else 1.0
                job.state = "failed" if any(codes) else "done"

    def _command(self, job: Job, arguments: Sequence[str]) -> int:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, PROGRESS_VARIABLE: "json", "COLUMNS": "1000", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        with self._lock:
            job._process, is_stopped = process, job.state == "stopped"
        if is_stopped:  # while it started
            _end(process)
        with process:
            try:
                for line in process.stdout or ():
                    job.take(line.rstrip("\n"))
                code = process.wait()
            finally:
                if process.poll() is None:  # nobody reads on
                    _end(process)
        if code < 0 and job.state == "running":
            job.messages.append(f"The command was ended by signal {-code}. What it had written is kept.")
        return code


def _progress(line: str) -> tuple[str, float, str] | None:
    """Return the label, the fraction and the note of a line of progress; None for others and for cut ones."""
    if not line.startswith('{"progress"'):
        return None
    with contextlib.suppress(ValueError, KeyError, TypeError):
        data = json.loads(line)
        return str(data["label"]), float(data["progress"]), str(data["note"])
    return None


def _end(process: subprocess.Popen[str]) -> None:
    """End a command as Ctrl-C does, and it and its children by force if one is still there after a while."""
    if sys.platform == "win32":  # which has no such signal
        process.kill()
        return
    process.send_signal(signal.SIGINT)
    killer = threading.Timer(SECONDS_UNTIL_KILLED, _kill, [process.pid])
    killer.daemon = True
    killer.start()


def _kill(group: int) -> None:
    """Kill a command and its children, who hold its output open and so the next job up."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
