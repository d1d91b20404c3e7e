"""Writes docs/recipes.md from the settings: `python docs/make_recipes.py`. A test holds the page to them."""

from __future__ import annotations

import json
import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dan.config import Recipe, Settings
from dan.config.load import load_recipe, recipe_names

PAGE = Path(__file__).with_name("recipes.md")

HEAD = """# Recipes

A recipe is a TOML file that says a whole training run. It holds only what differs from the defaults below;
the run folder keeps the whole of it as `recipe.toml`. `--set section.key=value` overrides any key:

    dan train tones --set training.epochs=10 --set noise.snr_db=[-10,10] --out runs/mine

An unknown key or a wrong type is an error that lists what is legal. This page is made from the settings
themselves by `python docs/make_recipes.py`.

## Recipes that come with DAN

| recipe | what for | expected result |
| --- | --- | --- |
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")


def render() -> str:
    """The page as Markdown."""
    recipes = [load_recipe(name) for name in recipe_names()]
    rows = [f"| `{recipe.name}` | {recipe.summary} | {recipe.expected} |\n" for recipe in recipes]
    parts = [HEAD, *rows, "\n## Keys at the top\n\n", _table(Recipe)]
    parts += [part for name, field in Recipe.model_fields.items() for part in _chapters(name, field)]
    return "".join(parts)


def _chapters(name: str, field: FieldInfo) -> list[str]:
    """Return a section's heading and table, for each kind where there are several, and its subsections'."""
    parts = []
    for settings in _sections(field):
        kinds = _words(settings.model_fields["kind"].annotation).replace("`", '"') if _many(field) else ""
        title = f"`[{name}]` with `kind = {kinds}`" if kinds else f"`[{name}]`"
        parts += [f"\n## {title}\n\n{settings.__doc__}\n\n", _table(settings)]
        for key, inner in settings.model_fields.items():
            parts += _chapters(f"{name}.{key}", inner)
    return parts


def _table(settings: type[BaseModel]) -> str:
    lines = ["| key | type | default | meaning |\n| --- | --- | --- | --- |\n"]
    for name, field in settings.model_fields.items():
        if not _sections(field):
            default = "required" if field.is_required() else f"`{_default(field)}`"
            meaning = " ".join((field.description or "").split()).replace("|", "\\|")
            lines.append(f"| `{name}` | {_type(field)} | {default} | {meaning} |\n")
    return "".join(lines)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return json.dumps(value.model_dump() if isinstance(value, BaseModel) else value, default=list)


def _sections(field: FieldInfo) -> list[type[Settings]]:
    found = [field.annotation, *typing.get_args(field.annotation)]
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, Settings)]


def _many(field: FieldInfo) -> bool:
    return len(_sections(field)) > 1


def _type(field: FieldInfo) -> str:
    return _words(field.annotation) + "".join(f", {limit}" for limit in _limits(field.metadata))


def _words(annotation: object) -> str:
    """A type as a reader of TOML would call it."""
    names = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "none"}
    if annotation in names:
        return names[typing.cast(type, annotation)]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " / ".join(f"`{value}`" for value in arguments)
    if origin is typing.Annotated:
        return _words(arguments[0])
    if origin is tuple:
        return f"[{', '.join('...' if part is Ellipsis else _words(part) for part in arguments)}]"
    return " or ".join(dict.fromkeys(_words(part) for part in arguments)) or str(annotation)


def _limits(metadata: list[typing.Any]) -> list[str]:
    signs = {
        "ge": "from {}",
        "gt": "above {}",
        "le": "up to {}",
        "lt": "below {}",
        "multiple_of": "a multiple of {}",
    }
    return [
        text.format(f"{getattr(limit, name):g}")
        for limit in metadata
        for name, text in signs.items()
        if getattr(limit, name, None) is not None
    ]


if __name__ == "__main__":
    main()
