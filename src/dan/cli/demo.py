"""`dan demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dan.cli.console import progress
from dan.cli.evaluate import show_table
from dan.cli.options import Force
from dan.cli.train import resumable


def demo(
    out: Annotated[Path, typer.Option("--out", help="The folder for everything it makes.")] = Path("demo"),
    quick: Annotated[bool, typer.Option("--quick", help="In under a minute, with a weaker result.")] = False,
    force: Force = False,
) -> None:
    """The founding story, end to end: data, training, score table, report."""
    from dan.workflows.demo import run_demo

    with resumable(force=force), progress():
        evaluation = run_demo(out, quick=quick, force=force)
    show_table(evaluation.table)
    typer.echo(f"Look at {out / 'report' / 'index.html'}; the model is {out / 'run' / 'model.safetensors'}")
