"""The report of an evaluation: one page to send on as it is, with the table and the pictures beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dan.config import Recipe
from dan.config.load import dump_recipe
from dan.core.arrays import Signal
from dan.core.atomic import atomic_folder
from dan.core.grid import markdown_grid
from dan.core.ragged import Signals, check_pairs, check_signals
from dan.core.version import __version__
from dan.evaluation.evaluate import Evaluation, Row, Table
from dan.evaluation.table import number
from dan.metrics.registry import HEADINGS
from dan.report.audio_clips import listen, wav_bytes
from dan.report.plots import figure_png, plot_curve, plot_history, plot_scores, plot_signals
from dan.report.style import label, signed

Curve = Sequence[tuple[float, Mapping[str, float]]]
"""For each input SNR in dB the output SNR in dB by the row's name."""

PAGE, TEMPLATE = "index.html", "template.html.j2"
PICTURES = ("scores.png", "signals.png", "curve.png", "training.png")
FILES = frozenset({PAGE, "table.md", "table.json", "curve.md", *PICTURES})

SHOWN_SIGNALS = 2

NAMES = {"clean": "clean", "noisy": "mixed", "lowpass": "low-passed", "dan": "denoised"}
"""Names of the signals that a page shows and plays, in this order, by the row's name."""


def write_report(
    folder: str | Path,
    evaluation: Evaluation,
    *,
    clean: Signals,
    recipe: Recipe | None = None,
    history: Sequence[Mapping[str, Any]] = (),
    curve: Curve | None = None,
    force: bool = False,
) -> Path:
    """Write a folder with the page `index.html`, the tables as Markdown and JSON, and the pictures as PNG.

    The page holds all it shows and plays, and loads nothing from anywhere. The folder appears whole or not at
    all; the same input gives the same bytes.

    Args:
        folder: to write; the folders above it are made as needed.
        evaluation: the score table, and the outputs of which the first are shown and played, cut to the
            shortest of them where their lengths differ.
        clean: the references of the evaluation, ``[N, T]`` or one by one.
        recipe: printed in full; None leaves it out.
        history: of the training, one record a validation; none leaves the training curves out.
        curve: output SNR against input SNR; None leaves it out.
        force: replace a report that stands there.

    Returns:
        The path of the page.

    Raises:
        DanError: if the folder holds a report and `force` is not set, or anything else, or cannot be written;
            or if the signals' shapes differ.
    """
    references = check_signals(clean, name="clean")
    check_pairs(clean=references, noisy=check_signals(evaluation.outputs["noisy"], name="noisy"))
    with atomic_folder(folder, force=force, replaceable=_is_report) as temporary:
        pictures = _pictures(evaluation, references, history, curve)
        text = _page(evaluation, references, pictures, recipe=recipe, history=history, curve=curve)
        for name, png in pictures.items():
            (temporary / name).write_bytes(png)
        (temporary / "table.md").write_text(evaluation.table.to_markdown(), encoding="utf-8")
        (temporary / "table.json").write_text(evaluation.table.to_json() + "\n", encoding="utf-8")
        if curve:
            grid = _curve(curve)
            lines = markdown_grid(grid.head, [cells for _, cells in grid.rows])
            (temporary / "curve.md").write_text(lines + "\n", encoding="utf-8")
        (temporary / PAGE).write_text(text, encoding="utf-8")
    return Path(folder) / PAGE


def headline(scores: Table) -> str:
    """Return what a score table says, in a sentence or two."""
    rows = {row.name: row for row in scores.rows}
    dan, noisy = rows["dan"], rows["noisy"]
    change = "a gain" if dan.snr_gain_db >= 0 else "a loss"
    sentence = (
        f"DAN turns an SNR of {signed(noisy.snr_db)} dB into {signed(dan.snr_db)} dB, "
        f"{change} of {abs(dan.snr_gain_db):.1f} dB."
    )
    others = [row for name, row in rows.items() if name not in ("noisy", "dan", "limit")]
    beside = []
    if others:
        best = max(others, key=lambda row: row.snr_db)
        beside.append(f"{_apart(dan, best)} the best classical method ({label(best.name)})")
    if "limit" in rows:
        beside.append(f"{_apart(dan, rows['limit'])} the theoretical limit")
    return f"{sentence} That is {' and '.join(beside)}." if beside else sentence


def _apart(dan: Row, other: Row) -> str:
    difference_db = dan.snr_db - other.snr_db
    return f"{abs(difference_db):.1f} dB {'above' if difference_db >= 0 else 'below'}"


def _is_report(folder: Path) -> bool:
    return {file.name for file in folder.iterdir()} <= FILES


def _pictures(
    evaluation: Evaluation, clean: Signals, history: Sequence[Mapping[str, Any]], curve: Curve | None
) -> dict[str, bytes]:
    shown = _signals(evaluation, clean, SHOWN_SIGNALS)
    levels_db = {row.name: row.snr_db for row in evaluation.table.rows if row.name in ("lowpass", "limit")}
    figures = {
        "scores.png": plot_scores(evaluation.table.rows),
        "signals.png": plot_signals(shown, sample_rate_hz=evaluation.table.sample_rate_hz),
    }
    if curve:
        figures["curve.png"] = plot_curve(curve)
    if history:
        figures["training.png"] = plot_history(history, levels_db=levels_db)
    return {name: figure_png(figure) for name, figure in figures.items()}


def _signals(evaluation: Evaluation, clean: Signals, count: int | None = None) -> dict[str, Signal]:
    """Signals that are shown and played ``[n, T]``, by the row's name: the first, up to so many.

    Where lengths differ it is those that are shown, cut to the shortest of them.
    """
    signals = {"clean": clean, **evaluation.outputs}
    if len({len(signal) for signal in clean}) > 1:
        count = SHOWN_SIGNALS
    length = min(len(signal) for signal in clean[:count])
    return {
        name: np.stack([signal[:length] for signal in signals[name][:count]])
        for name in NAMES
        if name in signals
    }


def _page(
    evaluation: Evaluation,
    clean: Signals,
    pictures: Mapping[str, bytes],
    *,
    recipe: Recipe | None,
    history: Sequence[Mapping[str, Any]],
    curve: Curve | None,
) -> str:
    """Return the page as HTML: the template filled in, every text escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("dan.report", "."), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["data_uri"] = _data_uri
    scores = evaluation.table
    return environment.get_template(TEMPLATE).render(
        title=f"DAN report: {scores.model}",
        table=scores,
        headline=headline(scores),
        pictures=pictures,
        scores=_scores(scores),
        notes=_notes(scores),
        classes=_classes(scores),
        harm=_harm(scores),
        sounds=_sounds(_signals(evaluation, clean), scores.sample_rate_hz),
        curve=_curve(curve) if curve else None,
        training=_training(history) if history else None,
        recipe=dump_recipe(recipe) if recipe else None,
        version=__version__,
    )


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


@dataclass(frozen=True)
class _Grid:
    """A table of the page."""

    head: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    """Name of each row, which says its colour, and its cells, of which the first is its heading."""


def _scores(scores: Table) -> _Grid:
    extra = [HEADINGS[name] for name in scores.extra_figures]
    head = ["", "SNR (dB)", "95 % interval", "gain (dB)", "SI-SDR (dB)", "gain (dB)", *extra]
    return _Grid(head, [(row.name, _score_cells(row, scores.count)) for row in scores.rows])


def _score_cells(row: Row, count: int) -> list[str]:
    low, high = row.interval_db["snr_db"]
    gains = [signed(gain, plus="+", digits=2) for gain in (row.snr_gain_db, row.si_sdr_gain_db)]
    interval = f"{signed(low, digits=2)} to {signed(high, digits=2)}" if count > 1 else ""
    levels = [signed(level, digits=2) for level in (row.snr_db, row.si_sdr_db)]
    extra = [number(value) for value in row.figures.values()]
    return [label(row.name), levels[0], interval, gains[0], levels[1], gains[1], *extra]


def _notes(scores: Table) -> list[str]:
    settings = [f"{label(name)}, set on the training side: {how}" for name, how in scores.settings.items()]
    missing = [f"No row {label(name)}: {why}" for name, why in scores.notes.items()]
    return [*settings, *missing, *scores.remarks]


def _classes(scores: Table) -> list[tuple[str, _Grid]]:
    """Return a table for each figure by the SNR of the input, where there is more than one class."""
    if len(scores.by_snr) < 2:
        return []
    tables = []
    for name in ("snr_db", *scores.extra_figures):
        head, lines = scores.snr_cells(name)
        rows = [(line[0], [label(line[0]), *line[1:]]) for line in lines]
        tables.append((HEADINGS.get(name, "Output SNR (dB)"), _Grid(head, rows)))
    return tables


def _harm(scores: Table) -> _Grid | None:
    rows = [
        (row.name, [label(row.name), signed(row.snr_db), signed(row.si_sdr_db)]) for row in scores.clean_input
    ]
    return _Grid(["", "SNR (dB)", "SI-SDR (dB)"], rows) if rows else None


def _sounds(signals: Mapping[str, Signal], sample_rate_hz: float) -> dict[str, Any]:
    sound = listen(signals, sample_rate_hz=sample_rate_hz)
    clips = {NAMES[name]: wav_bytes(clip, sample_rate_hz=sound.rate_hz) for name, clip in sound.clips.items()}
    return {"words": sound.describe(sample_rate_hz), "clips": clips}


def _curve(curve: Curve) -> _Grid:
    names = dict.fromkeys(name for _, row in curve for name in row)
    rows = [
        (name, [label(name), *(signed(row[name]) if name in row else "" for _, row in curve)])
        for name in names
    ]
    return _Grid(["input SNR (dB)", *(f"{signed(level_db, digits=0)}" for level_db, _ in curve)], rows)


def _training(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    best = max(history, key=lambda record: record["val_snr_db"])
    return {"last": history[-1], "best": best, "best_snr": signed(best["val_snr_db"])}
