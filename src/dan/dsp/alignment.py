"""Lag, gain and polarity at which one signal is contained in another, over many pairs of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_same_shape, energy

SURE = 6.0
"""Standard errors by which another lag must be better: of all lags the best is chosen, so 3 are chance."""
TINY = np.finfo(np.float64).tiny
WORTH = 0.02
"""Share of the reference by which another lag must be better."""


@dataclass(frozen=True)
class Alignment:
    """How references are contained in signals."""

    lag_samples: int
    """Samples by which the signals are late; negative where early, 0 unless another lag is surely better."""
    gains: npt.NDArray[np.float64]
    """Gain of each reference in its signal at that lag, ``[N]``; negative where the polarity is flipped."""
    correlations: npt.NDArray[np.float64]
    """Correlation coefficients of each pair at that lag, ``[N]``, the means not taken off."""

    @property
    def gain(self) -> float:
        """Median over the pairs."""
        return float(np.median(self.gains))

    @property
    def gain_error(self) -> float:
        """Standard error of the median gain."""
        return _median_error(self.gains)


def align(reference: Signal, signal: Signal) -> Alignment:
    """Find the lag and the gains at which references are contained in signals, whatever else is in these.

    The lag is the peak of the cross-correlation, normalised by each reference's energy and averaged over the
    pairs, within half of the length either way.

    Args:
        reference: ``[N, T]``; silent ones are passed over.
        signal: ``[N, T]``.

    Raises:
        DanError: if the shapes differ.
    """
    check_same_shape(reference=reference, signal=signal)
    heard = energy(reference) > 0
    reference, signal = reference[heard], signal[heard]
    if not len(reference):
        return Alignment(0, np.empty(0), np.empty(0))
    lag = _peak(reference, signal)
    here, there = (Alignment(at, *_gains(reference, signal, at)) for at in (0, lag))
    better = np.sign(there.gain) * there.gains - np.sign(here.gain) * here.gains
    error = np.std(better, ddof=1) / math.sqrt(len(better)) if len(better) > 1 else 0.0
    return there if np.mean(better) > max(WORTH, SURE * error) else here


def _peak(reference: Signal, signal: Signal) -> int:
    """The lag of the largest mean cross-correlation of either sign."""
    length = reference.shape[-1]
    size = 1 << (2 * length - 1).bit_length()
    total = np.zeros(size)
    for one, other in zip(reference, signal, strict=True):  # one by one: many long ones fit into memory
        spectrum = np.conj(np.fft.rfft(one, size)) * np.fft.rfft(other, size)
        total += np.fft.irfft(spectrum, size) / energy(one)
    most = length // 2
    lags = np.concatenate([np.arange(most + 1), np.arange(-most, 0)])
    return int(lags[np.argmax(np.abs(total[lags]))])


def _gains(
    reference: Signal, signal: Signal, lag: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gain and correlation coefficient of each pair at a lag, over what the two have in common: ``[N]``."""
    length = reference.shape[-1] - abs(lag)
    early = reference[:, max(0, -lag) :][:, :length].astype(np.float64)
    late = signal[:, max(0, lag) :][:, :length].astype(np.float64)
    power, common = np.maximum(energy(early), TINY), np.einsum("nt,nt->n", early, late)
    return common / power, common / np.sqrt(power * np.maximum(energy(late), TINY))


def _median_error(values: npt.NDArray[np.float64]) -> float:
    """Standard error of a median: 1.25 times that of a mean of Gaussian values; the spread is robust."""
    spread = 1.48 * np.median(np.abs(values - np.median(values)))
    return float(1.25 * spread / math.sqrt(len(values)))
