"""Folders of what is cut out of recordings by their marks: each holds a digest of what it was made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dan.core.errors import DanError
from dan.data.index import Corpus

MADE_OF = "made_of"
"""Key of the digest in what a folder says of itself."""


def digest(corpus: Corpus, marks: Iterable[object], how: object) -> str:
    """SHA-256 of recordings, their marks and how they are cut.

    Args:
        corpus: of the recordings.
        marks: of each of them, in order.
        how: settings of the cut.
    """
    return hashlib.sha256(f"{corpus.digest} {how} {[*marks]}".encode()).hexdigest()


def check_cuts(folder: Path, says: str, made_of: str, *, rule: str) -> dict[str, Any]:
    """Check that a folder was made of the same; what it says of itself.

    Args:
        folder: that is there.
        says: name of the file in which it speaks.
        made_of: digest of what it would be made of now.
        rule: what is wrong with it otherwise, in words.

    Raises:
        DanError: if it was made of other recordings or marks, or cut otherwise.
    """
    said: dict[str, Any] = json.loads((folder / says).read_text(encoding="utf-8"))
    if said.get(MADE_OF) != made_of:
        raise DanError(folder, rule, "Give --force, or another --out")
    return said
