"""The score table as data and as text: rows, rows by SNR class, and what is done to clean input."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from dan.config import SignalKind
from dan.core.errors import DanError
from dan.core.extras import require
from dan.core.grid import markdown_grid
from dan.metrics.registry import HEADINGS

FIGURES = ("snr_db", "snr_gain_db", "si_sdr_db", "si_sdr_gain_db")
"""Figures of every table; a kind of signal adds its own."""


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
    """Figures of the signals' kind, such as `pesq`."""

    def as_dict(self) -> dict[str, Any]:
        """The row as the JSON has it: the kind's figures beside the others."""
        fields = {key: value for key, value in vars(self).items() if key != "figures"}
        return fields | self.figures


@dataclass(frozen=True)
class Group:
    """The signals of one speaker, one noise or whatever else their files' names tell."""

    name: str
    count: int
    """Signals."""
    rows: tuple[Row, ...]
    """As in the table, of these signals."""

    def as_dict(self) -> dict[str, Any]:
        """The group as the JSON has it."""
        return {"name": self.name, "count": self.count, "rows": [row.as_dict() for row in self.rows]}


@dataclass(frozen=True)
class CleanInput:
    """Score of a row on signals that are clean already: the higher, the less harm."""

    name: str
    snr_db: float
    si_sdr_db: float

    def describe(self) -> str:
        """Return the figures in words."""
        return f"{self.name} on clean input: SI-SDR {self.si_sdr_db:.1f} dB"


@dataclass(frozen=True)
class SnrClass:
    """The signals whose inputs had one SNR, or one in a range of 5 dB."""

    low_db: float
    high_db: float
    """Upper end: the lower one, where it is one SNR; else just above the highest."""
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
        fields = {"snr_db": self.label, "low_db": self.low_db, "high_db": self.high_db, "count": self.count}
        return fields | {"rows": rows}


@dataclass(frozen=True, repr=False)
class Table:
    """Scores of one model on one set of data.

    It prints as text, shows itself in a notebook, and goes on as a pandas frame, JSON or Markdown.
    """

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
    """Reason why a row is missing, by its name."""
    kind: SignalKind = "other"
    """Kind of signal."""
    by_snr: tuple[SnrClass, ...] = ()
    """Classes of input SNR, from the lowest up."""
    by_group: tuple[Group, ...] = ()
    """Groups of signals, where their files' names were to tell some."""
    settings: dict[str, str] = field(default_factory=dict)
    """Parameters of a filter chosen on the training side, by its row's name."""
    remarks: tuple[str, ...] = ()
    """Remarks on the figures."""

    def row(self, name: str) -> Row:
        """The row of that name.

        Raises:
            DanError: if there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        reason = self.notes.get(name, "the table has no such row")
        raise DanError(f"row {name}", reason, f"There are {', '.join(row.name for row in self.rows)}")

    @property
    def extra_figures(self) -> tuple[str, ...]:
        """Names of the figures that the signals' kind adds."""
        return tuple(self.rows[0].figures) if self.rows else ()

    def __repr__(self) -> str:
        """Return the score table as text."""
        head, *lines = self._lines()
        widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
        aligned = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
            for line in (head, *lines)
        ]
        return "\n".join([self.title, *aligned])

    def _repr_html_(self) -> str:
        """Return the score table as a notebook shows it."""
        head, *lines = ([escape(cell) for cell in line] for line in self._lines())
        rows = "".join(f"<tr><th>{name}</th>{_html_cells(cells)}</tr>" for name, *cells in lines)
        heads = "".join(f"<th>{cell}</th>" for cell in head)
        return f"<table><caption>{escape(self.title)}</caption><tr>{heads}</tr>{rows}</table>"

    @property
    def title(self) -> str:
        """Model and data in a line."""
        signals = f"{self.count} signal{'' if self.count == 1 else 's'}"
        return f"{self.model} on {self.data}: {signals}, {self.parameters} parameters"

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame: a line a row of the table, a column a figure.

        ``snr_db_low`` and ``snr_db_high`` are the ends of the 95 % interval of ``snr_db``, and so on.

        Raises:
            DanError: if pandas is not installed.
        """
        pandas = require("pandas", extra="notebook")
        return pandas.DataFrame([_flat(row) for row in self.rows]).set_index("name")

    def plot(self, figure: str = "si_sdr_gain_db", *, axes: Any = None) -> Any:
        """Draw one figure of every row as bars, with its 95 % interval.

        Args:
            figure: its name, as in `to_frame`.
            axes: of matplotlib, to draw on; None for new ones.

        Returns:
            The axes.

        Raises:
            DanError: if there is no such figure, or matplotlib is not installed.
        """
        known = [*FIGURES, *self.extra_figures]
        if figure not in known:
            raise DanError(
                f"figure={figure}", "the table has no such figure", f"There are {', '.join(known)}"
            )
        if axes is None:
            _, axes = require("matplotlib.pyplot", extra="train").subplots()
        rows = self.rows[::-1]
        values = [row.as_dict()[figure] for row in rows]
        ends = [row.interval_db.get(figure, (value, value)) for row, value in zip(rows, values, strict=True)]
        errors = [
            [abs(value - end[side]) for value, end in zip(values, ends, strict=True)] for side in (0, 1)
        ]
        axes.barh([row.name for row in rows], values, xerr=errors)
        axes.set_xlabel(HEADINGS.get(figure, figure))
        axes.set_title(self.title)
        return axes

    def _lines(self) -> list[list[str]]:
        """Return the score table's cells, the head first."""
        extra = [HEADINGS[name] for name in self.extra_figures]
        head = ["", "SNR (dB)", "95 % interval", "SNR gain (dB)", "SI-SDR (dB)", "SI-SDR gain (dB)", *extra]
        return [head, *(_cells(row, self.count) for row in self.rows)]

    def to_json(self) -> str:
        """The table as JSON text, in the form that the command's ``--json`` promises."""
        facts: dict[str, Any] = {"model": self.model, "data": self.data}
        facts |= {"sample_rate_hz": self.sample_rate_hz, "kind": self.kind, "count": self.count}
        facts |= {"parameters": self.parameters, "rows": [row.as_dict() for row in self.rows]}
        facts |= {"by_snr": [part.as_dict() for part in self.by_snr]}
        facts |= {"by_group": [group.as_dict() for group in self.by_group]}
        facts |= {"clean_input": [vars(row) for row in self.clean_input], "notes": self.notes}
        facts |= {"settings": self.settings, "remarks": list(self.remarks)}
        return json.dumps(facts, indent=2, allow_nan=False)

    def to_markdown(self) -> str:
        """The table in Markdown, with the SNR's interval, then the SNR classes, clean input and notes."""
        head, *lines = self._lines()
        parts = [markdown_grid(head, lines)]
        if len(self.by_snr) > 1:
            parts += [f"Output SNR (dB) by input SNR (dB):\n\n{markdown_grid(*self.snr_cells('snr_db'))}"]
            parts += [
                f"{HEADINGS[name]} by input SNR (dB):\n\n{markdown_grid(*self.snr_cells(name))}"
                for name in self.extra_figures
            ]
        if self.by_group:
            parts += [f"dan by group of files:\n\n{markdown_grid(*self.group_cells())}"]
        notes = [f"- {row.describe()}" for row in self.clean_input]
        notes += [f"- {name} as set on the training side: {how}" for name, how in self.settings.items()]
        notes += [f"- no row {name}: {why}" for name, why in self.notes.items()]
        notes += [f"- {remark}" for remark in self.remarks]
        return "\n\n".join([*parts, "\n".join(notes)]) + "\n"

    def snr_cells(self, figure: str) -> tuple[list[str], list[list[str]]]:
        """One figure by SNR class as text: the head, with the counts, and a line for each row."""
        head = ["", *(f"{part.label} ({part.count})" for part in self.by_snr)]
        names = [row.name for row in self.rows]
        lines = [[name, *(number(part.rows[name].get(figure)) for part in self.by_snr)] for name in names]
        return head, lines

    def group_cells(self) -> tuple[list[str], list[list[str]]]:
        """The row dan by group as text, noisy in brackets: the head, and a line for each group."""
        names = ["si_sdr_gain_db", *self.extra_figures]
        head = ["", "signals", "SI-SDR gain (dB)", *(f"{HEADINGS[name]} (noisy)" for name in names[1:])]
        lines = []
        for group in self.by_group:
            noisy, dan = group.rows[:2]
            gain, *figures = (bounded(dan, name, count=group.count) for name in names)
            before = [number(noisy.figures.get(name)) for name in names[1:]]
            extra = [f"{figure} ({given})" for figure, given in zip(figures, before, strict=True)]
            lines.append([group.name, str(group.count), gain, *extra])
        return head, lines


def bounded(row: Row, name: str, *, count: int) -> str:
    """A figure and half the width of its 95 % bootstrap interval; nothing where there is no figure.

    Of a single signal the width is unknown, and left out.
    """
    value = row.as_dict().get(name)
    if value is None or count < 2 or name not in row.interval_db:
        return number(value)
    low, high = row.interval_db[name]
    return f"{number(value)} ±{number((high - low) / 2)}"


def number(value: float | None) -> str:
    """A figure as a table shows it: two places, none from 100 on; nothing where there is none."""
    return "" if value is None else f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _flat(row: Row) -> dict[str, Any]:
    """Return a row with the ends of its intervals beside the figures."""
    flat = row.as_dict()
    intervals = flat.pop("interval_db").items()
    return flat | {
        f"{name}_{end}": value
        for name, ends in intervals
        for end, value in zip(("low", "high"), ends, strict=True)
    }


def _html_cells(cells: Sequence[str]) -> str:
    return "".join(f'<td style="text-align: right">{cell}</td>' for cell in cells)


def _cells(row: Row, count: int) -> list[str]:
    low, high = row.interval_db["snr_db"]
    interval = f"{low:.2f} to {high:.2f}" if count > 1 else ""
    figures = [bounded(row, name, count=count) for name in (*FIGURES[1:], *row.figures)]
    return [row.name, number(row.snr_db), interval, *figures]
