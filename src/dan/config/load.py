"""Recipes: TOML files that say a whole training run. Those in this folder come with the package."""

from __future__ import annotations

import difflib
import json
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from dan.config.base import checked
from dan.config.recipe import Recipe
from dan.core.atomic import is_there
from dan.core.errors import DanError

RECIPES = resources.files("dan.config") / "recipes"
"""The recipes that come with the package."""


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    files = RECIPES.iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


FINE_TUNING = {
    "schedule.kind": "constant",
    "schedule.warmup_steps": 30,
    "training.epochs": 20,
    "training.steps_per_epoch": 50,
    "training.ema_decay": 0.98,
}
"""Changes to a recipe that starts from a model: a training that may end at any time within minutes."""
FINE_TUNING_RATE = 0.2
"""Learning rates of such a training over the recipe's peak."""


def load_recipe(
    recipe: str,
    *,
    overrides: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    start: str | None = None,
) -> Recipe:
    """Read a recipe by name or from a file, with some keys overridden.

    Args:
        recipe: the name of a recipe that comes with the package, or the path of a TOML file.
        start: the model to start from, for which the recipe is made a short one (`FINE_TUNING`).
        overrides: each ``section.key=value`` with a TOML value; a bare word is taken for a string.
        settings: likewise, values by their keys ``section.key``, or by the keys of a section in its own tree.
        seed: the recipe's seed, where it is not the file's.

    Returns:
        The recipe, complete and checked.

    Raises:
        DanError: if there is no such recipe, it is no TOML, a key is unknown, or a value is not legal, or
            `settings` give a key two values.
    """
    tree = _parse(_read(recipe), name=recipe)
    changes = [*(_fine_tuning(tree, start) if start else ()), *map(_read_override, overrides)]
    for key, value in [*changes, *_read_settings(settings or {})]:
        _override(tree, key, value)
    if seed is not None:
        tree["seed"] = seed
    return check_recipe(tree, name=recipe)


def _fine_tuning(tree: dict[str, Any], start: str) -> Iterator[tuple[str, Any]]:
    """The keys and values for starting from a model."""
    yield "fine_tuning.model", start
    yield from FINE_TUNING.items()
    given = dict(_leaves(tree))
    for key in ("generator_optimiser.learning_rate", "generator_optimiser.muon_learning_rate"):
        if isinstance(rate := given.get(key), int | float):
            yield key, FINE_TUNING_RATE * rate


def check_recipe(tree: dict[str, Any], *, name: str) -> Recipe:
    """A tree of settings as a recipe.

    Raises:
        DanError: if a key is unknown or a value is not legal; `name` says where it came from.
    """
    for network in ("generator", "discriminator"):
        if isinstance(section := tree.get(network), dict):
            tree[network] = {"kind": "classic"} | section
    try:
        return checked(Recipe, tree)
    except (ValidationError, TypeError, ValueError) as error:
        raise _explain(error, name, tree) from error


def dump_recipe(recipe: Recipe) -> str:
    """Return the whole recipe as TOML, from which `load_recipe` reads an equal one."""
    import tomli_w

    return tomli_w.dumps(recipe.model_dump(mode="json"))


def recipe_differences(one: Recipe, other: Recipe) -> list[str]:
    """Each key whose value differs, as ``section.key: value against value``."""
    first, second = (dict(_leaves(recipe.model_dump(mode="json"))) for recipe in (one, other))
    return [
        f"{key}: {_value(first.get(key))} against {_value(second.get(key))}"
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    ]


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _value(value: object) -> str:
    rounded = float(f"{value:.12g}") if isinstance(value, float) else value
    return json.dumps(rounded, ensure_ascii=False)


def _read(recipe: str) -> str:
    if recipe in recipe_names():
        return (RECIPES / f"{recipe}.toml").read_text(encoding="utf-8")
    path = Path(recipe)
    if not is_there(path):
        known = ", ".join(recipe_names())
        raise DanError(
            f"recipe {recipe}", "there is no such recipe or file", f"Take one of {known}, or a file"
        )
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DanError(path, f"it cannot be read ({error})", "Give a TOML file") from error


def _parse(text: str, *, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DanError(
            name, f"it is no TOML: {error}", "Mend that line; docs/recipes.md shows the form"
        ) from error


def _read_override(override: str) -> tuple[str, Any]:
    """The key and the value of ``section.key=value``."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip() or key.strip().endswith("."):
        raise DanError(f"--set {override}", "it has the form section.key=value", "As in training.epochs=10")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), text.strip()


def _read_settings(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys and values of settings, each key once."""
    known: dict[str, Any] = {}
    for key, value in _leaves(settings):
        if key in known:
            rule = f"the settings give it a value twice, first {known[key]}"
            raise DanError(f"{key}={value}", rule, "Give one of them")
        known[key] = value
    yield from known.items()


def _override(tree: dict[str, Any], key: str, value: Any) -> None:
    *sections, leaf = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise DanError(f"{key}={value}", f"{section} is no section", "docs/recipes.md lists the keys")
    tree[leaf] = value


def _explain(error: Exception, name: str, tree: dict[str, Any]) -> DanError:
    """The first thing that is wrong, with its neighbours if it is a key that is not known."""
    if not isinstance(error, ValidationError):
        return DanError(f"recipe {name}", f"a value is no plain TOML value ({error})", "See docs/recipes.md")
    places = [
        (problem, _as_written(problem["loc"], tree, missing=problem["type"] == "missing"))
        for problem in error.errors()
    ]
    # Of the branches of a union, the one that fits furthest says what is wrong: of [0, 2], that 0 is.
    first = places[0][1]
    within = [place for place in places if place[1][: len(first)] == first]
    problem, where = max(within, key=lambda place: len(place[1]))
    key = ".".join(where)
    if problem["type"] == "extra_forbidden":
        return DanError(f"{key} in recipe {name}", "there is no such key", _neighbours(where, tree))
    if problem["type"] == "missing":
        return DanError(f"{key} in recipe {name}", "it is missing", "Add it")
    message = str(problem["msg"]).removeprefix("Value error, ")
    given = f"{key}={_value(problem['input'])}" if where else "settings"
    if where and isinstance(problem["input"], dict):  # of what keys of a section must agree on, those alone
        named, colon, rule = message.partition(": ")
        given, message = (f"{key}.{named}", rule) if colon and "=" in named else (key, message)
    return DanError(f"{given} in recipe {name}", message, "docs/recipes.md lists what is legal")


def _as_written(location: Iterable[int | str], tree: Any, *, missing: bool) -> list[str]:
    """The parts of a location that stand in the file: pydantic names the branches of a union among them."""
    where = []
    for part in location:
        if isinstance(tree, dict) and (part in tree or missing):
            tree = tree.get(part)
            where.append(str(part))
        elif isinstance(tree, list) and isinstance(part, int):
            tree = tree[part] if part < len(tree) else None
            where.append(str(part))
    return where


def _neighbours(where: list[str], tree: dict[str, Any]) -> str:
    legal = [*_legal_keys(where[:-1], tree)]
    close = difflib.get_close_matches(where[-1], legal, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}Legal here: {', '.join(legal)}"


def _legal_keys(sections: list[str], tree: dict[str, Any]) -> Iterable[str]:
    """Return the keys of the top, or of a section; of a network, those of its kind."""
    model: type[BaseModel] = Recipe
    for section in sections:
        if section not in model.model_fields:
            break
        tree = tree[section]
        model = _model_of(model.model_fields[section].annotation, tree)
    return model.model_fields


def _model_of(annotation: Any, tree: dict[str, Any]) -> type[BaseModel]:
    """Return the settings of a section; of a union, those of the kind that it names."""
    models = [kind for kind in (annotation, *typing.get_args(annotation)) if hasattr(kind, "model_fields")]
    chosen = [model for model in models if tree.get("kind") in (None, *_kinds(model))] or models
    return typing.cast(type[BaseModel], chosen[0])


def _kinds(model: Any) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return typing.get_args(field.annotation) if field else ()
