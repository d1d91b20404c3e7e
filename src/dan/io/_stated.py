"""The sample rate that words above a table state, or the interval between samples."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dan.io._clock import UNITS_S

NUMBER = r"(?P<before>[^\d\n]{0,20}?)(?P<number>\.?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?)(?=(?P<after>[^\n]*))"
RATE = re.compile(
    rf"(?:sampl[a-z]*[ _-]*(?:rate|freq[a-z]*)|\bfs|\bsrate|abtastrate)(?![a-z]){NUMBER}", re.IGNORECASE
)
INTERVAL = re.compile(
    r"(?:delta_?x|sampl[a-z]*[ _-]*(?:interval|period|time)"
    r"|(?:(?P<bare>^\W*)|\bx[ _]?|\btime[ _]?)inc(?:rement|r)?)"
    rf"(?![a-z]){NUMBER}",
    re.IGNORECASE | re.MULTILINE,
)
"""Seconds, where no unit is named, as oscilloscopes and LabVIEW write them; below 1 s, where ``bare``."""

OF_A_FILTER = re.compile("filter|cut[ _-]?off|band|pass|notch|corner", re.IGNORECASE)
MINUS = ("-", "\u2212")
"""Signs of no rate, directly before the number; with a space behind, they part it from its name."""
SAME, ROUNDED = 1e-3, 1e-2
"""Relative tolerances within which a rate, and an interval, only state again what is stated before."""

UNIT_BEHIND = re.compile(r"[ \t,;\"()\[\]]*(?P<unit>[^\W\d_][\w/]*(?: per \w+)?)")
UNIT_BEFORE = re.compile(r"[\W_]*(?:in |is )?(?P<unit>.*?)[\W_]*(?: is[\W_]*)?")
RATE_END = re.compile(r"[ \t,;.\"\])]*")
INTERVAL_END = re.compile(r"[ \"\])]*(?:[,;\t|].*)?")
"""Text that may stand behind a number without a unit: nothing, or other cells, those of more channels."""

HZ = re.compile(r"(?P<prefix>[kKMG]?)(?i:hz|hertz|sps|(?:s|sa|samples?)(?:/| per )s(?:ec|econds?)?)")
PREFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
"""Not ``m``: whether mHz or MHz is meant by it nobody knows."""

OPEN = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
"""A number of thousands, or one of three decimals."""
THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")


def stated_rate_hz(text: str) -> float | None:
    """Sample rate that lines of words state, or the inverse of the interval that they do.

    None where they state neither, several that differ, or a number or a unit that could be read in several
    ways or in none.
    """
    rates_hz = stated_rates_hz(text)
    return rates_hz[0] if len(rates_hz) == 1 else None


def stated_rates_hz(text: str) -> list[float]:
    """All sample rates that lines of words state, each of them once."""
    different: list[float] = []
    for rate_hz, tolerance in _rates_hz(text):
        is_new = all(abs(rate_hz / other_hz - 1) > tolerance for other_hz in different)
        if 0 < rate_hz < float("inf") and is_new:
            different.append(rate_hz)
    return different


def _rates_hz(text: str) -> Iterator[tuple[float, float]]:
    """Rates, those of intervals last, and the tolerance of each."""
    for found in RATE.finditer(text):
        value, unit = _quantity(found, RATE_END)
        if value and (factor := HZ.fullmatch(unit or "Hz")):
            yield value * PREFIXES[factor["prefix"]], SAME
    for found in INTERVAL.finditer(text):
        value, unit = _quantity(found, INTERVAL_END)
        unit_s = UNITS_S.get(re.split("/| per ", unit.lower() or "s")[0])
        if value and unit_s and (unit or value < 1 or found["bare"] is None):
            yield 1 / (value * unit_s), ROUNDED


def _quantity(found: re.Match[str], end: re.Pattern[str]) -> tuple[float | None, str]:
    """A number and its unit, which stands behind or before it, or goes without saying."""
    number, before, after = found["number"], found["before"], found["after"]
    if before.endswith(MINUS) or OF_A_FILTER.search(before):
        return None, ""
    if before.endswith(","):  # in cells between commas, none is a decimal comma
        number, comma, others = number.partition(",")
        after = comma + others + after
    if behind := UNIT_BEHIND.match(after):
        return _value(number), behind["unit"]
    unit = UNIT_BEFORE.fullmatch(before)
    return _value(number) if end.fullmatch(after) else None, unit["unit"] if unit else ""


def _value(number: str) -> float | None:
    """A number with a decimal point or comma, or commas between thousands; None where that is open."""
    if OPEN.fullmatch(number):
        return None
    if THOUSANDS.fullmatch(number):
        number = number.replace(",", "")
    try:
        return float(number.replace(",", "."))
    except ValueError:
        return None
