"""The Wiener filter in frames, by a spectrum of the noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp

from dan.core.arrays import Array, Signal, check_band, check_sample_rate, check_signal
from dan.core.errors import DanError

FRAME_S, FRAME_LEAST_SAMPLES = 0.032, 512
"""Frames of the Wiener filter: as usual for speech, and at low rates enough to tell tones apart."""

SHORTEST_SPECTRUM_SAMPLES = 16
"""With fewer samples there are too few frequencies to tell noise from signal."""

OVERESTIMATE = 2.5
"""Oversubtraction factor: a bin of pure noise then passes with a chance of exp(-2.5), 8 %."""

LEAKAGE_CELLS = 4
"""Cells (1 / frame) beyond a known band that may pass: there a tone at the band's edge leaks to."""

MEDIAN_OF_EXPONENTIAL = math.log(2)


def wiener(
    noisy: npt.ArrayLike,
    *,
    sample_rate_hz: float,
    frequency_hz: tuple[float, float] | None = None,
    noise: npt.ArrayLike | None = None,
    overestimate: float = OVERESTIMATE,
    memory: float = 0.0,
    least_gain: float = 0.0,
    n_fft: int | None = None,
) -> Signal:
    """Wiener filter from the signal's own spectrum: each bin is scaled by ``1 - a N / P``, no less than 0.

    P is the bin's power and N the noise's. The gain of Wiener is ``S / (S + N)`` with the clean power S, for
    which ``P - N`` stands in; as P of pure noise scatters about N, N is overestimated by the factor a. A
    signal of up to one frame is taken whole, zero-padded to double length; a longer one in Hann-windowed
    frames that overlap by three quarters.

    With a memory the gain is ``X / (1 + X)``, where X, the clean power over a N, is that memory of what the
    last frame let through and for the rest ``P / (a N) - 1``: noise that comes and goes in single bins, which
    sounds like tones, then hardly passes.

    The noise's level is the signal's own: the median over all bins of the Hann-windowed spectrum, relative to
    the noise's colour, over ln 2 (the median of an exponential variable). That is right while the clean
    signal fills fewer bins than the noise.

    Args:
        noisy: ``[*, T]``; fewer than 16 samples come back as they are.
        sample_rate_hz: its rate in Hz.
        frequency_hz: band outside which the clean signal has nothing, in Hz; None for not known.
        noise: a sample of such noise, of any level and any shape with time last; None takes it to be white.
        overestimate: the factor a, at least 0.
        memory: share of the last frame in what counts as clean, from 0 to below 1; 0.98 is usual for speech.
        least_gain: the gain is no less, from 0 to below 1.
        n_fft: frame, at least 16; None takes 32 ms rounded to a power of 2, but at least 512.

    Returns:
        The filtered signal ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal, the noise or a setting is wrong.

    Source: J. S. Lim and A. V. Oppenheim, "Enhancement and bandwidth compression of noisy speech", 1979; the
    overestimate after M. Berouti, R. Schwartz and J. Makhoul, "Enhancement of speech corrupted by acoustic
    noise", 1979; the memory after Y. Ephraim and D. Malah, "Speech enhancement using a minimum mean-square
    error short-time spectral amplitude estimator", 1984.
    """
    signal, rate_hz = check_signal(noisy, name="noisy"), check_sample_rate(sample_rate_hz)
    frame = _checked_n_fft(n_fft, rate_hz)
    if not overestimate >= 0:
        raise DanError(f"overestimate={overestimate}", "it is at least 0", f"Give {OVERESTIMATE:g}")
    if not (0 <= memory < 1 and 0 <= least_gain < 1):
        given = f"memory={memory}, least_gain={least_gain}"
        raise DanError(given, "both are from 0 to below 1", "Leave the defaults")
    band_hz = None if frequency_hz is None else check_band(frequency_hz, sample_rate_hz=rate_hz)
    length = signal.shape[-1]
    if length < SHORTEST_SPECTRUM_SAMPLES:
        return signal.copy()
    frames = _whole(length) if length <= frame else _overlapping(frame)
    wide = signal.astype(np.float64)
    bins_hz, _, spectrum = dsp.stft(wide, fs=rate_hz, **frames)  # [*, F, frames]
    power = np.abs(spectrum) ** 2
    floor = overestimate * _noise_power(wide, noise, frames)
    gain = np.maximum(_gain(power, floor, memory), least_gain)
    if band_hz is not None:
        margin_hz = LEAKAGE_CELLS * rate_hz / frames["nperseg"]
        within = (bins_hz >= band_hz[0] - margin_hz) & (bins_hz <= band_hz[1] + margin_hz)
        gain *= within[:, None]
    _, filtered = dsp.istft(gain * spectrum, fs=rate_hz, **_inverse(frames))
    return np.asarray(filtered[..., :length].astype(signal.dtype))


def _gain(power: Array, floor: Array, memory: float) -> Array:
    """Gain of each bin, from 0 to 1: ``[*, F, frames] -> [*, F, frames]``."""
    if memory == 0:
        return 1 - np.divide(floor, power, out=np.ones_like(power), where=power > floor)
    gain = np.empty_like(power)
    kept: Array | None = None
    for frame, now in enumerate(np.moveaxis(power, -1, 0)):
        noise = np.broadcast_to(floor[..., 0], now.shape)
        above = np.maximum(now - noise, 0)
        clean = above if kept is None else memory * kept + (1 - memory) * above
        gain[..., frame] = np.divide(clean, clean + noise, out=np.zeros_like(now), where=clean > 0)
        kept = gain[..., frame] ** 2 * now
    return gain


def default_n_fft(sample_rate_hz: float) -> int:
    """The frame where none is given: 32 ms rounded to a power of 2, but at least 512 samples."""
    return max(FRAME_LEAST_SAMPLES, 1 << max(0, round(math.log2(FRAME_S * sample_rate_hz))))


def _checked_n_fft(given: int | None, rate_hz: float) -> int:
    if given is None:
        return default_n_fft(rate_hz)
    if given < SHORTEST_SPECTRUM_SAMPLES:
        raise DanError(f"n_fft={given}", f"it is at least {SHORTEST_SPECTRUM_SAMPLES}", "Give a longer frame")
    return given


def _whole(length: int) -> dict[str, Any]:
    """Settings of one frame, for `scipy.signal.stft`."""
    padded = 1 << (2 * length - 1).bit_length()
    frame = {"window": "boxcar", "nperseg": length, "noverlap": 0, "nfft": padded}
    return {**frame, "boundary": None, "padded": False}


def _overlapping(frame: int) -> dict[str, Any]:
    overlap = {"window": "hann", "nperseg": frame, "noverlap": frame - frame // 4, "nfft": 2 * frame}
    return {**overlap, "boundary": "even", "padded": True}


def _inverse(frames: dict[str, Any]) -> dict[str, Any]:
    kept = {name: frames[name] for name in ("window", "nperseg", "noverlap", "nfft")}
    return {**kept, "boundary": frames["boundary"] is not None}


def _noise_power(signal: Array, noise: npt.ArrayLike | None, frames: dict[str, Any]) -> Array:
    """Expected power of the noise in each bin: ``[*, T] -> [*, F, 1]``, F = 1 where it is white.

    The level comes from Hann windows even where the frame has none: tones then fill a few bins only.
    """
    hann = {**frames, "window": "hann"}
    _, _, spectrum = dsp.stft(signal, **hann)
    colour, colour_seen = (_mean_power(noise, each) for each in (frames, hann))
    power = np.abs(spectrum) ** 2
    relative = np.divide(power, colour_seen, out=np.zeros_like(power), where=colour_seen > 0)
    level = np.median(relative, axis=(-2, -1), keepdims=True) / MEDIAN_OF_EXPONENTIAL
    return np.asarray(level * colour)


def _mean_power(noise: npt.ArrayLike | None, frames: dict[str, Any]) -> Array:
    """Mean power of each bin, ``[F, 1]`` of a sample of noise, one figure for white noise of variance 1."""
    if noise is None:
        weights = dsp.get_window(frames["window"], frames["nperseg"])
        return np.asarray(np.sum(weights**2) / np.sum(weights) ** 2)  # as `scipy.signal.stft` scales
    flat = check_signal(noise, name="noise").astype(np.float64).reshape(-1)
    flat = np.resize(flat / (np.abs(flat).max() or 1.0), max(flat.size, frames["nperseg"]))
    _, _, spectrum = dsp.stft(flat, **{**frames, "boundary": None, "padded": False})
    return np.asarray(np.mean(np.abs(spectrum) ** 2, axis=-1, keepdims=True))
