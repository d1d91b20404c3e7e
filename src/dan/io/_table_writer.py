"""Tables, written as they were but for the cells of their signals."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io._cells import WHOLE, is_missing, is_number, numbers, plain, refilled
from dan.io._column import Column
from dan.io._rows import is_row, open_text
from dan.io.base import Form, Writer
from dan.io.table import ROWS_AT_ONCE, TableReader


class TableWriter(Writer):
    """A table like one that was read: numbers of its signals that differ anew, all else as it stands."""

    def __init__(self, path: Path, target: Path, form: Form) -> None:
        if not isinstance(form, TableReader):
            raise DanError(target, "a table is written like a table that is read", "Write .npy or .wav")
        super().__init__(path, target, form)
        self._table = form
        self._formats = {column: column.number_format for column in form.roles.channels}
        self._widen_whole()
        self._source = open_text(form.text_path)
        self._file = path.open("w", encoding="latin-1", newline="")
        for _ in range(form.layout.first_row):
            self._file.writelines(self._next_row())

    @property
    def holds_missing(self) -> bool:
        """True: an empty cell, or what stood there."""
        return True

    def close(self) -> None:
        """Close the file, whole or not."""
        self._source.close()
        self._file.close()

    def _widen_whole(self) -> None:
        """Find fractions in columns whose sampled numbers are all whole: none is to be rounded."""
        table = self._table
        for start in range(0, 0 if table.is_sampled_wholly else table.rows, ROWS_AT_ONCE):
            whole = [column for column, form in self._formats.items() if form.whole]
            if not whole:
                return
            rows = table.cells(start, ROWS_AT_ONCE)
            for column in whole:
                cells = [plain(cells[column.place]) for cells in rows if len(cells) > column.place]
                if not all(is_missing(cell) or WHOLE.fullmatch(cell) for cell in cells):
                    self._formats[column] = type(self._formats[column]).of(
                        [cell for cell in cells if is_number(cell, comma=column.comma)], comma=column.comma
                    )

    def _next_row(self) -> tuple[str, str]:
        """The lines before the next row of the source that are none, as they stand, and the row."""
        between: list[str] = []
        for line in self._source:
            if is_row(line):
                return "".join(between), line
            between.append(line)
        raise DanError(self._table.path, "it has become shorter", "Give a file that nobody writes to")

    def _write(self, block: Signal) -> None:
        for start in range(0, block.shape[-1], ROWS_AT_ONCE):
            self._write_rows(block[:, start : start + ROWS_AT_ONCE])

    def _write_rows(self, block: Signal) -> None:
        delimiter = self._table.layout.delimiter
        lines = [self._next_row() for _ in range(block.shape[-1])]
        rows = [delimiter.split(delimiter.without_end(line)) for _, line in lines]
        for column, values in zip(self._table.roles.channels, block, strict=True):
            self._refill(rows, column, values)
        for (between, line), cells in zip(lines, rows, strict=True):
            end = line[len(delimiter.without_end(line)) :]
            self._file.write(f"{between}{delimiter.join(cells)}{end}")

    def _refill(self, rows: list[list[str]], column: Column, values: Signal) -> None:
        """Put numbers into a column where they are not what stands there."""
        place = column.place
        cells = [cells[place] for cells in rows]
        old = numbers(cells, comma=column.comma).astype(values.dtype)
        self._formats[column] = form = self._formats[column].wide_enough(cells)
        changed = ~((values == old) | (np.isnan(values) & np.isnan(old)))
        for row in np.flatnonzero(changed).tolist():
            value = float(values[row])
            rows[row][place] = refilled(cells[row], "nan" if np.isnan(value) else form.text(value))

    def _finish(self) -> None:
        self._file.writelines(self._source)
        self._file.flush()
