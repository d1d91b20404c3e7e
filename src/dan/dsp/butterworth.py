"""Butterworth filters forward and back, so without delay: low-pass, high-pass and band-pass."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp

from dan.core.arrays import Array, Signal, check_band, check_sample_rate, check_signal
from dan.core.errors import DanError

STOP_RATIO = 100 / 64
"""Stop edge over pass edge of the founding low-pass filter."""

BAND_STOP_RATIO = 9 / 8
"""Stop over pass edge of the band-pass: sharper, as all that it can gain lies near the edges."""

TAIL_LIMIT_SAMPLES = 2**16
TAIL_LEVEL = 1e-4
"""A filter's ringing is followed beyond the signal's end until it has sunk to -80 dB."""


def lowpass(
    noisy: npt.ArrayLike,
    *,
    sample_rate_hz: float,
    pass_hz: float = 64.0,
    stop_hz: float | None = None,
    pass_db: float = 0.05,
    stop_db: float = 60.0,
) -> Signal:
    """Butterworth low-pass applied forward and back, so without delay; both losses count twice.

    Args:
        noisy: ``[*, T]``.
        sample_rate_hz: its rate in Hz.
        pass_hz: up to here at most `pass_db` are lost, each way.
        stop_hz: from here at least `stop_db` are lost, each way, below half the rate. None takes 100 / 64 of
            `pass_hz`, but stays clear of half the rate by a quarter of the way.
        pass_db: loss in the pass band in dB, above 0.
        stop_db: loss in the stop band in dB, above `pass_db`.

    Returns:
        The filtered signal ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal, its rate or an edge is wrong.

    Source: S. Butterworth, "On the theory of filter amplifiers", 1930.
    """
    signal, rate_hz = check_signal(noisy, name="noisy"), check_sample_rate(sample_rate_hz)
    if stop_hz is None:
        stop_hz = _edge_above(pass_hz, STOP_RATIO, rate_hz)
    _check_rising(pass_hz=pass_hz, stop_hz=stop_hz, rate_hz=rate_hz)
    sos = _butterworth(pass_hz, stop_hz, kind="lowpass", loss_db=(pass_db, stop_db), rate_hz=rate_hz)
    return _between_reflections(sos, signal)


def highpass(noisy: npt.ArrayLike, *, sample_rate_hz: float, cutoff_hz: float) -> Signal:
    """Gentle Butterworth high-pass of second order, forward and back: takes a drifting baseline out.

    Args:
        noisy: ``[*, T]``.
        sample_rate_hz: its rate in Hz.
        cutoff_hz: where 6 dB are lost in all, within 0 and half the rate.

    Returns:
        The filtered signal ``[*, T]``, of the dtype of `noisy`; constants and straight lines are gone.

    Raises:
        DanError: if the signal, its rate or the cutoff is wrong.

    Source: S. Butterworth, "On the theory of filter amplifiers", 1930.
    """
    signal, rate_hz = check_signal(noisy, name="noisy"), check_sample_rate(sample_rate_hz)
    if not 0 < cutoff_hz < rate_hz / 2:
        rule = f"it lies between 0 and half the sample rate, {rate_hz / 2:g} Hz"
        raise DanError(f"cutoff_hz={cutoff_hz:g}", rule, "Move it")
    sos = np.asarray(dsp.butter(2, cutoff_hz, "highpass", output="sos", fs=rate_hz))
    return _between_reflections(sos, signal)


def bandpass(
    noisy: npt.ArrayLike,
    *,
    sample_rate_hz: float,
    frequency_hz: tuple[float, float],
    stop_hz: tuple[float, float] | None = None,
    pass_db: float = 1.0,
    stop_db: float = 20.0,
) -> Signal:
    """Butterworth band-pass applied forward and back, so without delay; both losses count twice.

    The signal's straight line of least squares is taken out first, and silence assumed outside: mirroring
    instead would double the noise that lies at the ends. A band from 0 Hz is a low-pass, which keeps the
    line; a band up to half the rate is a high-pass.

    Args:
        noisy: ``[*, T]``.
        sample_rate_hz: its rate in Hz.
        frequency_hz: pass band, lowest and highest frequency in Hz, within 0 and half the rate.
        stop_hz: stop edges in Hz, below and above the pass band. None takes 8 / 9 of the lower and 9 / 8 of
            the upper edge, but stays clear of half the rate by a quarter of the way.
        pass_db: loss in the pass band in dB, above 0.
        stop_db: loss in the stop bands in dB, above `pass_db`.

    Returns:
        The filtered signal ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal, its rate or an edge is wrong.

    Source: S. Butterworth, "On the theory of filter amplifiers", 1930.
    """
    signal, rate_hz = check_signal(noisy, name="noisy"), check_sample_rate(sample_rate_hz)
    low_hz, high_hz = check_band(frequency_hz, sample_rate_hz=rate_hz)
    below_hz, above_hz = stop_hz or (low_hz / BAND_STOP_RATIO, _edge_above(high_hz, BAND_STOP_RATIO, rate_hz))
    loss_db = (pass_db, stop_db)
    if high_hz == rate_hz / 2:
        if low_hz == 0:
            return signal.copy()
        _check_rising(stop_hz=below_hz, pass_hz=low_hz, rate_hz=rate_hz)
        sos = _butterworth(low_hz, below_hz, kind="highpass", loss_db=loss_db, rate_hz=rate_hz)
    elif low_hz == 0:
        edges = {"pass_hz": high_hz, "stop_hz": above_hz}
        return lowpass(signal, sample_rate_hz=rate_hz, **edges, pass_db=pass_db, stop_db=stop_db)
    else:
        _check_rising(stop_below_hz=below_hz, low_hz=low_hz, rate_hz=rate_hz)
        _check_rising(high_hz=high_hz, stop_above_hz=above_hz, rate_hz=rate_hz)
        passed, stopped = (low_hz, high_hz), (below_hz, above_hz)
        sos = _butterworth(passed, stopped, kind="bandpass", loss_db=loss_db, rate_hz=rate_hz)
    return np.asarray(_forward_and_back(sos, signal.astype(np.float64)).astype(signal.dtype))


def _edge_above(pass_hz: float, ratio: float, rate_hz: float) -> float:
    return min(pass_hz * ratio, (pass_hz + 3 * rate_hz / 2) / 4)


def _check_rising(*, rate_hz: float, **edges_hz: float) -> None:
    (name, lower_hz), (other, upper_hz) = edges_hz.items()
    if not 0 < lower_hz < upper_hz < rate_hz / 2:
        raise DanError(
            f"{name}={lower_hz:g}, {other}={upper_hz:g}",
            f"a filter's edges rise between 0 and half the sample rate, {rate_hz / 2:g} Hz",
            "Move the edges",
        )


def _butterworth(
    pass_hz: float | tuple[float, float],
    stop_hz: float | tuple[float, float],
    *,
    kind: str,
    loss_db: tuple[float, float],
    rate_hz: float,
) -> Array:
    """Second-order sections of the filter of least order, ``[S, 6]``."""
    if not 0 < loss_db[0] < loss_db[1]:
        raise DanError(
            f"pass_db={loss_db[0]:g}, stop_db={loss_db[1]:g}", "0 < pass_db < stop_db", "Change the losses"
        )
    order, natural_hz = dsp.buttord(pass_hz, stop_hz, *loss_db, fs=rate_hz)
    return np.asarray(dsp.butter(order, natural_hz, kind, output="sos", fs=rate_hz))  # type: ignore[call-overload]


def _tail_samples(sos: Array) -> int:
    """Samples until the slowest mode of a filter has sunk to ``TAIL_LEVEL``."""
    radius = max(float(np.abs(np.roots(section)).max(initial=0)) for section in sos[:, 3:])
    if radius <= 0:
        return 1
    return min(TAIL_LIMIT_SAMPLES, 1 + math.ceil(math.log(TAIL_LEVEL) / min(math.log(radius), -1e-9)))


def _between_reflections(sos: Array, signal: Signal) -> Signal:
    """Forward and back; odd reflection carries on the level and the slope, so that lines have no edges."""
    tail = _tail_samples(sos)
    pads = [(0, 0)] * (signal.ndim - 1) + [(tail, tail)]
    wide = np.pad(signal.astype(np.float64), pads, mode="reflect", reflect_type="odd")
    filtered = dsp.sosfiltfilt(sos, wide, axis=-1, padlen=0)[..., tail:-tail]
    return np.asarray(filtered.astype(signal.dtype))


def _forward_and_back(sos: Array, signal: Array) -> Array:
    length = signal.shape[-1]
    ahead = dsp.sosfilt(sos, _with_silence(dsp.detrend(signal), _tail_samples(sos)))
    return np.asarray(dsp.sosfilt(sos, ahead[..., ::-1])[..., ::-1][..., :length])


def _with_silence(signal: Array, samples: int) -> Array:
    return np.concatenate([signal, np.zeros((*signal.shape[:-1], samples))], axis=-1)
