"""Tables of text (.csv, .tsv, .txt): one line a sample, one column a channel, beside times and markers.

A table is read in chunks of rows, found by an index of where every so many rows start. Only the cells of
signals are ever changed, and of these only those whose number changes: a writer goes through the source once
more and copies the rest as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io._cells import is_missing, is_number, numbers, plain
from dan.io._clock import DAY_S, Clock
from dan.io._column import Column
from dan.io._columns import FEW_VALUES, NAME_SIGNALS, tell_roles
from dan.io._grid import Grid, is_exact, off_line, rounded_hz, unlikely, within_half_a_day
from dan.io._layout import Layout
from dan.io._rows import RowIndex, in_utf_8, is_row, open_text
from dan.io._stated import stated_rates_hz
from dan.io.base import Reader, not_a_recording

FIRST_LINES = 2000
"""From so many lines the layout is told."""

FIRST_ROWS = 1000
"""So many rows at the start tell what the columns are ..."""

PLACES, ROWS_A_PLACE = 64, 64
"""... with so many rows at so many places all over the table."""

ROWS_AT_ONCE = 4096
"""So many rows are in memory as text: a cell takes some sixty bytes."""

RATE_TOLERANCE = 1e-3
"""Relative tolerance by which a given rate may differ from the table's own before this is noted."""

STATED_TOLERANCE = 1e-2
"""The same of a rate that the header states, beside times that may jitter."""

PAUSED = 0.02
"""Part by which the usual step may differ from the mean one before times are taken to jump."""


class TableReader(Reader):
    """A table of text.

    Args:
        path: the file.
        sample_rate_hz: its rate; not needed where a column holds the time. It holds where they disagree.
        dtype: of the blocks; None for float64.
        columns: those that are signals, by name or by number from 1; None for those that seem to be.
        time_column: the one of the times; None for the one that seems to be.
    """

    def __init__(
        self,
        path: Path,
        sample_rate_hz: float | None,
        dtype: npt.DTypeLike | None,
        *,
        columns: Sequence[str] | None = None,
        time_column: str | None = None,
    ) -> None:
        self._dtype = np.dtype(dtype or np.float64)
        try:
            self.text_path = in_utf_8(path, owner=self)
            self.index = RowIndex(self.text_path)
            with open_text(self.text_path) as file:
                first_lines = list(islice(file, FIRST_LINES))
        except (OSError, UnicodeError) as error:
            raise not_a_recording(path, error) from error
        self.layout = Layout.of(first_lines, path)
        super().__init__(path, None, 0, self.index.count - self.layout.first_row, "text")
        sampled, first_count = self._sampled()
        self.roles = tell_roles(
            self.layout, sampled, first_count,
            row_count=self.rows, path=path, wanted=columns, time_name=time_column,
        )  # fmt: skip
        self._check_no_line_lost()
        self.is_sampled_wholly = len(sampled) == self.rows
        self.channels = len(self.roles.channels)
        self.rank = 1 if self.channels == 1 else 2
        self.metadata = {"channels": [column.name for column in self.roles.channels]}
        self._notes = ["in UTF-16; what is written is in UTF-8"] if self.text_path != path else []
        self._few: dict[int, set[str]] = {column.place: {column.known[0]} for column in self.roles.few}
        self._grid: Grid | None = None
        self.sample_rate_hz = self._rate_hz(sample_rate_hz)
        if self._grid and self.roles.time:
            self.roles.copied[self.roles.time.name] = f"time, {self._grid.rate_hz:g} Hz"
        self._notes += [self.roles.note] if self.roles.note else []

    @property
    def rows(self) -> int:
        """Samples of each channel."""
        return self.length_samples or 0

    @property
    def own_notes(self) -> list[str]:
        """Notes on the columns that are denoised or copied, and doubts about the rate."""
        return self._notes

    def close(self) -> None:
        """Do nothing, as nothing stays open between reads."""

    def _sampled(self) -> tuple[list[list[str]], int]:
        """Plain cells of rows from all over the table, and how many of them are the first."""
        first = self.cells(0, min(FIRST_ROWS, self.rows))
        self._check_not_ragged(first, 0)
        rest, count = [], len(first)
        for place in np.unique(
            np.linspace(count, max(count, self.rows - ROWS_A_PLACE), PLACES, dtype=np.int64)
        ):
            more = self.cells(max(count, int(place)), ROWS_A_PLACE)
            count = max(count, int(place)) + len(more)
            rest += [row for row in more if len(row) == self.layout.width]
        return [[plain(cell) for cell in row] for row in first + rest], len(first)

    def _check_no_line_lost(self) -> None:
        """Refuse an empty line where it could be a missing sample: in a single column, here and there."""
        first = self.layout.first_row
        inside = {row for row in self.index.empty_lines if first < row < self.index.count}
        if self.layout.width == 1 and 0 < len(inside) < self.rows - 1:
            line = self._line(min(inside) - first - 1) + 1
            raise DanError(
                f"{self.path}, line {line}", "it is empty: a missing sample, or nothing",
                "Write nan there, or remove the line",
            )  # fmt: skip

    def _rate_hz(self, given_hz: float | None) -> float | None:
        """The rate that is given, that of the times, or the one that the header states."""
        stated_hz = self.layout.stated_rate_hz
        doubt = unlikely(stated_hz, "its header") if stated_hz else None
        stated_hz = None if doubt else stated_hz
        try:
            grid = self._time_grid()
        except DanError:
            if given_hz is None and stated_hz is None:
                raise
            grid = None
        doubt = grid.doubt(self._time_name) if grid else doubt
        sure = None if doubt else grid
        if given_hz is not None:
            taken_hz, why = given_hz, "as given"
        elif stated_hz and (sure is None or abs(sure.rate_hz / stated_hz - 1) <= STATED_TOLERANCE):
            taken_hz, why = stated_hz, "as its header says"
        elif sure:
            taken_hz, why, self._grid = sure.rate_hz, f"as {self._time_name} says", sure
        else:
            self.rate_unknown = doubt or self._without_times()
            return None
        self._note_others(grid, stated_hz, taken_hz, why)
        return taken_hz

    def _note_others(self, grid: Grid | None, stated_hz: float | None, taken_hz: float, why: str) -> None:
        others = [("its header", stated_hz, RATE_TOLERANCE)] if stated_hz else []
        others += [(self._time_name, grid.rate_hz, RATE_TOLERANCE + grid.uncertainty)] if grid else []
        self._notes += [
            f"{name} says {rate_hz:g} Hz; {taken_hz:g} Hz are taken, {why}"
            for name, rate_hz, tolerance in others
            if abs(taken_hz - rate_hz) > rate_hz * tolerance
        ]

    @property
    def _time_name(self) -> str:
        return f"its time column {self.roles.time.name!r}" if self.roles.time else "its time column"

    def _without_times(self) -> str:
        said = stated_rates_hz("\n".join(self.layout.header))
        if len(said) > 1:
            return f"its header says {' and '.join(f'{rate_hz:g}' for rate_hz in said)} Hz"
        rising = self.roles.rising
        if rising is None:
            return type(self).rate_unknown
        step = abs(float(np.median(np.diff(rising.steps))))
        return f"its column {rising.name!r} rises by {step:g}, as times and counters do, but names no unit"

    def _time_grid(self) -> Grid | None:
        """Grid on which the times should lie.

        Raises:
            DanError: if they do not rise, or are no times.
        """
        clock = self.roles.clock
        if clock is None or self.rows < 2:
            return None
        first_s = self._times(self.checked_cells(0, min(FIRST_ROWS, self.rows)), 0, clock)
        last_s = self._times(self.checked_cells(self.rows - 1, 1), self.rows - 1, clock)[0]
        steps, span_s = self.rows - 1, self._span(float(last_s), first_s, clock)
        # The start and the end say it best, as a printed time is rounded; the usual step says it where times
        # jump between them.
        resolution_s, apart = clock.resolution_s, max(1, len(first_s) // 8)
        step_s = float(np.median(first_s[apart:] - first_s[:-apart])) / apart
        if step_s > 0 and abs(step_s * steps / span_s - 1) > PAUSED + resolution_s / (apart * step_s):
            span_s, steps = step_s * apart, apart
        # Steps that are printed without rounding, as 4 ms at 250 Hz: then a lost line stands out.
        exact = is_exact(first_s, step_s)
        uncertainty = 0.0 if exact else resolution_s / span_s
        rate_hz = rounded_hz(steps / span_s, (resolution_s + off_line(first_s)) / span_s)
        return Grid(rate_hz, 0.0 if exact else resolution_s, uncertainty, clock.is_stamps)

    def _span(self, last_s: float, first_s: npt.NDArray[np.float64], clock: Clock) -> float:
        """Seconds from the first time to the last one."""
        if clock.is_stamps:
            expected_s = float(within_half_a_day(first_s[-1:])[0]) * (self.rows - 1) / (len(first_s) - 1)
            last_s += DAY_S * max(0, round((expected_s - last_s) / DAY_S))
        if not last_s > 0:
            ends = f"from {clock.first} to {self._cell_of_time(self.rows - 1)}"
            way_out = "Sort its lines, or leave the times out: --sample-rate HZ"
            raise DanError(self.path, f"{self._time_name} goes {ends}", way_out)
        return last_s

    def _cell_of_time(self, sample: int) -> str:
        return plain(self.cells(sample, 1)[0][self.roles.time.place if self.roles.time else 0])

    def _times(self, rows: list[list[str]], start_sample: int, clock: Clock) -> npt.NDArray[np.float64]:
        place = self.roles.time.place if self.roles.time else 0
        try:
            return clock.seconds([cells[place] for cells in rows])
        except ValueError:
            for row, cells in enumerate(rows):
                try:
                    clock.seconds([cells[place]])
                except ValueError:
                    raise self._wrong_cell(start_sample + row, place, cells[place], "time") from None
            raise

    def cells(self, start_sample: int, count: int) -> list[list[str]]:
        """Cells of rows as they stand."""
        delimiter = self.layout.delimiter
        lines = self.index.rows(self.layout.first_row + start_sample, count)
        return [delimiter.split(delimiter.without_end(line)) for line in lines]

    def checked_cells(self, start_sample: int, count: int) -> list[list[str]]:
        """The same, of rows that are as wide as the others.

        Raises:
            DanError: if one is not.
        """
        rows = self.cells(start_sample, count)
        self._check_not_ragged(rows, start_sample)
        return rows

    def _read(self, start_sample: int, count: int) -> Signal:
        stop = max(start_sample, min(start_sample + count, self.rows))
        parts = [np.empty((self.channels, 0), self._dtype)]
        for start in range(start_sample, stop, ROWS_AT_ONCE):
            parts.append(self._read_rows(start, min(ROWS_AT_ONCE, stop - start)))
        return np.concatenate(parts, axis=1)

    def _read_rows(self, start_sample: int, count: int) -> Signal:
        rows = self.checked_cells(start_sample, count)
        self._check_few(rows, start_sample)
        if self._grid is not None and self.roles.clock and rows:
            self._check_even(self._times(rows, start_sample, self.roles.clock), start_sample, self._grid)
        columns = [self.values(rows, column, start_sample) for column in self.roles.channels]
        return np.array(columns, self._dtype).reshape(self.channels, len(rows))

    def _check_not_ragged(self, rows: list[list[str]], start_sample: int) -> None:
        width = self.layout.width
        for row, cells in enumerate(rows):
            if len(cells) != width:
                raise DanError(
                    f"{self.path}, line {self._line(start_sample + row)}",
                    f"it has {len(cells)} cells, the lines before have {width}", "Fill it in, or remove it",
                )  # fmt: skip

    def values(self, rows: list[list[str]], column: Column, start_sample: int) -> npt.NDArray[np.float64]:
        """Numbers of a column, NaN where missing.

        Raises:
            DanError: if a cell holds none, or is missing and missing samples are refused.
        """
        cells = [row[column.place] for row in rows]
        try:
            values = numbers(cells, comma=column.comma)
        except ValueError:
            values = None
        if values is None or (self.missing == "refuse" and np.isnan(values).any()):
            for row, cell in enumerate(cells):
                text = plain(cell)
                refused = is_missing(text) and self.missing == "refuse"
                if refused or not (is_missing(text) or is_number(text, comma=column.comma)):
                    raise self._wrong_cell(
                        start_sample + row, column.place, cell, "number", comma=column.comma
                    )
        return values if values is not None else np.empty(0)

    def _wrong_cell(self, sample: int, place: int, cell: str, what: str, *, comma: bool = False) -> DanError:
        where = f"{self.path}, line {self._line(sample)}, column {place + 1}"
        if is_missing(plain(cell)):
            return DanError(where, f"{cell.strip()!r}: a {what} is missing", "Fill it in")
        example = "0,5, as above it" if comma else "0.5"
        return DanError(
            where, f"{cell.strip()[:40]!r} is no {what}", f"Write numbers such as {example}, or fill it in"
        )

    def _check_few(self, rows: list[list[str]], start_sample: int) -> None:
        """See that columns taken for markers hold nothing else further on."""
        for place, seen in self._few.items():
            new = {plain(cell) for cell in {cells[place] for cells in rows}} - seen
            seen.update(new)
            strange = [text for text in new if not (is_missing(text) or _is_whole(text))]
            if strange or len(seen) > 2 * FEW_VALUES:
                text = strange[0] if strange else next(iter(new))
                row = next(row for row, cells in enumerate(rows) if plain(cells[place]) == text)
                line, name = self._line(start_sample + row), self.layout.names[place]
                raise DanError(
                    f"{self.path}, line {line}, column {name!r}",
                    f"it seemed to hold markers, or always the same, and here it has {text!r}",
                    NAME_SIGNALS,
                )

    def _check_even(self, times_s: npt.NDArray[np.float64], start_sample: int, grid: Grid) -> None:
        wrong = np.flatnonzero(grid.is_off(times_s, start_sample))
        if wrong.size:
            raise DanError(
                f"{self.path}, line {self._line(start_sample + int(wrong[0]))}",
                f"its time is off the even steps of {grid.rate_hz:g} Hz",
                f"Fill in what is missing, or leave the times out: --sample-rate {grid.rate_hz:g}",
            )

    def _line(self, sample: int) -> int:
        return self.index.line_number(self.layout.first_row + sample)


def is_table(path: Path) -> bool:
    """Return whether most of the first lines of a text file are rows of as many numbers and words each."""
    try:
        with open_text(path) as file:
            lines = list(islice(file, PLACES))
        layout = Layout.of(lines, path)
    except MemoryError:
        raise
    except Exception:  # whatever a text of another kind leads to
        return False
    below = [line for line in lines if is_row(line)][layout.first_row :]
    width = [len(layout.delimiter.split(layout.delimiter.without_end(line))) for line in below]
    return 2 * width.count(layout.width) > len(lines) - layout.first_row


def _is_whole(text: str) -> bool:
    return is_number(text) and float(text).is_integer()
