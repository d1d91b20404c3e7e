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
    r"(?:delta_?x|sampl[a-z]*[ _-]*(?:interval|period|time)|(?:^\W*|\bx[ _]?|\btime[ _]?)inc(?:rement|r)?)"
    rf"(?![a-z]){NUMBER}",
    re.IGNORECASE | re.MULTILINE,
)
"""Seconds, where no unit is named, as oscilloscopes and LabVIEW write them."""

UNIT_BEHIND = re.compile(r"[ \t,;\"()\[\]]*(?P<unit>[^\W\d_][\w/]*(?: per \w+)?)")
UNIT_BEFORE = re.compile(r"[\W_]*(?:in |is )?(?P<unit>.*?)[\W_]*(?: is[\W_]*)?")
RATE_END = re.compile(r"[ \t,;.\"\])]*")
INTERVAL_END = re.compile(r"[ \"\])]*(?:[,;\t|].*)?")
"""Text that may stand behind a number without a unit: nothing, or other cells, those of more channels."""

HZ = re.compile(r"(?P<prefix>[kKMG]?)(?i:hz|hertz|sps|(?:s|sa|samples?)(?:/| per )s(?:ec|econds?)?)")
PREFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
"""Not ``m``: whether mHz or MHz is meant by it nobody knows."""

THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")


def stated_rate_hz(text: str) -> float | None:
    """Sample rate that lines of words state, or the inverse of the interval that they do.

    None where they state neither, or a number or a unit that could be read in several ways or in none.
    """
    return next((rate_hz for rate_hz in _rates_hz(text) if 0 < rate_hz < float("inf")), None)


def _rates_hz(text: str) -> Iterator[float]:
    for found in RATE.finditer(text):
        value, unit = _quantity(found, RATE_END, "Hz")
        if value and (factor := HZ.fullmatch(unit)):
            yield value * PREFIXES[factor["prefix"]]
    for found in INTERVAL.finditer(text):
        value, unit = _quantity(found, INTERVAL_END, "s")
        unit_s = UNITS_S.get(re.split("/| per ", unit.lower())[0])
        if value and unit_s:
            yield 1 / (value * unit_s)


def _quantity(found: re.Match[str], end: re.Pattern[str], usual: str) -> tuple[float | None, str]:
    """A number and its unit, which stands behind or before it, or goes without saying."""
    number, after = found["number"], found["after"]
    if found["before"].endswith(","):  # in cells between commas, none is a decimal comma
        number, comma, others = number.partition(",")
        after = comma + others + after
    if behind := UNIT_BEHIND.match(after):
        return _value(number), behind["unit"]
    before = UNIT_BEFORE.fullmatch(found["before"])
    return _value(number) if end.fullmatch(after) else None, (before and before["unit"]) or usual


def _value(number: str) -> float | None:
    """A number with a decimal point or comma, or commas between thousands; None where that is open."""
    if THOUSANDS.fullmatch(number):
        is_sure = number.count(",") > 1 or "." in number
        return float(number.replace(",", "")) if is_sure else None
    try:
        return float(number.replace(",", "."))
    except ValueError:
        return None
