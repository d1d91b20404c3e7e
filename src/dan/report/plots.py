"""Pictures: training curves, signals and their spectra, scores, output SNR against input SNR.

Each function returns a figure that belongs to nobody else; nothing is drawn on a screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from dan.core.arrays import Array, Signal, check_same_shape, check_sample_rate, check_signal
from dan.core.errors import DanError
from dan.dsp.stft import power_spectra
from dan.evaluation.table import Row
from dan.metrics.general import snr_db
from dan.report.colours import LIMIT, NOISY, colour_of
from dan.report.style import (
    INK,
    TEXT,
    TITLE,
    figure_png,
    label,
    label_ends,
    line_style,
    new_figure,
    save_figure,
    signed,
    style_axes,
    styled,
)

__all__ = [
    "figure_png",
    "plot_curve",
    "plot_history",
    "plot_scores",
    "plot_signals",
    "save_figure",
]


SPECTRUM_FLOOR_DB = -60.0
LONGEST_FRAME_SAMPLES = 4096
"""Longer signals are cut into frames of this length, whose power spectra are averaged."""


@styled
def plot_history(
    history: Sequence[Mapping[str, Any]], *, levels_db: Mapping[str, float] | None = None
) -> Figure:
    """Draw training curves: validation SNR, the generator's losses, the discriminator's loss and accuracy.

    Args:
        history: one record a validation, oldest first, as the run folder's history has them.
        levels_db: output SNR in dB of other methods, by the row's name: each becomes a level line.

    Returns:
        The figure; without a discriminator its two panels are left out.

    Raises:
        DanError: if the history is empty.
    """
    if not history:
        raise DanError("history of 0 records", "there is nothing to draw", "Train for an epoch first")
    judged = any(record.get("discriminator_accuracy") is not None for record in history)
    figure = new_figure(9.6, 7.0 if judged else 3.6)
    panels = figure.subplots(2 if judged else 1, 2, sharex=True, squeeze=False)
    _draw_validation(panels[0, 0], history, levels_db or {})
    terms = [key for key in history[-1] if key.startswith("train_") and key != "train_discriminator"]
    _draw_losses(panels[0, 1], history, terms, title="Generator: weighted losses")
    if judged:
        _draw_losses(panels[1, 0], history, ["train_discriminator"], title="Discriminator: loss")
        _draw_accuracy(panels[1, 1], history)
    for axes in panels[-1]:
        axes.set_xlabel("epoch", fontsize=TEXT)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        if len(history) == 1:
            axes.set_xlim(history[0]["epoch"] - 1, history[0]["epoch"] + 1)
    return figure


@styled
def plot_signals(signals: Mapping[str, Signal], *, sample_rate_hz: float) -> Figure:
    """Draw signals one below the other: the waveform on the left, the spectrum on the right.

    Where there is a signal `clean`, it lies behind all others, and each has its SNR in its title.

    Args:
        signals: by name, all ``[T]`` or all ``[N, T]``: N examples, one below the other.
        sample_rate_hz: their rate in Hz.

    Returns:
        The figure. All waveforms share one scale; 0 dB is the highest bin of the example's clean signal.

    Raises:
        DanError: if there is no signal, one is wrong, or the shapes differ.
    """
    if not signals:
        raise DanError("0 signals", "there is nothing to draw", "Give at least one")
    rate_hz = check_sample_rate(sample_rate_hz)
    stacks = {name: np.atleast_2d(check_signal(signal, name=name)) for name, signal in signals.items()}
    check_same_shape(**stacks)
    count, length = next(iter(stacks.values())).shape
    peak = max(float(np.abs(stack).max()) for stack in stacks.values()) or 1.0
    figure = new_figure(9.6, (1.4 * len(stacks) + 0.7) * count)
    for example, part in enumerate(figure.subfigures(count, 1, squeeze=False).flat):
        grid = part.subplots(len(stacks), 2, sharex="col", sharey="col", squeeze=False)
        grid[0, 0].set(xlim=(0, length / rate_hz), ylim=(-1.05 * peak, 1.05 * peak))
        grid[0, 1].set(xlim=(0, rate_hz / 2), ylim=(SPECTRUM_FLOOR_DB, 6))
        _draw_example(grid, {name: stack[example] for name, stack in stacks.items()}, rate_hz)
        if count > 1:
            part.suptitle(
                f"Signal {example + 1}", x=0.005, ha="left", fontsize=TITLE, fontweight="bold", color=INK
            )
    return figure


@styled
def plot_scores(rows: Sequence[Row]) -> Figure:
    """Draw the output SNR of each row as a bar that starts at the noisy input, with its 95 % interval.

    Args:
        rows: of a score table, the noisy input among them.

    Raises:
        DanError: if no row is the noisy input's.
    """
    scores = {row.name: row for row in rows}
    if "noisy" not in scores:
        raise DanError(f"rows {', '.join(scores)}", "the input's own is needed", "Give the row noisy as well")
    input_db = scores["noisy"].snr_db
    others = [name for name in scores if name not in ("noisy", "dan", "limit")]
    order = ["noisy", *sorted(others, key=lambda name: scores[name].snr_db), "dan", "limit"]
    shown = [scores[name] for name in order if name in scores]
    figure = new_figure(9.6, 0.46 * len(shown) + 1.25)
    axes = figure.subplots()
    style_axes(axes, xlabel="output SNR in dB (bars start at the noisy input)", grid="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for place, row in enumerate(shown):
        _draw_bar(axes, place, row, input_db)
    axes.set_yticks(range(len(shown)), [label(row.name) for row in shown], fontsize=TITLE)
    for text, row in zip(axes.get_yticklabels(), shown, strict=True):
        text.set(color=_text_colour(row.name), fontweight="bold" if row.name == "dan" else "normal")
    axes.axvline(input_db, color=NOISY, linewidth=1.2)
    ends = [input_db, *(end for row in shown for end in _interval(row))]
    spread = max(ends) - min(ends) or 1.0
    # The figures stand right of the bars, so the axis goes on for about their width.
    axes.set_xlim(min(ends) - 0.03 * spread, max(ends) + 0.3 * spread)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    return figure


@styled
def plot_curve(points: Sequence[tuple[float, Mapping[str, float]]]) -> Figure:
    """Draw output SNR against input SNR, a line for each method and a diagonal for no change.

    Args:
        points: for each input SNR in dB the output SNR in dB by the row's name.

    Raises:
        DanError: if there is no point.
    """
    if not points:
        raise DanError("curve of 0 points", "there is nothing to draw", "Give at least one")
    input_db = np.array([level_db for level_db, _ in points])
    names = [name for name in dict.fromkeys(name for _, row in points for name in row) if name != "noisy"]
    figure = new_figure(9.6, 5.4)
    axes = figure.subplots()
    axes.plot(input_db, input_db, color=NOISY, linewidth=1.3, linestyle=(0, (1, 1.6)))
    ends = {"no change": float(input_db[-1])}
    for name in sorted(names, key=lambda name: name == "dan"):  # dan on top
        output_db = np.array([row.get(name, np.nan) for _, row in points])
        axes.plot(input_db, output_db, **line_style(name), marker="o", markersize=5 if name == "dan" else 3)
        ends[name] = float(output_db[np.isfinite(output_db)][-1])
    style_axes(axes, xlabel="input SNR in dB", ylabel="output SNR in dB")
    axes.set_xlim(input_db.min() - 0.5, input_db.max() + 0.5)
    label_ends(axes, ends)
    return figure


def _epochs(history: Sequence[Mapping[str, Any]]) -> list[float]:
    return [record["epoch"] for record in history]


def _values(history: Sequence[Mapping[str, Any]], key: str) -> Array:
    """Return the values of a key over the records; NaN, which is not drawn, where one lacks it."""
    return np.array([np.nan if record.get(key) is None else record[key] for record in history], float)


def _marker(history: Sequence[object]) -> str:
    """A dot where one record would be no line."""
    return "o" if len(history) == 1 else ""


def _draw_validation(
    axes: Axes, history: Sequence[Mapping[str, Any]], levels_db: Mapping[str, float]
) -> None:
    values = _values(history, "val_snr_db")
    noisy_db = float(values[-1] - history[-1]["val_snr_gain_db"])
    levels = {"noisy": noisy_db, **levels_db}
    for name, level_db in levels.items():
        axes.axhline(level_db, **(line_style(name) | {"linewidth": 1.3}))
    axes.plot(_epochs(history), values, marker=_marker(history), **line_style("dan"))
    style_axes(axes, title="Validation: output SNR", ylabel="dB")
    low, high = min([*levels.values(), np.nanmin(values)]), max([*levels.values(), np.nanmax(values)])
    margin = 0.06 * ((high - low) or 1.0)
    axes.set_ylim(low - margin, high + margin)
    label_ends(axes, {**levels, "dan": float(values[-1])})


def _draw_losses(
    axes: Axes, history: Sequence[Mapping[str, Any]], keys: Sequence[str], *, title: str
) -> None:
    lines = {key.removeprefix("train_"): _values(history, key) for key in keys}
    for name, values in lines.items():
        axes.plot(_epochs(history), values, marker=_marker(history), **line_style(name))
    drawn = np.concatenate([values[np.isfinite(values)] for values in lines.values()] or [np.ones(1)])
    if drawn.min() > 0 and drawn.max() > 20 * drawn.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    style_axes(axes, title=title)
    ends = {name: values[np.isfinite(values)] for name, values in lines.items()}
    if len(lines) > 1:
        label_ends(axes, {name: float(values[-1]) for name, values in ends.items() if len(values)})


def _draw_accuracy(axes: Axes, history: Sequence[Mapping[str, Any]]) -> None:
    percent = 100 * _values(history, "discriminator_accuracy")
    axes.axhline(50, color=NOISY, linewidth=1.3, linestyle=(0, (1, 1.6)))
    axes.axhspan(55, 90, color="#eef3ea", zorder=0)  # what the generator can learn from
    axes.plot(_epochs(history), percent, marker=_marker(history), **line_style("discriminator"))
    style_axes(axes, title="Discriminator: accuracy", ylabel="%")
    axes.set_ylim(0, 103)
    label_ends(axes, {"guessing": 50.0, "alive": 72.0})


def _draw_example(rows: npt.NDArray[np.object_], signals: Mapping[str, Signal], rate_hz: float) -> None:
    clean = signals.get("clean")
    spectra = {name: _power_spectrum(signal) for name, signal in signals.items()}
    top = spectra["clean"].max() if clean is not None else max(power.max() for power in spectra.values())
    for (left, right), (name, signal) in zip(rows, signals.items(), strict=True):
        time_s = np.arange(len(signal)) / rate_hz
        spectrum_db = _decibels(spectra[name], top)
        frequency_hz = np.linspace(0, rate_hz / 2, len(spectrum_db))
        if clean is not None and name != "clean":
            left.plot(time_s, clean, color="#b9bec6", linewidth=2.2)
            behind_db = _decibels(spectra["clean"], top)
            right.fill_between(frequency_hz, behind_db, SPECTRUM_FLOOR_DB, color="#dfe2e7", linewidth=0)
        left.plot(time_s, signal, color=colour_of(name), linewidth=1.1)
        right.plot(frequency_hz, spectrum_db, color=colour_of(name), linewidth=1.1)
        style_axes(left, title=_signal_title(name, signal, clean))
        style_axes(right, ylabel="dB")
        right.set_yticks([-60, -40, -20, 0])
    rows[-1, 0].set_xlabel("time in s", fontsize=TEXT)
    rows[-1, 1].set_xlabel("frequency in Hz", fontsize=TEXT)


def _signal_title(name: str, signal: Signal, clean: Signal | None) -> str:
    if name == "clean" or clean is None:
        return label(name)
    return f"{label(name)}: SNR {signed(float(snr_db(estimate=signal, reference=clean)))} dB"


def _power_spectrum(signal: Signal) -> Array:
    """Return the mean power over whole frames that overlap by half, zero-padded: ``[T] -> [F]``."""
    frame = min(len(signal), LONGEST_FRAME_SAMPLES)
    hop = max(1, frame // 2)
    whole = signal[: len(signal) - (len(signal) - frame) % hop]
    return np.asarray(
        power_spectra(whole, n_fft=frame, hop_length=hop, padded=max(4 * frame, 512)).mean(axis=0)
    )


def _decibels(power: Array, top: float) -> Array:
    floor = 10 ** (SPECTRUM_FLOOR_DB / 10)
    return np.asarray(10 * np.log10(np.maximum(power / (top or 1.0), floor)))


def _interval(row: Row) -> tuple[float, float]:
    return row.interval_db.get("snr_db", (row.snr_db, row.snr_db))


def _fill(name: str) -> npt.NDArray[np.float64]:
    """The colour of a bar: all but dan's are mixed with white."""
    strength = 1.0 if name == "dan" else 0.6
    return 1 - strength * (1 - np.array(to_rgb(colour_of(name))))


def _text_colour(name: str) -> str:
    return colour_of(name) if name in ("dan", "limit") else INK


def _draw_bar(axes: Axes, place: int, row: Row, input_db: float) -> None:
    hollow = row.name == "limit"
    fill = {"color": "white", "edgecolor": LIMIT, "linestyle": "--", "linewidth": 1.6}
    look: dict[str, Any] = fill if hollow else {"color": _fill(row.name)}
    axes.barh(place, row.snr_db - input_db, left=input_db, height=0.62, **look)
    low, high = _interval(row)
    axes.plot([low, high], [place, place], color=INK, linewidth=1.6, solid_capstyle="butt")
    gain = "" if row.name == "noisy" else f"  ({signed(row.snr_gain_db, plus='+')})"
    axes.annotate(
        f"{signed(row.snr_db)} dB{gain}",
        (max(high, row.snr_db, input_db), place),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=TITLE,
        color=_text_colour(row.name),
        fontweight="bold" if row.name == "dan" else "normal",
    )
