"""Folders of what is cut out of recordings by their marks: each holds a digest of what it was made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dan.core.errors import DanError
from dan.data.index import Corpus
from dan.io.annotations import Mark

MADE_OF = "made_of"
"""Key of the digest in what a folder says of itself."""


def digest(corpus: Corpus, marks: Iterable[Iterable[Mark]], settings: Iterable[float]) -> str:
    """SHA-256 of recordings, their marks and how they are cut.

    Args:
        corpus: of the recordings.
        marks: of each of them, in order.
        settings: of the cut, in order.
    """
    said = [[(float(mark.start_s), float(mark.stop_s), mark.label) for mark in each] for each in marks]
    return hashlib.sha256(f"{corpus.digest} {[*map(float, settings)]} {said}".encode()).hexdigest()


def check_cuts(folder: Path, says: str, made_of: str, *, rule: str) -> dict[str, Any]:
    """Check that a folder was made of the same; what it says of itself.

    Args:
        folder: that is there.
        says: name of the file in which it speaks.
        made_of: digest of what it would be made of now.
        rule: what is wrong with it otherwise, in words.

    Raises:
        DanError: if it was made of other recordings or marks, or cut otherwise, or says nothing of itself.
    """
    try:
        said: dict[str, Any] = json.loads((folder / says).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DanError(
            folder / says, f"it does not read ({error})", "Give --force, or another --out"
        ) from error
    if said.get(MADE_OF) != made_of:
        raise DanError(folder, rule, "Give --force, or another --out")
    return said
