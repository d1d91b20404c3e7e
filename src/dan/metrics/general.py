"""Metrics of any signal: SNR, SI-SDR and the interval of a mean, ``[*, T] -> [*]``, in float64.

All are finite, also for silence and for perfection: ratios in dB are held within +-100 dB, and nothing over
nothing is 0 dB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dan.core.arrays import (
    Array,
    check_same_shape,
    check_signal,
    energy,
    energy_ratio_db,
)
from dan.core.errors import DanError


def snr_db(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """SNR: energy of the reference over that of the error, in dB; higher is better.

    Args:
        estimate: ``[*, T]``, at unity gain: a wrong level counts as error.
        reference: the clean signal ``[*, T]``.

    Returns:
        ``[*]`` in dB, within +-100. A silent estimate has 0 dB.

    Raises:
        DanError: if a signal is wrong or the shapes differ.
    """
    guess, truth = check_pair(estimate, reference)
    return energy_ratio_db(energy(truth), energy(guess - truth))


def si_sdr_db(*, estimate: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Scale-invariant signal-to-distortion ratio, in dB; higher is better.

    The reference is scaled to fit the estimate best (``a = <e, r> / <r, r>``); the ratio is the energy of
    ``a r`` over that of ``e - a r``. The mean is not removed: a constant offset counts as distortion. It does
    not see the level, nor the sign.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``.

    Returns:
        ``[*]`` in dB, within +-100. A silent estimate has 0 dB, any other of a silent reference -100.

    Raises:
        DanError: if a signal is wrong or the shapes differ.

    Source: J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or well done?", 2019.
    """
    guess, truth = (at_unit_peak(signal) for signal in check_pair(estimate, reference))
    length = energy(truth)
    along = np.einsum("...t,...t->...", guess, truth)
    scale = np.divide(along, length, out=np.zeros_like(length), where=length > 0)
    target = scale[..., None] * truth
    return energy_ratio_db(energy(target), energy(guess - target))


def snr_gain_db(*, estimate: npt.ArrayLike, noisy: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """SNR of the estimate less that of the noisy input, ``[*]`` in dB; below 0 it did harm.

    Raises:
        DanError: if a signal is wrong or the shapes differ.
    """
    return snr_db(estimate=estimate, reference=reference) - snr_db(estimate=noisy, reference=reference)


def si_sdr_gain_db(*, estimate: npt.ArrayLike, noisy: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """SI-SDR of the estimate less that of the noisy input, ``[*]`` in dB.

    Raises:
        DanError: if a signal is wrong or the shapes differ.
    """
    return si_sdr_db(estimate=estimate, reference=reference) - si_sdr_db(estimate=noisy, reference=reference)


def bootstrap_interval(
    values: npt.ArrayLike, *, level: float = 0.95, seed: int = 0, draws: int = 1000
) -> tuple[float, float]:
    """Bootstrap percentile interval of a mean: how far it would move with other signals of the same kind.

    Args:
        values: one figure of each signal, ``[N]``.
        level: chance that the interval covers the mean, above 0 and below 1.
        seed: the same seed gives the same interval.
        draws: number of resamples, at least 1.

    Returns:
        Its lower and upper end; both are the value itself if there is but one.

    Raises:
        DanError: if the values or a setting is wrong.

    Source: B. Efron, "Bootstrap methods: another look at the jackknife", 1979.
    """
    figures = check_signal(values, name="values", rank=1).astype(np.float64)
    if not 0 < level < 1 or draws < 1:
        raise DanError(f"level={level}, draws={draws}", "0 < level < 1 and draws >= 1", "Leave the defaults")
    random = np.random.default_rng(seed)
    means = [random.choice(figures, len(figures)).mean() for _ in range(draws)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def check_pair(estimate: npt.ArrayLike, reference: npt.ArrayLike) -> tuple[Array, Array]:
    """Check pairs and scale each in float64 by one factor, so that no energy over- or underflows."""
    guess, truth = check_signal(estimate, name="estimate"), check_signal(reference, name="reference")
    check_same_shape(estimate=guess, reference=truth)
    both = at_unit_peak(np.concatenate([guess, truth], axis=-1))
    return both[..., : guess.shape[-1]], both[..., guess.shape[-1] :]


def at_unit_peak(signal: npt.NDArray[np.floating]) -> Array:
    """A signal ``[*, T]`` in float64 with a largest magnitude of 1 in each row; silence stays silent."""
    wide = signal.astype(np.float64)
    peak = np.abs(wide).max(axis=-1, keepdims=True)
    return np.asarray(np.divide(wide, peak, out=np.zeros_like(wide), where=peak > 0))
