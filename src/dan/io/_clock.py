"""Times in tables: their units, stamps with a date, numbers since 1970, and the grid that they lie on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dan.io._cells import plain, resolution

UNITS_S = {
    **dict.fromkeys(["s", "sec", "secs", "second", "seconds", "sekunde", "sekunden", "sek"], 1.0),
    **dict.fromkeys(["ms", "msec", "msecs", "millis", "millisec", "millisecond", "milliseconds"], 1e-3),
    **dict.fromkeys(["us", "µs", "μs", "usec", "µsec", "μsec", "usecs", "µsecs", "μsecs"], 1e-6),
    **dict.fromkeys(["micros", "microsec", "microsecond", "microseconds"], 1e-6),
    **dict.fromkeys(["ns", "nsec", "nsecs", "nanos", "nanosec", "nanosecond", "nanoseconds"], 1e-9),
    **dict.fromkeys(["min", "mins", "minute", "minutes"], 60.0),
    **dict.fromkeys(["h", "hour", "hours"], 3600.0),
}
TIME_WORDS = frozenset(
    ["t", "time", "times", "timestamp", "timestamps", "datetime", "date", "clock", "elapsed", "epoch", "unix",
     "zeit", "zeitstempel", "temps", "tiempo", "tempo", "tijd", "tid", "czas", "aika"]
)  # fmt: skip
UNIX_DIGITS = {10: 1.0, 13: 1e-3, 16: 1e-6, 19: 1e-9}
"""Units by the digits of numbers that count from 1970."""

MEAN_MORE = frozenset(["s", "h", "min"])
"""Units that are names of signals, too."""

STAMP = re.compile(
    r"[\['\"]?(?:[\w./-]+[ T,]+){0,5}"
    r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2}(?:[.,:]\d+)?)"
    r"|(?P<minutes>\d{1,3}):(?P<seconds>\d{2}[.,]\d+))"
    r" ?(?:(?P<half>[AP])\.?M\.?)? ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?(?: [\d./-]+)?['\"\]]?",
    re.IGNORECASE,
)
"""A time of day, or minutes and seconds with a fraction; a date before or behind is not looked at."""
DAY_S = 86_400.0
EVEN = 1e-6
"""Part of a step by which numbers that rise evenly may be off, beyond their rounding."""

FEW_ROWS = 16
"""In tables of fewer rows, numbers rise evenly by chance more easily."""


def words(name: str) -> list[str]:
    """Words of a column's name in lower case: ``seconds_elapsed``, ``TimeStamp(ms)``, ``Marker0``."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+", parted.lower())


def unit_s(name: str, unit: str) -> float | None:
    """Seconds of a unit of time that a column's name or its cell in a line of units says."""
    said = [word for text in (unit, name) for word in reversed(words(text)) if word in UNITS_S]
    return UNITS_S[said[0]] if said else None


def is_time_name(name: str) -> bool:
    """Return whether a column is named as a time: by a word for it, or by nothing but a unit of it."""
    found = words(name)
    joined = "".join(found)
    return (
        bool(TIME_WORDS.intersection(found)) or joined in TIME_WORDS or joined in UNITS_S.keys() - MEAN_MORE
    )


def is_stamp(text: str) -> bool:
    """Return whether plain text is a time of day, with a date or without."""
    return STAMP.fullmatch(text) is not None


@dataclass(frozen=True)
class Clock:
    """Clock of a column of times: their unit, and seconds from the first one.

    Stamps are times of day: their dates are not looked at, and they go on after midnight.
    """

    unit_s: float
    texts: Sequence[str]
    """The first times, as plain text."""
    is_stamps: bool
    is_sure: bool
    """Set if the unit is said, by a name, a line of units or the digits of a number since 1970."""

    @property
    def first(self) -> str:
        """The first time."""
        return self.texts[0]

    @cached_property
    def resolution_s(self) -> float:
        """The value of the last digit of the times."""
        digits = map(_seconds_digits if self.is_stamps else _point, self.texts)
        return self.unit_s * min(map(resolution, digits))

    def seconds(self, cells: Sequence[str]) -> npt.NDArray[np.float64]:
        """Times in seconds from the first; stamps from 12 hours before to 12 hours after.

        Raises:
            ValueError: if a cell holds no time.
        """
        if self.is_stamps:
            start = _seconds_of_day(self.first)
            return np.array([_seconds_of_day(plain(cell)) - start for cell in cells], np.float64)
        return exactly(cells, self.first) * self.unit_s


def exactly(cells: Sequence[str], first: str) -> npt.NDArray[np.float64]:
    """Numbers less the first of them, without the rounding of large ones.

    Raises:
        ValueError: if a cell holds no number.
    """
    try:
        base = Decimal(_point(first))
        return np.array([float(Decimal(_point(plain(cell))) - base) for cell in cells], np.float64)
    except ArithmeticError as error:
        raise ValueError(first) from error


def unix_unit_s(text: str) -> float | None:
    """The unit of a number of seconds, ms, µs or ns since 1970, by its digits."""
    whole = text.replace(",", ".").partition(".")[0]
    return UNIX_DIGITS.get(len(whole)) if whole.isdigit() and whole[0] in "12" else None


def _point(text: str) -> str:
    return text.replace(",", ".")


def _seconds_of_day(text: str) -> float:
    found = STAMP.fullmatch(text)
    if not found:
        raise ValueError(text)
    if found["minutes"]:
        return 60 * int(found["minutes"]) + float(_seconds_digits(text))
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    hour = hour % 12 + 12 * (half == "p") if half else hour
    return 3600 * hour + 60 * int(found["minute"]) + float(_seconds_digits(text))


def _seconds_digits(text: str) -> str:
    """The seconds of a stamp, with a decimal point."""
    found = STAMP.fullmatch(text)
    return re.sub("[,:]", ".", (found["second"] or found["seconds"]) if found else "0")


def rises_evenly(values: npt.NDArray[np.float64], rounding: float) -> bool:
    """Return whether numbers rise, or fall, in even steps but for their rounding."""
    if len(values) < 3:
        return False
    step = (values[-1] - values[0]) / (len(values) - 1)
    off = np.abs(values - values[0] - step * np.arange(len(values))).max()
    strictly = bool(np.all(np.diff(values) * np.sign(step) > 0))
    tolerance = EVEN * abs(step) + rounding if len(values) < FEW_ROWS else max(abs(step) / 2, rounding)
    return strictly and off <= tolerance


def counts(values: npt.NDArray[np.float64]) -> bool:
    """Return whether numbers go on by one step nearly always, as counters do that wrap or lose some."""
    if len(values) < FEW_ROWS:
        return False
    steps, often = np.unique(np.diff(values), return_counts=True)
    commonest = int(np.argmax(often))
    return bool(steps[commonest] != 0 and often[commonest] >= 0.9 * (len(values) - 1))
