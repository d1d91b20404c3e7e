"""The score table as data and as text: rows, rows by SNR class, and what is done to clean input."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dan.config import SignalKind
from dan.core.errors import DanError
from dan.metrics.registry import HEADINGS

FIGURES = ("snr_db", "snr_gain_db", "si_sdr_db", "si_sdr_gain_db")
"""Those of every table; a kind of signal adds its own."""


@dataclass(frozen=True)
class Row:
    """Means over the signals, each with its 95 % bootstrap interval."""

    name: str
    snr_db: float
    snr_gain_db: float
    si_sdr_db: float
    si_sdr_gain_db: float
    interval_db: dict[str, tuple[float, float]]
    """Lower and upper end by the figure's name."""
    figures: dict[str, float] = field(default_factory=dict)
    """Those of the signals' kind, such as `pesq`."""

    def as_dict(self) -> dict[str, Any]:
        """The row as the JSON has it: the kind's figures beside the others."""
        said = {key: value for key, value in vars(self).items() if key != "figures"}
        return said | self.figures


@dataclass(frozen=True)
class CleanInput:
    """What a row does to signals that are clean already: the higher, the less harm."""

    name: str
    snr_db: float
    si_sdr_db: float


@dataclass(frozen=True)
class SnrClass:
    """The signals whose inputs had one SNR, or one in a range of 5 dB."""

    low_db: float
    high_db: float
    """As low, where it is one SNR; else just above the highest."""
    count: int
    """Signals."""
    rows: dict[str, dict[str, float]]
    """For each row's name its figures by their names, means over these signals."""

    @property
    def label(self) -> str:
        """The SNR, or the range, in words without the unit."""
        low, high = f"{self.low_db + 0.0:g}", f"{self.high_db + 0.0:g}"
        return low if low == high else f"{low} to {high}"

    def as_dict(self) -> dict[str, Any]:
        """The class as the JSON has it."""
        rows = [{"name": name, **figures} for name, figures in self.rows.items()]
        said = {"snr_db": self.label, "low_db": self.low_db, "high_db": self.high_db, "count": self.count}
        return said | {"rows": rows}


@dataclass(frozen=True)
class Table:
    """Scores of one model on one set of data."""

    model: str
    data: str
    sample_rate_hz: float
    count: int
    """Signals."""
    parameters: int
    rows: tuple[Row, ...]
    """The noisy input first, then dan, the filters, and last the limit."""
    clean_input: tuple[CleanInput, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    """Why a row is missing, by its name."""
    kind: SignalKind = "other"
    """What the signals are, where it is known."""
    by_snr: tuple[SnrClass, ...] = ()
    """From the lowest SNR up."""
    settings: dict[str, str] = field(default_factory=dict)
    """How a filter was set on the training side, by its row's name."""
    remarks: tuple[str, ...] = ()
    """What a reader must know of the figures."""

    def row(self, name: str) -> Row:
        """The row of that name.

        Raises:
            DanError: if there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        said = self.notes.get(name, "the table has no such row")
        raise DanError(f"row {name}", said, f"There are {', '.join(row.name for row in self.rows)}")

    @property
    def extra_figures(self) -> tuple[str, ...]:
        """Names of the figures that the signals' kind adds."""
        return tuple(self.rows[0].figures) if self.rows else ()

    def to_json(self) -> str:
        """The table as JSON text, in the form that the command's ``--json`` promises."""
        facts: dict[str, Any] = {"model": self.model, "data": self.data}
        facts |= {"sample_rate_hz": self.sample_rate_hz, "kind": self.kind, "count": self.count}
        facts |= {"parameters": self.parameters, "rows": [row.as_dict() for row in self.rows]}
        facts |= {"by_snr": [part.as_dict() for part in self.by_snr]}
        facts |= {"clean_input": [vars(row) for row in self.clean_input], "notes": self.notes}
        facts |= {"settings": self.settings, "remarks": list(self.remarks)}
        return json.dumps(facts, indent=2, allow_nan=False)

    def to_markdown(self) -> str:
        """The table in Markdown, with the SNR's interval, then the SNR classes, clean input and notes."""
        extra = [HEADINGS[name] for name in self.extra_figures]
        head = ["", "SNR (dB)", "95 % interval", "SNR gain (dB)", "SI-SDR (dB)", "SI-SDR gain (dB)", *extra]
        parts = [_grid(head, [_cells(row) for row in self.rows])]
        if len(self.by_snr) > 1:
            parts += [f"Output SNR (dB) by input SNR (dB):\n\n{_grid(*self.snr_cells('snr_db'))}"]
            parts += [
                f"{HEADINGS[name]} by input SNR (dB):\n\n{_grid(*self.snr_cells(name))}"
                for name in self.extra_figures
            ]
        said = [f"- {row.name} on clean input: SI-SDR {row.si_sdr_db:.1f} dB" for row in self.clean_input]
        said += [f"- {name} as set on the training side: {how}" for name, how in self.settings.items()]
        said += [f"- no row {name}: {why}" for name, why in self.notes.items()]
        said += [f"- {remark}" for remark in self.remarks]
        return "\n\n".join([*parts, "\n".join(said)]) + "\n"

    def snr_cells(self, figure: str) -> tuple[list[str], list[list[str]]]:
        """One figure by SNR class as text: the head, with the counts, and a line for each row."""
        head = ["", *(f"{part.label} ({part.count})" for part in self.by_snr)]
        names = [row.name for row in self.rows]
        lines = [[name, *(number(part.rows[name].get(figure)) for part in self.by_snr)] for name in names]
        return head, lines


def number(value: float | None) -> str:
    """A figure as a table shows it: two places, none from 100 on; nothing where there is none."""
    return "" if value is None else f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _cells(row: Row) -> list[str]:
    low, high = row.interval_db["snr_db"]
    figures = [f"{getattr(row, name):.2f}" for name in FIGURES]
    extra = [number(value) for value in row.figures.values()]
    return [row.name, figures[0], f"{low:.2f} to {high:.2f}", *figures[1:], *extra]


def _grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    ruled = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in ruled)
