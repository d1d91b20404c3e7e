"""Checkpoints: the whole state of a training in one safetensors file, from which it resumes exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from dan.config.load import check_recipe
from dan.core.atomic import atomic_write
from dan.core.errors import DanError
from dan.training.state import TrainingState

PROGRESS = ("step", "seconds", "sums", "history", "digest", "discriminator_rate")
"""Fields of a state beside tensors and the recipe."""
NEWER = {"discriminator_rate": 1.0}
"""Fields that checkpoints of earlier versions lack."""


def save_checkpoint(path: Path, state: TrainingState) -> None:
    """Write the state; the checkpoint before it is replaced, at once and whole.

    Raises:
        DanError: if it cannot be written; the one before is then still there.
    """
    progress = {name: getattr(state, name) for name in PROGRESS}
    progress["recipe"] = state.recipe.model_dump(mode="json")
    with atomic_write(path, force=True) as temporary:
        temporary.write_bytes(save(_tensors(state), metadata={"progress": json.dumps(progress)}))


def load_checkpoint(path: Path, state: TrainingState) -> None:
    """Bring a new state of the same recipe and signals to where the checkpoint was made.

    Settings that the checkpoint's recipe does not know, since they are newer, are at their defaults.

    Raises:
        DanError: if the file is no checkpoint of this recipe and these signals.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            progress = NEWER | json.loads((file.metadata() or {})["progress"])
        if check_recipe(progress["recipe"], name=str(path)) != state.recipe:
            raise ValueError("it was made by other settings")
        if progress["digest"] != state.digest:
            raise ValueError("the training's signals have changed since")
        _restore(state, load_file(path))
        for name in PROGRESS:
            setattr(state, name, progress[name])
    except (DanError, SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        raise DanError(
            path, f"it is no checkpoint of this training ({why})", "Start over with --force"
        ) from error


def _modules(state: TrainingState) -> dict[str, torch.nn.Module]:
    modules = {"generator": state.generator, "discriminator": state.discriminator, "average": state.average}
    return {name: module for name, module in modules.items() if module is not None}


def _optimisers(state: TrainingState) -> dict[str, torch.optim.Optimizer]:
    sides = {"generator": state.generator_optimisers, "discriminator": state.discriminator_optimisers}
    return {
        f"{side}_optimiser_{index}": optimiser
        for side, optimisers in sides.items()
        for index, optimiser in enumerate(optimisers)
    }


def _tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {
        f"{name}.{key}": tensor.detach().contiguous().clone()
        for name, module in _modules(state).items()
        for key, tensor in module.state_dict().items()
    }
    for name, optimiser in _optimisers(state).items():
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": torch.as_tensor(value) for key, value in moments.items()}
    return tensors


def _restore(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    for name, module in _modules(state).items():
        module.load_state_dict(_under(tensors, name))
    for name, optimiser in _optimisers(state).items():
        moments: dict[int, dict[str, Any]] = {}
        for key, tensor in _under(tensors, name).items():
            index, moment = key.split(".")
            moments.setdefault(int(index), {})[moment] = tensor
        optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})


def _under(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
