"""One column of a table: the kind of its cells, detected as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dan.io._cells import DECIMAL_COMMA, WHOLE, NumberFormat, is_missing, is_number, numbers, resolution
from dan.io._clock import (
    FEW_ROWS,
    Clock,
    exactly,
    is_stamp,
    is_time_name,
    rises_evenly,
    unit_s,
    unix_unit_s,
)
from dan.io._layout import USUAL
from dan.io._stated import THOUSANDS


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table by what its sampled cells hold.

    Args:
        place: counted from 0.
        name: as the header says.
        unit: as a line of units says.
        cells: plain text of the sampled cells.
        first_count: how many of them are the first of the table, one after another.
    """

    place: int
    name: str
    unit: str
    cells: Sequence[str]
    first_count: int

    @cached_property
    def known(self) -> list[str]:
        """The cells that are not missing."""
        return [cell for cell in self.cells if not is_missing(cell)]

    @cached_property
    def comma(self) -> bool:
        """Return whether its numbers have a decimal comma."""
        return any(map(DECIMAL_COMMA.fullmatch, self.known))

    @cached_property
    def open_cells(self) -> list[str]:
        """Cells of which nothing says whether a comma stands before decimals or behind thousands.

        That is so where whole numbers stand beside numbers with a comma and three digits behind it, and no
        others: 902 and 1,018.
        """
        with_comma = [cell for cell in self.known if "," in cell]
        whole = [cell for cell in self.known if WHOLE.fullmatch(cell)]
        open_ = with_comma and whole and all(map(THOUSANDS.fullmatch, (c.lstrip("+-") for c in with_comma)))
        return [whole[0], with_comma[0]] if open_ else []

    @cached_property
    def is_numeric(self) -> bool:
        """Return whether nearly all cells that are not missing are numbers."""
        found = sum(is_number(cell, comma=self.comma) for cell in self.known)
        return bool(self.known) and found >= USUAL * len(self.known)

    @cached_property
    def is_stamps(self) -> bool:
        """Return whether its cells are times of day."""
        return bool(self.known) and sum(map(is_stamp, self.known)) >= USUAL * len(self.known)

    @cached_property
    def values(self) -> npt.NDArray[np.float64]:
        """Numbers of all sampled cells, NaN where missing or no number."""
        texts = [cell if is_number(cell, comma=self.comma) else "" for cell in self.cells]
        return numbers(texts, comma=self.comma)

    @cached_property
    def steps(self) -> npt.NDArray[np.float64]:
        """The first numbers, less the very first, exactly; empty where one is missing."""
        first = self.cells[: self.first_count]
        if not all(is_number(cell, comma=self.comma) and not is_missing(cell) for cell in first):
            return np.empty(0)
        try:
            return exactly(first, first[0])
        except (ValueError, OverflowError):
            return np.empty(0)

    @property
    def distinct(self) -> int:
        """Number of different values."""
        return len(np.unique(self.values[~np.isnan(self.values)]))

    @property
    def is_whole(self) -> bool:
        """Return whether all values are whole numbers."""
        known = self.values[~np.isnan(self.values)]
        return bool(np.all(known == np.rint(known)))

    @cached_property
    def rises_evenly(self) -> bool:
        """Return whether its first numbers rise, or fall, in even steps, and go on so to the end."""
        return self._goes_on and rises_evenly(self.steps, self.rounding)

    @cached_property
    def rises_throughout(self) -> bool:
        """Return whether many numbers from all over the table rise, or fall."""
        return self._goes_on and len(self.values) >= 4 * FEW_ROWS and self.distinct > len(self.values) / 2

    @cached_property
    def _goes_on(self) -> bool:
        if len(self.steps) < 3 or np.isnan(self.values).any() or self.steps[-1] == 0:
            return False
        return bool(np.all(np.diff(self.values) * np.sign(self.steps[-1]) >= 0))

    @property
    def rounding(self) -> float:
        """The value of the last digit of its numbers; 0 for whole ones."""
        if all(cell.lstrip("+-").isdigit() for cell in self.known[: self.first_count]):
            return 0.0
        return min(resolution(cell.replace(",", ".")) for cell in self.known[: self.first_count])

    @property
    def number_format(self) -> NumberFormat:
        """Format of its numbers."""
        return NumberFormat.of([c for c in self.known if is_number(c, comma=self.comma)], comma=self.comma)

    def clock(self) -> Clock | None:
        """Clock of its times; None where their unit is not known."""
        first = self.known[: self.first_count]
        if self.is_stamps:
            return Clock(1.0, first, is_stamps=True, is_sure=True)
        stated, since_1970 = unit_s(self.name, self.unit), unix_unit_s(first[0])
        assumed = 1.0 if is_time_name(self.name) else None
        unit = stated or since_1970 or assumed
        return Clock(unit, first, is_stamps=False, is_sure=bool(stated or since_1970)) if unit else None

    def clock_in_seconds(self) -> Clock:
        """Clock of its times, in seconds where nothing else is said."""
        return self.clock() or Clock(1.0, self.known[: self.first_count], is_stamps=False, is_sure=False)
