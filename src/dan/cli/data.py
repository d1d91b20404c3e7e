"""`dan data create`, `mix` and `check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dan.cli.console import progress, say
from dan.cli.options import Force, Overrides, Rate, Seed
from dan.core.errors import DanError

app = typer.Typer(help="Make and check data folders.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def create(
    out: Annotated[Path, typer.Option("--out", help="The data folder to make.")],
    recipe: Annotated[str, typer.Argument(help="A recipe's name or file.")] = "classic",
    seed: Seed = None,
    overrides: Overrides = None,
    force: Force = False,
) -> None:
    """Fill a data folder with signals drawn as a recipe says."""
    from dan.config.load import load_recipe
    from dan.data.folder.load import create

    with progress():
        create(load_recipe(recipe, overrides=overrides or (), seed=seed), out, force=force)
    typer.echo(f"{out} is ready: listen to {out / 'resampled'}, look at {out / 'train.png'}")


@app.command()
def mix(
    clean: Annotated[Path, typer.Option("--clean", help="A folder of clean recordings.")],
    noise: Annotated[Path, typer.Option("--noise", help="A folder of noise.")],
    out: Annotated[Path, typer.Option("--out", help="The data folder to make.")],
    snr: Annotated[tuple[float, float], typer.Option("--snr", metavar="LOW HIGH", help="In dB.")] = (-5, 10),
    count: Annotated[int, typer.Option("--count", min=2, help="Signals on both sides together.")] = 1000,
    duration: Annotated[float, typer.Option("--duration", help="Of a signal, in seconds.")] = 4.0,
    sample_rate: Annotated[
        float | None,
        typer.Option("--sample-rate", help="Of the signals, in Hz; that of the first recording if not said."),
    ] = None,
    held_out: Annotated[
        float, typer.Option("--held-out", help="Share of the recordings, and of the signals, to score by.")
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Everything random follows from it.")] = 0,
    force: Force = False,
) -> None:
    """Fill a data folder from recordings: crops of clean ones with crops of noise mixed in."""
    from dan.config.data import RecordingsSettings
    from dan.workflows.data import mix_folder

    if not 0 < held_out < 1:
        raise DanError(f"--held-out {held_out:g}", "both sides have some", "Give a share between 0 and 1")
    with progress():
        mixed = mix_folder(
            out,
            clean=clean,
            noise=noise,
            snr_db=snr,
            count=count,
            duration_s=duration,
            sample_rate_hz=sample_rate,
            seed=seed,
            recordings=RecordingsSettings(held_out_share=held_out),
            force=force,
        )
    for note in mixed.notes:
        say(note)
    typer.echo(f"{mixed.data} is ready: check it with dan data check {mixed.data}")


@app.command()
def check(data: Annotated[Path, typer.Argument(help="A data folder.")], sample_rate: Rate = None) -> None:
    """Verify a data folder, touching nothing."""
    from dan.data.folder.load import check

    with progress():
        report = check(data, sample_rate_hz=sample_rate)
    typer.echo(report.describe())
    if report.problems:
        raise DanError(
            f"{data} ({report.total})",
            report.problems[0].rstrip("."),
            "Mend or remove the files named",
        )


@app.command()
def pauses(
    folder: Annotated[Path, typer.Argument(help="A folder of noisy recordings.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of noise to make.")],
    threshold: Annotated[float, typer.Option("--threshold", help="Above the floor, in dB.")] = 6.0,
    shortest: Annotated[float, typer.Option("--shortest", help="Stretch to take, in seconds.")] = 0.2,
    frame: Annotated[
        float, typer.Option("--frame", help="Over which a level is taken, in seconds; of slow events more.")
    ] = 0.025,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Annotations, a file or a folder; by default those of the recordings."),
    ] = None,
    around: Annotated[
        tuple[float, float],
        typer.Option("--around", metavar="BEFORE AFTER", help="Seconds of an event around its mark."),
    ] = (0, 0),
    events: Annotated[
        Path | None,
        typer.Option("--events", help="Also make a folder of what lies between: noise over clean pauses."),
    ] = None,
    sample_rate: Rate = None,
    force: Force = False,
) -> None:
    """Cut the noise between the events out of noisy recordings, to train with --noisy and --noise."""
    from dan.data.pauses_folder import PauseOptions
    from dan.workflows.data import pauses_folder

    options = PauseOptions(
        sample_rate_hz=sample_rate,
        threshold_db=threshold,
        shortest_s=shortest,
        frame_s=frame,
        labels=labels,
        around_s=around,
    )
    taken = pauses_folder(folder, out, options=options, events=events, force=force)
    for note in taken.notes:
        say(note)
    look = f"look at {out / 'pauses.png'} and listen" if taken.shown else "listen"
    typer.echo(f"{out} is ready: {look}; move --threshold if events are in it")
