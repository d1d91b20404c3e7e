"""`dan bench`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from dan.cli.console import progress, say, show_grid
from dan.cli.options import DnsmosFile, Force
from dan.core.errors import DanError
from dan.core.extras import install

if TYPE_CHECKING:
    from dan.benchmark.results import Benchmark, Comparison


def bench(
    models: Annotated[
        list[str] | None, typer.Option("--models", "--model", help="One to compare; may be given again.")
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option("--peer", metavar="NAME=FILE", help="An ONNX denoiser, or TOML about a streaming one."),
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="A data folder to compare on.")] = None,
    clean: Annotated[Path | None, typer.Option("--clean", help="Or a folder of clean recordings,")] = None,
    noise: Annotated[Path | None, typer.Option("--noise", help="and one of noise.")] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Signals at most.")] = 100,
    turns: Annotated[int, typer.Option("--turns", min=1, help="Measurements of each time.")] = 7,
    dnsmos: DnsmosFile = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Write the tables as a page.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw quality against cost into this folder.")
    ] = None,
    force: Force = False,
) -> None:
    """Compare quality and speed with what people use today, on this machine."""
    try:
        from dan.benchmark.compare import benchmark
    except ImportError as error:
        raise DanError("dan bench", "it takes scipy", f"Run {install('train,bench')}") from error
    from dan.core.atomic import check_free

    check_free(json_file, markdown, plot, force=force)
    with progress():
        made = benchmark(
            models or (),
            peers=peer or (),
            data=data,
            clean=clean,
            noise=noise,
            count=count,
            turns=turns,
            dnsmos=dnsmos,
            command=shlex.join(["dan", *sys.argv[1:]]),
        )
    _show(made)
    pictures = _draw(made.comparisons, plot) if plot else []
    _write(made, json_file, markdown, pictures, force=force)


def _show(made: Benchmark) -> None:
    from dan.benchmark.page import cells

    for comparison in made.comparisons:
        head, lines = cells(comparison, brief=True)
        title = f"{comparison.signals}, {comparison.sample_rate_hz:g} Hz"
        show_grid(head, lines, title=title, bold="DAN ")
        _say_missing("Without", made.own_notes(comparison))
    _say_missing("All without", made.shared_notes)


def _say_missing(head: str, notes: Mapping[str, str]) -> None:
    """Print the names of missing rows, and in brackets why."""
    if notes:
        say(f"{head} {'; '.join(f'{name} ({why})' for name, why in notes.items())}.")


def _draw(comparisons: Sequence[Comparison], folder: Path) -> list[Path]:
    """Draw each comparison; the pictures."""
    from dan.benchmark.tradeoff_plot import plot_tradeoff
    from dan.report.style import save_figure

    pictures = [folder / f"comparison_{number}.png" for number, _ in enumerate(comparisons, start=1)]
    for picture, comparison in zip(pictures, comparisons, strict=True):
        save_figure(plot_tradeoff(comparison), picture)
    return pictures


def _write(
    made: Benchmark,
    json_file: Path | None,
    markdown: Path | None,
    pictures: Sequence[Path],
    *,
    force: bool,
) -> None:
    from dan.benchmark.page import to_markdown
    from dan.core.atomic import atomic_write

    page = to_markdown(made, pictures=[_link(picture, markdown) for picture in pictures if markdown])
    for path, text in ((json_file, made.to_json() + "\n"), (markdown, page)):
        if path:
            with atomic_write(path, force=force) as temporary:
                temporary.write_text(text, encoding="utf-8")


def _link(picture: Path, page: Path) -> str:
    """Link from a page to a picture, from its folder on where they lie on one drive."""
    try:
        return quote(Path(os.path.relpath(picture, page.parent)).as_posix())
    except ValueError:
        return picture.absolute().as_uri()
