"""Start of a training from a model that is there."""

from __future__ import annotations

import json
import shlex

from dan.config import Recipe
from dan.config.load import load_recipe, recipe_names
from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.data.batches import ValidationSet
from dan.inference.model_file import ModelInfo, find_model, load_model
from dan.networks.base import GeneratorBase
from dan.training.loop import apply
from dan.training.score import snr_db
from dan.training.state import TrainingState

WORTH_DB = 0.1
"""Gain over the model that a training started from, from which on it is worth another model."""


def start_from(recipe: Recipe) -> GeneratorBase | None:
    """Return the generator that a recipe starts from, if it names one, ready to denoise.

    Raises:
        DanError: if there is no such model, it has no weights for torch, or its network is another.
    """
    model = recipe.fine_tuning.model
    if not model:
        return None
    generator, info = load_model(find_model(model, suffixes=(".safetensors",)))
    own, wanted = _geometry(info), _geometry(recipe)
    keys = [key for key in own if own[key] != wanted.get(key)]
    if "kind" in keys:  # the other settings are of no use beside it
        keys = [key for key in keys if key in ("sample_rate_hz", "kind")]
    if keys:
        differing = "; ".join(f"{key}: {own[key]} against {wanted[key]}" for key in keys)
        raise DanError(
            f"--from {model}",
            f"its network is not the recipe's ({differing})",
            _as_it_was(info, recipe, keys),
        )
    return generator


def beside_start(
    state: TrainingState, estimate: Signal, validation: ValidationSet, *, complete: bool
) -> list[str]:
    """Sentences on the gain over the model that a training started from; none where there is none.

    Args:
        state: of the training.
        estimate: outputs of its model for the validation's inputs.
        validation: the signals.
        complete: whether the training is at its end, so that there is something to conclude.
    """
    if state.teacher is None:
        return []
    recipe = state.recipe
    start_db, _ = snr_db(apply(state.teacher, validation.mixed), validation)
    gained_db, model = snr_db(estimate, validation)[0] - start_db, recipe.fine_tuning.model
    lines = [
        f"{model}, which it started from: {start_db:.2f} dB on the same signals; {gained_db:+.2f} dB since."
    ]
    if complete and gained_db < WORTH_DB and not recipe.losses.needs_discriminator:
        how = "Worse" if gained_db <= -WORTH_DB else "Hardly better"
        lines.append(f"{how} than {model}: go on using that, or give this more to learn from.")
    return lines


def _as_it_was(info: ModelInfo, recipe: Recipe, keys: list[str]) -> str:
    """Way out for training a model further whose network differs from a recipe's in some keys."""
    if info.recipe != recipe.name:
        return f"Train by the recipe of that model, {info.recipe}"
    sections = {key: "signal" if key == "sample_rate_hz" else "generator" for key in keys}
    if moved := [f"{sections[key]}.{key}" for key in _moved(keys, info, recipe)]:
        return f"Leave {' and '.join(moved)} as the recipe has it, or train afresh without --from"
    values = {key: json.dumps(value, separators=(",", ":")) for key, value in _geometry(info).items()}
    settings = [shlex.quote(f"{sections[key]}.{key}={values[key]}") for key in keys]
    return "Say its network: " + " ".join(f"--set {one}" for one in settings)


def _moved(keys: list[str], info: ModelInfo, recipe: Recipe) -> list[str]:
    """Those of the keys in which a recipe that comes with the package is as the model until it is changed."""
    if recipe.name not in recipe_names():
        return []
    own, packaged = _geometry(info), _geometry(load_recipe(recipe.name))
    return [key for key in keys if own[key] == packaged.get(key)]


def _geometry(it: ModelInfo | Recipe) -> dict[str, object]:
    """Settings that a model and the recipe that trains it further have in common."""
    return {"sample_rate_hz": it.signal.sample_rate_hz, **it.generator.model_dump()}
