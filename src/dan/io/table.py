"""Tables of text (.csv, .tsv): one line a sample, one column a channel, perhaps a time column.

A table is read in chunks of lines, found by an index of where every so many lines start. Only the columns of
channels are ever changed: a writer goes through the source once more and copies the rest as it stands.
Text is taken as Latin-1, in which every file comes back byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_sample_rate
from dan.core.errors import DanError
from dan.io._columns import Columns, is_number, resolution, split_header
from dan.io.base import Form, Reader, Writer, not_a_recording

LINES_APART = 4096
CHUNK_BYTES = 2**20
SAMPLED_LINES = 1000
"""From so many lines the kinds of the columns are told."""

RATE_TOLERANCE = 1e-3
"""By how much a rate that the user says may differ from that of the time column."""

PAUSED = 0.02
"""By what part the usual step may differ from the mean one before times are taken to jump."""

JITTER = 0.1
"""By what part of a step a time may be off its even grid; one lost line is off by half a step."""


@dataclass(frozen=True)
class Grid:
    """Where the times of a table should be."""

    start_s: float
    rate_hz: float
    resolution_s: float
    """Of the times as printed."""
    is_said: bool
    """Whether the user says the rate: then the times are not looked at."""

    def is_off(self, times_s: npt.NDArray[np.float64], start_sample: int) -> npt.NDArray[np.bool_]:
        """Which of the times from a sample on are off."""
        off_s = times_s - (self.start_s + (start_sample + np.arange(len(times_s))) / self.rate_hz)
        falls = np.diff(times_s, prepend=times_s[:1]) < 0
        return np.asarray(falls | ~(np.abs(off_s) <= JITTER / self.rate_hz + self.resolution_s))


class TableReader(Reader):
    """A table of text.

    Args:
        path: the file.
        sample_rate_hz: its rate; not needed where a column holds the time.
        dtype: of the blocks; None for float64.
    """

    def __init__(self, path: Path, sample_rate_hz: float | None, dtype: npt.DTypeLike | None) -> None:
        self._dtype = np.dtype(dtype or np.float64)
        try:
            self.index = LineIndex(path)
            sampled = list(self.index.lines(0, SAMPLED_LINES))
        except OSError as error:
            raise not_a_recording(path, error) from error
        self.header_lines, self.delimiter, names = split_header(sampled, path)
        rows = [line.split(self.delimiter) for line in sampled[self.header_lines :]]
        self.columns = Columns.of(names, rows, path, rate_is_given=sample_rate_hz is not None)
        length = self.index.count - self.header_lines
        super().__init__(path, None, len(self.columns.channels), length, "text")
        self.rank = 1 if self.channels == 1 else 2
        self.metadata = {"channels": [names[column] for column in self.columns.channels]}
        self._grid: Grid | None = None
        self.sample_rate_hz = self._rate_hz(sample_rate_hz)

    def close(self) -> None:
        """Nothing stays open between reads."""

    def _rate_hz(self, given_hz: float | None) -> float | None:
        if self.columns.time is None or self.length_samples == 1:
            return None if given_hz is None else check_sample_rate(given_hz)
        self._grid, uncertainty = self._time_grid(is_said=given_hz is not None)
        found_hz = self._grid.rate_hz
        return found_hz if given_hz is None else self._agreed_hz(given_hz, found_hz, uncertainty)

    def _time_grid(self, *, is_said: bool) -> tuple[Grid, float]:
        """Where the times should be, and the uncertainty of the rate."""
        # The start and the end say it best, as a printed time is rounded; the usual step says it where times
        # jump between them.
        first_s, last_s, resolution_s = self._ends_s()
        step_s, span_s, steps = self._usual_step_s(), last_s - first_s, (self.length_samples or 0) - 1
        mean_hz = steps / span_s
        if step_s > 0 and abs(step_s * mean_hz - 1) > PAUSED + resolution_s * mean_hz:
            span_s, steps = step_s, 1
        uncertainty = resolution_s / span_s
        rate_hz = _rounded_hz(steps / span_s, uncertainty)
        # A step that is printed without rounding, as 4 ms at 250 Hz: then a lost line stands out.
        exact = abs(step_s * rate_hz - 1) <= max(uncertainty, 1e-9)
        return Grid(first_s, rate_hz, 0.0 if exact else resolution_s, is_said), uncertainty

    def _ends_s(self) -> tuple[float, float, float]:
        """The first and the last time, and the value of their last digit."""
        column, ends = self.columns.time or 0, []
        for sample in (0, (self.length_samples or 1) - 1):
            rows = self._cells(sample, 1)
            self._check_not_ragged(rows, sample)
            ends.append(rows[0][column])
        first_s, last_s = (self._numbers([[end]], 0, 0)[0] * self.columns.unit_s for end in ends)
        if not last_s > first_s:
            raise DanError(self.path, f"its time goes from {first_s:g} s to {last_s:g} s", "Sort its lines")
        return first_s, last_s, self.columns.unit_s * min(map(resolution, ends))

    def _usual_step_s(self) -> float:
        """The median of the first steps in time."""
        rows, column = self._cells(0, SAMPLED_LINES), self.columns.time or 0
        self._check_not_ragged(rows, 0)
        return float(np.median(np.diff(self._numbers(rows, column, 0)))) * self.columns.unit_s

    def _agreed_hz(self, given_hz: float, found_hz: float, uncertainty: float) -> float:
        rate_hz = check_sample_rate(given_hz)
        if abs(rate_hz - found_hz) > found_hz * (RATE_TOLERANCE + uncertainty):
            said = f"{self.path} at sample_rate_hz={rate_hz:g}"
            raise DanError(said, f"its time column says {found_hz:g} Hz", "Leave the rate out")
        return rate_hz

    def _cells(self, start_sample: int, count: int) -> list[list[str]]:
        lines = self.index.lines(self.header_lines + start_sample, count)
        return [_split(line, self.delimiter) for line in lines]

    def _read(self, start_sample: int, count: int) -> Signal:
        rows = self._cells(start_sample, count)
        self._check_not_ragged(rows, start_sample)
        columns = [self._numbers(rows, column, start_sample) for column in self.columns.channels]
        if self.columns.time is not None and rows:
            self._check_even(self._numbers(rows, self.columns.time, start_sample), start_sample)
        return np.array(columns, self._dtype).reshape(self.channels, len(rows))

    def _check_not_ragged(self, rows: list[list[str]], start_sample: int) -> None:
        width = self.columns.width
        for row, cells in enumerate(rows):
            if len(cells) != width:
                raise DanError(
                    f"{self.path}, line {self._line(start_sample + row)}",
                    f"it has {len(cells)} cells, the lines before have {width}", "Fill it in, or remove it",
                )  # fmt: skip

    def _numbers(self, rows: list[list[str]], column: int, start_sample: int) -> npt.NDArray[np.float64]:
        try:
            return np.array([float(cells[column]) for cells in rows], np.float64)
        except ValueError:
            wrong = next(row for row, cells in enumerate(rows) if not is_number(cells[column]))
            raise DanError(
                f"{self.path}, line {self._line(start_sample + wrong)}, column {column + 1}",
                f"{rows[wrong][column].strip()[:40]!r} is no number",
                "Write numbers with a decimal point, such as 0.5",
            ) from None

    def _check_even(self, times: npt.NDArray[np.float64], start_sample: int) -> None:
        if self._grid is None or self._grid.is_said:
            return
        wrong = np.flatnonzero(self._grid.is_off(times * self.columns.unit_s, start_sample))
        if wrong.size:
            raise DanError(
                f"{self.path}, line {self._line(start_sample + int(wrong[0]))}",
                f"its time is off the even steps of {self._grid.rate_hz:g} Hz",
                f"Fill in what is missing, or leave the times out: --sample-rate {self._grid.rate_hz:g}",
            )

    def _line(self, sample: int) -> int:
        return self.header_lines + sample + 1


class TableWriter(Writer):
    """A table like one that was read: its columns of channels anew, everything else as it stands there."""

    def __init__(self, path: Path, target: Path, form: Form) -> None:
        if not isinstance(form, TableReader):
            raise DanError(target, "a table is written like a table that is read", "Write .npy or .wav")
        super().__init__(path, target, form)
        self._table = form
        self._source = form.path.open(encoding="latin-1", newline="")
        self._file = path.open("w", encoding="latin-1", newline="")
        self._file.writelines(islice(self._source, form.header_lines))

    def close(self) -> None:
        """Close the file, whole or not."""
        self._source.close()
        self._file.close()

    def _write(self, block: Signal) -> None:
        columns, delimiter = self._table.columns, self._table.delimiter
        texts = [columns.format(row, column) for row, column in zip(block, columns.channels, strict=True)]
        lines = islice(self._source, block.shape[-1])
        for line, *values in zip(lines, *texts, strict=True):
            text = line.rstrip("\r\n")
            cells = text.split(delimiter)
            for column, value in zip(columns.channels, values, strict=True):
                cells[column] = value
            self._file.write(delimiter.join(cells) + line[len(text) :])

    def _finish(self) -> None:
        self._file.flush()


class LineIndex:
    """Where every ``LINES_APART``-th line of a file starts, and how many lines there are.

    Empty lines at the end do not count.

    Args:
        path: the file, which is gone through once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._starts = [0]
        ends, last, size = 0, 0, 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                newlines = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n")) + size + 1
                self._starts += newlines[LINES_APART - 1 - ends % LINES_APART :: LINES_APART].tolist()
                ends += len(newlines)
                last = int(newlines[-1]) if len(newlines) else last
                size += len(chunk)
        self.count = ends + (size > last)
        while self.count and not next(self.lines(self.count - 1, 1), "").strip():
            self.count -= 1

    def lines(self, first: int, count: int) -> Iterator[str]:
        """Yield so many lines from one on, with their ends."""
        stop = min(first + count, self.count)
        if first >= stop:
            return
        with self._path.open("rb") as file:
            file.seek(self._starts[first // LINES_APART])
            skipped = first % LINES_APART
            for line in islice(file, skipped, skipped + stop - first):
                yield line.decode("latin-1")


def _split(line: str, delimiter: str) -> list[str]:
    return line.rstrip("\r\n").split(delimiter)


def _rounded_hz(rate_hz: float, uncertainty: float) -> float:
    """The rate as a whole number, where the rounding of the times allows that."""
    whole_hz = float(round(rate_hz))
    return (
        whole_hz
        if abs(rate_hz - whole_hz) <= min(rate_hz * max(uncertainty, 1e-9), 0.5) and whole_hz
        else rate_hz
    )
