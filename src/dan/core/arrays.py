"""Signals as arrays: their check at the door, decibels, and casts to a dtype.

A signal is a numpy array of floats with time as its last axis, shape ``[*, T]``.
It imports nothing of ours but the error.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.errors import ParameterError

Signal = npt.NDArray[np.floating[Any]]
"""An array of floats with time as its last axis, ``[*, T]``."""
Array = npt.NDArray[np.float64]
"""An array of float64 of any shape."""

SNR_LIMIT_DB = 100.0
"""Decibel figures are held within plus or minus this, so that silence and perfection stay finite."""


def check_signal(signal: npt.ArrayLike, *, name: str = "signal", rank: int | None = None) -> Signal:
    """Check a signal at the door: numeric, of the right rank, not empty, finite.

    Args:
        signal: anything numpy can read as an array, ``[*, T]``.
        name: what the message calls it; a file's path where there is one.
        rank: the number of axes it must have; None accepts any from one up.

    Returns:
        The signal ``[*, T]``: float32 and float64 as they are, whole numbers and booleans as float64.

    Raises:
        ParameterError: if it is not numeric, has the wrong rank, is empty, or holds NaN or infinity.
    """
    array = np.asarray(signal)
    if array.dtype.kind not in "fiub":
        raise ParameterError(
            f"{name} (dtype {array.dtype})", "a signal is made of real numbers", "Convert it first"
        )
    if array.ndim < 1 or (rank is not None and array.ndim != rank):
        wanted = "[*, T] with time last" if rank is None else f"of {rank} axes with time last"
        raise ParameterError(
            f"{name} of shape {list(array.shape)}", f"the shape must be {wanted}", "Reshape it"
        )
    if array.size == 0:
        raise ParameterError(
            f"{name} of shape {list(array.shape)}", "it holds no samples", "Give at least one"
        )
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    _check_finite(array, name)
    return array


def _check_finite(array: Signal, name: str) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        where = np.argwhere(~finite)[0]
        raise ParameterError(
            f"{name} has {array[tuple(where)]} at sample {int(where[-1])}",
            f"{int((~finite).sum())} of {array.size} samples are not finite",
            "Cut these samples out or fill them in",
        )


def check_same_shape(**signals: Signal) -> None:
    """Check that signals given by name have one shape ``[*, T]``.

    Raises:
        ParameterError: if their shapes differ.
    """
    shapes = {name: list(signal.shape) for name, signal in signals.items()}
    if len({tuple(shape) for shape in shapes.values()}) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ParameterError(listed, "the shapes must be equal", "Cut or pair them again")


def check_sample_rate(sample_rate_hz: float, *, name: str = "sample_rate_hz") -> float:
    """Check that a sample rate is a finite number of Hz above zero, and return it.

    Raises:
        ParameterError: if it is not.
    """
    if not (math.isfinite(sample_rate_hz) and sample_rate_hz > 0):
        raise ParameterError(
            f"{name}={sample_rate_hz}", "a sample rate is above 0 Hz", "Give the signal's own rate"
        )
    return float(sample_rate_hz)


def energy(signal: Signal) -> npt.NDArray[np.float64]:
    """Sum of squares over time: ``[*, T] -> [*]``, in float64."""
    wide = np.asarray(signal, dtype=np.float64)
    return np.asarray(np.einsum("...t,...t->...", wide, wide))


def rms(signal: Signal) -> npt.NDArray[np.float64]:
    """Root of the mean square over time: ``[*, T] -> [*]``."""
    return np.asarray(np.sqrt(energy(signal) / signal.shape[-1]))


def energy_ratio_db(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """10 log10 of a ratio of energies (20 log10 of the RMS ratio), held within +-``SNR_LIMIT_DB``.

    Nothing over nothing is 0 dB: no information either way.
    """
    above = np.asarray(numerator, dtype=np.float64)
    below = np.asarray(denominator, dtype=np.float64)
    tiny = np.finfo(np.float64).tiny
    ratio_db = 10 * (np.log10(np.maximum(above, tiny)) - np.log10(np.maximum(below, tiny)))
    return np.asarray(np.clip(ratio_db, -SNR_LIMIT_DB, SNR_LIMIT_DB))


def db_to_amplitude(level_db: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Decibels to a factor of amplitude: ``10 ** (dB / 20)``."""
    return np.asarray(10.0 ** (np.asarray(level_db, dtype=np.float64) / 20))


def check_band(frequency_hz: tuple[float, float], *, sample_rate_hz: float) -> tuple[float, float]:
    """Check that a band ``(low, high)`` in Hz rises and lies within 0 Hz and half the rate, and return it.

    Raises:
        ParameterError: if it does not.
    """
    low_hz, high_hz = (float(edge) for edge in frequency_hz)
    if not 0 <= low_hz < high_hz <= sample_rate_hz / 2:
        raise ParameterError(
            f"frequency_hz=({low_hz:g}, {high_hz:g})",
            f"a band has 0 <= low < high <= half the sample rate, {sample_rate_hz / 2:g} Hz",
            "Give the band that the sines lie in",
        )
    return low_hz, high_hz


def cast(block: Signal, dtype: np.dtype[Any]) -> tuple[npt.NDArray[Any], int]:
    """Cast to a dtype of numbers, rounded if whole, clipped to its range; and count the clipped ones."""
    if dtype == block.dtype:
        return block, 0
    if dtype.kind == "f":
        limits: Any = np.finfo(dtype)
        kept, clipped = clip(block.astype(np.float64), float(limits.min), float(limits.max))
        return kept.astype(dtype), clipped
    limits = np.iinfo(dtype)
    low, high = float(limits.min), float(limits.max)
    if int(high) > limits.max:  # 2**63 - 1 is no float64: the next one below it
        high = float(np.nextafter(high, 0))
    narrow = dtype.itemsize <= 2 and block.dtype == np.float32  # float32 holds every 16-bit integer
    kept, clipped = clip(np.rint(block if narrow else block.astype(np.float64)), low, high)
    return kept.astype(dtype), clipped


def clip(block: Signal, low: float, high: float) -> tuple[Signal, int]:
    """Clip to ``[low, high]``; and how many were outside."""
    if not block.size or (block.min() >= low and block.max() <= high):
        return block, 0
    return np.clip(block, low, high), int(np.count_nonzero((block < low) | (block > high)))
