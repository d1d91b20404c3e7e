"""Results of a benchmark, as data: rows of quality and cost, and the machine that they were measured on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from pydantic import TypeAdapter

from dan.benchmark.timing import Spread
from dan.core.errors import DanError

NOISY = "noisy"
"""Name and kind of the row of the noisy input."""
PACKAGES = (
    *("numpy", "scipy", "PyWavelets", "onnxruntime", "torch", "soxr"),
    *("noisereduce", "pyrnnoise", "pesq", "pystoi"),
)
"""Whose versions are told, where they are installed."""


@dataclass(frozen=True)
class Quality:
    """Means over the signals."""

    snr_gain_db: float
    si_sdr_gain_db: float
    interval_db: tuple[float, float]
    """95 % bootstrap interval of the SI-SDR gain."""
    figures: dict[str, float]
    """Those of the signals' kind, such as `pesq` and `stoi`."""
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Theirs, by the figure's name."""


@dataclass(frozen=True)
class Cost:
    """Cost of a peer, measured over the turns."""

    first_sample_s: Spread
    """From a process's start to its first denoised sample."""
    memory_bytes: Spread
    """The most that this process held by then."""
    whole_rtf: Spread | None = None
    """Time over duration for a signal of ten seconds, whole."""
    streamed_rtf: Spread | None = None
    """The same, one hop at a time; None for what cannot stream."""
    hop_ms: float | None = None
    latency_ms: float | None = None
    size_bytes: int | None = None
    """On disk: the model's file, or the package without those that it needs; None for a formula."""


@dataclass(frozen=True)
class PeerResult:
    """One row: the noisy input first, whose cost is that of Python and numpy alone."""

    name: str
    is_dan: bool
    quality: Quality
    cost: Cost


@dataclass(frozen=True)
class Comparison:
    """The rows on one set of signals."""

    signals: str
    sample_rate_hz: float
    kind: str | None
    entries: tuple[PeerResult, ...]
    notes: dict[str, str] = field(default_factory=dict)
    """Reasons why rows are missing, by the row's name."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """Comparisons of one run, the machine that it was made on, and how to make it again."""

    comparisons: tuple[Comparison, ...]
    machine: dict[str, str]
    turns: int
    command: str = ""

    @property
    def shared_notes(self) -> dict[str, str]:
        """Reasons why rows are missing from all of several comparisons, by the row's name."""
        first, *others = [one.notes for one in self.comparisons] or [dict[str, str]()]
        return dict(item for item in first.items() if others and all(item in one.items() for one in others))

    def own_notes(self, comparison: Comparison) -> dict[str, str]:
        """Reasons why rows are missing from one comparison, without those that are shared."""
        return {name: why for name, why in comparison.notes.items() if name not in self.shared_notes}

    def to_json(self) -> str:
        """The benchmark as JSON text."""
        return TypeAdapter(Benchmark).dump_json(self, indent=2).decode()


def read_benchmark(path: Path) -> Benchmark:
    """The benchmark that a file of JSON holds.

    Raises:
        DanError: if it holds none.
    """
    try:
        return TypeAdapter(Benchmark).validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise DanError(path, f"it holds no benchmark ({why})", "Make it by dan bench --json") from error


def machine() -> dict[str, str]:
    """Machine that this process runs on: the system, the processor and the versions."""
    from dan.core.version import __version__

    system = f"{platform.system()} on {platform.machine()}"
    found = {"system": system, "processor": _processor(), "cores": str(os.cpu_count())}
    found |= {"Python": platform.python_version(), "dan": __version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
