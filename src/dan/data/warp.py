"""Warps of recorded signals in time and amplitude by smooth random curves: a few hearts stand for many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal

KNOT_S = 0.3, 2.0
"""From one random value of a curve to the next."""
SPEED_SPREAD, GAIN_SPREAD = 0.35, 0.5
"""Largest change of speed and of amplitude, either way, as a natural logarithm."""


def warped(signal: Signal, *, sample_rate_hz: float, random: np.random.Generator) -> Signal:
    """A signal ``[T]`` played at a speed and an amplitude that waver smoothly; its ends stay where they are.

    Args:
        signal: of any level.
        sample_rate_hz: in Hz.
        random: where everything random comes from.
    """
    from scipy.interpolate import CubicSpline

    length = len(signal)
    speed, gain = (
        np.exp(spread * _smooth_curve(length, sample_rate_hz, random))
        for spread in (random.uniform(0, SPEED_SPREAD), random.uniform(0, GAIN_SPREAD))
    )
    place = np.cumsum(speed) - speed[0]
    place *= (length - 1) / max(place[-1], 1e-9)
    return np.asarray(gain * CubicSpline(np.arange(length), signal)(place), np.float32)


def _smooth_curve(length: int, sample_rate_hz: float, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """A curve ``[length]`` through uniform values from -1 to 1, half cosines between them."""
    apart = max(2, round(random.uniform(*KNOT_S) * sample_rate_hz))
    values = random.uniform(-1, 1, length // apart + 2)
    place = np.arange(length) / apart
    index = place.astype(int)
    share = (1 - np.cos(np.pi * (place - index))) / 2
    return np.asarray(values[index] * (1 - share) + values[index + 1] * share)
