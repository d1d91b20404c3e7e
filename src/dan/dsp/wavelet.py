"""Wavelet shrinkage."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pywt

from dan.core.arrays import Array, Signal, check_signal
from dan.core.errors import DanError

MEDIAN_OF_ABSOLUTE_NORMAL = 0.6745


def wavelet(
    noisy: npt.ArrayLike,
    *,
    wavelet: str = "sym8",
    levels: int | None = None,
    white: bool = True,
    strength: float = 1.0,
) -> Signal:
    """Wavelet shrinkage: BayesShrink at every scale of the undecimated transform, noise by MAD.

    White noise has the deviation of the finest scale, its median absolute coefficient over 0.6745, at every
    scale; of noise of another colour each scale tells its own, and the coarsest approximation is kept as it
    is. Each scale, with white noise the approximation too, is soft-thresholded at ``noise variance /
    clean deviation``. Leaving out the decimation averages over all shifts, which gains about 1 dB.

    Args:
        noisy: ``[*, T]``.
        wavelet: name of an orthogonal wavelet, from ``pywt.wavelist(kind="discrete")``.
        levels: scales, at least 1; None takes as many as hold a coefficient that no boundary touches.
        white: whether the noise is white.
        strength: factor of the threshold, at least 0.

    Returns:
        The shrunk signal ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal or a setting is wrong.

    Source: S. G. Chang, B. Yu and M. Vetterli, "Adaptive wavelet thresholding for image denoising and
    compression", 2000; R. R. Coifman and D. L. Donoho, "Translation-invariant de-noising", 1995; the noise's
    level after D. L. Donoho and I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994, and
    scale by scale after I. M. Johnstone and B. W. Silverman, "Wavelet threshold estimators for data with
    correlated noise", 1997.
    """
    signal = check_signal(noisy, name="noisy")
    if wavelet not in pywt.wavelist(kind="discrete") or not pywt.Wavelet(wavelet).orthogonal:
        raise DanError(f"wavelet={wavelet}", "it is no orthogonal wavelet of PyWavelets", "Give sym8 or db4")
    if levels is None:
        levels = max(1, pywt.dwt_max_level(signal.shape[-1], pywt.Wavelet(wavelet).dec_len))
    if not 1 <= levels <= 16:
        raise DanError(f"levels={levels}", "it is from 1 to 16", "Give fewer")
    if not strength >= 0:
        raise DanError(f"strength={strength}", "it is at least 0", "Give 1")
    rows = signal.astype(np.float64).reshape(-1, signal.shape[-1])
    shrunk = np.stack([_shrink(row, wavelet, levels, white=white, strength=strength) for row in rows])
    return shrunk.reshape(signal.shape).astype(signal.dtype)


def _shrink(row: Array, wavelet: str, levels: int, *, white: bool, strength: float) -> Array:
    """Shrink the wavelet coefficients of ``[T]``, mirrored at its ends to a multiple of 2^levels."""
    length, reach = len(row), pywt.Wavelet(wavelet).dec_len * 2 ** (levels - 1)
    before = min(reach, length)
    wide = np.pad(row, (before, before + -(length + 2 * before) % 2**levels), mode="symmetric")
    scales = pywt.swt(wide, wavelet, level=levels, trim_approx=True, norm=True)  # coarsest first
    depths = np.array([levels, *range(levels, 0, -1)])
    each = np.array([np.median(np.abs(scale)) for scale in scales]) / MEDIAN_OF_ABSOLUTE_NORMAL
    if white:  # with norm=True white noise of deviation d has the deviation d / sqrt(2^depth) at each scale
        deviations = math.sqrt(2) * each[-1] / 2 ** (depths / 2)
    else:
        deviations = np.where(np.arange(len(scales)) > 0, each, 0.0)
    kept = [
        _bayes_shrink(scale, float(deviation), strength)
        for scale, deviation in zip(scales, deviations, strict=True)
    ]
    return np.asarray(pywt.iswt(kept, wavelet, norm=True)[before : before + length])


def _bayes_shrink(scale: Array, deviation: float, strength: float) -> Array:
    if strength == 0 or deviation == 0:  # no noise to take away: digital silence, for one
        return scale
    clean_variance = max(0.0, float(np.mean(scale**2)) - deviation**2)
    if clean_variance <= 0:
        return np.zeros_like(scale)
    return np.asarray(pywt.threshold(scale, strength * deviation**2 / math.sqrt(clean_variance), mode="soft"))
