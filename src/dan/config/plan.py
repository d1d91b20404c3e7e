"""Plans of many trainings: a TOML file that says what they share and what each has of its own."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveFloat, StringConstraints, ValidationError

from dan.config.base import NonNegative, Settings, checked
from dan.core.errors import DanError

FOLDER = "{folder}"
"""Stands in a path for each folder that matches `folders`."""
Name = Annotated[str, StringConstraints(pattern=r"^[^./\\][^/\\]*$")]


class SharedSettings(Settings):
    """Settings that all trainings of a plan share unless they say otherwise; paths count from the plan."""

    recipe: str | None = None
    """Name or file of the recipe."""
    start: Annotated[str | None, Field(alias="from")] = None
    """Model to start from: a run folder, a file or a name."""
    set: tuple[str, ...] = ()
    """Keys of the recipe to override, each as `section.key=value`; those of a training come last."""
    seed: Annotated[int | None, Field(ge=0)] = None
    """Seed of everything random."""
    data: str | None = None
    """A data folder."""
    clean: str | None = None
    """A folder of clean recordings."""
    noise: str | None = None
    """A folder of noise."""
    noisy: str | None = None
    """A folder of noisy recordings."""
    second_take: str | None = None
    """Beside noisy recordings, a folder of the same signals with noise of their own."""
    sample_rate_hz: PositiveFloat | None = None
    """Rate of recordings that do not say theirs."""
    max_minutes: NonNegative | None = None
    """Minutes after which each training stops, resumable."""
    cores: Annotated[float | None, Field(gt=0)] = None
    """Cores of each training, of which it has as many threads, at least one; 1 where nothing is said."""
    gpus: NonNegative | None = None
    """GPUs of each training, or the share of one; with any it trains on cuda, without on cpu."""


class EntrySettings(SharedSettings):
    """One training, `[[train]]`: its name, and what it has of its own."""

    name: Name
    """Name, which is also that of its run folder."""


class Plan(SharedSettings):
    """Many trainings: one for each folder that matches a pattern, one for each `[[train]]`, or both."""

    out: str
    """Folder of the run folders, from the plan's own."""
    folders: str | None = None
    """Pattern of folders, from the plan's own, as `archive/*`: a training for each, named after it."""
    train: tuple[EntrySettings, ...] = ()
    """Trainings one by one."""


def read_plan(path: Path) -> Plan:
    """Read a plan.

    Raises:
        DanError: if it cannot be read, it is no TOML, a key is unknown, or a value is not legal.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DanError(path, f"it cannot be read ({error})", "Give a plan, a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise DanError(
            path, f"it is no TOML: {error}", "Mend that line; docs/scale.md shows a plan"
        ) from error
    try:
        return checked(Plan, tree)
    except ValidationError as error:
        raise _explain(error, path, tree) from error
    except TypeError as error:
        raise DanError(
            path, f"a value is no plain one ({error})", "docs/scale.md says what is legal"
        ) from error


def _explain(error: ValidationError, path: Path, tree: dict[str, Any]) -> DanError:
    """The first thing that is wrong, by the name of the training in which it stands."""
    problem = error.errors()[0]
    *where, key = problem["loc"] or ("",)
    legal = _keys(EntrySettings if where else Plan)
    place = f"{key} of {_entry(tree, where)} in plan {path}" if where else f"{key} in plan {path}"
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(key), legal, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        return DanError(place, "there is no such key", f"{hint}Legal here: {', '.join(legal)}")
    if problem["type"] == "missing":
        return DanError(place, "it is missing", "Add it; docs/scale.md shows a plan")
    way_out = "docs/scale.md says what is legal"
    if key == "name":
        return DanError(
            f"{key}={problem['input']!r} in plan {path}", "it names a folder", "Leave out / and a leading ."
        )
    return DanError(f"{place} ({problem['input']!r})", problem["msg"], way_out)


def _keys(settings: type[Settings]) -> list[str]:
    return [field.alias or name for name, field in settings.model_fields.items()]


def _entry(tree: dict[str, Any], where: list[int | str]) -> str:
    """Name a training by its name, or by its number from 1."""
    index = next((part for part in where if isinstance(part, int)), 0)
    entries = tree.get("train")
    entry = entries[index] if isinstance(entries, list) else {}
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"[[train]] {name or index + 1}"
