"""Spectral gating by noisereduce, the general peer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Array, Signal, check_sample_rate, check_signal
from dan.core.errors import DanError
from dan.core.extras import require

GATE_FFT_SAMPLES = 1024
GATE_SMOOTHING_HZ, GATE_SMOOTHING_MS = 500, 50
"""noisereduce's own defaults."""

GATE_LEAST_FFT_SAMPLES = 16
GATE_LEAST_RATE_HZ = 1000 * GATE_FFT_SAMPLES / 4 / GATE_SMOOTHING_MS
"""Below this rate, 5120 Hz, its hop outlasts the time over which it smooths, which it refuses."""


def spectral_gate(
    noisy: npt.ArrayLike,
    *,
    sample_rate_hz: float,
    noise: npt.ArrayLike | None = None,
    strength: float = 1.0,
) -> Signal:
    """Stationary spectral gating by noisereduce, with settings that suit the sample rate.

    A bin passes if it lies 1.5 standard deviations of dB above the noise's mean dB, as is its default. Its
    defaults raise below 5.12 kHz, where the hop outlasts the 50 ms over which the mask is smoothed; there the
    mask is not smoothed, neither in time nor over the 500 Hz that hold a whole signal of so low a rate.

    Args:
        noisy: ``[*, T]``.
        sample_rate_hz: its rate in Hz.
        noise: a sample of the noise at the level at which it lies in `noisy`, of any shape with time last;
            None lets each signal stand for its own noise, which gates away whatever is steady,
            from frames so short that it holds some thirty.
        strength: share of a gated bin's amplitude that is taken away, from 0 to 1.

    Returns:
        The gated signal ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal or the noise is wrong, or noisereduce is not installed.

    Source: T. Sainburg, M. Thielk and T. Q. Gentner, "Finding, visualizing, and quantifying latent structure
    across diverse animal vocal repertoires", 2020 (noisereduce).
    """
    signal, rate_hz = check_signal(noisy, name="noisy"), check_sample_rate(sample_rate_hz)
    reduce_noise = require("noisereduce", extra="bench").reduce_noise
    if not 0 <= strength <= 1:
        raise DanError(f"strength={strength}", "it is from 0 to 1", "Give 1")
    rows = signal.astype(np.float64).reshape(-1, signal.shape[-1])
    if noise is None:
        options = _gate_options(rate_hz, fft_samples=_fft_samples(signal.shape[-1]))
        gated = [
            reduce_noise(row, rate_hz, y_noise=_long_enough(row, options), **options, prop_decrease=strength)
            for row in rows
        ]
    else:
        options = _gate_options(rate_hz, fft_samples=GATE_FFT_SAMPLES)
        sample = check_signal(noise, name="noise").astype(np.float64).reshape(-1)
        gated = reduce_noise(
            rows, rate_hz, y_noise=_long_enough(sample, options), **options, prop_decrease=strength
        )
    return np.asarray(gated).reshape(signal.shape).astype(signal.dtype)


def _fft_samples(length: int) -> int:
    """A power of 2 so short that a signal holds some thirty frames, enough to tell what is usual in it."""
    return min(GATE_FFT_SAMPLES, max(GATE_LEAST_FFT_SAMPLES, 1 << max(0, (length // 8).bit_length() - 1)))


def _gate_options(rate_hz: float, *, fft_samples: int) -> dict[str, Any]:
    smooth = rate_hz >= GATE_LEAST_RATE_HZ
    wide_enough = smooth and 2 * rate_hz / fft_samples <= GATE_SMOOTHING_HZ
    return {
        "stationary": True,
        "n_fft": fft_samples,
        "padding": fft_samples,
        "time_mask_smooth_ms": GATE_SMOOTHING_MS if smooth else None,
        "freq_mask_smooth_hz": GATE_SMOOTHING_HZ if wide_enough else None,
    }


def _long_enough(noise: Array, options: dict[str, Any]) -> Array:
    return np.resize(noise, max(noise.size, options["n_fft"]))
