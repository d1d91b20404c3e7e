"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
