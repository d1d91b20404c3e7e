"""A classical filter over files, as a command of the page: `python -m dan.app.filtering NAME OUT INPUT...`.

The filter has its defaults, as in the score table of signals that no recipe is known of.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dan.app.commands import FILTERS
from dan.core.errors import DanError
from dan.evaluation.baselines import untold
from dan.io.recordings import read, write
from dan.workflows.denoise import plan


def filter_file(name: str, source: Path, target: Path) -> None:
    """Write the filtered recording; rate and encoding are kept.

    Raises:
        DanError: if the filter is not known or the file cannot be read or written.
    """
    if name not in FILTERS:
        raise DanError(f"filter {name}", f"it is one of {', '.join(FILTERS)}", "Choose one of these")
    recording = read(source)
    if recording.sample_rate_hz is None:
        raise DanError(source, "the file does not say its sample rate", "Compare models on it instead")
    estimate = untold(recording.sample_rate_hz).rows[name](recording.samples)
    write(target, estimate, sample_rate_hz=recording.sample_rate_hz, template=recording, force=True)


def main(name: str, out: str, *files: str) -> None:
    """Filter files into a folder, under the names that `dan denoise` gives them."""
    for source, target in plan([Path(file) for file in files], Path(out)).items():
        filter_file(name, source, target)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except DanError as error:
        sys.exit(f"dan: {error}")
