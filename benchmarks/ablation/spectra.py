"""Figures of the spectrum that the ablation adds: log-spectral distance, and energy out of a band.

``[*, T] -> [*]``, in float64, finite also for silence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Array, check_band, check_sample_rate, check_signal
from dan.core.errors import DanError
from dan.dsp.stft import power_spectra
from dan.metrics.general import at_unit_peak, check_pair

SPECTRUM_FLOOR_DB = -60.0
"""Log spectra stop here, under the highest bin of the pair: what lies lower is taken for silence."""

MAIN_LOBE_CELLS = 2
"""Half width of a tone in a Hann-windowed spectrum, in cells (1 / duration)."""


def log_spectral_distance_db(*, estimate: npt.ArrayLike, reference: npt.ArrayLike, n_fft: int = 512) -> Array:
    """Log-spectral distance: RMS over frequency of the difference in dB, mean over frames; 0 is best.

    Hann-windowed frames overlap by three quarters; a shorter signal is one frame. Bins more than 60 dB under
    the highest bin of the two signals count as being there. It sees the level but no phase.

    Args:
        estimate: ``[*, T]``.
        reference: the clean signal ``[*, T]``.
        n_fft: frame, at least 4.

    Returns:
        ``[*]`` in dB, from 0 to 60.

    Raises:
        DanError: if a signal or the frame is wrong or the shapes differ.

    Source: A. H. Gray and J. D. Markel, "Distance measures for speech processing", 1976.
    """
    if n_fft < 4:
        raise DanError(f"n_fft={n_fft}", "it is at least 4", "Give a longer frame")
    pair = np.stack(check_pair(estimate, reference))  # [2, *, T]
    frame = min(n_fft, pair.shape[-1])
    power = power_spectra(pair, n_fft=frame, hop_length=max(1, frame // 4))  # [2, *, frames, F]
    highest = power.max(axis=(0, -2, -1), keepdims=True)
    relative = np.divide(power, highest, out=np.ones_like(power), where=highest > 0)
    level_db = 10 * np.log10(np.maximum(relative, 10 ** (SPECTRUM_FLOOR_DB / 10)))
    squares = (level_db[0] - level_db[1]) ** 2
    return np.asarray(np.sqrt(squares.mean(axis=-1)).mean(axis=-1))


def out_of_band_energy(
    signal: npt.ArrayLike, *, sample_rate_hz: float, frequency_hz: tuple[float, float]
) -> Array:
    """Share of a signal's energy that lies outside a band, from its Hann-windowed spectrum.

    The band is widened by two cells (1 / duration) at either end, the half width of a tone in that spectrum.

    Args:
        signal: ``[*, T]``.
        sample_rate_hz: its rate in Hz.
        frequency_hz: lowest and highest frequency of the band in Hz, within 0 and half the rate.

    Returns:
        ``[*]`` from 0 to 1; silence has 0.

    Raises:
        DanError: if the signal, its rate or the band is wrong.
    """
    wave, rate_hz = check_signal(signal), check_sample_rate(sample_rate_hz)
    low_hz, high_hz = check_band(frequency_hz, sample_rate_hz=rate_hz)
    length = wave.shape[-1]
    power = power_spectra(at_unit_peak(wave), n_fft=length, hop_length=length)[..., 0, :]
    bins_hz = np.fft.rfftfreq(length, 1 / rate_hz)
    power[..., (bins_hz > 0) & (bins_hz < rate_hz / 2)] *= 2  # each stands for its mirror image, too
    margin_hz = MAIN_LOBE_CELLS * rate_hz / length
    outside = (bins_hz < low_hz - margin_hz) | (bins_hz > high_hz + margin_hz)
    total = power.sum(axis=-1)
    share = np.divide(power[..., outside].sum(axis=-1), total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(np.minimum(share, 1.0))  # two sums of the same may differ by a rounding
