"""Rows of figures as a table on the terminal and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dan.cli.console import show_grid
from dan.core.atomic import atomic_write


def show(rows: Sequence[Any], *, title: str = "", json_file: Path | None = None) -> None:
    """Print dataclasses of one kind, a column a figure, and write them as JSON where a file is given."""
    trees = [dataclasses.asdict(row) for row in rows]
    lines = [_flat(tree) for tree in trees]
    head = [name.replace("_", " ") for name in lines[0]]
    show_grid(head, [[_cell(value) for value in line.values()] for line in lines], title=title)
    if json_file:
        with atomic_write(json_file) as temporary:
            temporary.write_text(json.dumps(trees, indent=2) + "\n", encoding="utf-8")


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    """Return one level: ``mean.snr_db`` becomes ``snr_db`` and a deviation goes behind its mean."""
    deviation = tree.get("deviation", {})
    means = {key: f"{value:.2f} +-{deviation[key]:.2f}" for key, value in tree.get("mean", {}).items()}
    return {key: value for key, value in tree.items() if not isinstance(value, dict)} | means


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
