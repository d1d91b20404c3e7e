"""Progress of a training on the page: a diagnosis in words, and the curves of gain and losses."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr
import pandas as pd

from dan.report.colours import NOISY, colour_of
from dan.training.diagnostics import verdict
from dan.training.history import Record

ON_BLACK = {"generator": NOISY}
"""Colours where the report's own is seen on white alone: the page may be dark."""


def gain_plot() -> gr.LinePlot:
    """Return the empty plot of the SNR gain."""
    return gr.LinePlot(x="epoch", y="dB", title="SNR gain on validation signals", height=300, elem_id="gain")


def losses_plot() -> gr.LinePlot:
    """Return the empty plot of the losses, without a legend: that of the plot does not wrap."""
    return gr.LinePlot(
        x="epoch", y="loss", color="name", title="Losses in training", height=300, colors_in_legend=[],
        elem_id="losses",
    )  # fmt: skip


def drawn(records: list[Record]) -> list[Any]:
    """Return the diagnosis, whether there are curves, both plots and the legend of the second."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in verdict(records))
    gains = pd.DataFrame([(one["epoch"], one["val_snr_gain_db"]) for one in records], columns=["epoch", "dB"])
    rows = [
        (one["epoch"], name.removeprefix("train_"), value)
        for one in records
        for name, value in one.items()
        if name.startswith("train_") and isinstance(value, int | float)
    ]
    losses = pd.DataFrame(rows, columns=["epoch", "name", "loss"])
    colours = {name: ON_BLACK.get(name, colour_of(name)) for name in dict.fromkeys(losses["name"])}
    return [
        f"<strong>So far</strong><ul>{items}</ul>",
        gr.update(visible=bool(records)),
        gains,
        gr.update(value=losses, color_map=colours),
        _legend(colours),
    ]


def _legend(colours: Mapping[str, str]) -> str:
    """Return the names of curves beside their colours, in as many lines as it takes."""
    entries = (
        f"<span style='white-space:nowrap'><span aria-hidden='true' style='color:{colour}'>━━</span>"
        f" {escape(name)}</span>"
        for name, colour in colours.items()
    )
    return f"<div style='display:flex; flex-wrap:wrap; gap:0 1rem'>{''.join(entries)}</div>"
