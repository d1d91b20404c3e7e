"""Short-time spectra ``[*, T] -> [*, frames, bins]`` in numpy, as metrics and pictures take them."""

from __future__ import annotations

import numpy as np

from dan.core.arrays import Array, Signal


def hann(length: int) -> Array:
    """Return a Hann window ``[T]`` that is nowhere 0, so that even one sample is seen."""
    return np.asarray(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2)


def power_spectra(signal: Signal, *, n_fft: int, hop_length: int, padded: int | None = None) -> Array:
    """Return the power of Hann-windowed frames, the last one filled up with zeros.

    Args:
        signal: ``[*, T]``.
        n_fft: length of a frame in samples.
        hop_length: samples from one frame to the next.
        padded: length to which frames are zero-padded; None for `n_fft`.

    Returns:
        ``[*, frames, bins]``.

    Example:
        >>> tone = np.sin(2 * np.pi * 8 * np.arange(64) / 64)
        >>> power = power_spectra(tone, n_fft=32, hop_length=16)
        >>> power.shape
        (3, 17)
        >>> int(power.mean(axis=0).argmax())
        4
    """
    length = signal.shape[-1]
    missing = max(0, n_fft - length) or -(length - n_fft) % hop_length
    filled = np.concatenate([signal, np.zeros((*signal.shape[:-1], missing))], axis=-1)
    frames = np.lib.stride_tricks.sliding_window_view(filled, n_fft, axis=-1)[..., ::hop_length, :]
    return np.asarray(np.abs(np.fft.rfft(frames * hann(n_fft), padded)) ** 2)
