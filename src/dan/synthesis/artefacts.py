"""Artefacts of recordings of the heart and the brain: wander, muscle, electrode motion, eye blinks.

Each is drawn as ``[count, T]``, float64, its parameters anew for each signal, at an arbitrary level: a
mixture scales it. Mains hum is in `synthesis`. The three that ambulatory ECG suffers from are those of the
MIT-BIH Noise Stress Test Database: G. B. Moody, W. E. Muldrow and R. G. Mark, "A noise stress test for
arrhythmia detectors", Computers in Cardiology, 1984.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Array

BREATHING_HZ = 0.12, 0.5
"""7 to 30 breaths a minute."""
WANDER_TOP_HZ = 0.3, 1.0
"""Above it wander falls off; the heart's own band begins at 0.5 to 0.67 Hz, where ECG filters cut."""
MUSCLE_LOW_HZ, MUSCLE_HIGH_HZ = (20.0, 60.0), (60.0, 150.0)
"""Corners of the muscle's spectrum: most of its power lies between 20 and 150 Hz."""
BURST_S, REST_S = (0.1, 2.0), (0.1, 3.0)
MOTION_PER_S = 0.2, 1.5
RISE_S, RECOVERY_S = (0.005, 0.1), (0.05, 2.0)
"""Time constants of a jump: the electrode shifts at once, its half-cell potential slowly."""
BLINKS_PER_S = 0.1, 0.6
"""6 to 36 a minute: reading, rest and conversation (Bentivoglio et al. 1997)."""
CLOSING_S, OPENING_S = (0.06, 0.12), (0.12, 0.35)
"""Times of a blink: lids close twice as fast as they open, 0.2 to 0.4 s in all."""
LEAST_HZ = 0.05
"""Electrocardiographs pass nothing slower."""


def draw_wander(
    count: int, *, length_samples: int, sample_rate_hz: float, random: np.random.Generator
) -> Array:
    """Baseline wander: breathing and drift in a random proportion, nearly all of it below 1 Hz.

    Breathing is a sine whose rate wavers by a tenth, and its second harmonic; drift is Gaussian noise of a
    density falling with the square of frequency from 0.05 Hz, and faster above a corner.

    Source: L. Sornmo and P. Laguna, "Bioelectrical Signal Processing in Cardiac and Neurological
    Applications", 2005, chapter 7.
    """
    rate_hz, top_hz = random.uniform(*BREATHING_HZ, (count, 1)), random.uniform(*WANDER_TOP_HZ, (count, 1))
    shaped = partial(
        _shaped, count, length_samples=length_samples, sample_rate_hz=sample_rate_hz, random=random
    )
    wavering = shaped(lambda hz: 1 / (1 + (hz / 0.1) ** 2))
    turns = np.cumsum(rate_hz * (1 + 0.1 * wavering), axis=-1) / sample_rate_hz
    phase = 2 * np.pi * (turns + random.uniform(0, 1, (count, 1)))
    breathing = np.sin(phase) + random.uniform(0, 0.4, (count, 1)) * np.sin(2 * phase)
    drift = shaped(lambda hz: 1 / np.sqrt(hz**2 + LEAST_HZ**2) / (1 + (hz / top_hz) ** 4))
    share = random.uniform(0, 1, (count, 1))
    return np.asarray(np.sqrt(2 * share) * breathing + np.sqrt(1 - share) * drift)


def draw_muscle(
    count: int, *, length_samples: int, sample_rate_hz: float, random: np.random.Generator
) -> Array:
    """Muscle (EMG): band-limited Gaussian noise in bursts over a steady tension.

    The density is ``f**2 * h**4 / ((f**2 + l**2) * (f**2 + h**2)**2)`` with corners l and h; what lies above
    half the rate is not there. Bursts last 0.1 to 2 s with rests of 0.1 to 3 s, and swell and ebb smoothly.

    Source: E. Shwedyk, R. Balasubramanian and R. N. Scott, "A nonstationary model for the electromyogram",
    IEEE Trans. Biomedical Engineering 24, 1977.
    """
    low_hz, high_hz = random.uniform(*MUSCLE_LOW_HZ, (count, 1)), random.uniform(*MUSCLE_HIGH_HZ, (count, 1))
    carrier = _shaped(
        count,
        lambda hz: hz / np.sqrt(hz**2 + low_hz**2) / (1 + (hz / high_hz) ** 2),
        length_samples=length_samples,
        sample_rate_hz=sample_rate_hz,
        random=random,
    )
    tension = random.uniform(0.05, 1.0, (count, 1))
    return carrier * (tension + _bursts(count, length_samples, sample_rate_hz, random))


def draw_motion(
    count: int, *, length_samples: int, sample_rate_hz: float, random: np.random.Generator
) -> Array:
    """Electrode motion: abrupt jumps of either sign with slow recoveries, at least one in each signal.

    0.2 to 1.5 jumps a second rise within 5 to 100 ms and recover with a time constant of 0.05 to 2 s, short
    ones as likely as long ones; half of them swing past the line before they come back. In ECG they
    pass for ectopic beats (Moody et al. 1984).
    """
    drawn = np.zeros((count, length_samples))
    for row in drawn:
        for start in _starts(
            length_samples, sample_rate_hz, MOTION_PER_S, lead_s=RECOVERY_S[1], random=random
        ):
            _add(row, start, random.normal() * _jump(sample_rate_hz, random))
    return drawn


def draw_blinks(
    count: int, *, length_samples: int, sample_rate_hz: float, random: np.random.Generator
) -> Array:
    """Eye blinks, as frontal EEG electrodes see them: positive humps of 0.2 to 0.5 s, at least one each.

    6 to 36 a minute; each person's amplitude varies by a fifth from blink to blink. A blink is two half
    cosines, the closing about twice as fast as the opening.

    Source: A. R. Bentivoglio et al., "Analysis of blink rate patterns in normal subjects", Movement
    Disorders 12, 1997.
    """
    drawn = np.zeros((count, length_samples))
    for row in drawn:
        for start in _starts(length_samples, sample_rate_hz, BLINKS_PER_S, lead_s=0.1, random=random):
            _add(row, start, (1 + 0.2 * random.normal()) * _blink(sample_rate_hz, random))
    return drawn


def _shaped(
    count: int,
    gain: Callable[[Array], Array],
    *,
    length_samples: int,
    sample_rate_hz: float,
    random: np.random.Generator,
) -> Array:
    """Gaussian noise ``[count, T]`` of unit RMS whose amplitude density over frequency is as `gain` says.

    It is cut from one at least twice as long and no shorter than 20 s, so that it is not periodic and holds
    the slowest waves.
    """
    size = 1 << int(max(2 * length_samples, 20 * sample_rate_hz) - 1).bit_length()
    spectrum = random.standard_normal((count, size + 2)).view(np.complex128)  # [count, size // 2 + 1]
    shape = gain(np.fft.rfftfreq(size, 1 / sample_rate_hz)[None].astype(np.float64))
    shape[:, 0] = 0
    whole = np.fft.irfft(shape * spectrum, size)
    return np.asarray(whole[:, :length_samples] / whole.std(axis=-1, keepdims=True))


def _bursts(count: int, length: int, rate_hz: float, random: np.random.Generator) -> Array:
    """Envelopes ``[count, T]`` from 0 to about 1: bursts of random length and strength between rests."""
    drawn = np.zeros((count, length))
    for row in drawn:
        at = -round(random.uniform(0, sum(BURST_S)) * rate_hz)
        while at < length:
            size = max(2, round(random.uniform(*BURST_S) * rate_hz))
            ramp = np.minimum(np.arange(1, size + 1), np.arange(size, 0, -1)) / max(1, size // 4)
            _add(row, at, random.uniform(0.3, 1.0) * np.sin(np.pi / 2 * np.minimum(ramp, 1)) ** 2)
            at += size + round(random.uniform(*REST_S) * rate_hz)
    return drawn


def _starts(
    length: int, rate_hz: float, per_s: tuple[float, float], *, lead_s: float, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw starts of events: a Poisson process that began `lead_s` before, and one within the signal."""
    lead = round(lead_s * rate_hz)
    expected = random.uniform(*per_s) * (length + lead) / rate_hz
    others = random.integers(-lead, length, random.poisson(expected))
    return np.append(others, random.integers(0, max(1, length * 3 // 4)))


def _jump(rate_hz: float, random: np.random.Generator) -> Array:
    rise_s, recovery_s = random.uniform(*RISE_S), np.exp(random.uniform(*np.log(RECOVERY_S)))
    time_s = np.arange(1, round(6 * recovery_s * rate_hz) + 2) / rate_hz
    swing = random.choice([0.0, random.uniform(0, 1)]) * time_s / recovery_s
    return np.asarray((1 - np.exp(-time_s / rise_s)) * (1 - swing) * np.exp(-time_s / recovery_s))


def _blink(rate_hz: float, random: np.random.Generator) -> Array:
    closing = max(1, round(random.uniform(*CLOSING_S) * rate_hz))
    opening = max(1, round(random.uniform(*OPENING_S) * rate_hz))
    lid = np.concatenate([np.arange(1, closing) / closing, 1 - np.arange(opening + 1) / opening])
    return np.asarray((1 - np.cos(np.pi * lid)) / 2)


def _add(row: Array, start: int, event: Array) -> None:
    """Add what of an event lies within the signal."""
    first, last = max(0, start), min(len(row), start + len(event))
    if first < last:
        row[first:last] += event[first - start : last - start]


DRAW = {"wander": draw_wander, "muscle": draw_muscle, "motion": draw_motion, "blinks": draw_blinks}
"""The artefacts by their names in a recipe."""
