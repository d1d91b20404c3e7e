"""A plan of many trainings, resolved: the recipe, the folders and the run folder of each."""

from __future__ import annotations

import glob
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dan.config import Recipe
from dan.config.load import load_recipe, recipe_names
from dan.config.plan import FOLDER, EntrySettings, Plan, read_plan
from dan.core.errors import DanError
from dan.data.recordings_source import Folders
from dan.inference.model_file import find_model, model_names

FOLDERS = ("data", "clean", "noise", "noisy", "second_take")
"""Keys of a plan that are folders of recordings."""


@dataclass(frozen=True)
class PlannedTraining:
    """One training of a plan."""

    name: str
    recipe: Recipe
    out: Path
    """The run folder."""
    folders: Folders
    cores: float
    gpus: float
    max_minutes: float | None
    force: bool
    """Set if it starts over what is there."""


def plan_trainings(path: Path, *, force: bool = False) -> list[PlannedTraining]:
    """Read a plan and resolve every training in it; nothing is begun.

    Args:
        path: of the plan.
        force: start over what is there.

    Raises:
        DanError: if the plan, or a recipe, a setting or a model in it is wrong, or a name is given twice.
    """
    plan, above = read_plan(path), path.resolve().parent
    entries = [*_of_folders(plan, above), *plan.train]
    if not entries:
        raise DanError(path, "it holds no training", 'Add folders = "archive/*", or [[train]] with a name')
    twice = [name for name, count in Counter(entry.name for entry in entries).items() if count > 1]
    if twice:
        raise DanError(f"{path}: the name {twice[0]}", "two trainings have it", "Give each a name of its own")
    return [_resolved(plan, entry, above, force=force) for entry in entries]


def _of_folders(plan: Plan, above: Path) -> list[EntrySettings]:
    """A training for each folder that matches the pattern, with its paths."""
    if plan.folders is None:
        return []
    paths = {key: value for key in FOLDERS if (value := getattr(plan, key)) and FOLDER in value}
    if not paths:
        rule = f"no folder of recordings in the plan holds {FOLDER}, so all trainings would be one"
        raise DanError(
            f"folders={plan.folders}", rule, f'Add clean = "{FOLDER}/clean", or noisy = "{FOLDER}"'
        )
    # A path's own glob takes no absolute pattern.
    matches = glob.glob(plan.folders, root_dir=above, recursive=True)  # noqa: PTH207
    made = (above / plan.out).resolve()  # run folders may lie beside the recordings
    folders = [one for one in matches if (above / one).is_dir()]
    found = sorted(one for one in folders if not (above / one).resolve().is_relative_to(made))
    if not found:
        raise DanError(f"folders={plan.folders}", f"no folder within {above} matches it", "Mend the pattern")
    fixed = Path(re.split(r"[*?\[]", plan.folders, maxsplit=1)[0] + "*").parent
    return [
        EntrySettings(
            name="-".join(Path(folder).relative_to(fixed).parts),
            **{key: value.replace(FOLDER, folder) for key, value in paths.items()},
        )
        for folder in found
    ]


def _resolved(plan: Plan, entry: EntrySettings, above: Path, *, force: bool) -> PlannedTraining:
    """Resolve a training: its own settings, and else those that all share."""
    own, shared = ({key: value for key, value in part if value is not None} for part in (entry, plan))
    taken: dict[str, Any] = shared | own
    paths: dict[str, Any] = {
        key: _folder(taken[key], key, entry.name, above) for key in FOLDERS if taken.get(key)
    }
    try:
        return PlannedTraining(
            name=entry.name,
            recipe=_recipe(taken, (*plan.set, *entry.set), above),
            out=above / plan.out / entry.name,
            folders=Folders(sample_rate_hz=taken.get("sample_rate_hz"), **paths),
            cores=taken.get("cores", 1.0),
            gpus=taken.get("gpus", 0.0),
            max_minutes=taken.get("max_minutes"),
            force=force,
        )
    except DanError as error:
        raise DanError(f"{entry.name}: {error.what}", error.rule, error.way_out) from error


def _folder(path: str, key: str, name: str, above: Path) -> Path:
    if FOLDER in path:
        rule = f"it has no folder that {FOLDER} stands for"
        raise DanError(f"{key}={path} of {name}", rule, f"Give it a {key} of its own, or an empty one")
    return above / path


def _recipe(taken: dict[str, Any], overrides: tuple[str, ...], above: Path) -> Recipe:
    """The whole recipe; its file and the model to start from count from the plan's folder."""
    if "recipe" not in taken:
        raise DanError("recipe", "it is missing", f"Add one of {', '.join(recipe_names())}, or a file")
    recipe, start = taken["recipe"], taken.get("start") or None
    if recipe not in recipe_names():
        recipe = str(above / recipe)
    if start and start not in model_names():
        start = str(above / start)
    if start:
        find_model(start, suffixes=(".safetensors",))
    return load_recipe(recipe, overrides=overrides, seed=taken.get("seed"), start=start)
