"""The picture of residuals: spectrograms of what went in, what came out, and what was taken away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from dan.core.arrays import Signal, check_same_shape
from dan.dsp.stft import power_spectra
from dan.report.style import new_figure, style_axes, styled

FRAMES = 200
"""Frames of a spectrogram, or so."""
RANGE_DB = 60.0
"""Range of levels that is told apart, below the loudest cell of the input."""
TITLES = ("in", "out", "taken away")


@styled
def plot_residuals(*, noisy: Signal, estimate: Signal, sample_rate_hz: float) -> Figure:
    """Draw spectrograms of inputs, outputs and their differences side by side, on one scale a row.

    Where the last holds what looks like the signal, the denoiser takes signal away.

    Args:
        noisy: inputs ``[N, T]``.
        estimate: outputs ``[N, T]``.
        sample_rate_hz: of both.

    Raises:
        DanError: if the shapes differ.
    """
    check_same_shape(noisy=noisy, estimate=estimate)
    figure = new_figure(10.8, 2.4 * len(noisy) + 0.4)
    grid = figure.subplots(len(noisy), len(TITLES), squeeze=False)
    for axes_row, one, other in zip(grid, noisy, estimate, strict=True):
        levels = [_levels_db(signal) for signal in (one, other, one - other)]
        top_db = float(levels[0].max())
        for axes, title, level_db in zip(axes_row, TITLES, levels, strict=True):
            extent = (0.0, noisy.shape[-1] / sample_rate_hz, 0.0, sample_rate_hz / 2)
            axes.imshow(
                level_db.T, origin="lower", aspect="auto", extent=extent, cmap="magma",
                vmin=top_db - RANGE_DB, vmax=top_db,
            )  # fmt: skip
            style_axes(axes, title=title, xlabel="s", ylabel="Hz" if title == TITLES[0] else "")
            axes.grid(visible=False)
    return figure


def _levels_db(signal: Signal) -> npt.NDArray[np.float64]:
    """Levels of the cells ``[frames, bins]`` in dB."""
    n_fft = int(np.clip(2 ** round(np.log2(max(2, len(signal)) ** 0.5 * 2)), 16, 1024))
    hop_length = max(1, min(n_fft // 2, len(signal) // FRAMES))
    power = power_spectra(signal.astype(np.float64), n_fft=n_fft, hop_length=hop_length)
    return np.asarray(10 * np.log10(power + np.finfo(np.float64).tiny))
