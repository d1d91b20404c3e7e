"""Start-up of a fresh process, up to its first denoised sample: seconds, and memory at most.

Run as ``python -m dan.benchmark.startup KIND FILE RATE SAMPLES`` it is that process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dan.benchmark.peers import Peer, open_peer
from dan.core.errors import DanError

LIMIT_S = 120.0
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Start:
    """One start of a process."""

    seconds: float
    """From its start to the first denoised sample."""
    memory_bytes: int
    """It held at most so much by then."""


def start(peer: Peer, *, sample_rate_hz: float, samples: int) -> Start:
    """Start a process that loads a peer and denoises one signal of so many samples.

    Raises:
        DanError: if it fails, or takes more than two minutes.
    """
    line = [
        sys.executable,
        "-m",
        "dan.benchmark.startup",
        peer.kind,
        peer.file,
        repr(sample_rate_hz),
        str(samples),
    ]
    with tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | ONE_THREAD
        )
        limit = threading.Timer(LIMIT_S, process.kill)
        limit.start()
        with process:
            assert process.stdout is not None
            first = process.stdout.readline()
            seconds = time.perf_counter() - started
            rest = process.stdout.read()
        limit.cancel()
        if process.returncode or first != "sample\n":
            errors.seek(0)
            raise _failed(peer, errors.read())
    return Start(seconds, int(rest))


def _failed(peer: Peer, messages: str) -> DanError:
    last = (messages.strip().splitlines() or ["it was ended"])[-1].rstrip(".")
    return DanError(f"a process with {peer.name}", f"it failed ({last})", "Open it by itself")


def main(kind: str, file: str, rate: str, samples: str) -> None:
    """Be the process: say `sample` when there is one, then the most memory held, in bytes."""
    frame = (0.1 * np.sin(np.arange(int(samples)))).astype(np.float32)
    open_peer(Peer(kind, kind, file), sample_rate_hz=float(rate)).whole(frame)
    sys.stdout.write("sample\n")
    sys.stdout.flush()
    sys.stdout.write(f"{peak_memory_bytes()}\n")


def peak_memory_bytes() -> int:
    """The most memory that this process has held.

    Linux's getrusage counts what the parent held before the process became what it is; /proc does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    import resource  # of Unix alone

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    main(*sys.argv[1:])
