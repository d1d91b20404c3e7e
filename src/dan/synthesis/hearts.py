"""Synthetic electrocardiograms: beats as sums of Gaussian waves, shapes and rhythm drawn for each signal.

They are material to train on beside recordings, of which there are few: they hold waves, intervals and
rhythms that a handful of hearts lack. They are no model of disease and nothing to diagnose by.

Source of beats as sums of Gaussian waves: P. E. McSharry, G. D. Clifford, L. Tarassenko and L. A. Smith, "A
dynamical model for generating synthetic electrocardiogram signals", IEEE Trans. Biomedical Engineering 50,
2003.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Array

RATE_PER_MIN = 40.0, 160.0
PEAK_MV = 0.1, 4.0
"""Height of the largest wave: leads differ by a factor of ten and more."""
BEFORE_S, AFTER_S = 0.4, 0.9
"""Extent of a beat before and after its R wave."""
FIBRILLATING_SHARE, ECTOPIC_SHARE, PACED_SHARE = 0.2, 0.35, 0.06
"""Shares of signals: those with atrial fibrillation, with ectopic beats, with a pacemaker's spikes."""
VENTRICULAR_SHARE = 0.3
"""Share of signals a part of which, or all, is ventricular flutter or fibrillation, without beats."""
FIBRILLATION_HZ = 4.0, 9.0
VENTRICULAR_HZ = 2.5, 9.0
PREMATURE = 0.5, 0.85
"""Time of an ectopic beat, as a share of the interval; the pause after it makes up for it."""
SPIKE_WIDTH_S = 0.002
PASSING_S = 0.3
"""Time in which the beats give way to flutter or fibrillation, or come back."""


@dataclass(frozen=True)
class Beat:
    """Waves of one beat, each a Gaussian whose two flanks differ: ``[waves]`` each."""

    centre_s: Array
    """From the R wave."""
    rise_s: Array
    """Standard deviation of the flank before the centre."""
    fall_s: Array
    height: Array

    def at(self, time_s: Array) -> Array:
        """Values at times ``[T]`` from the R wave."""
        apart_s = time_s[:, None] - self.centre_s
        width_s = np.where(apart_s < 0, self.rise_s, self.fall_s)
        return np.asarray(np.exp(-0.5 * (apart_s / width_s) ** 2) @ self.height)


def draw_hearts(
    count: int, *, length_samples: int, sample_rate_hz: float, random: np.random.Generator
) -> Array:
    """Electrocardiograms of one lead: ``[count, T]``, float64, in mV.

    Heart rate, its variability, the sizes, widths and signs of all waves, notches and the ST segment's level
    are drawn for each signal; some have ectopic beats, atrial fibrillation or a pacemaker's spikes, and some
    pass into ventricular flutter or fibrillation, or out of it.

    Args:
        count: number of signals.
        length_samples: T.
        sample_rate_hz: in Hz.
        random: where everything random comes from.
    """
    drawn = np.zeros((count, length_samples))
    for row in drawn:
        _fill(row, sample_rate_hz, random)
    return drawn


def _fill(row: Array, rate_hz: float, random: np.random.Generator) -> None:
    fibrillating = random.random() < FIBRILLATING_SHARE
    interval_s = 60 / np.exp(random.uniform(*np.log(RATE_PER_MIN)))
    normal, ectopic = _draw_beat(interval_s, fibrillating, random), _draw_ectopic(interval_s, random)
    starts_s, early = _rhythm(len(row) / rate_hz, interval_s, fibrillating, random)
    breathing_hz, depth = random.uniform(0.12, 0.5), random.uniform(0, 0.15)
    for start_s, is_early in zip(starts_s, early, strict=True):
        size = 1 + depth * np.sin(2 * np.pi * breathing_hz * start_s) + 0.02 * random.normal()
        _add(row, ectopic if is_early else normal, start_s, size, rate_hz)
    if fibrillating:
        row += _fibrillation(len(row) / rate_hz, len(row), random)
    if random.random() < VENTRICULAR_SHARE:
        _stop_beating(row, rate_hz, random)
    row *= np.exp(random.uniform(*np.log(PEAK_MV)))


def _rhythm(
    duration_s: float, interval_s: float, fibrillating: bool, random: np.random.Generator
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Times of the R waves, from before the signal to after it, and which of the beats are ectopic."""
    count = int((duration_s + 4) / (0.5 * interval_s)) + 2
    spread = random.uniform(0.12, 0.3) if fibrillating else random.uniform(0, 0.06)
    breaths = random.uniform(0, 0.08) * np.sin(
        random.uniform(0.5, 2) * np.arange(count) + random.uniform(0, 6)
    )
    intervals_s = interval_s * np.maximum(0.45, 1 + breaths + spread * random.standard_normal(count))
    share = random.uniform(0.03, 0.4) if random.random() < ECTOPIC_SHARE else 0.0
    early = random.random(count) < share
    early[1:] &= ~early[:-1]
    shift_s = np.where(early, (1 - random.uniform(*PREMATURE, count)) * intervals_s, 0)
    starts_s = np.cumsum(intervals_s) - shift_s - random.uniform(1, 1 + interval_s)
    within = starts_s < duration_s + BEFORE_S
    return starts_s[within], early[within]


def _draw_beat(interval_s: float, fibrillating: bool, random: np.random.Generator) -> Beat:
    """A conducted beat: P, QRS with or without notches, ST segment, T and U."""
    width_s = np.exp(random.uniform(*np.log((0.008, 0.03))))
    p_height = 0.0 if fibrillating else random.normal(0.12, 0.08)
    waves = [
        *_p_wave(p_height, random),
        *_complex(width_s, random),
        *_repolarisation(interval_s, width_s, random),
    ]
    if random.random() < PACED_SHARE:
        waves.append((-4 * width_s, SPIKE_WIDTH_S, SPIKE_WIDTH_S, _sign(random) * random.uniform(0.3, 2)))
    return _normalised(waves)


def _draw_ectopic(interval_s: float, random: np.random.Generator) -> Beat:
    """A beat from the ventricles: no P wave, mostly wide, and a T wave against it."""
    width_s = random.uniform(0.012, 0.05)
    main = _sign(random) * random.uniform(0.6, 1)
    waves = [
        (0.0, width_s, width_s * random.uniform(0.6, 1.5), main),
        (random.uniform(1.5, 3) * width_s, width_s, 1.5 * width_s, -main * random.uniform(0, 0.8)),
    ]
    t_s = random.uniform(0.22, 0.34) * np.sqrt(min(interval_s, 1.2)) + width_s
    waves.append(
        (t_s, random.uniform(0.04, 0.09), random.uniform(0.03, 0.07), -main * random.uniform(0.1, 0.6))
    )
    return _normalised(waves, random.uniform(0.6, 1.8))


Wave = tuple[float, float, float, float]
"""Centre, rise, fall and height."""


def _p_wave(height: float, random: np.random.Generator) -> list[Wave]:
    """One hump or, of two atria that do not keep time, two."""
    at_s, width_s = -random.uniform(0.11, 0.24), random.uniform(0.012, 0.032)
    apart_s, second = random.uniform(0, 0.05), random.uniform(-1, 1)
    return [(at_s, width_s, width_s, height), (at_s + apart_s, width_s, width_s, second * height)]


def _complex(width_s: float, random: np.random.Generator) -> list[Wave]:
    """Q, R and S of any sign that a lead may see, and a notch, slur or second R in some."""
    r = _sign(random) * random.uniform(0.3, 1)
    q, s = -(random.uniform(0, 0.4) ** 2) / 0.4, -(random.uniform(0, 1) ** 2)
    waves = [
        (0.0, width_s, width_s, r),
        (-random.uniform(1.8, 3) * width_s, width_s * random.uniform(0.5, 1), width_s, q * np.sign(r)),
        (random.uniform(1.8, 3) * width_s, width_s, width_s * random.uniform(0.7, 1.6), s * np.sign(r)),
    ]
    if random.random() < 0.4:
        notch_s = random.uniform(0.004, 0.012)
        waves.append((random.uniform(-2, 5) * width_s, notch_s, notch_s, random.uniform(-0.4, 0.4)))
    return waves


def _repolarisation(interval_s: float, width_s: float, random: np.random.Generator) -> list[Wave]:
    """The ST segment's level, the T wave, which falls faster than it rises, and a small U wave."""
    stretch = np.sqrt(np.clip(interval_s, 0.35, 1.4))
    t_s, rise_s = random.uniform(0.24, 0.38) * stretch, random.uniform(0.03, 0.09) * stretch
    height = random.normal(0.2, 0.2)
    shift = random.choice([0.0, random.normal(0, 0.12)])
    biphasic = random.choice([0.0, 0.0, -random.uniform(0.2, 0.9)]) * height
    fall_s = rise_s * random.uniform(0.4, 0.9)
    return [
        (2.5 * width_s + 0.35 * t_s, 0.2 * t_s, 0.4 * t_s, shift),
        (t_s, rise_s, fall_s, height),
        (t_s + 1.6 * fall_s, fall_s, fall_s, biphasic),
        (t_s + random.uniform(0.12, 0.2) * stretch, 0.03, 0.04, random.uniform(-0.02, 0.05)),
    ]


def _normalised(waves: list[Wave], peak: float = 1.0) -> Beat:
    """The waves as arrays, the beat's largest excursion at `peak`."""
    centre_s, rise_s, fall_s, height = np.array(waves).T
    beat = Beat(centre_s, rise_s, fall_s, height)
    largest = np.abs(beat.at(np.linspace(-BEFORE_S, AFTER_S, 652))).max()
    return Beat(centre_s, rise_s, fall_s, peak * height / max(largest, 1e-6))


def _add(row: Array, beat: Beat, start_s: float, size: float, rate_hz: float) -> None:
    """Add what of a beat lies within the signal."""
    first = max(0, int(np.ceil((start_s - BEFORE_S) * rate_hz)))
    last = min(len(row), int((start_s + AFTER_S) * rate_hz))
    if first < last:
        row[first:last] += size * beat.at(np.arange(first, last) / rate_hz - start_s)


def _stop_beating(row: Array, rate_hz: float, random: np.random.Generator) -> None:
    """Put ventricular flutter or fibrillation in the place of the beats, from some time until another."""
    duration_s = len(row) / rate_hz
    begin_s = random.uniform(-duration_s, 0.8 * duration_s)
    end_s = max(begin_s, 0) + random.uniform(0.2, 2) * duration_s
    time_s = np.arange(len(row)) / rate_hz
    share = np.clip((time_s - begin_s) / PASSING_S, 0, 1) * np.clip((end_s - time_s) / PASSING_S, 0, 1)
    row += share * (_ventricular(duration_s, len(row), random) - row)


def _ventricular(duration_s: float, length: int, random: np.random.Generator) -> Array:
    """One to three waves of near frequencies, the largest peak at 1: steady as flutter or wavering."""
    count, spread = int(random.integers(1, 4)), random.uniform(0.02, 0.6)
    mean_hz = np.exp(random.uniform(*np.log(VENTRICULAR_HZ)))
    waves = np.zeros(length)
    for _ in range(count):
        hz = mean_hz * np.exp(random.uniform(-0.3, 0.3) * spread)
        waves += random.uniform(0.4, 1) * _waves(duration_s, length, hz, spread, random)
    return np.asarray(waves / max(np.abs(waves).max(initial=0), 1e-6))


def _fibrillation(duration_s: float, length: int, random: np.random.Generator) -> Array:
    """Waves of 4 to 9 a second, small beside the beats."""
    hz, size = random.uniform(*FIBRILLATION_HZ), random.uniform(0.01, 0.12)
    return size * _waves(duration_s, length, hz, 0.2, random)


def _waves(
    duration_s: float, length: int, mean_hz: float, spread: float, random: np.random.Generator
) -> Array:
    """Waves of a height near 1 whose frequency wavers by `spread` of it, and so does their height."""
    knots = np.linspace(0, duration_s, max(4, int(2 * duration_s)))
    time_s = np.arange(length) * duration_s / length
    hz, size = (
        np.interp(time_s, knots, random.uniform(1 - spread, 1 + spread, len(knots))) for _ in range(2)
    )
    phase = 2 * np.pi * mean_hz * np.cumsum(hz) * duration_s / length + random.uniform(0, 2 * np.pi)
    return np.asarray(size * (np.sin(phase) + random.uniform(0, 0.5) * np.sin(2 * phase)))


def _sign(random: np.random.Generator) -> float:
    return float(random.choice([-1.0, 1.0]))
