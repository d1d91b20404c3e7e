"""Several processes of one command, as `torchrun` starts them: which of them this is."""

from __future__ import annotations

import os


def launched() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are; 0 and 1 where it is alone."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Return whether this is the process that speaks for all of them."""
    return launched()[0] == 0


def process_name() -> str:
    """Return what a message of this process begins with."""
    number, count = launched()
    return "dan" if number == 0 else f"dan (process {number + 1} of {count})"
