"""Words of messages."""

from __future__ import annotations

from collections.abc import Sequence


def few(names: Sequence[str], *, most: int = 3) -> str:
    """Return the first of some names in a line, with dots where there are more."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
