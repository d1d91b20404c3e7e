"""The commands: parse, call, print. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dan.core.errors import DanError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from dan.benchmark.results import Comparison
    from dan.evaluation.evaluate import Table


class SampleType(StrEnum):
    """Of PCM in a pipe."""

    float32 = "float32"
    int16 = "int16"


app = typer.Typer(
    name="dan",
    help="DAN, the Denoising Adversarial Network: a small denoiser that you train on your own 1-D signals.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Make and check data folders.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")

Model = Annotated[
    str, typer.Argument(help="A run folder, a model file, or a name that comes with the package.")
]
Data = Annotated[Path, typer.Option("--data", help="A data folder.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the recipe.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Everything random follows from it.")]
Strength = Annotated[float, typer.Option("--strength", help="0 is the input, 1 all of the effect.")]
Rate = Annotated[float | None, typer.Option("--sample-rate", help="In Hz, where the files do not say it.")]


TRAINING = ("torch", "onnx", "scipy", "pywt", "matplotlib")
"""What the plain install, which denoises, does without."""


def main() -> None:
    """Run the command line: exit code 0 done, 1 the input is wrong, 2 the command line is wrong."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    signal.signal(signal.SIGTERM, _end)
    try:
        app()
    except DanError as error:
        if debug:
            raise
        print(f"dan: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except ModuleNotFoundError as error:
        if debug or error.name not in TRAINING:
            raise
        missing = DanError(error.name, "it is not installed", "pip install 'dan-denoiser[train]'")
        print(f"dan: {missing}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)


def _end(number: int, _: object) -> None:
    """On a request to end (`timeout`, `kill`, a cluster's scheduler): what is half written is removed."""
    sys.exit(128 + number)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command; `main` has taken `--debug` off the line, wherever it stood."""


def _say(text: str) -> None:
    typer.echo(text, err=True)


@contextmanager
def _bar(description: str) -> Iterator[Callable[[float], None]]:
    """A bar with the time left, on stderr; yields what is to be called with the share done."""
    with _progress() as bar:
        task = bar.add_task(description, total=1.0, note="")
        yield lambda share: bar.update(task, completed=share)


def _progress() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True))


@app.command()
def recipes() -> None:
    """List the recipes that come with DAN, each with its expected result."""
    from dan.config.load import load_recipe, recipe_names

    for name in recipe_names():
        recipe = load_recipe(name)
        typer.echo(f"{name:<14}{recipe.summary}\n{'':<14}{recipe.expected}")


@data_app.command("create")
def data_create(
    out: Annotated[Path, typer.Option("--out", help="The data folder to make.")],
    recipe: Annotated[str, typer.Argument(help="A recipe's name or file.")] = "classic",
    seed: Seed = None,
    overrides: Overrides = None,
    force: Force = False,
) -> None:
    """Fill a data folder with signals drawn as a recipe says."""
    from dan.config.load import load_recipe
    from dan.data.folder.load import create

    with _bar("Data") as progress:
        create(load_recipe(recipe, overrides=overrides or (), seed=seed), out, force=force, progress=progress)
    typer.echo(f"{out} is ready: listen to {out / 'resampled'}, look at {out / 'train.png'}")


@data_app.command("mix")
def data_mix(
    clean: Annotated[Path, typer.Option("--clean", help="A folder of clean recordings.")],
    noise: Annotated[Path, typer.Option("--noise", help="A folder of noise.")],
    out: Annotated[Path, typer.Option("--out", help="The data folder to make.")],
    snr: Annotated[tuple[float, float], typer.Option("--snr", help="Lowest and highest, in dB.")] = (-5, 10),
    count: Annotated[int, typer.Option("--count", min=2, help="Signals on both sides together.")] = 1000,
    duration: Annotated[float, typer.Option("--duration", help="Of a signal, in seconds.")] = 4.0,
    sample_rate: Rate = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Everything random follows from it.")] = 0,
    force: Force = False,
) -> None:
    """Fill a data folder from recordings: crops of clean ones with crops of noise mixed in."""
    from dan.workflows.data import mix_folder

    with _bar("Mixing") as progress:
        mixed = mix_folder(
            out,
            clean=clean,
            noise=noise,
            snr_db=snr,
            count=count,
            duration_s=duration,
            sample_rate_hz=sample_rate,
            seed=seed,
            force=force,
            progress=progress,
        )
    for note in mixed.notes:
        _say(note)
    typer.echo(f"{mixed.data} is ready: check it with dan data check {mixed.data}")


@data_app.command("check")
def data_check(
    data: Annotated[Path, typer.Argument(help="A data folder.")], sample_rate: Rate = None
) -> None:
    """Verify a data folder, touching nothing."""
    from dan.data.folder.load import check

    report = check(data, sample_rate_hz=sample_rate)
    typer.echo(report.describe())
    if report.problems:
        raise DanError(
            f"{data} ({len(report.problems)} problems)",
            report.problems[0].rstrip("."),
            "Mend or remove the files named",
        )


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or file.")],
    out: Annotated[Path, typer.Option("--out", help="The run folder.")],
    data: Annotated[Path | None, typer.Option("--data", help="A data folder.")] = None,
    clean: Annotated[Path | None, typer.Option("--clean", help="A folder of clean recordings.")] = None,
    noise: Annotated[Path | None, typer.Option("--noise", help="A folder of noise.")] = None,
    noisy: Annotated[
        Path | None, typer.Option("--noisy", help="Instead of noise: noisy recordings named as the clean.")
    ] = None,
    sample_rate: Rate = None,
    overrides: Overrides = None,
    seed: Seed = None,
    max_minutes: Annotated[float | None, typer.Option("--max-minutes", min=0, help="Stop after.")] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, or cuda where there is one.")] = "cpu",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Curves in OUT/tensorboard.")] = False,
    force: Force = False,
) -> None:
    """Train by a recipe; the same command again resumes."""
    from dan.config.load import load_recipe
    from dan.data.sources import Folders
    from dan.workflows.train import train_run

    settings = load_recipe(recipe, overrides=overrides or (), seed=seed)
    with training_session(out) as session:
        outcome = train_run(
            settings,
            out,
            folders=Folders(data, clean, noise, noisy, sample_rate),
            force=force,
            max_minutes=max_minutes,
            device=device,
            tensorboard=tensorboard,
            session=session,
        )
    if not outcome.complete:
        typer.echo("Stopped before the end: the same command resumes.")
    if outcome.state.history:
        typer.echo(f"Model: {outcome.run.model}\nPlots: {outcome.run.plots}")


@contextmanager
def training_session(out: Path) -> Iterator[Any]:
    """A bar over steps with losses and validation SNR; Ctrl-C and SIGTERM stop after the step, resumable."""
    from dan.training.loop import Progress
    from dan.workflows.train import Session

    interrupted: list[int] = []
    stops = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(stop, lambda number, _: interrupted.append(number)) for stop in stops]
    try:
        with _progress() as bar:
            task = bar.add_task(f"Training {out}", total=None, note="")
            best_db = [-float("inf")]

            def show(event: Progress) -> None:
                if event.record:
                    best_db[0] = max(best_db[0], event.record["val_snr_db"])
                validation = f"validation {best_db[0]:.2f} dB" if best_db[0] > -float("inf") else ""
                loss = f"loss {event.losses['generator']:.3f}  " if event.losses else ""
                if event.losses or event.record:
                    bar.update(task, completed=event.step, total=event.steps, note=loss + validation)

            yield Session(bar.console.print, show, lambda: bool(interrupted))
    finally:
        for stop, handler in zip(stops, previous, strict=True):
            signal.signal(stop, handler)


@app.command()
def evaluate(
    model: Model,
    data: Data,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the table as JSON.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a report with pictures.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Of the signals: tones, speech, ecg or eeg.")
    ] = None,
    sample_rate: Rate = None,
    force: Force = False,
) -> None:
    """Score a model beside classical filters and, where it is known, the theoretical limit."""
    from dan.workflows.evaluate import judge

    with _bar("Evaluating") as progress:
        evaluation = judge(
            model,
            data,
            json_file=json_file,
            report=report,
            sample_rate_hz=sample_rate,
            kind=kind,
            force=force,
            progress=progress,
        )
    show_table(evaluation.table)
    if report:
        typer.echo(f"Report: {report / 'index.html'}")


def show_table(table: Table) -> None:
    """Print a score table."""
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid(title=f"{table.model} on {table.data}: {table.count} signals, {table.parameters} parameters")
    grid.add_column("")
    for heading in ("SNR dB", "95 %", "gain dB", "SI-SDR dB", "gain dB", *table.extra_figures):
        grid.add_column(heading, justify="right")
    for row in table.rows:
        low, high = row.interval_db["snr_db"]
        figures = (row.snr_gain_db, row.si_sdr_db, row.si_sdr_gain_db, *row.figures.values())
        cells = [f"{row.snr_db:.2f}", f"{low:.2f} to {high:.2f}", *(f"{figure:.2f}" for figure in figures)]
        grid.add_row(row.name, *cells, style="bold" if row.name == "dan" else None)
    Console().print(grid)


@app.command()
def denoise(
    model: Model,
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Files and folders.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A file, or a folder for many.")] = None,
    strength: Strength = 1.0,
    sample_rate: Rate = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Take other rates too: to the model's and back.")
    ] = False,
    force: Force = False,
) -> None:
    """Denoise recordings: same rate, length, channels and type come out."""
    from dan.inference.denoiser import load
    from dan.workflows.denoise import denoise_files

    with _bar("Denoising") as progress:
        report = denoise_files(
            load(model),
            inputs,
            out=out,
            strength=strength,
            sample_rate_hz=sample_rate,
            resample=resample,
            force=force,
            progress=progress,
        )
    for written in report.written:
        clipped = (
            f" ({written.clipped_samples} samples clipped: lower the input)"
            if written.clipped_samples
            else ""
        )
        typer.echo(f"{written.path}{clipped}")
    for note in report.notes:
        _say(note)
    for error in report.failures[:-1]:
        _say(f"dan: {error}")
    if report.failures:
        raise report.failures[-1]


@app.command()
def stream(
    model: Model,
    sample_rate: Annotated[float | None, typer.Option("--sample-rate", help="Of the PCM, in Hz.")] = None,
    dtype: Annotated[SampleType, typer.Option("--dtype", help="Of a sample.")] = SampleType.float32,
    channels: Annotated[int, typer.Option("--channels", min=1, max=1024, help="Interleaved.")] = 1,
    strength: Strength = 1.0,
    resample: Annotated[
        bool, typer.Option("--resample", help="Take another rate: to the model's and back.")
    ] = False,
) -> None:
    """Denoise PCM from stdin to stdout as it comes; ends with it, on Ctrl-C, or when nobody reads on."""
    from dan.inference.denoiser import load
    from dan.workflows.stream import pump

    if sys.stdin is None or sys.stdout is None:
        raise DanError("stdin or stdout", "it is closed", "Give both: dan stream MODEL < in.raw > out.raw")
    denoiser = load(model)
    opened = denoiser.stream(channels=channels, strength=strength, sample_rate=sample_rate, resample=resample)
    rate_hz = sample_rate or denoiser.info.sample_rate_hz
    latency = opened.latency_samples
    _say(f"latency: {latency} samples, {1000 * latency / rate_hz:.1f} ms at {rate_hz:g} Hz")
    try:
        clipped = pump(opened, sys.stdin.buffer, sys.stdout.buffer, sample_type=dtype.value)
    except (KeyboardInterrupt, BrokenPipeError):
        _leave_quietly()
        return
    except DanError:
        _leave_quietly()
        raise
    if clipped:
        _say(f"{clipped} samples clipped: lower the input")


def _leave_quietly() -> None:
    """End as a pipe ends: nothing more is written, not even at exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Precision(StrEnum):
    """Of the weights in an ONNX file."""

    float32 = "float32"
    float16 = "float16"
    int8 = "int8"


@app.command()
def export(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    precision: Annotated[Precision, typer.Option("--precision", help="Of the weights.")] = Precision.float32,
    force: Force = False,
) -> None:
    """Write one ONNX file for whole signals and streams, checked against the model first."""
    from dan.core.atomic import check_free
    from dan.export.onnx import export_onnx
    from dan.inference.model_file import find_model, load_model

    check_free(out, force=force)
    generator, told = load_model(find_model(model, suffixes=(".safetensors",)))
    with _bar("Export") as progress:
        export = export_onnx(generator, told, out, force=force, precision=precision.value, progress=progress)
    difference = export.difference
    typer.echo(f"{export.path}: {export.size_bytes / 1000:.0f} kB")
    typer.echo(
        f"differs from the model by {difference.largest:.1e} of full scale at most, "
        f"{difference.median:.1e} in the median"
    )
    if precision is not Precision.float32:
        typer.echo(f"estimated loss of SNR by {precision.value} weights: {difference.snr_loss_db:.3f} dB")


@app.command()
def info(model: Model, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Tell what a model file says of itself."""
    from dan.inference.model_file import find_model, read_info

    tree = read_info(find_model(model)).as_dict()
    if as_json:
        typer.echo(json.dumps(tree))
        return
    for key, value in tree.items():
        typer.echo(f"{key:<26}{value if not isinstance(value, dict) else json.dumps(value)}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="The folder for everything it makes.")] = Path("demo"),
    quick: Annotated[bool, typer.Option("--quick", help="In under a minute, with a weaker result.")] = False,
    force: Force = False,
) -> None:
    """The founding story, end to end: data, training, score table, report."""
    from dan.workflows.demo import run_demo

    with training_session(out) as session, _bar("Judging") as progress:
        evaluation = run_demo(out, quick=quick, force=force, session=session, progress=progress)
    show_table(evaluation.table)
    typer.echo(f"Look at {out / 'report' / 'index.html'}; the model is {out / 'run' / 'model.safetensors'}")


@app.command()
def bench(
    models: Annotated[
        list[str] | None, typer.Option("--models", "--model", help="One to compare; may be given again.")
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option("--peer", metavar="NAME=FILE", help="An ONNX denoiser, likewise.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="A data folder to compare on.")] = None,
    clean: Annotated[Path | None, typer.Option("--clean", help="Or a folder of clean recordings,")] = None,
    noise: Annotated[Path | None, typer.Option("--noise", help="and one of noise.")] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Signals at most.")] = 100,
    turns: Annotated[int, typer.Option("--turns", min=1, help="Measurements of each time.")] = 7,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Write the tables as a page.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw quality against cost into this folder.")
    ] = None,
    training: Annotated[bool, typer.Option("--training", help="Speed of training instead.")] = False,
    ablation: Annotated[bool, typer.Option("--ablation", help="The adversarial loss on and off.")] = False,
    race: Annotated[bool, typer.Option("--race", help="How soon tones is as good as classic.")] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds of the ablation.")] = 3,
    overrides: Overrides = None,
    force: Force = False,
) -> None:
    """Compare quality and speed with what people use today, on this machine; the flags measure training."""
    from dan.core.atomic import atomic_write, check_free

    check_free(json_file, markdown, plot, force=force)
    if training or ablation or race:
        figures = _measure_training(ablation, race, seeds, overrides or [])
        show_figures([_flat(tree) for tree in figures])
        text = json.dumps(figures, indent=2)
    else:
        text = _compare(models, peer, data, clean, noise, count, turns, markdown, plot, force)
    if json_file:
        with atomic_write(json_file, force=force) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


def _compare(
    models: list[str] | None,
    peers: list[str] | None,
    data: Path | None,
    clean: Path | None,
    noise: Path | None,
    count: int,
    turns: int,
    markdown: Path | None,
    plot: Path | None,
    force: bool,
) -> str:
    """Compare, show and write the tables; the benchmark as JSON."""
    import shlex

    try:
        from dan.benchmark.compare import benchmark
        from dan.benchmark.page import cells, to_markdown
    except ImportError as error:
        raise DanError(
            "dan bench", "it takes scipy", "Run pip install 'dan-denoiser[train,bench]'"
        ) from error
    from dan.core.atomic import atomic_write

    command = shlex.join(["dan", *sys.argv[1:]])
    folders = {"data": data, "clean": clean, "noise": noise}
    with _bar("Comparing") as progress:
        made = benchmark(
            models or (), peers=peers or (), **folders, count=count, turns=turns, command=command,
            progress=progress,
        )  # fmt: skip
    for comparison in made.comparisons:
        head, lines = cells(comparison, brief=True)
        show_cells(head, lines, title=f"{comparison.signals}, {comparison.sample_rate_hz:g} Hz")
        for name, why in comparison.notes.items():
            _say(f"no row {name}: {why}")
    if plot:
        _draw_comparisons(made.comparisons, plot)
    if markdown:
        with atomic_write(markdown, force=force) as temporary:
            temporary.write_text(to_markdown(made), encoding="utf-8")
    return made.to_json()


def _draw_comparisons(comparisons: Sequence[Comparison], folder: Path) -> None:
    from dan.benchmark.tradeoff_plot import plot_tradeoff
    from dan.report.style import save_figure

    for number, comparison in enumerate(comparisons, start=1):
        save_figure(plot_tradeoff(comparison), folder / f"comparison_{number}.png")


def _measure_training(ablation: bool, race: bool, seeds: int, overrides: list[str]) -> list[dict[str, Any]]:
    """Speed of steps and epochs, the race, or the ablation, as rows of figures."""
    import dataclasses

    if ablation:
        from benchmarks.ablation import ablate

        with _bar("Ablation") as progress:
            rows: list[Any] = list(ablate(seeds=range(seeds), overrides=overrides, progress=progress))
    elif race:
        from benchmarks.training_speed import bench_race

        with _bar("Race") as progress:
            rows = [bench_race(progress=progress)]
    else:
        from benchmarks.training_speed import bench_founding, bench_step

        with _bar("Steps") as progress:
            rows = list(bench_step(progress=progress))
        with _bar("Epochs") as progress:
            rows += bench_founding(progress=progress)
    return [dataclasses.asdict(row) for row in rows]


def show_cells(head: list[str], lines: list[list[str]], *, title: str) -> None:
    """Print a table of text, the first column's names on the left."""
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid(title=title)
    for place, heading in enumerate(head):
        grid.add_column(heading, justify="right" if place else "left")
    for line in lines:
        grid.add_row(*line, style="bold" if line[0].startswith("DAN ") else None)
    Console().print(grid)


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    """One level: ``mean.snr_db`` becomes ``snr_db`` and a deviation goes behind its mean."""
    deviation = tree.get("deviation", {})
    means = {key: f"{value:.2f} +-{deviation[key]:.2f}" for key, value in tree.get("mean", {}).items()}
    return {key: value for key, value in tree.items() if not isinstance(value, dict)} | means


def show_figures(rows: list[dict[str, Any]]) -> None:
    """Print rows of named figures, a column for each."""
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid()
    for heading in rows[0]:
        grid.add_column(heading.replace("_", " "), justify="left" if heading == "what" else "right")
    for row in rows:
        cells = (value if isinstance(value, str) else f"{value:.4g}" for value in row.values())
        grid.add_row(*cells)
    Console().print(grid)
