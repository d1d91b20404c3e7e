"""The classical baselines, each a plain function on ``[*, T]``: what a denoiser has to beat.

Each is as good as its kind allows at what it is told: the band where it is known, a sample of the noise where
there is one. None of them learns from clean signals. Every one returns the shape of its input, without delay;
silence stays silent, and any length from one sample up is legal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pywt
from scipy import signal as dsp

from dan.signals import DanError, Signal, check_sample_rate, check_signal
from dan.sinusoids import check_band

Array = npt.NDArray[np.float64]

STOP_RATIO = 100 / 64
"""Stop edge over pass edge of the founding low-pass filter."""

BAND_STOP_RATIO = 9 / 8
"""The same for the band-pass: sharper, as all that it can gain lies near the edges."""

TAIL_LIMIT_SAMPLES = 2**16
TAIL_LEVEL = 1e-4
"""A filter's ringing is followed beyond the signal's end until it has sunk to -80 dB."""

FRAME_S, FRAME_LEAST_SAMPLES = 0.032, 512
"""Frames of the Wiener filter: as usual for speech, and at low rates enough to tell tones apart."""

SHORTEST_SPECTRUM_SAMPLES = 16
"""With fewer samples there are too few frequencies to tell noise from signal."""

OVERESTIMATE = 2.5
"""Of the noise: a bin of pure noise then passes with a chance of exp(-2.5), 8 %."""

LEAKAGE_CELLS = 4
"""Cells (1 / frame) beyond a known band that may pass: there a tone at the band's edge leaks to."""

MEDIAN_OF_EXPONENTIAL = math.log(2)
MEDIAN_OF_ABSOLUTE_NORMAL = 0.6745

GATE_FFT_SAMPLES = 1024
GATE_SMOOTHING_HZ, GATE_SMOOTHING_MS = 500, 50
"""noisereduce's own defaults."""

GATE_LEAST_FFT_SAMPLES = 16
GATE_LEAST_RATE_HZ = 1000 * GATE_FFT_SAMPLES / 4 / GATE_SMOOTHING_MS
"""Below this rate, 5120 Hz, its hop outlasts the time over which it smooths, which it refuses."""


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
    tail = _tail_samples(sos)
    # Odd reflection carries on the level and the slope, so that constants and ramps pass unchanged.
    pads = [(0, 0)] * (signal.ndim - 1) + [(tail, tail)]
    wide = np.pad(signal.astype(np.float64), pads, mode="reflect", reflect_type="odd")
    filtered = dsp.sosfiltfilt(sos, wide, axis=-1, padlen=0)[..., tail:-tail]
    return np.asarray(filtered.astype(signal.dtype))


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
    radius = float(np.abs(dsp.sos2zpk(sos)[1]).max())
    if radius <= 0:
        return 1
    return min(TAIL_LIMIT_SAMPLES, 1 + math.ceil(math.log(TAIL_LEVEL) / min(math.log(radius), -1e-9)))


def _forward_and_back(sos: Array, signal: Array) -> Array:
    length = signal.shape[-1]
    ahead = dsp.sosfilt(sos, _with_silence(dsp.detrend(signal), _tail_samples(sos)))
    return np.asarray(dsp.sosfilt(sos, ahead[..., ::-1])[..., ::-1][..., :length])


def _with_silence(signal: Array, samples: int) -> Array:
    return np.concatenate([signal, np.zeros((*signal.shape[:-1], samples))], axis=-1)


def wiener(
    noisy: npt.ArrayLike,
    *,
    sample_rate_hz: float,
    frequency_hz: tuple[float, float] | None = None,
    noise: npt.ArrayLike | None = None,
    overestimate: float = OVERESTIMATE,
    frame_samples: int | None = None,
) -> Signal:
    """Wiener filter from the signal's own spectrum: each bin is scaled by ``1 - a N / P``, no less than 0.

    P is the bin's power and N the noise's. The gain of Wiener is ``S / (S + N)`` with the clean power S, for
    which ``P - N`` stands in; as P of pure noise scatters about N, N is overestimated by the factor a. A
    signal of up to one frame is taken whole, zero-padded to double length; a longer one in Hann-windowed
    frames that overlap by three quarters.

    The noise's level is the signal's own: the median over all bins of the Hann-windowed spectrum, relative to
    the noise's colour, over ln 2 (the median of an exponential variable). That is right while the clean
    signal fills fewer bins than the noise.

    Args:
        noisy: ``[*, T]``; fewer than 16 samples come back as they are.
        sample_rate_hz: its rate in Hz.
        frequency_hz: band outside which the clean signal has nothing, in Hz; None for not known.
        noise: a sample of such noise, of any level and any shape with time last; None takes it to be white.
        overestimate: the factor a, at least 0.
        frame_samples: frame, at least 16; None takes 32 ms rounded to a power of 2, but at least 512.

    Returns:
        The filtered signal ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal, the noise or a setting is wrong.

    Source: J. S. Lim and A. V. Oppenheim, "Enhancement and bandwidth compression of noisy speech", 1979; the
    overestimate after M. Berouti, R. Schwartz and J. Makhoul, "Enhancement of speech corrupted by acoustic
    noise", 1979.
    """
    signal, rate_hz = check_signal(noisy, name="noisy"), check_sample_rate(sample_rate_hz)
    frame = _frame_samples(frame_samples, rate_hz)
    if not overestimate >= 0:
        raise DanError(f"overestimate={overestimate}", "it is at least 0", f"Give {OVERESTIMATE:g}")
    band_hz = None if frequency_hz is None else check_band(frequency_hz, sample_rate_hz=rate_hz)
    length = signal.shape[-1]
    if length < SHORTEST_SPECTRUM_SAMPLES:
        return signal.copy()
    frames = _whole(length) if length <= frame else _overlapping(frame)
    wide = signal.astype(np.float64)
    bins_hz, _, spectrum = dsp.stft(wide, fs=rate_hz, **frames)  # [*, F, frames]
    power = np.abs(spectrum) ** 2
    floor = overestimate * _noise_power(wide, noise, frames)
    gain = 1 - np.divide(floor, power, out=np.ones_like(power), where=power > floor)
    if band_hz is not None:
        margin_hz = LEAKAGE_CELLS * rate_hz / frames["nperseg"]
        within = (bins_hz >= band_hz[0] - margin_hz) & (bins_hz <= band_hz[1] + margin_hz)
        gain *= within[:, None]
    _, filtered = dsp.istft(gain * spectrum, fs=rate_hz, **_inverse(frames))
    return np.asarray(filtered[..., :length].astype(signal.dtype))


def _frame_samples(given: int | None, rate_hz: float) -> int:
    if given is None:
        return max(FRAME_LEAST_SAMPLES, 1 << max(0, round(math.log2(FRAME_S * rate_hz))))
    if given < SHORTEST_SPECTRUM_SAMPLES:
        raise DanError(
            f"frame_samples={given}", f"it is at least {SHORTEST_SPECTRUM_SAMPLES}", "Give a longer frame"
        )
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


def wavelet(noisy: npt.ArrayLike, *, wavelet: str = "sym8", levels: int | None = None) -> Signal:
    """Wavelet shrinkage: BayesShrink at every scale of the undecimated transform, noise by MAD.

    The noise is taken to be white; its deviation is the median absolute coefficient of the finest scale over
    0.6745. Each scale, the coarsest approximation too, is soft-thresholded at ``noise variance / clean
    deviation``. Leaving out the decimation averages over all shifts, which gains about 1 dB.

    Args:
        noisy: ``[*, T]``.
        wavelet: name of an orthogonal wavelet, from ``pywt.wavelist(kind="discrete")``.
        levels: scales, at least 1; None takes as many as hold a coefficient that no boundary touches.

    Returns:
        The shrunk signal ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal or a setting is wrong.

    Source: S. G. Chang, B. Yu and M. Vetterli, "Adaptive wavelet thresholding for image denoising and
    compression", 2000; R. R. Coifman and D. L. Donoho, "Translation-invariant de-noising", 1995; the noise's
    level after D. L. Donoho and I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994.
    """
    signal = check_signal(noisy, name="noisy")
    if wavelet not in pywt.wavelist(kind="discrete") or not pywt.Wavelet(wavelet).orthogonal:
        raise DanError(f"wavelet={wavelet}", "it is no orthogonal wavelet of PyWavelets", "Give sym8 or db4")
    if levels is None:
        levels = max(1, pywt.dwt_max_level(signal.shape[-1], pywt.Wavelet(wavelet).dec_len))
    if not 1 <= levels <= 16:
        raise DanError(f"levels={levels}", "it is from 1 to 16", "Give fewer")
    rows = signal.astype(np.float64).reshape(-1, signal.shape[-1])
    shrunk = np.stack([_shrink(row, wavelet, levels) for row in rows])
    return shrunk.reshape(signal.shape).astype(signal.dtype)


def _shrink(row: Array, wavelet: str, levels: int) -> Array:
    """``[T] -> [T]``, mirrored at its ends to a multiple of 2^levels."""
    length, reach = len(row), pywt.Wavelet(wavelet).dec_len * 2 ** (levels - 1)
    before = min(reach, length)
    wide = np.pad(row, (before, before + -(length + 2 * before) % 2**levels), mode="symmetric")
    scales = pywt.swt(wide, wavelet, level=levels, trim_approx=True, norm=True)  # coarsest first
    # With norm=True white noise of deviation d has the deviation d / sqrt(2^level) at each scale.
    deviation = math.sqrt(2) * np.median(np.abs(scales[-1])) / MEDIAN_OF_ABSOLUTE_NORMAL
    depths = [levels, *range(levels, 0, -1)]
    kept = [
        _bayes_shrink(scale, deviation / 2 ** (depth / 2))
        for scale, depth in zip(scales, depths, strict=True)
    ]
    return np.asarray(pywt.iswt(kept, wavelet, norm=True)[before : before + length])


def _bayes_shrink(scale: Array, deviation: float) -> Array:
    clean_variance = max(0.0, float(np.mean(scale**2)) - deviation**2)
    if clean_variance <= 0:
        return np.zeros_like(scale)
    return np.asarray(pywt.threshold(scale, deviation**2 / math.sqrt(clean_variance), mode="soft"))


def spectral_gate(
    noisy: npt.ArrayLike, *, sample_rate_hz: float, noise: npt.ArrayLike | None = None
) -> Signal:
    """Stationary spectral gating by noisereduce, with settings that suit the sample rate.

    A bin passes if it lies 1.5 standard deviations of dB above the noise's mean dB, as is its default. Its
    defaults raise below 5.12 kHz, where the hop outlasts the 50 ms over which the mask is smoothed; there the
    mask is not smoothed, neither in time nor over the 500 Hz that hold a whole signal of so low a rate.

    Args:
        noisy: ``[*, T]``.
        sample_rate_hz: its rate in Hz.
        noise: a sample of the noise at the level at which it lies in `noisy`, of any shape with time last;
            None lets each signal stand for its own noise, which gates away whatever is steady,
            from frames so short that it holds some thirty.

    Returns:
        The gated signal ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal or the noise is wrong, or noisereduce is not installed.

    Source: T. Sainburg, M. Thielk and T. Q. Gentner, "Finding, visualizing, and quantifying latent structure
    across diverse animal vocal repertoires", 2020 (noisereduce).
    """
    signal, rate_hz = check_signal(noisy, name="noisy"), check_sample_rate(sample_rate_hz)
    try:
        from noisereduce import reduce_noise
    except ImportError as error:
        raise DanError(
            "noisereduce", "it is not installed", "Run pip install 'dan-denoiser[bench]'"
        ) from error
    rows = signal.astype(np.float64).reshape(-1, signal.shape[-1])
    if noise is None:
        options = _gate_options(rate_hz, fft_samples=_fft_samples(signal.shape[-1]))
        gated = [reduce_noise(row, rate_hz, y_noise=_long_enough(row, options), **options) for row in rows]
    else:
        options = _gate_options(rate_hz, fft_samples=GATE_FFT_SAMPLES)
        sample = check_signal(noise, name="noise").astype(np.float64).reshape(-1)
        gated = reduce_noise(rows, rate_hz, y_noise=_long_enough(sample, options), **options)
    return np.asarray(gated).reshape(signal.shape).astype(signal.dtype)


def _fft_samples(length: int) -> int:
    """A power of 2 so short that a signal holds some thirty frames, enough to tell what is usual in it."""
    return min(GATE_FFT_SAMPLES, max(GATE_LEAST_FFT_SAMPLES, 1 << max(0, (length // 8).bit_length() - 1)))


def _gate_options(rate_hz: float, *, fft_samples: int) -> dict[str, Any]:
    smooth = rate_hz >= GATE_LEAST_RATE_HZ
    wide_enough = smooth and 2 * rate_hz / fft_samples <= GATE_SMOOTHING_HZ
    return {
        "stationary": True,
        "n_fft": fft_samples,
        "padding": fft_samples,
        "time_mask_smooth_ms": GATE_SMOOTHING_MS if smooth else None,
        "freq_mask_smooth_hz": GATE_SMOOTHING_HZ if wide_enough else None,
    }


def _long_enough(noise: Array, options: dict[str, Any]) -> Array:
    return np.resize(noise, max(noise.size, options["n_fft"]))
