"""Nonlinear least squares for sums of sines: what a specialist does who knows only how many there are.

Frequencies, amplitudes and phases are all unknown, three to a sine. The amplitudes and phases enter linearly,
as a cosine and a sine part, and are solved for; only the frequencies are searched for (variable projection).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Array, Signal, check_band, check_sample_rate, check_signal, energy
from dan.core.errors import DanError
from dan.dsp.phasors import phasors

PADDING = 8
"""Zero-padding of the periodogram: a peak is found within 1/16 of a Rayleigh cell (1 / duration)."""

RIDGE = 1e-10
"""Load on the normal equations, relative to a sine's energy: two sines that meet stay solvable."""

STEPS_PER_PEAK = 5
STEPS_AT_LAST = 20
"""Refinement steps after each peak, and at the end: near the minimum each step squares the relative error."""

CHUNK_SIGNALS = 128
"""Signals fitted at once, small enough for the working set to stay in the cache."""


def fit_sinusoids(
    noisy: npt.ArrayLike,
    *,
    sample_rate_hz: float,
    sines: int | npt.NDArray[np.integer],
    frequency_hz: tuple[float, float] = (10.0, 64.0),
) -> Signal:
    """Least-squares fit of a known number of sines of free frequency, amplitude and phase.

    One sine after the other is placed on the highest peak of the residual's periodogram, and the frequencies
    are refined together after each by Levenberg-Marquardt on the projected residual.

    Args:
        noisy: ``[*, T]``.
        sample_rate_hz: its rate in Hz.
        sines: how many sines there are, from 1 to T / 3: one number for all, or integers ``[*]``.
        frequency_hz: lowest and highest frequency that a sine may have, in Hz, up to half the rate.

    Returns:
        The fitted sum of sines ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal or a setting is wrong.

    Source: G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate", 1973, with the shorter Jacobian of L. Kaufman, 1975.
    """
    signal = check_signal(noisy, name="noisy")
    rate_hz = check_sample_rate(sample_rate_hz)
    band_hz = check_band(frequency_hz, sample_rate_hz=rate_hz)
    counts = _check_counts(sines, signal).reshape(-1)
    flat = signal.reshape(-1, signal.shape[-1]).astype(np.float64)
    estimate = np.empty_like(flat)
    for count in np.unique(counts):
        chosen = np.flatnonzero(counts == count)
        for rows in np.array_split(chosen, math.ceil(len(chosen) / CHUNK_SIGNALS)):
            estimate[rows] = _fit(flat[rows], int(count), rate_hz=rate_hz, band_hz=band_hz)
    return estimate.reshape(signal.shape).astype(signal.dtype)


def _check_counts(sines: int | npt.NDArray[np.integer], signal: Signal) -> npt.NDArray[np.integer]:
    counts, wanted = np.asarray(sines), signal.shape[:-1]
    if counts.dtype.kind not in "iu" or counts.shape not in ((), wanted):
        raise DanError(
            f"sines of dtype {counts.dtype} and shape {list(counts.shape)}",
            f"it is a whole number, or one for each signal: {list(wanted)}",
            "Give the number of sines",
        )
    low, high = int(counts.min()), int(counts.max())
    if low < 1 or 3 * high > signal.shape[-1]:
        raise DanError(
            f"sines={low if low < 1 else high}",
            f"it is from 1 to a third of the {signal.shape[-1]} samples",
            "Give fewer unknowns than samples",
        )
    return np.broadcast_to(counts, wanted)


def _fit(noisy: Array, count: int, *, rate_hz: float, band_hz: tuple[float, float]) -> Array:
    """Fit signals ``[N, T]``."""
    frequency_hz = np.empty((len(noisy), 0))
    residual = noisy
    for placed in range(1, count + 1):
        peak_hz = _highest_peak(residual, rate_hz=rate_hz, band_hz=band_hz)
        frequency_hz = np.concatenate([frequency_hz, peak_hz[:, None]], axis=-1)
        steps = STEPS_PER_PEAK if placed < count else STEPS_AT_LAST
        frequency_hz, residual = _refine(noisy, frequency_hz, steps=steps, rate_hz=rate_hz, band_hz=band_hz)
    return noisy - residual


def _highest_peak(residual: Array, *, rate_hz: float, band_hz: tuple[float, float]) -> Array:
    """Frequency of the periodogram's highest bin within the band: ``[N, T] -> [N]``."""
    size = PADDING * residual.shape[-1]
    first, last = math.floor(band_hz[0] * size / rate_hz), math.ceil(band_hz[1] * size / rate_hz)
    spectrum = np.abs(np.fft.rfft(residual, size))[:, first : last + 1]
    return np.asarray(np.clip((first + spectrum.argmax(axis=-1)) * rate_hz / size, *band_hz))


@dataclass
class _Projection:
    """Signals ``[N, T]`` split into the span of their sines and the residual."""

    residual: Array
    loss: Array
    """Energy of the residual ``[N]``."""
    gradient: Array
    """Gradient of half the gain (minus loss) by frequency, ``[N, K]``."""
    curvature: Array
    """Gauss-Newton's, ``[N, K, K]``."""

    @classmethod
    def of(cls, noisy: Array, frequency_hz: Array, *, rate_hz: float) -> _Projection:
        count, length = frequency_hz.shape[-1], noisy.shape[-1]
        waves = phasors(frequency_hz, length_samples=length, sample_rate_hz=rate_hz)
        basis = np.concatenate([waves.real, waves.imag], axis=-2)  # [N, 2K, T]
        gram = basis @ _transposed(basis) + RIDGE * length * np.eye(2 * count)
        weights = np.linalg.solve(gram, basis @ noisy[..., None])  # [N, 2K, 1]
        residual = noisy - (_transposed(weights) @ basis)[:, 0]
        # d/df (a cos + b sin) = 2 pi t (b cos - a sin) = 2 pi t Re((b + i a) exp(i 2 pi f t))
        quadrature = weights[:, count:] + 1j * weights[:, :count]
        slopes = (quadrature * waves).real * (2 * np.pi / rate_hz * np.arange(length))  # [N, K, T]
        # Kaufman: only the part of the slopes that the amplitudes cannot follow counts.
        across = slopes - _transposed(np.linalg.solve(gram, basis @ _transposed(slopes))) @ basis
        return cls(
            residual, energy(residual), (slopes @ residual[..., None])[..., 0], across @ _transposed(across)
        )

    def where(self, chosen: npt.NDArray[np.bool_], other: _Projection) -> _Projection:
        """The other's split where it is chosen ``[N]``."""
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return _Projection(*(np.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), b, a) for a, b in pairs))


def _refine(
    noisy: Array, frequency_hz: Array, *, steps: int, rate_hz: float, band_hz: tuple[float, float]
) -> tuple[Array, Array]:
    """Levenberg-Marquardt on all frequencies of each signal: the frequencies ``[N, K]`` and the residual."""
    cell_hz = rate_hz / noisy.shape[-1]
    damping = np.full((len(noisy), 1), 1e-3)
    now = _Projection.of(noisy, frequency_hz, rate_hz=rate_hz)
    for _ in range(steps):
        diagonal = np.einsum("nkk->nk", now.curvature)
        load = damping * diagonal + RIDGE * (1 + diagonal.max(axis=-1, keepdims=True))
        loaded = now.curvature + load[..., None] * np.eye(load.shape[-1])
        step_hz = np.linalg.solve(loaded, now.gradient[..., None])[..., 0]
        trial_hz = np.clip(frequency_hz + np.clip(step_hz, -cell_hz / 2, cell_hz / 2), *band_hz)
        trial = _Projection.of(noisy, trial_hz, rate_hz=rate_hz)
        better = trial.loss < now.loss
        damping = np.clip(np.where(better[:, None], damping / 5, damping * 5), 1e-9, 1e9)
        frequency_hz = np.where(better[:, None], trial_hz, frequency_hz)
        now = now.where(better, trial)
    return frequency_hz, now.residual


def _transposed(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)
