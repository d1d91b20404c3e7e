"""The picture of a benchmark: quality against cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dan.benchmark.page import shown
from dan.benchmark.results import NOISY, Comparison, PeerResult
from dan.core.errors import DanError
from dan.report.colours import colour_of
from dan.report.style import INK, SMALL, TEXT, new_figure, style_axes, styled

LETTER, LINE = 0.66, 1.25
"""Width of a letter and height of a line, in font sizes."""
APART = 8.0
"""Points from a point to its name."""
RADIUS = 5.0
"""Size of a point that a name keeps clear of, in points."""


@styled
def plot_tradeoff(comparison: Comparison) -> Figure:
    """Draw quality against the real-time factor and against the time to the first sample.

    Args:
        comparison: of which each peer becomes a point: up is better, left is cheaper. The noisy input is a
            dashed line.

    Returns:
        The figure; speech with a PESQ has a second line of panels for it.

    Raises:
        DanError: if nothing but the noisy input was compared.
    """
    entries = [entry for entry in comparison.entries if entry.cost.whole_rtf]
    if not entries:
        raise DanError("0 peers", "there is nothing to draw", "Compare at least one")
    heights: dict[str, Callable[[PeerResult], float]] = {
        "SI-SDR gain in dB": lambda one: one.quality.si_sdr_gain_db
    }
    if all("pesq" in entry.quality.figures for entry in entries):
        heights["PESQ"] = lambda one: one.quality.figures["pesq"]
    figure = new_figure(9.6, 4.2 * len(heights))
    panels = figure.subplots(len(heights), 2, sharex="col", sharey="row", squeeze=False)
    for (left, right), (ylabel, height) in zip(panels, heights.items(), strict=True):
        style_axes(left, ylabel=ylabel)
        style_axes(right)
        _draw(left, entries, _rtf, height)
        _draw(right, entries, _first_sample, height)
        for noisy in (entry for entry in comparison.entries if entry.name == NOISY):
            _draw_input(left, height(noisy))
            _draw_input(right, height(noisy))
    panels[-1, 0].set_xlabel("real-time factor on one core", fontsize=TEXT, color=INK)
    panels[-1, 1].set_xlabel("from process start to first sample, in s", fontsize=TEXT, color=INK)
    figure.draw_without_rendering()  # the panels take their places, and names can keep clear of each other
    for (left, right), height in zip(panels, heights.values(), strict=True):
        _name(left, entries, _rtf, height)
        _name(right, entries, _first_sample, height)
    return figure


Figured = Callable[[PeerResult], float]


def _rtf(entry: PeerResult) -> float:
    return entry.cost.whole_rtf.median if entry.cost.whole_rtf else float("nan")


def _first_sample(entry: PeerResult) -> float:
    return entry.cost.first_sample_s.median


def _colour(entry: PeerResult) -> str:
    return colour_of("dan" if entry.is_dan else entry.name)


def _draw(axes: Axes, entries: Sequence[PeerResult], cost: Figured, height: Figured) -> None:
    axes.set_xscale("log")
    for entry in entries:
        size = 9 if entry.is_dan else 6
        axes.plot(cost(entry), height(entry), "o", color=_colour(entry), markersize=size)
    axes.margins(x=0.3, y=0.15)


def _draw_input(axes: Axes, height: float) -> None:
    """Draw the level of the noisy input."""
    axes.axhline(height, color=INK, linewidth=1, linestyle="--", zorder=0)
    place = axes.get_yaxis_transform()
    axes.text(0.99, height, NOISY, fontsize=SMALL, color=INK, ha="right", va="bottom", transform=place)


def _name(axes: Axes, entries: Sequence[PeerResult], cost: Figured, height: Figured) -> None:
    """Names beside the points, towards the middle; one that would lie over another or a point moves down."""
    points = 72 / axes.figure.dpi
    middle = math.sqrt(min(map(cost, entries)) * max(map(cost, entries)))
    places = {
        entry.name: points * axes.transData.transform((cost(entry), height(entry))) for entry in entries
    }
    taken = [(x - RADIUS, x + RADIUS, y) for x, y in places.values()]
    for entry in sorted(entries, key=height, reverse=True):
        x, y = places[entry.name]
        width, right = LETTER * SMALL * len(shown(entry)), cost(entry) <= middle
        low = x + APART if right else x - APART - width
        top = _free(y, [at for start, stop, at in taken if low < stop and start < low + width])
        taken.append((low, low + width, top))
        axes.annotate(
            shown(entry),
            (cost(entry), height(entry)),
            xytext=(APART if right else -APART, top - y),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=SMALL,
            color=_colour(entry),
            fontweight="bold" if entry.is_dan else "normal",
        )


def _free(top: float, taken: Sequence[float]) -> float:
    """The highest place of a line of text, at or below `top`, that is a line away from those taken."""
    for at in sorted(taken, reverse=True):
        if abs(top - at) < LINE * SMALL:
            top = at - LINE * SMALL
    return top
