"""Training side of the data, on which a filter's user would choose its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import signal as dsp

from dan.core.arrays import Array, Signal, energy
from dan.core.ragged import Denoise, Signals, by_length, check_pairs, check_signals, each
from dan.metrics.general import si_sdr_db, snr_db

FIT_COUNT = 24
"""Signals on which settings are compared."""
NOISE_COUNT = 32
"""Signals from which the noise's spectrum is learnt."""
NOISE_SAMPLES = 2**18
"""Samples of noise, at most, that the filters are handed."""
SPECTRUM_SAMPLES = 4096


@dataclass(frozen=True)
class TrainingSide:
    """Signals of the training side, clean and mixed, ``[N, T]`` or one by one."""

    clean: Signals
    mixed: Signals
    sample_rate_hz: float

    @cached_property
    def _some(self) -> tuple[list[Signal], list[Signal]]:
        clean, mixed = check_signals(self.clean, name="clean"), check_signals(self.mixed, name="mixed")
        check_pairs(clean=clean, mixed=mixed)
        chosen = _spread(len(clean), NOISE_COUNT)
        return [clean[row] for row in chosen], [mixed[row] for row in chosen]

    @cached_property
    def noise(self) -> Signal:
        """A sample of the noise as strong as it is in the mixed signals, in a row: ``[T]``."""
        clean, mixed = self._some
        share = max(1, NOISE_SAMPLES // len(clean))
        return np.concatenate([(other - one)[:share] for one, other in zip(clean, mixed, strict=True)])

    @cached_property
    def densities(self) -> tuple[Array, Array]:
        """Mean power of clean signals and of noise over frequency ``[F]``, each signal's clean energy 1."""
        clean, mixed = self._some
        length = min(SPECTRUM_SAMPLES, max(map(len, clean)))
        pairs = [(one, other - one, energy(one)) for one, other in zip(clean, mixed, strict=True)]
        heard = [(one / np.sqrt(size), noise / np.sqrt(size)) for one, noise, size in pairs if size > 0]
        if not heard:
            return np.zeros(length // 2 + 1), np.zeros(length // 2 + 1)
        signal, noise = (
            np.mean([_density(one, length) for one in part], axis=0) for part in zip(*heard, strict=True)
        )
        return signal, noise

    def score_db(self, denoise: Denoise) -> float:
        """Mean of output SNR and SI-SDR in dB over some of the signals.

        By SNR alone much of a weak signal would go for the noise that goes with it.
        """
        clean, mixed = ([part[row] for row in _spread(len(part), FIT_COUNT)] for part in self._some)
        outputs = each(denoise, mixed, name="output")
        scored = [
            snr_db(estimate=one, reference=other) + si_sdr_db(estimate=one, reference=other)
            for _, (one, other) in by_length(outputs, clean)
        ]
        return float(np.concatenate(scored).mean() / 2)


def _spread(count: int, wanted: int) -> list[int]:
    """Return up to so many places of a list, evenly spread."""
    return sorted(set(np.linspace(0, count - 1, min(count, wanted)).round().astype(int).tolist()))


def _density(signal: Signal, length: int) -> Array:
    """Power over frequency ``[length // 2 + 1]``, times the number of samples."""
    frame = min(length, len(signal))
    _, power = dsp.welch(signal, nperseg=frame, nfft=length, detrend=False, scaling="spectrum")
    return np.asarray(power * len(signal), np.float64)
