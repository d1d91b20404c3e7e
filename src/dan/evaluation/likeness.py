"""Likeness of outputs to clean signals as a whole, whichever each of them comes of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dan.core.arrays import check_same_shape, check_signal
from dan.dsp.stft import power_spectra

FLOOR_DB = -60.0
"""Level under a sine of amplitude 1 below which nothing is told apart."""


def level_distance_db(signals: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Distance between the levels that two sets of signals have, the mean over frequency in dB; 0 is best.

    In each bin of the Hann-windowed spectrum the levels of either set are put in order and compared place by
    place: the earth mover's distance of the two distributions. It is no measure of error, as no signal is
    compared with its own reference: a set is like another where loud and silent bins are as frequent in it.

    Args:
        signals: outputs ``[N, T]``.
        others: as many clean signals ``[N, T]``, better others than the outputs come of.

    Raises:
        DanError: if one is no signal, or the shapes differ.
    """
    pair = [check_signal(signals, name="signals"), check_signal(others, name="others")]
    check_same_shape(signals=pair[0], others=pair[1])
    ordered = [np.sort(_levels_db(each), axis=0) for each in pair]
    return float(np.abs(ordered[0] - ordered[1]).mean())


def _levels_db(signals: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the level of each bin ``[N, F]``; a sine of amplitude 1 in the middle of a bin has 0 dB."""
    length = signals.shape[-1]
    power = power_spectra(signals.astype(np.float64), n_fft=length, hop_length=length)[:, 0]
    return np.asarray(10 * np.log10(power / (length / 4) ** 2 + 10 ** (FLOOR_DB / 10)))
