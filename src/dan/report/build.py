"""The report of an evaluation: one page to send on as it is, with the table and the pictures beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dan.config import Recipe
from dan.config.load import dump_recipe
from dan.core.arrays import Signal
from dan.core.atomic import atomic_folder
from dan.core.ragged import Signals, check_pairs, check_signals
from dan.core.version import __version__
from dan.evaluation.evaluate import Evaluation, Row, Table
from dan.evaluation.table import number
from dan.metrics.registry import HEADINGS
from dan.report import page
from dan.report.audio_clips import listen, wav_bytes
from dan.report.plots import figure_png, plot_curve, plot_history, plot_scores, plot_signals
from dan.report.style import label, signed

Curve = Sequence[tuple[float, Mapping[str, float]]]
"""For each input SNR in dB the output SNR in dB by the row's name."""

PAGE = "index.html"
PICTURES = ("scores.png", "signals.png", "curve.png", "training.png")
FILES = frozenset({PAGE, "table.md", "table.json", "curve.md", *PICTURES})

SHOWN_SIGNALS = 2

NAMES = {"clean": "clean", "noisy": "mixed", "lowpass": "low-passed", "dan": "denoised"}
"""What a page calls the signals that it shows and plays, in this order; by the row's name."""


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
            (temporary / "curve.md").write_text(_curve_markdown(curve), encoding="utf-8")
        (temporary / PAGE).write_text(text, encoding="utf-8")
    return Path(folder) / PAGE


def headline(scores: Table) -> str:
    """What a score table says, in a sentence or two."""
    rows = {row.name: row for row in scores.rows}
    dan, noisy = rows["dan"], rows["noisy"]
    change = "a gain" if dan.snr_gain_db >= 0 else "a loss"
    said = (
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
    return f"{said} That is {' and '.join(beside)}." if beside else said


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
    scores = evaluation.table
    title = f"DAN report: {scores.model}"
    facts = (
        f"{scores.count} signals of {scores.data} at {scores.sample_rate_hz:g} Hz, "
        f"denoised by a generator of {scores.parameters:,} parameters."
    )
    return page.document(
        title,
        page.header(title, facts=facts, lead=headline(scores)),
        page.section("Scores", *_scores_parts(scores, pictures["scores.png"])),
        page.section("By input SNR", *_class_parts(scores)),
        page.section("Do no harm", *_harm_parts(scores)),
        page.section("Signals and spectra", _signals_part(pictures["signals.png"])),
        page.section("Listen", *_sound_parts(_signals(evaluation, clean), scores.sample_rate_hz)),
        page.section("At other input levels", *_curve_parts(curve, pictures.get("curve.png"))),
        page.section("Training", *_training_parts(history, pictures.get("training.png"))),
        page.section(
            "Recipe", page.folded("The whole recipe as TOML", dump_recipe(recipe)) if recipe else ""
        ),
        page.footer(f"Written by DAN {__version__}. The table is also in table.md and table.json beside it."),
    )


def _scores_parts(scores: Table, png: bytes) -> list[str]:
    extra = [HEADINGS[name] for name in scores.extra_figures]
    head = ["", "SNR (dB)", "95 % interval", "gain (dB)", "SI-SDR (dB)", "gain (dB)", *extra]
    rows = [_score_cells(row) for row in scores.rows]
    caption = (
        "Mean output SNR over the signals. A bar starts at the noisy input, so its length is the gain; the "
        "thin line is the 95 % interval of the mean."
    )
    meaning = (
        "SNR is 20 log10 of the RMS of the clean signal over that of the error; SI-SDR is the same after the "
        "best scaling. Each figure is the mean over signals, its interval a bootstrap over them."
    )
    return [
        page.picture(png, alt="Bars of the output SNR of each row of the table", caption=caption),
        page.table(head, rows, kinds=[_kind(row.name) for row in scores.rows]),
        page.paragraph(meaning, kind="note"),
        page.bullets(
            [
                *(f"{label(name)}, set on the training side: {how}" for name, how in scores.settings.items()),
                *(f"No row {label(name)}: {why}" for name, why in scores.notes.items()),
                *scores.remarks,
            ]
        ),
    ]


def _score_cells(row: Row) -> list[str]:
    low, high = row.interval_db["snr_db"]
    gains = [signed(gain, plus="+", digits=2) for gain in (row.snr_gain_db, row.si_sdr_gain_db)]
    interval = f"{signed(low, digits=2)} to {signed(high, digits=2)}"
    levels = [signed(level, digits=2) for level in (row.snr_db, row.si_sdr_db)]
    extra = [number(value) for value in row.figures.values()]
    return [label(row.name), levels[0], interval, gains[0], levels[1], gains[1], *extra]


def _kind(name: str) -> str:
    return name if name in ("dan", "limit") else ""


def _class_parts(scores: Table) -> list[str]:
    """A table for each figure by the SNR of the input, where there is more than one class."""
    if len(scores.by_snr) < 2:
        return []
    kinds = [_kind(row.name) for row in scores.rows]
    parts = [page.paragraph("In each column the signals of one input SNR in dB, and how many they are.")]
    for name in ("snr_db", *scores.extra_figures):
        head, lines = scores.snr_cells(name)
        labelled = [[label(line[0]), *line[1:]] for line in lines]
        parts += [
            page.paragraph(f"{HEADINGS.get(name, 'Output SNR (dB)')}:"),
            page.table(head, labelled, kinds=kinds),
        ]
    return parts


def _harm_parts(scores: Table) -> list[str]:
    if not scores.clean_input:
        return []
    said = (
        "What each method returns when given the clean signals themselves: the higher, the less harm it does "
        "to what needs no denoising."
    )
    rows = [[label(row.name), signed(row.snr_db), signed(row.si_sdr_db)] for row in scores.clean_input]
    kinds = [_kind(row.name) for row in scores.clean_input]
    return [page.paragraph(said), page.table(["", "SNR (dB)", "SI-SDR (dB)"], rows, kinds=kinds)]


def _signals_part(png: bytes) -> str:
    caption = (
        "The same signals as they were, mixed with noise, and cleaned. In grey behind each lies the clean "
        "one; 0 dB is the highest peak of its spectrum."
    )
    return page.picture(png, alt="Waveforms and spectra, one below the other", caption=caption)


def _sound_parts(signals: Mapping[str, Signal], sample_rate_hz: float) -> list[str]:
    sound = listen(signals, sample_rate_hz=sample_rate_hz)
    clips = {NAMES[name]: wav_bytes(clip, sample_rate_hz=sound.rate_hz) for name, clip in sound.clips.items()}
    return [page.paragraph(sound.describe(sample_rate_hz)), page.sounds(clips)]


def _curve_cells(curve: Curve) -> tuple[list[str], list[str], list[list[str]]]:
    """The rows' names, the heading, and a row of cells for each name."""
    names = list(dict.fromkeys(name for _, row in curve for name in row))
    rows = [[label(name), *(signed(row[name]) if name in row else "" for _, row in curve)] for name in names]
    return names, ["input SNR (dB)", *(f"{signed(level_db, digits=0)}" for level_db, _ in curve)], rows


def _curve_markdown(curve: Curve) -> str:
    _, head, rows = _curve_cells(curve)
    lines = [head, ["---", *["---:"] * len(curve)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _curve_parts(curve: Curve | None, png: bytes | None) -> list[str]:
    if not curve or png is None:
        return []
    names, head, rows = _curve_cells(curve)
    caption = (
        "Mean output SNR on fresh draws of the task with another SNR. Below the dotted line a method does "
        "harm."
    )
    return [
        page.picture(png, alt="Curves of output SNR against input SNR", caption=caption),
        page.table(head, rows, kinds=[_kind(name) for name in names]),
    ]


def _training_parts(history: Sequence[Mapping[str, Any]], png: bytes | None) -> list[str]:
    if not history or png is None:
        return []
    best = max(history, key=lambda record: record["val_snr_db"])
    last = history[-1]
    said = (
        f"{last['epoch']} epochs, {last['step']} steps, {last['seconds'] / 60:.1f} minutes. "
        f"The best validation SNR, {signed(best['val_snr_db'])} dB, came after epoch {best['epoch']}."
    )
    caption = "Level lines are those of the table above."
    return [page.paragraph(said), page.picture(png, alt="Training curves", caption=caption)]
