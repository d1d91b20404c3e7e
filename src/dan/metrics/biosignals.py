"""Metrics of an estimate of an EEG or ECG, those of these fields: ``[*, T] -> [*]``, in float64.

All are finite, also for silence and for perfection: ratios are held within 10^5, which is 100 dB, and are 0
without any error.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dan.core.arrays import SNR_LIMIT_DB, Array, check_same_shape, check_signal, energy
from dan.metrics.general import check_pair

RATIO_LIMIT = 10 ** (SNR_LIMIT_DB / 20)


def rrmse_temporal(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Relative root mean square error in time: RMS of the error over RMS of the reference; 0 is best.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``.

    Returns:
        ``[*]`` from 0 to 10^5; a silent estimate has 1. It is ``10 ** (-snr_db / 20)``.

    Raises:
        DanError: if a signal is wrong or the shapes differ.

    Source: H. Zhang, M. Zhao, C. Wei, D. Mantini, Z. Li and Q. Liu, "EEGdenoiseNet: a benchmark dataset for
    deep learning solutions of EEG denoising", 2021. Their SNR is another: 10 log10 of the RMS ratio, half of
    the dB here.
    """
    guess, truth = check_pair(estimate, reference)
    return _relative(energy(guess - truth), energy(truth))


def rrmse_spectral(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Relative root mean square error of the power spectral density; 0 is best.

    The RMS over frequency, both signs of it, of the difference of the two densities, over the RMS of the
    reference's. They do not say how they estimate the density; here it is the periodogram of the whole
    signal without a window.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``.

    Returns:
        ``[*]`` from 0 to 10^5; a silent estimate has 1. It sees the level but no phase.

    Raises:
        DanError: if a signal is wrong or the shapes differ.

    Source: Zhang et al. 2021, as above.
    """
    guess, truth = (np.abs(np.fft.fft(signal)) ** 2 for signal in check_pair(estimate, reference))
    return _relative(energy(guess - truth), energy(truth))


def correlation(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Pearson's correlation coefficient over time; 1 is best.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``.

    Returns:
        ``[*]`` from -1 to 1, whatever the levels and means; 0 where either signal is constant.

    Raises:
        DanError: if a signal is wrong or the shapes differ.

    Source: Zhang et al. 2021, as above, who call it CC.
    """
    guess, truth = (_centred(signal) for signal in check_pair(estimate, reference))
    return _cosine(guess, truth)


def cosine_similarity(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Cosine of the angle between the two signals, their means kept; 1 is best.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``.

    Returns:
        ``[*]`` from -1 to 1, whatever the levels; 0 where either signal is silent.

    Raises:
        DanError: if a signal is wrong or the shapes differ.

    Source: F. P. Romero, D. C. Pinol and C. R. Vazquez-Seisdedos, "DeepFilter: an ECG baseline wander removal
    filter using deep learning techniques", 2021.
    """
    return _cosine(*check_pair(estimate, reference))


def prd_percent(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Percentage root-mean-square difference, over the energy of the reference as it is; 0 is best.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``; an offset in it makes the figure look better.

    Returns:
        ``[*]`` in per cent, from 0 to 10^7; a silent estimate has 100.

    Raises:
        DanError: if a signal is wrong or the shapes differ.

    Source: Y. Zigel, A. Cohen and A. Katz, "The weighted diagnostic distortion (WDD) measure for ECG signal
    compression", 2000. Romero et al. 2021 print another one: their code divides by the energy of the
    estimate, less the reference's mean, not by that of the reference.
    """
    return 100 * rrmse_temporal(estimate=estimate, reference=reference)


def prd_centred_percent(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Percentage root-mean-square difference over the energy of the reference less its mean; 0 is best.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``; an offset in it does not matter, an error of offset does.

    Returns:
        ``[*]`` in per cent, from 0 to 10^7; never below `prd_percent`.

    Raises:
        DanError: if a signal is wrong or the shapes differ.

    Source: Zigel et al. 2000, as above; also called PRDN or PRD1.
    """
    guess, truth = check_pair(estimate, reference)
    return 100 * _relative(energy(guess - truth), energy(_centred(truth)))


def ssd(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Sum of the squared distance over all samples, in the signal's unit squared; 0 is best.

    It grows with length, level and sample rate: compare it on the same signals only. Romero et al. 2021 take
    512 samples at 360 Hz.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``.

    Returns:
        ``[*]``, at least 0.

    Raises:
        DanError: if a signal is wrong or the shapes differ.
    """
    with np.errstate(over="ignore"):
        return _finite(energy(_distance(estimate, reference)))


def mad(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Maximum absolute distance over all samples, in the signal's unit; 0 is best.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``.

    Returns:
        ``[*]``, at least 0.

    Raises:
        DanError: if a signal is wrong or the shapes differ.

    Source: Romero et al. 2021, as above.
    """
    return _finite(np.abs(_distance(estimate, reference)).max(axis=-1))


def _distance(estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    guess, truth = check_signal(estimate, name="estimate"), check_signal(reference, name="reference")
    check_same_shape(estimate=guess, reference=truth)
    with np.errstate(over="ignore"):
        return guess.astype(np.float64) - truth.astype(np.float64)


def _finite(values: Array) -> Array:
    return np.asarray(np.minimum(values, np.finfo(np.float64).max))


def _relative(error: Array, whole: Array) -> Array:
    """Root of a ratio of energies, 0 without an error and never above the limit."""
    ratio = np.full(error.shape, RATIO_LIMIT**2)
    with np.errstate(over="ignore"):
        ratio = np.sqrt(np.divide(error, whole, out=ratio, where=whole > 0))
    return np.where(error > 0, np.minimum(ratio, RATIO_LIMIT), 0.0)


def _centred(signal: Array) -> Array:
    """Subtract the mean; exactly 0 where the signal is constant but for the mean's rounding."""
    centred = signal - signal.mean(axis=-1, keepdims=True)
    rounding = 1e-14 * np.abs(signal).max(axis=-1, keepdims=True)
    return np.where(np.abs(centred).max(axis=-1, keepdims=True) > rounding, centred, 0.0)


def _cosine(guess: Array, truth: Array) -> Array:
    sizes = np.sqrt(energy(guess)) * np.sqrt(energy(truth))
    along = np.einsum("...t,...t->...", guess, truth)
    cosine = np.divide(along, sizes, out=np.zeros_like(along), where=sizes > 0)
    return np.asarray(np.clip(cosine, -1.0, 1.0))
