"""Base of all sections of a recipe: a frozen, strict class, and the types of single values."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Number = TypeVar("Number", int, float)
SettingsT = TypeVar("SettingsT", bound="Settings")
Unit = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Db = Annotated[float, Field(ge=-60, le=60)]
NonNegative = Annotated[float, Field(ge=0)]


class Settings(BaseModel):
    """A frozen section of a recipe in which an unknown key or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


def checked(kind: type[SettingsT], tree: dict[str, Any]) -> SettingsT:
    """Return a tree of plain values, numpy's among them, as settings.

    Raises:
        ValueError: if a key is unknown, a value is not legal or of a wrong type, as text for a number.
        TypeError: if a value is no plain one.
    """
    # By way of JSON, in which strict checking takes a list for a tuple.
    return kind.model_validate_json(json.dumps(tree, default=_plain), strict=True)


def _plain(value: Any) -> Any:
    """Return a number or an array of numpy's as Python's."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"{value!r} of type {type(value).__name__}")
    return value.tolist()


def bounds(value: Number | tuple[Number, Number]) -> tuple[Number, Number]:
    """Return a number or a range as a range ``(low, high)``."""
    return value if isinstance(value, tuple) else (value, value)


def check_rising(**ranges: float | tuple[float, float]) -> None:
    """Check that no range's lower bound is above its upper one.

    Raises:
        ValueError: if one is; it names the key.
    """
    for name, value in ranges.items():
        low, high = bounds(value)
        if low > high:
            rule = f"a range rises from its lower to its upper bound, as [{high:g}, {low:g}] does"
            raise ValueError(f"{name}=[{low:g}, {high:g}]: {rule}")
