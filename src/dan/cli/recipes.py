"""`dan recipes`."""

from __future__ import annotations

import typer


def recipes() -> None:
    """List the recipes that come with DAN, each with its expected result."""
    from dan.config.load import load_recipe, recipe_names

    for name in recipe_names():
        recipe = load_recipe(name)
        typer.echo(f"{name:<14}{recipe.summary}\n{'':<14}{recipe.expected}")
