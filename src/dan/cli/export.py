"""`dan export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dan.cli.console import progress
from dan.cli.options import Force, ModelName


def export(
    model: ModelName,
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    force: Force = False,
) -> None:
    """Write one ONNX file for whole signals and streams, checked against the model first."""
    from dan.core.atomic import check_free
    from dan.export.onnx import export_onnx
    from dan.inference.model_file import find_model, load_model

    check_free(out, force=force)
    generator, info = load_model(find_model(model, suffixes=(".safetensors",)))
    with progress():
        export = export_onnx(generator, info, out, force=force)
    difference = export.difference
    typer.echo(f"{export.path}: {export.size_bytes / 1000:.0f} kB")
    typer.echo(
        f"differs from the model by {difference.largest:.1e} of full scale at most, "
        f"{difference.median:.1e} in the median"
    )
