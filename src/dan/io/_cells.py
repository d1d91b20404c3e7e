"""The cells of a row of text: split at a delimiter, classified by content, read as numbers, and written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

BOM = "\xef\xbb\xbf"
"""The mark that some programs write before UTF-8, read as Latin-1."""

BLANKS = " "
"""The delimiter of tables whose cells stand apart by any number of blanks."""

MISSING = frozenset(["", "nan", "na", "n/a", "#n/a", "null", "none", "-", "--", "?"])
"""Texts of a cell whose sample is missing, in lower case."""

GROUPING = "_"
"""Sign between digits that Python takes for none."""
DECIMAL_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
WHOLE = re.compile(r"[+-]?\d+")
LEAST_DIGITS = 3
"""Digits of the largest value of a column that are written at least, however few were read."""

DOUBLE_DIGITS = 15
"""Significant digits that a number of 64 bits holds always."""


@dataclass(frozen=True)
class Delimiter:
    """Delimiter of the cells of a row; double quotes enclose it (Y. Shafranovich, RFC 4180, 2005).

    Cells are taken as they stand, blanks and quotes included: joined again they are the row.
    """

    text: str

    def split(self, row: str) -> list[str]:
        """Cells of a row without its end."""
        if self.text == BLANKS:
            return re.findall(r'\s*(?:"(?:[^"]|"")*"\S*|\S+)', row)
        if '"' not in row:
            return row.split(self.text)
        mark = re.escape(self.text)
        return re.findall(rf'(?:^|{mark})( *"(?:[^"]|"")*"[^{mark}]*|[^{mark}]*)', row)

    def join(self, cells: Sequence[str]) -> str:
        """The row of cells as they were split."""
        return "".join(cells) if self.text == BLANKS else self.text.join(cells)

    def without_end(self, line: str) -> str:
        """A line without its end; blanks at the end belong to it where they are the delimiter."""
        return line.rstrip() if self.text == BLANKS else line.rstrip("\r\n")


def plain(cell: str) -> str:
    """Content of a cell, without the quotes and blanks around it."""
    text = cell.removeprefix(BOM).strip()
    return text[1:-1].replace('""', '"').strip() if len(text) > 1 and text[0] == text[-1] == '"' else text


def is_missing(text: str) -> bool:
    """Return whether plain text stands for a missing sample."""
    return text.lower() in MISSING


def is_number(text: str, *, comma: bool = False) -> bool:
    """Return whether plain text is a number, NaN and infinity included; with a decimal comma if so asked."""
    if comma and DECIMAL_COMMA.fullmatch(text):
        return True
    try:
        _float(text)
    except ValueError:
        return False
    return not (comma and "." in text)


def numbers(cells: Sequence[str], *, comma: bool) -> npt.NDArray[np.float64]:
    """Values of the cells of a column, NaN where missing.

    Raises:
        ValueError: if one is no number.
    """
    try:
        if not comma and GROUPING not in "".join(cells):
            return np.array(list(map(float, cells)), np.float64)
    except ValueError:
        pass
    return np.array([_number(plain(cell), comma=comma) for cell in cells], np.float64)


def _number(text: str, *, comma: bool) -> float:
    if is_missing(text):
        return float("nan")
    if comma and "." in text:
        raise ValueError(text)
    return _float(text.replace(",", ".") if comma else text)


def _float(text: str) -> float:
    """Value of a number as people write it: ``8_42`` is a name, not the 842 that Python takes it for."""
    if GROUPING in text:
        raise ValueError(text)
    return float(text)


def resolution(text: str) -> float:
    """The value of the last digit of a number as plain text with a decimal point."""
    return float(10.0 ** -_places(text))


def _decimals(text: str) -> int:
    """Digits behind the decimal point of a number's mantissa."""
    return len(text.lower().partition("e")[0].partition(".")[2])


def _places(text: str) -> int:
    """Digits behind the decimal point of a number, were it written without an exponent."""
    return _decimals(text) - int(text.lower().partition("e")[2] or 0)


def _significant(text: str) -> int:
    """Significant digits of a number as text."""
    return len(text.lower().partition("e")[0].lstrip("+-0.").replace(".", "").lstrip("0"))


COUNTED = {"": _places, "e": _decimals, "E": _decimals, "g": _significant}
"""Functions that count the digits of a format, by its exponent."""


@dataclass(frozen=True)
class NumberFormat:
    """Format of the numbers of a column: with as many digits as they came with, or more."""

    comma: bool
    whole: bool
    exponent: str
    """``e`` or ``E`` where all numbers have one; ``g`` where some have, and digits then count all of them."""
    digits: int
    plus: bool
    """Set if positive numbers have a sign."""

    @classmethod
    def of(cls, texts: Sequence[str], *, comma: bool) -> Self:
        """Format of numbers as plain text."""
        known = [text.replace(",", ".") for text in texts if not is_missing(text)]
        exponent = _exponent(known) or ("g" if _are_shortest(known) else "")
        least = {"": _least_decimals(known), "g": 9}.get(exponent, LEAST_DIGITS - 1)
        most = max(map(COUNTED[exponent], known), default=0)
        plus = any(text.startswith("+") for text in known)
        return cls(comma, all(map(WHOLE.fullmatch, known)), exponent, max(most, least), plus)

    def wide_enough(self, cells: Sequence[str]) -> Self:
        """The same, with digits enough for further cells too."""
        texts = [plain(cell).replace(",", ".") if self.comma else plain(cell) for cell in cells]
        known = (text for text in texts if not is_missing(text))
        return replace(self, digits=max(self.digits, *map(COUNTED[self.exponent], known), 0))

    def text(self, value: float) -> str:
        """A number as text."""
        digits = 0 if self.whole else self.digits
        written = self._written(value, digits)
        if digits >= DOUBLE_DIGITS and float(written) != value:  # half-way between two numbers of 16 digits
            written = self._written(value, digits + 1)
        if written[0] == "-" and not written.strip("-0."):
            written = f"{'+' if self.plus else ''}{written[1:]}"  # no "-0"
        return written.replace(".", ",") if self.comma else written

    def _written(self, value: float, digits: int) -> str:
        return f"{value:{'+' if self.plus else ''}.{digits}{self.exponent or 'f'}}"


def _are_shortest(known: list[str]) -> bool:
    """Return whether numbers have as many digits each as reading them exactly takes, as in Python."""
    return max(map(_significant, known), default=0) >= DOUBLE_DIGITS and len(set(map(_decimals, known))) > 1


def _exponent(known: list[str]) -> str:
    having = [text for text in known if "e" in text.lower()]
    if not having:
        return ""
    return "g" if len(having) < len(known) else "E" if "E" in having[0] else "e"


def _least_decimals(known: list[str]) -> int:
    """Decimals that give the largest number ``LEAST_DIGITS`` digits."""
    largest = max((abs(value) for value in map(float, known) if np.isfinite(value)), default=0.0)
    return max(0, LEAST_DIGITS - 1 - int(np.floor(np.log10(largest)))) if largest else 0


def refilled(cell: str, text: str) -> str:
    """A cell with another text, in the quotes and blanks it had; where it was padded it keeps its width."""
    old = plain(cell)
    start = cell.find(old) if old else cell.find('""') + 1 or len(cell)
    before, behind = cell[:start], cell[start + len(old) :]
    if before.endswith(" ") and before.strip(" ") == "":
        before = " " * max(1, len(before) + len(old) - len(text))
    return f"{before}{text}{behind}"
