"""`dan info`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dan.cli.options import ModelName


def info(model: ModelName, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Tell what a model file says of itself."""
    from dan.inference.model_file import find_model, read_info

    tree = read_info(find_model(model)).as_dict()
    if as_json:
        typer.echo(json.dumps(tree))
        return
    for key, value in tree.items():
        typer.echo(f"{key:<26}{value if not isinstance(value, dict) else json.dumps(value)}")
