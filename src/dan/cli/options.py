"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

ModelName = Annotated[
    str, typer.Argument(help="A run folder, a model file, or a name that comes with the package.")
]
Data = Annotated[Path, typer.Option("--data", help="A data folder.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the recipe.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Everything random follows from it.")]
Strength = Annotated[float, typer.Option("--strength", help="0 is the input, 1 all of the effect.")]
DnsmosFile = Annotated[
    Path | None, typer.Option("--dnsmos", help="ONNX file of DNSMOS P.835, for its figure of speech.")
]
Rate = Annotated[float | None, typer.Option("--sample-rate", help="In Hz, where the files do not say it.")]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="[ADDRESS]",
        help="On a Ray cluster: auto, ray://HOST:PORT or HOST:PORT; one on this machine if not said.",
    ),
]


class RayCommand(TyperCommand):
    """A command with the option `Ray`, whose value may be left out: click would take the next argument."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give `--ray` its value where the next argument is no address."""
        from dan.cluster.session import ADDRESS, LOCAL

        whole: list[str] = []
        for argument, following in zip(args, [*args[1:], ""], strict=True):
            alone = argument == "--ray" and not ADDRESS.fullmatch(following)
            whole += [argument, LOCAL] if alone else [argument]
        return super().parse_args(ctx, whole)
