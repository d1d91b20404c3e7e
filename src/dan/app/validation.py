"""A few validation signals of a run, to listen to as it learns, as a command of the page.

`python -m dan.app.validation RUN OUT [--clean DIR] [--noise DIR] [--noisy DIR] [--sample-rate HZ]`
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

import numpy as np

from dan.app.commands import VALIDATION_CLEAN, VALIDATION_NOISY, VALIDATION_SIGNALS
from dan.config.load import load_recipe
from dan.core.errors import DanError
from dan.data.recordings_source import Folders
from dan.data.sources import open_training_data
from dan.io.recordings import write
from dan.training.run_folder import Run


def write_validation(run: Run, out: Path, folders: Folders) -> None:
    """Write signals spread over the validation set, each a channel: noisy, and clean where that is known.

    Args:
        run: a training that has begun.
        out: a folder.
        folders: those that the training was given.

    Raises:
        DanError: if the run or a folder is wrong.
    """
    recipe = load_recipe(str(run.recipe))
    own = recipe.data.source == "folder" and not folders.paths()
    signals = open_training_data(recipe, Folders(data=run.data) if own else folders, cache=run.cache)
    with closing(signals.source):
        found = signals.validation
    chosen = np.linspace(0, len(found.mixed) - 1, min(VALIDATION_SIGNALS, len(found.mixed))).astype(int)
    files = {VALIDATION_NOISY: found.mixed} | ({} if found.takes else {VALIDATION_CLEAN: found.clean})
    for name, samples in files.items():
        rate_hz = recipe.signal.sample_rate_hz
        write(out / name, samples[chosen].astype(np.float32), sample_rate_hz=rate_hz, force=True)


def main() -> None:
    """Write the signals of a run folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    for name in ("--clean", "--noise", "--noisy"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--sample-rate", type=float)
    given = parser.parse_args()
    folders = Folders(None, given.clean, given.noise, given.noisy, given.sample_rate)
    write_validation(Run(given.run), given.out, folders)


if __name__ == "__main__":
    try:
        main()
    except DanError as error:
        sys.exit(f"dan: {error}")
