"""`dan denoise`."""

from __future__ import annotations

import csv
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dan.cli.console import progress, say, shown
from dan.cli.options import Force, ModelName, Rate, Ray, Strength
from dan.core.errors import DanError


class MissingSamples(StrEnum):
    """Treatment of missing samples (NaN)."""

    fill = "fill"
    refuse = "refuse"


def denoise(
    model: ModelName,
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Files and folders, or -.")],
    out: Annotated[str | None, typer.Option("-o", "--out", help="A file, or a folder for many.")] = None,
    strength: Strength = 1.0,
    sample_rate: Rate = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Take other rates too: to the model's and back.")
    ] = False,
    missing: Annotated[
        MissingSamples, typer.Option("--missing", help="Fill missing samples for denoising, or refuse them.")
    ] = MissingSamples.fill,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns", metavar="NAME,...", help="Columns of tables to denoise, by name or number from 1."
        ),
    ] = None,
    time_column: Annotated[
        str | None, typer.Option("--time-column", metavar="NAME", help="The column of tables with the times.")
    ] = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out what has been written before.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=0, help="Cores to work on; 0 for all.")] = 0,
    ray: Ray = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest", help="With --ray: what came of each file; in the output folder if not said."
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Denoise recordings: same rate, length, channels and type come out.

    INPUT - is a recording on stdin; -o - writes one to stdout. With --ray INPUT and -o may be addresses
    such as s3://BUCKET/FOLDER, and the same command goes on where it was cut off.
    """
    from dan.inference.denoiser import load
    from dan.workflows.denoise import together

    chosen: dict[str, Any] = {
        "strength": strength,
        "sample_rate_hz": sample_rate,
        "resample": resample,
        "missing": missing.value,
        "columns": next(csv.reader([columns], skipinitialspace=True)) if columns else None,
        "time_column": time_column,
        "force": force,
        "skip_existing": skip_existing,
        "jobs": jobs or None,
    }
    if manifest and not ray:
        raise DanError("--manifest", "it is kept on Ray alone", "Give --ray as well, or leave it out")
    with progress():
        if ray:
            from dan.cluster.denoise import denoise_files as denoise_on_ray

            report = denoise_on_ray(load(model), inputs, address=ray, out=out, manifest=manifest, **chosen)
        else:
            from dan.workflows.denoise import denoise_files

            paths = [_path(one) for one in inputs]
            report = denoise_files(load(model), paths, out=_path(out) if out else None, **chosen)
    for written in report.written:
        clipped = (
            f" ({written.clipped_samples} samples clipped: lower the input)"
            if written.clipped_samples
            else ""
        )
        typer.echo(f"{shown(written.path)}{clipped}", err=str(written.path) == "-")
    for note in report.notes:
        say(note)
    errors = together(report.failures)
    for error in errors[:-1]:
        say(f"dan: {error}")
    if errors:
        raise errors[-1]


def _path(name: str) -> Path:
    if "://" in name:
        raise DanError(name, "addresses are read and written on Ray", "Give --ray, or a path")
    return Path(name)
