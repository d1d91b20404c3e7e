"""A benchmark as text: the cells of its tables, and the page in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dan.benchmark.results import NOISY, Benchmark, Comparison, PeerResult, Quality
from dan.benchmark.timing import Spread
from dan.core.grid import markdown_grid
from dan.evaluation.table import number
from dan.metrics.registry import HEADINGS

LABELS = {
    NOISY: "noisy, Python alone",
    "noisereduce": "noisereduce",
    "spectral_gate": "noisereduce, set",
    "rnnoise": "RNNoise",
    "wiener": "Wiener",
    "wavelet": "wavelet",
}
"""Names in tables of the rows that need no file."""

HEAD = (
    *("SI-SDR gain (dB)", "RTF, whole", "RTF, streamed", "hop (ms)"),
    *("first sample (s)", "memory (MB)", "size (kB)"),
)
BRIEF = ("gain dB", "RTF", "streamed", "hop ms", "start s", "MB", "kB")
"""The same for a narrow terminal."""

LEGEND = """Quality: means over the signals, with their 95 % bootstrap intervals. Real-time factor (RTF):
time over duration of a signal of ten seconds on one core, whole, and streamed one hop at a time. First
sample: from the start of a process to its first denoised sample. Memory: the most that this process held by
then. Size: of the model's file, or of the package without those that it needs; a formula has none. Times and
memory are medians over {turns} turns, in which all took part one after the other; in brackets the least and
the greatest. The filters and the second noisereduce are set by the recipe, or on the training side of the
data; their starts are with defaults. RNNoise works at 48 kHz: its signals go there and back, which its times
include.
"""

AGAIN = "Made by `{command}` on this machine:"


def cells(comparison: Comparison, *, brief: bool = False) -> tuple[list[str], list[list[str]]]:
    """A comparison as text: the head, and a line for each row; if brief, without intervals and spreads."""
    extra = list(comparison.entries[0].quality.figures) if comparison.entries else []
    head = ["", HEAD[0], *(HEADINGS[name] for name in extra), *HEAD[1:]]
    if brief:
        head = ["", BRIEF[0], *(HEADINGS[name] for name in extra), *BRIEF[1:]]
    lines = [_line(entry, extra) for entry in comparison.entries]
    if brief:
        lines = [[name, *(figure.partition(" (")[0] for figure in figures)] for name, *figures in lines]
    return head, lines


def _line(entry: PeerResult, extra: Sequence[str]) -> list[str]:
    quality, cost = entry.quality, entry.cost
    low, high = quality.interval_db
    gain = f"{quality.si_sdr_gain_db:.2f} ({low:.2f} to {high:.2f})" if entry.name != NOISY else ""
    size = "" if cost.size_bytes is None else f"{cost.size_bytes / 1000:.0f}"
    return [
        shown(entry),
        gain,
        *(_bounded(quality, name) for name in extra),
        _spread(cost.whole_rtf),
        _spread(cost.streamed_rtf),
        "" if cost.hop_ms is None else f"{cost.hop_ms:g}",
        _spread(cost.first_sample_s),
        _spread(cost.memory_bytes, unit=1e6),
        size,
    ]


def _bounded(quality: Quality, name: str) -> str:
    value = number(quality.figures.get(name))
    if name not in quality.intervals:
        return value
    low, high = map(number, quality.intervals[name])
    return f"{value} ({low} to {high})"


def shown(entry: PeerResult) -> str:
    """Name of a row in tables and pictures."""
    return f"DAN {entry.name}" if entry.is_dan else LABELS.get(entry.name, entry.name)


def _spread(values: Spread | None, *, unit: float = 1.0) -> str:
    if values is None:
        return ""
    return f"{_short(values.median / unit)} ({_short(values.low / unit)} to {_short(values.high / unit)})"


def _short(value: float) -> str:
    """Two significant figures, or all before the point, never as a power of ten."""
    return f"{value:.0f}" if value >= 10 else f"{float(f'{value:.2g}'):.10f}".rstrip("0").rstrip(".")


def to_markdown(benchmark: Benchmark, *, pictures: Sequence[str] = ()) -> str:
    """A benchmark in Markdown: a table for each comparison, the machine and the command.

    Args:
        benchmark: what was measured.
        pictures: paths of the comparisons' pictures, as the page links to them; none for no pictures.
    """
    parts = []
    for index, comparison in enumerate(benchmark.comparisons):
        parts += [f"### {_title(comparison)}", markdown_grid(*cells(comparison))]
        parts += [f"![Quality against cost]({picture})" for picture in pictures[index : index + 1]]
        notes = [*_missing(benchmark.own_notes(comparison)), *(f"- {one}" for one in comparison.remarks)]
        parts += ["\n".join(notes)] if notes else []
    parts += ["\n".join(_missing(benchmark.shared_notes, " in any table"))] if benchmark.shared_notes else []
    lines = [f"- {name}: {value}" for name, value in benchmark.machine.items()]
    parts += [LEGEND.format(turns=benchmark.turns).strip()]
    parts += [AGAIN.format(command=benchmark.command or "dan bench"), "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _missing(notes: Mapping[str, str], where: str = "") -> list[str]:
    return [f"- no row {LABELS.get(name, name)}{where}: {why}" for name, why in notes.items()]


def _title(comparison: Comparison) -> str:
    return f"{comparison.signals[0].upper()}{comparison.signals[1:]}, {comparison.sample_rate_hz:g} Hz"
