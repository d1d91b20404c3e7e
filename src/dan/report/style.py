"""Style of every picture: names, letters, axes and its bytes; each line is named where it ends."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, ParamSpec

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.style import context

from dan.core.atomic import atomic_write
from dan.report.colours import colour_of

LABELS = {
    "noisy": "noisy input",
    "dan": "DAN",
    "lowpass": "low-pass",
    "bandpass": "band-pass",
    "wiener": "Wiener",
    "spectral_gate": "spectral gate",
    "nls": "least squares",
    "limit": "limit",
    "generator": "total",
    "l1": "L1",
    "l2": "L2",
    "snr": "SNR",
    "feature_matching": "feature matching",
    "multi_resolution_stft": "multi-resolution STFT",
}
INK = "#3b4047"
TITLE, TEXT, SMALL = 12.5, 11.0, 10.0
"""Sizes of letters in points, on figures 9 to 10 inches wide."""

SHEET = Path(__file__).with_name("dan.mplstyle")

Given = ParamSpec("Given")

DPI = 150


def label(name: str) -> str:
    """Return the name of a row or signal in a picture or a page."""
    return LABELS.get(name, name)


def signed(value: float, *, plus: str = "", digits: int = 1) -> str:
    """Return a number with the minus sign that axes have; zero has no sign."""
    text = f"{abs(value):.{digits}f}"
    sign = "" if float(text) == 0 else "\N{MINUS SIGN}" if value < 0 else plus
    return sign + text


def styled(draw: Callable[Given, Figure]) -> Callable[Given, Figure]:
    """Let a function draw in the style sheet of this package, `dan.mplstyle`."""

    @wraps(draw)
    def drawn(*given: Given.args, **options: Given.kwargs) -> Figure:
        with context(SHEET):
            return draw(*given, **options)

    return drawn


def new_figure(width_inch: float, height_inch: float) -> Figure:
    """Return an empty figure that no window and no global state knows of."""
    spaces = ConstrainedLayoutEngine(h_pad=0.07, w_pad=0.07)
    figure = Figure(figsize=(width_inch, height_inch), layout=spaces)
    FigureCanvasAgg(figure)
    return figure


def line_style(name: str) -> dict[str, Any]:
    """Return colour, width and dashes of the line of a row, signal or loss."""
    dashes: Any = (0, (5, 2)) if name == "limit" else "-"
    width = {"dan": 2.8, "limit": 1.9, "generator": 1.9}.get(name, 1.4)
    return {"color": colour_of(name), "linewidth": width, "linestyle": dashes}


def style_axes(
    axes: Axes, *, title: str = "", xlabel: str = "", ylabel: str = "", grid: Literal["both", "x"] = "both"
) -> None:
    """Give axes their title and names, and take the grid off the axis that needs none."""
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    if grid == "x":
        axes.grid(visible=False, axis="y")


def label_ends(axes: Axes, ends: Mapping[str, float]) -> None:
    """Name lines right of the axes at the height of their ends, moved apart where they would overlap."""
    names = sorted(ends, key=lambda name: ends[name])
    axes.set_ylim(axes.get_ylim())  # as they are: the heights below hold for them
    to_share = axes.transData + axes.transAxes.inverted()
    own = [float(to_share.transform((1.0, ends[name]))[1]) for name in names]
    points = 72 / axes.figure.dpi
    heights = _moved_apart(own, 1.3 * TEXT / (points * axes.bbox.height))
    for name, end, height in zip(names, own, heights, strict=True):
        colour = colour_of("noisy" if name in ("no change", "guessing", "alive") else name)
        axes.annotate(
            label(name),
            (1.0, end),
            xycoords="axes fraction",
            xytext=(1.0 + 16 / (points * axes.bbox.width), height),
            textcoords="axes fraction",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.8,
                "shrinkA": 1,
                "shrinkB": 1,
                "relpos": (0, 0.5),
            },
            color=colour,
            fontsize=TEXT,
            fontweight="bold" if name == "dan" else "normal",
            va="center",
        )


def _moved_apart(rising: Sequence[float], apart: float) -> list[float]:
    """Return heights at least `apart` from one another, each as near its own as its neighbours allow."""
    heights = list(rising)
    for _ in range(100):  # a dozen labels settle within some dozen passes
        for below, above in pairwise(range(len(heights))):
            short = max(0.0, apart - (heights[above] - heights[below]))
            heights[below] -= short / 2
            heights[above] += short / 2
    return heights


def figure_png(figure: Figure) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, whole or not at all; a picture of that name is replaced.

    Raises:
        DanError: if it cannot be written.
    """
    with atomic_write(path, force=True) as temporary:
        temporary.write_bytes(figure_png(figure))
