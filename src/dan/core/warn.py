"""Warnings at the line of the user's that led to them."""

from __future__ import annotations

import inspect
import os
import warnings
from pathlib import Path

PACKAGE = f"{Path(__file__).parent.parent}{os.sep}"


def warn(message: str) -> None:
    """Issue a UserWarning at the line outside of this package that called into it."""
    level, frame = 1, inspect.currentframe()
    while frame and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
