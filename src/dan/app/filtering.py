"""A classical filter over files, as a command of the page: `python -m dan.app.filtering NAME OUT INPUT...`.

The filter has its defaults, as in the score table of signals that no recipe is known of.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from dan.app.commands import FILTERS
from dan.core.errors import DanError
from dan.evaluation.baselines import with_defaults
from dan.inference.recording import write_back
from dan.io.recordings import open_reader, open_writer
from dan.workflows.denoise import plan

BLOCK_SAMPLES = 2**16
"""Length of the blocks that are read; the filter sees the whole."""


def filter_file(name: str, source: Path, target: Path) -> None:
    """Write the filtered recording; rate and encoding are kept, and missing samples stay missing.

    Raises:
        DanError: if the filter is not known or the file cannot be read or written.
    """
    if name not in FILTERS:
        raise DanError(f"filter {name}", f"it is one of {', '.join(FILTERS)}", "Choose one of these")
    with open_reader(source, missing="fill") as reader:
        if reader.sample_rate_hz is None:
            raise DanError(source, reader.rate_unknown, "Save it in a format that says it, such as .wav")
        whole = np.concatenate(list(reader.blocks(BLOCK_SAMPLES)), axis=1)
        estimate = with_defaults(reader.sample_rate_hz).rows[name](whole)
        with open_writer(target, reader, force=True) as writer:
            write_back(reader, writer, estimate)


def main(name: str, out: str, *files: str) -> None:
    """Filter files into a folder, under the names that `dan denoise` gives them."""
    for source, target in plan([Path(file) for file in files], Path(out)).items():
        filter_file(name, source, target)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except DanError as error:
        sys.exit(f"dan: {error}")
