"""The picture of pauses: levels over time, the threshold, and what was taken for noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from dan.core.errors import DanError
from dan.data.pauses import Pauses
from dan.report.colours import colour_of
from dan.report.style import new_figure, style_axes


def plot_pauses(shown: Sequence[tuple[str, float, Pauses]]) -> Figure:
    """Draw the level of each recording over time, its threshold, and the stretches that were taken, shaded.

    Args:
        shown: name, sample rate in Hz and pauses of each.

    Raises:
        DanError: if there is none.
    """
    if not shown:
        raise DanError("pauses of 0 recordings", "there is nothing to draw", "Give at least one")
    figure = new_figure(9.6, 2.0 * len(shown) + 0.6)
    for axes, (name, rate_hz, pauses) in zip(
        figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True
    ):
        heard = np.where(pauses.level_db > pauses.level_db.max() - 120, pauses.level_db, np.nan)
        axes.plot(np.arange(len(heard)) * pauses.frame_samples / rate_hz, heard, color=colour_of("noisy"))
        axes.axhline(pauses.threshold_db, color=colour_of("dan"), linewidth=1)
        for start, stop in pauses.stretches:
            axes.axvspan(start / rate_hz, stop / rate_hz, color=colour_of("noise"), alpha=0.25, linewidth=0)
        style_axes(axes, title=name, xlabel="s", ylabel="level in dB")
    return figure
