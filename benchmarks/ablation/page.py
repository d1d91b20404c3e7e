"""The page of the ablations, docs/ablation.md, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.ablation.figures import Ablation, Row
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dan.core.atomic import atomic_write
from dan.report.style import INK, TEXT, new_figure, save_figure, style_axes, styled

DOCS = Path(__file__).parents[2] / "docs"
MEASURED = Path(__file__).with_name("measured")
PICTURE = "images/ablation.png"
HEAD = f"""# What the adversarial part is worth

The *A* of DAN, measured: the same training without the adversarial part and with it, from the same weights
and seeds, on the same batches, scored on signals that no training heard. This page is made by
`python -m benchmarks.ablation page`; the module says how each figure is measured. LSD is the log-spectral
distance, and `judge` the share that a discriminator of another architecture, trained afresh, tells rightly:
0.5 is guessing.

![Differences from the training without the adversarial part]({PICTURE})

*Differences from the same training without the adversarial part, with 95 % intervals; right of the line is
better. An interval that crosses the line says that nothing is known.*
"""
HOW = """
## How it works

The discriminator (`kind = "conditional"`) looks at log spectra of the output beside those of the noisy input,
at several resolutions, relative to the input's level: a residue 60 dB down is as plain as one 20 dB down.
Spectral normalisation bounds it, and its learning rate rises while its accuracy is below 65 % and falls above
80 %: it neither wins nor sleeps. The norm of each adversarial gradient at the output is a stated share of the
reconstruction's. It takes part once the reconstruction has settled, and pauses while validation has lost more
than `losses.max_snr_cost_db`.

An estimate with the least error is a mean over all signals that are possible, and so a blur that is like none
of them; one that is like a signal has more error. No network escapes that (Y. Blau and T. Michaeli, "The
perception-distortion tradeoff", 2018): the question is what a likeness costs.
"""
ORDER = ("tones", "ecg", "speech")
"""Of the chapters."""
BETTER_BELOW = ("LSD, dB", "judge", "out of band, dB")
"""Figures of which less is better; the judge's is 0.5 at best."""
LEFT_OUT = ("out of band, dB",)
"""Figures that stand in the table alone."""
MIDDLE = ("ECG at 0 dB",)
"""What is drawn of several input SNRs."""


def write(ablations: Sequence[Ablation]) -> None:
    """Write the page and its picture."""
    picture(ablations, DOCS / PICTURE)
    with atomic_write(DOCS / "ablation.md", force=True) as temporary:
        temporary.write_text(render(ablations), encoding="utf-8")


def render(ablations: Sequence[Ablation]) -> str:
    """Return the page as Markdown: on each domain the notes that lie beside this module, and its tables."""
    by_domain = {one.domain: one for one in ablations}
    chapters = []
    for domain in ORDER:
        note = Path(__file__).with_name("notes") / f"{domain}.md"
        measured = by_domain.get(domain)
        tables = f"\n{_table(measured)}\n{_cost(measured)}" if measured else ""
        chapters.append(f"\n{note.read_text(encoding='utf-8')}{tables}")
    return "".join([HEAD, *chapters, HOW])


def _table(ablation: Ablation) -> str:
    lines = [
        f"Trained for {ablation.words}.\n",
        "| signals | figure | side | mean | difference | 95 % interval | seed by seed |",
        "| --- | --- | --- | ---: | ---: | --- | --- |",
    ]
    order = {figure: place for place, figure in enumerate(dict.fromkeys(row.figure for row in ablation.rows))}
    signals = {name: place for place, name in enumerate(dict.fromkeys(row.signals for row in ablation.rows))}
    for row in sorted(ablation.rows, key=lambda row: (signals[row.signals], order[row.figure])):
        lines.append(f"| {row.signals} | {row.figure} | {row.side} | {row.mean:.3f} | {_difference(row)} |")
    return "\n".join(lines) + "\n"


def _difference(row: Row) -> str:
    if not row.by_seed or row.side == "off":
        return " | | "
    seeds = ", ".join(f"{value:+.3f}" for value in row.by_seed)
    return f"{row.difference:+.3f} | {row.low:+.3f} to {row.high:+.3f} | {seeds}"


def _cost(ablation: Ablation) -> str:
    base = ablation.seconds["off"]
    times = ", ".join(
        f"{side} {seconds:.0f} s ({seconds / base:.2f} times)" for side, seconds in ablation.seconds.items()
    )
    alive = ", ".join(f"{side} {value:.0%}" for side, value in ablation.accuracy.items())
    return f"Time of one core for one training: {times}. Accuracy of the discriminator at the end: {alive}.\n"


@styled
def picture(ablations: Sequence[Ablation], path: Path) -> None:
    """Draw the differences with their intervals, a panel for each figure of each domain."""
    ordered = sorted(ablations, key=lambda one: ORDER.index(one.domain))
    panels = [rows for one in ordered for rows in _panels(one)]
    lines = -(-len(panels) // 2)
    figure = new_figure(9.6, 1.5 * lines)
    axes = list(figure.subplots(lines, 2, squeeze=False).flat)
    for each, rows in zip(axes, panels, strict=False):
        _draw(each, rows)
    for empty in axes[len(panels) :]:
        empty.set_visible(False)
    save_figure(figure, path)


def _panels(ablation: Ablation) -> list[list[Row]]:
    """Return the rows of each figure, at the SNR that is drawn where there are several."""
    drawn = [row for row in ablation.rows if row.by_seed and row.side != "off" and row.figure not in LEFT_OUT]
    signals = {row.signals for row in drawn}
    chosen = [row for row in drawn if len(signals) == 1 or row.signals in MIDDLE]
    figures = dict.fromkeys(row.figure for row in chosen)
    return [[row for row in chosen if row.figure == figure] for figure in figures]


def _draw(axes: Axes, rows: Sequence[Row]) -> None:
    figure = rows[0].figure
    sign = -1 if figure in BETTER_BELOW else 1
    places = range(len(rows) - 1, -1, -1)
    axes.axvline(0, color=INK, linewidth=1.2)
    for place, row in zip(places, rows, strict=True):
        ends = sorted((sign * row.low, sign * row.high))
        axes.plot(ends, [place, place], color="#c2410c", linewidth=2.2)
        axes.plot([sign * row.difference], [place], "o", color="#c2410c")
    axes.set_yticks(list(places), [row.side.removeprefix("on, ") for row in rows], fontsize=TEXT)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    signals = rows[0].signals.split(",")[0]
    style_axes(axes, title=f"{signals}: {figure}{', lower by' if sign < 0 else ''}")
