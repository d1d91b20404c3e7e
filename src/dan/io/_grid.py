"""The grid of a time column: its rate, and how surely it is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dan.io._clock import DAY_S
from dan.io._layout import USUAL

EXACT = 0.01
"""Part by which steps may differ that are printed without rounding."""
JITTER = 0.1
"""Part of a step by which a time may be off its even grid; one lost line is off by half a step."""

SLOWEST_HZ, FASTEST_HZ = 1.0, 1e9
"""Rates beyond which the unit, of the times or in the header, is suspected."""
COARSEST = 1e-2
"""Part by which the rounding of the times may leave the rate open."""


@dataclass(frozen=True)
class Grid:
    """Grid on which the times of a table should lie, the first of them at 0."""

    rate_hz: float
    resolution_s: float
    """Resolution of the times as printed, in seconds."""
    uncertainty: float
    """Uncertainty of the rate, as a part of it, by that resolution."""
    is_daily: bool
    """Set if times begin anew each day."""

    def doubt(self, times: str) -> str | None:
        """Doubt about the rate, in words that begin with what the times are called; None without."""
        digits = f"{times} is too coarse to tell the rate: {self.rate_hz:.4g} Hz or about that"
        return unlikely(self.rate_hz, times) or (digits if self.uncertainty > COARSEST else None)

    def is_off(self, times_s: npt.NDArray[np.float64], start_sample: int) -> npt.NDArray[np.bool_]:
        """Mask of the times from a sample on that are off."""
        off_s = times_s - (start_sample + np.arange(len(times_s))) / self.rate_hz
        steps_s = np.diff(times_s, prepend=times_s[:1])
        if self.is_daily:
            off_s, steps_s = within_half_a_day(off_s), within_half_a_day(steps_s)
        return np.asarray((steps_s < 0) | ~(np.abs(off_s) <= JITTER / self.rate_hz + self.resolution_s))


def unlikely(rate_hz: float, said_by: str) -> str | None:
    """Reason why a rate is not believed, in words that begin with what says it; None where it is."""
    if SLOWEST_HZ <= rate_hz <= FASTEST_HZ:
        return None
    side = "below 1 Hz" if rate_hz < SLOWEST_HZ else "above 1 GHz"
    return f"{said_by} says {rate_hz:g} Hz, {side}: its unit seems to be another"


def off_line(times_s: npt.NDArray[np.float64]) -> float:
    """Return how much times jitter about even steps, in the middle of them."""
    line = np.linspace(times_s[0], times_s[-1], len(times_s))
    return float(np.median(np.abs(times_s - line)))


def is_exact(times_s: npt.NDArray[np.float64], step_s: float) -> bool:
    """Return whether nearly all steps are the same."""
    return step_s > 0 and float(np.mean(np.abs(np.diff(times_s) - step_s) <= EXACT * step_s)) >= USUAL


def within_half_a_day(times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Differences of times of day, from 12 hours before to 12 hours after."""
    return np.asarray((times_s + DAY_S / 2) % DAY_S - DAY_S / 2)


def rounded_hz(rate_hz: float, uncertainty: float) -> float:
    """The rate as a whole number, where the rounding of the times allows that."""
    whole_hz = float(round(rate_hz))
    within = abs(rate_hz - whole_hz) <= min(rate_hz * max(uncertainty, 1e-9), 0.5)
    return whole_hz if within and whole_hz else rate_hz
