"""The picture of error against likeness: outputs of one task, and what they look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dan.core.arrays import Signal
from dan.dsp.stft import power_spectra
from dan.metrics.general import snr_db
from dan.report.colours import CLEAN, DAN, NOISY
from dan.report.style import INK, SMALL, new_figure, signed, style_axes, styled

ALONE = "#0072b2"
COLOURS = {"clean": CLEAN, "error alone": ALONE, "adversarial": DAN}
FLOOR_DB = -60.0


@dataclass(frozen=True)
class Point:
    """Outputs, by their error and by their likeness."""

    name: str
    snr_db: float
    """The error: SNR of the outputs."""
    distance_db: float
    """The likeness: distance from the levels of clean signals, 0 at best."""


@styled
def plot_likeness(points: Sequence[Point], shown: Mapping[str, Signal], *, sample_rate_hz: float) -> Figure:
    """Draw error against likeness, and the spectrum of one signal.

    Args:
        points: the noisy inputs, the outputs of the training for the error alone, mixtures with those of the
            adversarial training, and these.
        shown: one signal ``[T]`` by name: clean, and the outputs of both trainings; of all signals the one
            that the adversarial part costs the median of SNR.
        sample_rate_hz: of them.
    """
    figure = new_figure(10.8, 4.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.15))
    _draw_points(left, points)
    _draw_spectra(right, shown, sample_rate_hz)
    return figure


def _draw_points(axes: Axes, points: Sequence[Point]) -> None:
    noisy, *outputs = points
    first, middle, last = outputs[0], outputs[len(outputs) // 2], outputs[-1]
    errors, distances = ([getattr(one, name) for one in outputs] for name in ("snr_db", "distance_db"))
    axes.plot(errors, distances, "o-", color=NOISY, markersize=5)
    for point in (first, last):
        axes.plot(point.snr_db, point.distance_db, "o", color=COLOURS[point.name], markersize=10)
    for point, words, place in (
        (first, "trained for the error alone:\na blur, like no signal", (-12, 0)),
        (middle, "mixtures of both outputs", (-12, 0)),
        (last, "against a discriminator too:\nlike clean signals", (14, -10)),
    ):
        axes.annotate(
            words, (point.snr_db, point.distance_db), xytext=place, textcoords="offset points",
            ha="right" if place[0] < 0 else "left", va="center", fontsize=SMALL,
            color=COLOURS.get(point.name, INK),
        )  # fmt: skip
    axes.margins(x=0.35, y=0.18)
    style_axes(
        axes,
        title="Error against likeness, input at -10 dB".replace("-", "\N{MINUS SIGN}"),
        xlabel="output SNR in dB: less error to the right",
        ylabel="distance from clean levels in dB:\nmore like clean signals below",
    )
    caption = f"noisy input: {signed(noisy.snr_db)} dB, distance {noisy.distance_db:.1f} dB"
    axes.text(0.02, 0.95, caption, transform=axes.transAxes, color=INK, fontsize=SMALL)


def _draw_spectra(axes: Axes, shown: Mapping[str, Signal], sample_rate_hz: float) -> None:
    """The spectra of one signal at the level of the clean one, and the SNR of both outputs."""
    length, top = shown["clean"].shape[-1], 0.0
    for name, signal in shown.items():
        exact = signal.astype(np.float64)
        power = power_spectra(exact, n_fft=length, hop_length=length, padded=4 * length)[0]
        top = top or float(power.max())
        frequency_hz = np.linspace(0, sample_rate_hz / 2, len(power))
        level_db = 10 * np.log10(np.maximum(power / top, 10 ** (FLOOR_DB / 10)))
        reached_db = float(snr_db(estimate=signal, reference=shown["clean"]))
        label = name if name == "clean" else f"{name}: SNR {signed(reached_db)} dB"
        axes.plot(frequency_hz, level_db, color=COLOURS[name], label=label, linewidth=1.4)
    axes.legend(loc="upper right", fontsize=SMALL)
    style_axes(axes, title="A signal of median cost in SNR", xlabel="frequency in Hz", ylabel="level in dB")
