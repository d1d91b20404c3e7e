"""The layout of a table of text: its delimiter, what stands above its numbers, the names of its columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise, takewhile
from pathlib import Path

from dan.core.errors import DanError
from dan.io._cells import BLANKS, BOM, WHOLE, Delimiter, is_missing, is_number, plain
from dan.io._clock import is_stamp, unix_unit_s
from dan.io._rows import is_row
from dan.io._stated import stated_rate_hz

DELIMITERS = ("\t", ";", "|", ",", BLANKS)
USUAL = 0.9
"""Share of the rows by which a column is known."""

PAIR = re.compile(r"([+-]?)(\d+),(\d+)")
NUMBER_OR_PAIR = re.compile(r"[+-]?\d+(,\d+([eE][+-]?\d+)?)?")
MANY = 100
"""In so many fractions of several digits one begins with 0, but for a chance of 0.003 %."""

UNIT = re.compile(
    r"[(\[].*[)\]]|[nµum]?s(ec(onds?)?)?|(milli|micro|nano)?seconds?|min(utes?)?|h(ours?)?|"
    r"[kmµun]?v(olts?)?|(milli|micro)volts?|[kmµun]?a(mp(ere|s)?)?|[kmg]?hz|%|db|g|m/s[²2^]*|a\.?u\.?|counts?|-|sequence|"
    r"hh?:mm.*|[+-]?\d+(\.\d*)?(e[+-]?\d+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Layout:
    """Layout of a table: the first row of numbers, and the names of the columns."""

    delimiter: Delimiter
    width: int
    first_row: int
    """Rows above the first of numbers."""
    names: list[str]
    units: list[str]
    """As a line of units says; empty where there is none."""
    is_named: bool
    stated_rate_hz: float | None
    """Sample rate that the lines above state."""
    header: list[str] = field(repr=False)
    """The lines above, empty ones and comments included."""

    @classmethod
    def of(cls, lines: list[str], path: Path) -> Layout:
        """Tell it from the first lines of a table.

        Raises:
            DanError: if there are no numbers, or they can be read in two ways.
        """
        lines = [line.removeprefix(BOM) for line in lines]
        rows = [line for line in lines if is_row(line)]
        delimiter = _delimiter(rows, path)
        body = _longest_run(_split(rows, delimiter))
        if not body:
            raise DanError(path, *_without_numbers(rows))
        first_row = _first_row(_split(rows, delimiter), body)
        header = _lines_above(lines, first_row)
        names, units = _names(header, delimiter, len(body[0]))
        whole = all(map(WHOLE.fullmatch, body[0]))
        if names is None and whole and _is_wider(header, delimiter, len(body[0])):
            raise DanError(path, *_commas_twice(rows[first_row]))
        width = len(body[0])
        called = names or [f"column {column + 1}" for column in range(width)]
        units = units or [""] * width
        pairs = (f"{name} {unit}" for name, unit in zip(called, units, strict=True))
        words = "\n".join(line.strip("\r\n") for line in [*header, *pairs])
        stated_hz = stated_rate_hz(decoded(words))
        found = cls(delimiter, width, first_row, called, units, names is not None, stated_hz, header)
        return found if header else _with_start_and_rate(found, _split(rows, delimiter))


def _split(rows: list[str], delimiter: Delimiter) -> list[list[str]]:
    return [[plain(cell) for cell in delimiter.split(delimiter.without_end(row))] for row in rows]


def _delimiter(rows: list[str], path: Path) -> Delimiter:
    """The delimiter by which most cells, in the longest run of like rows, make sense."""
    best = max(map(Delimiter, DELIMITERS), key=lambda choice: _sense(_split(rows, choice)))
    pairs = [*takewhile(NUMBER_OR_PAIR.fullmatch, (row.strip() for row in reversed(rows)))]
    above = rows[: len(rows) - len(pairs)]
    run = _longest_run(_split(rows, best))
    if run and len(run[0]) <= 2 and len(pairs) >= len(run) and any("," in pair for pair in pairs):
        return Delimiter(";" if _is_one_column([*reversed(pairs)], above, path) else ",")
    return best


def _sense(rows: list[list[str]]) -> tuple[float, int]:
    """Rows of the longest run, weighted by the share of cells that are understood; and cells a row."""
    run = _longest_run(rows)
    if not run:
        return 0.0, 0
    cells, width = [cell for row in run for cell in row], len(run[0])
    values = sum(map(_is_value, cells)) / len(cells)
    return len(run) * values * (1 if width > 1 else USUAL), width


def _is_value(cell: str) -> bool:
    return is_missing(cell) or is_number(cell) or is_number(cell, comma=True) or is_stamp(cell)


def _holds_number(row: list[str]) -> bool:
    return any(not is_missing(cell) and (is_number(cell) or is_number(cell, comma=True)) for cell in row)


def _longest_run(rows: list[list[str]]) -> list[list[str]]:
    """The longest run of rows with equally many cells and a number in each."""
    runs = (list(run) for key, run in groupby(rows, lambda row: _holds_number(row) and len(row)) if key)
    return max(runs, key=len, default=[])


def _is_one_column(pairs: list[str], above: list[str], path: Path) -> bool:
    """Return whether rows such as ``0,0713`` are one number with a decimal comma each, not two numbers.

    Raises:
        DanError: if they could be either.
    """
    found = [PAIR.fullmatch(pair) for pair in pairs]
    parts = [match.groups() for match in found if match]
    fractions = [fraction for _, _, fraction in parts]
    if above and is_row(above[-1]):
        return "," not in above[-1]
    if len(parts) < len(pairs) or any(len(fraction) > 1 and fraction[0] == "0" for fraction in fractions):
        return True  # whole numbers between them, exponents, or zeros that no whole number begins with
    if any(sign == "-" and not whole.strip("0") for sign, whole, _ in parts):
        return True
    same_digits = len(set(map(len, fractions))) == 1 and len(fractions[0]) > 1
    if not same_digits or len(parts) >= MANY or _count_up([int(whole) for _, whole, _ in parts]):
        return False
    rule = f"its lines, such as {pairs[0]}, are two whole numbers or one with a decimal comma"
    raise DanError(path, rule, "Name its columns in a line above, or write a decimal point")


def _count_up(values: list[int]) -> bool:
    steps = {after - before for before, after in pairwise(values)}
    return len(values) > 2 and len(steps) == 1 and steps != {0}


def _first_row(rows: list[list[str]], body: list[list[str]]) -> int:
    """The first row that is like those of the body: numbers, or nothing, where they have numbers."""
    width = len(body[0])
    share = [sum(_holds_number([row[column]]) for row in body) / len(body) for column in range(width)]
    filled = [sum(not is_missing(row[column]) for row in body) / len(body) for column in range(width)]
    numeric = [column for column in range(width) if share[column] and share[column] > filled[column] / 2]
    for place, row in enumerate(rows):
        alike = len(row) == width and _holds_number([row[column] for column in numeric])
        if alike and all(is_missing(row[column]) or _holds_number([row[column]]) for column in numeric):
            return place + (place == 0 and _numbers_name_columns(row, rows[1:]))
    return 0


def _numbers_name_columns(row: list[str], below: list[list[str]]) -> bool:
    """Return whether a row is a header of numbers, 0, 1, 2 ..., as pandas writes it over unnamed columns."""
    called = row[1:] if row[0] == "" else row
    counted = [[str(start + column) for column in range(len(called))] for start in (0, 1)]
    return len(called) > 1 and called in counted and bool(below) and any("." in cell for cell in below[0])


def _lines_above(lines: list[str], first_row: int) -> list[str]:
    places = [place for place, line in enumerate(lines) if is_row(line)]
    return lines[: places[first_row]] if first_row < len(places) else lines


def _names(header: list[str], own: Delimiter, width: int) -> tuple[list[str] | None, list[str] | None]:
    """Names and units of the columns, from the lines nearest to the numbers."""
    fitting = [cells for line in reversed(header) if (cells := _named_cells(line, own, width))]
    if not fitting:
        return None, None
    if len(fitting) > 1 and all(map(UNIT.fullmatch, fitting[0])) and any(fitting[0]):
        return fitting[1], fitting[0]
    return fitting[0], None


def _named_cells(line: str, own: Delimiter, width: int) -> list[str] | None:
    """Words of a line that has one for each column."""
    text = decoded(line).lstrip("#% ").rstrip("\r\n")
    for delimiter in (own, *map(Delimiter, DELIMITERS)):
        cells = [plain(cell).strip("' ") for cell in delimiter.split(text)]
        if len(cells) == width and any(re.search(r"[^\W\d_]", cell) for cell in cells):
            return cells
    return None


def decoded(text: str) -> str:
    """Text that was read as Latin-1: as UTF-8 where it is that."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _is_wider(header: list[str], delimiter: Delimiter, width: int) -> bool:
    """Return whether there is a header of half as many cells: decimal commas between commas."""
    named = [line for line in header if is_row(line)]
    return delimiter.text == "," and bool(named) and 2 * len(delimiter.split(named[-1])) == width


def _commas_twice(row: str) -> tuple[str, str]:
    rule = f"its lines, such as {row.strip()[:40]}, have two cells for each name: decimal commas, it seems"
    return rule, "Save it with ; between the columns, or with decimal points"


def _with_start_and_rate(layout: Layout, rows: list[list[str]]) -> Layout:
    """The same, where the first row is when it began, in seconds since 1970, and the second its rate.

    So Empatica writes its recordings: each column has both, equal in all.
    """
    above = [set(row) for row in rows[:2]]
    if len(rows) < 3 or any(len(cells) > 1 for cells in above):
        return layout
    (start,), (rate,) = above
    if unix_unit_s(start) != 1 or not is_number(rate) or unix_unit_s(rows[2][0]) or not 0 < float(rate) < 1e6:
        return layout
    return replace(layout, first_row=2, stated_rate_hz=float(rate))


def _without_numbers(rows: list[str]) -> tuple[str, str]:
    """Reason why a table has no numbers, and the way out."""
    if not rows:
        return "it is empty", "Give a table with one line a sample and one column a channel"
    seen = rows[0].strip()[:40]
    rule = f"no line of its first {len(rows)} holds a number; the first says {seen!r}"
    return rule, "Give a table with one line a sample and one column a channel"
