"""Effects of a recording device on a signal and its noise alike: a limited band and an offset."""

from __future__ import annotations

import numpy as np

from dan.core.arrays import Signal

STEEPNESS = 2, 16
"""Least and largest order of a device's low-pass: an amplifier's is gentle, a resampler's steep."""


def band_limited(
    clean: Signal,
    noise: Signal,
    *,
    share: float,
    cutoff_hz: tuple[float, float],
    sample_rate_hz: float,
    random: np.random.Generator,
) -> tuple[Signal, Signal]:
    """Clean signals and noise ``[N, T]``, a share of both through one low-pass without delay.

    Args:
        clean: ``[N, T]``.
        noise: ``[N, T]``.
        share: of the signals.
        cutoff_hz: lowest and highest frequency at which 3 dB are lost; each octave alike.
        sample_rate_hz: of both.
        random: where everything random comes from.
    """
    rows = np.flatnonzero(random.random(len(clean)) < share)
    if not len(rows):
        return clean, noise
    size = 1 << (2 * clean.shape[-1] - 1).bit_length()
    lowest, highest = np.log(cutoff_hz)
    edges_hz = np.exp(random.uniform(lowest, highest, (len(rows), 1)))
    order = random.integers(*STEEPNESS, (len(rows), 1), endpoint=True)
    gain = 1 / np.sqrt(1 + (np.fft.rfftfreq(size, 1 / sample_rate_hz) / edges_hz) ** (2 * order))
    limited = []
    for signal in (clean, noise):
        limited.append(signal.copy())
        limited[-1][rows] = np.fft.irfft(gain * np.fft.rfft(signal[rows], size), size)[:, : clean.shape[-1]]
    return limited[0], limited[1]


def draw_offsets(level: Signal, *, share: float, largest: float, random: np.random.Generator) -> Signal:
    """Constant offsets ``[N, 1]``: up to `largest` times the level ``[N]`` either way for a share, else 0."""
    offsets = random.uniform(-largest, largest, len(level)) * level * (random.random(len(level)) < share)
    return offsets[:, None].astype(np.float32)
