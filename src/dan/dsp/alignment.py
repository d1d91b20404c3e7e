"""Lag, gain and polarity at which one signal is contained in another, over many pairs of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_same_shape, energy

SURE = 6.0
"""Standard errors by which another lag must be better: of all lags the best is chosen, so 3 are chance."""
NEIGHBOURS = 8
"""Bins either way whose mean noise a bin has at least: the fit may have taken its own away."""
TINY = np.finfo(np.float64).tiny
WORTH = 0.02
"""Share of the reference by which another lag must be better."""


@dataclass(frozen=True)
class Alignment:
    """Lag, gains and correlations at which references are contained in signals."""

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


def align(
    reference: Signal, signal: Signal, *, distinct: float | None = None, sure: float = SURE
) -> Alignment:
    """Find the lag and the gains at which references are contained in signals, whatever else is in these.

    The lag is the peak of the cross-correlation, normalised by each reference's energy and averaged over the
    pairs, within half of the length either way.

    Args:
        reference: ``[N, T]``; silent ones are passed over.
        signal: ``[N, T]``.
        distinct: pairs that would hold as much if none overlapped; None for all of them.
        sure: standard errors by which another lag must be better than 0; 0 takes the one that fits best.

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
    count = len(reference) if distinct is None else min(len(reference), max(1.0, distinct))
    pairs = zip(reference, signal, there.gains, strict=True)
    error = math.sqrt(np.mean([_chance(*pair, lag) for pair in pairs]) / count)
    return there if np.mean(better) > max(WORTH, sure * error) else here


def _chance(reference: Signal, signal: Signal, gain: float, lag: int) -> float:
    """Variance, by noise, of a pair's gain at a lag less that at 0.

    With x the reference, e the noise and L the lag, the noise's part of the difference is the sum over t of
    (x[t - L] - x[t]) e[t] / |x|^2. If the phases of e are random, its variance is the mean over frequencies
    of |X|^2 |1 - exp(iwL)|^2 |E|^2 / |x|^4, as M. S. Bartlett has it of cross-correlations (1935). How pairs
    differ, as tones of several frequencies do at a lag, is not in it.
    """
    length = len(reference)
    heard = np.fft.rfft(reference)
    shifted = np.exp(-2j * np.pi * lag / length * np.arange(len(heard)))
    noise = np.abs(np.fft.rfft(signal) - gain * heard * shifted) ** 2
    around = np.lib.stride_tricks.sliding_window_view(np.pad(noise, NEIGHBOURS, "edge"), 2 * NEIGHBOURS + 1)
    power = np.abs(heard * (1 - shifted)) ** 2 * np.maximum(noise, around.mean(axis=-1))
    return float(2 * power.sum() / (length * energy(reference)) ** 2)


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
