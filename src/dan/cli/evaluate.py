"""`dan evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dan.cli.console import progress, say, show_grid
from dan.cli.options import Data, DnsmosFile, Force, ModelName, Rate

if TYPE_CHECKING:
    from dan.evaluation.table import Table


def evaluate(
    model: ModelName,
    data: Data,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the table as JSON.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a report with pictures.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Of the signals: tones, speech, ecg or eeg.")
    ] = None,
    dnsmos: DnsmosFile = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="REGEX", help="Its first group, in a file's name, says its group."),
    ] = None,
    sample_rate: Rate = None,
    force: Force = False,
) -> None:
    """Score a model beside classical filters and, where it is known, the theoretical limit."""
    from dan.workflows.evaluate import judge

    with progress():
        evaluation = judge(
            model,
            data,
            json_file=json_file,
            report=report,
            sample_rate_hz=sample_rate,
            kind=kind,
            dnsmos=dnsmos,
            by=by,
            force=force,
        )
    show_table(evaluation.table)
    if report:
        typer.echo(f"Report: {report / 'index.html'}")


def show_table(table: Table) -> None:
    """Print a score table, and on stderr the remarks on its figures."""
    from dan.evaluation.table import FIGURES, bounded

    head = ["", "SNR dB", "gain dB", "SI-SDR dB", "gain dB", *table.extra_figures]
    figures = (*FIGURES, *table.extra_figures)
    lines = [[row.name, *(bounded(row, name, count=table.count) for name in figures)] for row in table.rows]
    show_grid(head, lines, title=table.title, bold="dan")
    for row in table.clean_input:
        if row.name == "dan":
            typer.echo(row.describe())
    if table.by_group:
        show_grid(*table.group_cells(), title="dan by group of files")
    for remark in table.remarks:
        say(f"Note: {remark}.")
