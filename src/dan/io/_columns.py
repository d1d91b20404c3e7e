"""What the columns of a table are: its header, its time column, its channels and the rest."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from dan.core.arrays import Signal
from dan.core.errors import DanError

TIME_NAME = re.compile(
    r"(elapsed[ _]?)?(t|time|timestamp|seconds|sec|ms)"
    r"([ _]*[(\[]?(?P<unit>s|sec|seconds|ms|us|µs|ns|min)[)\]]?)?"
)
UNITS_S = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0}
COUNTER_NAME = re.compile(r"|#|n|no|nr|i|id|index|row|line|sample|samples|sample[ _]?(index|number|no)|frame")
"""Names of columns that count lines; the nameless one is what pandas writes."""

UTF_16 = ("\xff\xfe", "\xfe\xff")
"""How it begins, read as Latin-1."""
DECIMAL_COMMA = re.compile(r"(^|[;\t])\s*-?\d+,\d+\s*([;\t]|$)")
WHOLE = re.compile(r"\s*[+-]?\d+\s*")
EVEN = 1e-6
"""By what part of a step the numbers of a nameless time column may be off, beyond their rounding."""


def split_header(lines: list[str], path: Path) -> tuple[int, str, list[str]]:
    """How many lines of a table are its header, its delimiter, and a name for each column.

    The header is the lines without a number, and one more if a column has text in it and a number below.

    Raises:
        DanError: if there are no numbers.
    """
    for count, line in enumerate(lines):
        delimiter = _delimiter(line, path)
        cells = line.rstrip("\r\n").split(delimiter)
        if line.startswith("#") or not any(map(is_number, cells)):
            continue
        below = lines[count + 1].split(delimiter) if count + 1 < len(lines) else []
        if any(not is_number(cell) and is_number(under) for cell, under in zip(cells, below, strict=False)):
            count += 1  # noqa: PLW2901 a header such as "time,1,2"
        return count, delimiter, _names(lines[:count], delimiter, len(cells))
    raise DanError(path, *_without_numbers(lines))


def _without_numbers(lines: list[str]) -> tuple[str, str]:
    """Why a table has no numbers, and the way out."""
    if not lines:
        return "it is empty", "Give a table with one line a sample and one column a channel"
    if lines[0].startswith(UTF_16):
        return "it is written in UTF-16", "Save it as UTF-8"
    if any(map(DECIMAL_COMMA.search, lines)):
        return "its numbers have decimal commas", "Write decimal points, and commas between columns"
    rule = f"no line of its first {len(lines)} holds a number"
    return rule, "Give a table with one line a sample and one column a channel"


def is_number(cell: str) -> bool:
    """Whether text is a number, NaN and infinity included."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def resolution(cell: str) -> float:
    """The value of the last digit of a number as text."""
    mantissa, _, exponent = cell.strip().lower().partition("e")
    return float(10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2])))


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they hold, counted from 0."""

    width: int
    time: int | None
    unit_s: float
    """Of the time column, in seconds."""
    channels: list[int]
    whole: frozenset[int]
    """Channels of whole numbers."""
    digits: int
    """Significant digits that fractions are written with."""

    @classmethod
    def of(cls, names: list[str], rows: list[list[str]], path: Path, *, rate_is_given: bool) -> Self:
        """Tell them from their names and their first rows.

        Raises:
            DanError: if no column holds a signal, or the time column holds no numbers and no rate is given.
        """
        width = len(rows[0])
        filled = [[row[column].strip() for row in rows if len(row) > column] for column in range(width)]
        numeric = [column for column in range(width) if any(map(is_number, filled[column]))]
        time, unit_s = _time_column(names, filled, numeric, path, rate_is_given=rate_is_given)
        channels = [column for column in numeric if not _beside(column, names, filled, time)]
        if not channels:
            raise DanError(path, "it has no column of a signal", "Give one column a channel, of numbers")
        whole = frozenset(column for column in channels if all(map(WHOLE.fullmatch, filled[column])))
        digits = max(9, *(_digits(cell) for column in channels for cell in filled[column]))
        return cls(width, time, unit_s, channels, whole, min(digits, 17))

    def format(self, signal: Signal, column: int) -> list[str]:
        """Numbers as text: whole where the column's are, rounded; otherwise to so many significant digits."""
        if column in self.whole:
            return [f"{value:.0f}" for value in (np.rint(signal) + 0.0).tolist()]  # + 0: no "-0"
        return [f"{value:.{self.digits}g}" for value in signal.tolist()]


def _delimiter(line: str, path: Path) -> str:
    if path.suffix.lower() == ".tsv" or "\t" in line:
        return "\t"
    return ";" if ";" in line else ","


def _names(header: list[str], delimiter: str, width: int) -> list[str]:
    """The first line of so many cells; quotes may enclose a delimiter."""
    for cells in csv.reader((line.lstrip("# \xef\xbb\xbf") for line in header), delimiter=delimiter):
        if len(cells) == width:
            return [cell.strip(" '\"").encode("latin-1").decode("utf-8", "replace") for cell in cells]
    return [f"column {column + 1}" for column in range(width)]


def _time_column(
    names: list[str], filled: list[list[str]], numeric: list[int], path: Path, *, rate_is_given: bool
) -> tuple[int | None, float]:
    """The time column and its unit in seconds."""
    for column, name in enumerate(names):
        if found := TIME_NAME.fullmatch(name.lower()):
            if column in numeric:
                unit = found["unit"] or name.lower()
                return column, UNITS_S.get(unit, 1.0)
            if not rate_is_given:
                raise DanError(
                    f"{path}, column {name!r}", "its times are no numbers of seconds", "Give --sample-rate"
                )
    first = numeric[0] if numeric else 0
    alone = len(numeric) < 2 or rate_is_given
    named = names[first] != f"column {first + 1}"
    return (
        None if alone or named or not _rises_evenly(filled[first]) or _counts(filled[first]) else first
    ), 1.0


def _beside(column: int, names: list[str], filled: list[list[str]], time: int | None) -> bool:
    """Whether a column of numbers is no signal: the time, or one that counts the lines."""
    if column == time or TIME_NAME.fullmatch(names[column].lower()):
        return True
    nameless = names[column] == f"column {column + 1}"
    named_so = COUNTER_NAME.fullmatch(names[column].lower())
    first_of_many = column == 0 and len(filled) > 1
    return first_of_many and bool(nameless or named_so) and _rises_evenly(filled[column])


def _counts(cells: list[str]) -> bool:
    return all(map(WHOLE.fullmatch, cells)) and int(cells[1]) - int(cells[0]) == 1


def _rises_evenly(cells: list[str]) -> bool:
    if len(cells) < 3 or not all(map(is_number, cells)):
        return False
    values = np.array([float(cell) for cell in cells])
    step = (values[-1] - values[0]) / (len(values) - 1)
    rounding = 0.0 if all(map(WHOLE.fullmatch, cells)) else min(map(resolution, cells))
    off = np.abs(values - values[0] - step * np.arange(len(values)))
    return bool(np.all(np.diff(values) > 0) and off.max() <= EVEN * step + rounding)


def _digits(cell: str) -> int:
    """Significant digits of a number as text."""
    mantissa = cell.lower().partition("e")[0]
    return len(mantissa.lstrip("+-0.").replace(".", "").lstrip("0"))
