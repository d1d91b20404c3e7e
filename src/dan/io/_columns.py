"""Roles of the columns of a table: times, counters, markers, words, and the signals, which are the rest.

Nothing is guessed in silence: each column that is no signal has its reason, which is told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dan.core.errors import DanError
from dan.io._clock import (
    FEW_ROWS,
    Clock,
    counts,
    is_time_name,
    words,
)
from dan.io._column import Column
from dan.io._layout import USUAL, Layout

MARKER_WORDS = frozenset(
    ["marker", "markers", "label", "labels", "event", "events", "trigger", "triggers", "trig", "class",
     "classes", "status", "digital", "stim", "stimulus", "sti", "annotation", "annotations", "annot",
     "counter", "packet", "packets", "seq", "sequence", "flag", "flags", "ttl", "gpio", "dio", "button"]
)  # fmt: skip
COMPANION_WORDS = frozenset(
    ["accel", "accelerometer", "acceleration", "acc", "gyro", "gyroscope", "gyr", "mag", "magnetometer",
     "battery", "temp", "temperature", "impedance", "quality", "humidity", "latitude", "longitude",
     "altitude"]
)  # fmt: skip
"""Names of what is recorded beside a signal more often than it is one; alone it is one."""

FEW_VALUES = 16
"""Columns of so many distinct whole numbers at most are markers or states."""

WHOLE_NUMBERS, CONSTANT = "whole numbers", "always the same"

ROWS_A_VALUE = 8
"""... where there are so many rows for each of them."""

NAME_SIGNALS = "Leave only the columns of signals in it, or name them to dan denoise: --columns NAME,..."
"""The way out where columns are not told apart."""

MANY_CHANNELS = 64
"""Beyond so many columns of numbers without names of their own, a row is taken for a signal."""

ONE_ROW = 8
"""So many times more columns than rows are a row a signal, too."""


@dataclass(frozen=True)
class Roles:
    """Role of each column."""

    channels: list[Column]
    copied: dict[str, str]
    """Reasons why other columns are copied, by their name."""
    time: Column | None
    clock: Clock | None
    few: list[Column]
    """Columns copied since their sampled cells are few distinct whole numbers, or always the same."""
    rising: Column | None
    """The first that rises as a time does, where its unit is not known."""

    @property
    def note(self) -> str | None:
        """Note on the columns that are denoised and those that are copied, where some are."""
        if not self.copied:
            return None
        taken = ", ".join(column.name for column in self.channels)
        left = ", ".join(f"{name} ({why})" for name, why in self.copied.items())
        return f"columns denoised: {taken}; copied: {left}"


def tell_roles(
    layout: Layout,
    sampled: list[list[str]],
    first_count: int,
    *,
    row_count: int,
    path: Path,
    wanted: Sequence[str] | None,
    time_name: str | None,
) -> Roles:
    """Tell the role of each column by its name and the sampled rows.

    Args:
        layout: of the table.
        sampled: plain text of rows from all over the table.
        first_count: how many of them are its first ones, one after another.
        row_count: rows of the table.
        path: the file, for messages.
        wanted: columns to take as signals, by name or by number from 1; None for those that seem to be.
        time_name: the column of times; None for the one that seems to be.

    Raises:
        DanError: if there is no such column, or none holds a signal, or the table has a row for each signal.
    """
    columns = [
        Column(place, layout.names[place], layout.units[place], [row[place] for row in sampled], first_count)
        for place in range(layout.width)
    ]
    time = _chosen(columns, [time_name], path)[0] if time_name else None
    alone, is_short = sum(column.is_numeric for column in columns) == 1, row_count < FEW_ROWS
    found = ((column.place, _reason(column, alone, is_short)) for column in columns)
    reasons = {place: reason for place, reason in found if reason}
    few = [column for column in columns if reasons.get(column.place, "").endswith((WHOLE_NUMBERS, CONSTANT))]
    if time:
        reasons[time.place] = "time"
    if wanted is None:
        _check_row_is_sample(layout, columns, reasons, row_count, path)
        channels = _signals(columns, reasons, path)
    else:
        channels = _chosen(columns, wanted, path)
    _check_commas(channels, path)
    return _roles(columns, channels, reasons, time, few)


def _reason(column: Column, alone: bool, is_short: bool) -> str | None:
    """Reason why a column is no signal; None if it is one.

    Args:
        column: the column.
        alone: whether it is the only one of numbers.
        is_short: whether the table is so short that numbers rise evenly by chance.
    """
    distinct, first = column.distinct if column.is_numeric else 0, column.place == 0 and not alone
    many = len(column.cells) >= ROWS_A_VALUE * distinct
    few = distinct <= FEW_VALUES and many
    reasons = {
        "time": column.is_stamps,
        "empty": not column.known,
        "text": not column.is_numeric,
        "time ": is_time_name(column.name),
        "rises, as times and counters do": (column.rises_evenly and (first or not is_short))
        or (column.rises_throughout and not alone),
        "by its name": bool(MARKER_WORDS.intersection(words(column.name))),
        "a counter": column.is_whole and counts(column.steps),
        CONSTANT: distinct == 1 and len(column.cells) >= FEW_ROWS,
        "mostly empty": len(column.known) < len(column.cells) / 2,
        f"{distinct} {WHOLE_NUMBERS}": column.is_whole and few,
    }
    return next((reason.strip() for reason, holds in reasons.items() if holds), None)


def _signals(columns: list[Column], reasons: dict[int, str], path: Path) -> list[Column]:
    """The columns without a reason; those that are always the same where there are no others."""
    rest = [column for column in columns if column.place not in reasons]
    main = [column for column in rest if not COMPANION_WORDS.intersection(words(column.name))]
    for column in rest:
        if main and column not in main:
            reasons[column.place] = "by its name, beside signals"
    silent = [column for column in columns if reasons.get(column.place) == CONSTANT]
    found = main or rest or silent
    if not found:
        listed = ", ".join(f"{column.name} ({reasons[column.place]})" for column in columns[:9])
        raise DanError(path, f"no column seems to be a signal: {listed}", NAME_SIGNALS)
    return found


def _chosen(columns: list[Column], wanted: Sequence[str], path: Path) -> list[Column]:
    """Columns by name, or by number from 1.

    Raises:
        DanError: if there is no such column, or it holds no numbers or times.
    """
    by_name = {column.name.lower(): column for column in reversed(columns)}
    by_number = {str(column.place + 1): column for column in columns}
    found = []
    for name in wanted:
        column = by_name.get(name.strip().lower()) or by_number.get(name.strip())
        if not column:
            names = ", ".join(column.name for column in columns[:20])
            raise DanError(f"{path}, column {name!r}", "there is none of that name", f"It has {names}")
        if not (column.is_numeric or column.is_stamps):
            raise DanError(f"{path}, column {name!r}", "it holds no numbers", "Name one that does")
        found.append(column)
    return [column for column in columns if column in found]


def _check_commas(channels: list[Column], path: Path) -> None:
    """Refuse signals whose commas may stand before decimals or behind thousands."""
    for column in channels:
        if column.open_cells:
            what = f"{path}, column {column.name!r}, with cells such as {' and '.join(column.open_cells)}"
            way_out = "Write them without commas between thousands, or with a decimal point"
            raise DanError(what, "the comma may be before decimals or behind thousands", way_out)


def _check_row_is_sample(
    layout: Layout, columns: list[Column], reasons: dict[int, str], row_count: int, path: Path
) -> None:
    """Refuse a table with a row for each signal."""
    numeric = sum(column.is_numeric for column in columns)
    has_time = any(reason.startswith(("time", "rises")) for reason in reasons.values())
    anonymous = not has_time and (not layout.is_named or _are_numbered(layout.names))
    many = numeric > MANY_CHANNELS and (anonymous or numeric > row_count)
    if many or numeric > ONE_ROW * row_count:
        rows = f"{row_count} row{'s' * (row_count > 1)}"
        raise DanError(
            path,
            f"it has {numeric} columns of numbers and {rows}: a row is a sample of each",
            f"Transpose it. {NAME_SIGNALS}",
        )


def _are_numbered(names: Sequence[str]) -> bool:
    """Return whether most names are one after another but for a running number: X1, X2, X3, ..."""
    found = [re.fullmatch(r"(\D*)(\d+)", name) for name in names]
    running = [bool(a and b and a[1] == b[1] and int(b[2]) == int(a[2]) + 1) for a, b in pairwise(found)]
    return sum(running) >= USUAL * (len(names) - 1) - 2


def _roles(
    columns: list[Column],
    channels: list[Column],
    reasons: dict[int, str],
    time: Column | None,
    few: list[Column],
) -> Roles:
    copied = {
        column.name: reasons.get(column.place, "not asked for")
        for column in columns
        if column not in channels
    }
    timelike = [
        column
        for column in columns
        if column not in channels and reasons.get(column.place, "")[:4] in ("time", "rise")
    ]
    clocks = {column: clock for column in timelike if (clock := column.clock())}
    if time:
        clocks = {time: time.clock_in_seconds()}
    elif not clocks and timelike and _is_nameless_time(timelike[0]):
        clocks = {timelike[0]: timelike[0].clock_in_seconds()}
    best = min(clocks, key=lambda column: _preference(column, clocks[column]), default=None)
    kept_few = [column for column in few if column not in channels]
    rising = next((column for column in timelike if column.rises_evenly), None)
    return Roles(channels, copied, best, clocks[best] if best else None, kept_few, rising)


def _preference(column: Column, clock: Clock) -> tuple[bool, bool]:
    return not (column.rises_evenly or column.is_stamps), not clock.is_sure


def _is_nameless_time(column: Column) -> bool:
    """Return whether a column without a name is taken for seconds: fractions that rise."""
    return column.name == f"column {column.place + 1}" and column.rounding > 0
