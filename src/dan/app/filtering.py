"""A classical filter over a file, as a command of the page: `python -m dan.app.filtering NAME INPUT OUTPUT`.

The filter has its defaults, as in the score table of signals that no recipe is known of.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dan.core.errors import DanError
from dan.evaluation.baselines import untold
from dan.io.recordings import read, write

PREFIX = "filter: "
"""What the page puts before the name of one."""
NAMES = ("wiener", "wavelet", "spectral_gate")


def filter_file(name: str, source: Path, target: Path) -> None:
    """Write the filtered recording; rate and encoding are kept.

    Raises:
        DanError: if the filter is not known or the file cannot be read or written.
    """
    if name not in NAMES:
        raise DanError(f"filter {name}", f"it is one of {', '.join(NAMES)}", "Choose one of these")
    recording = read(source)
    if recording.sample_rate_hz is None:
        raise DanError(source, "the file does not say its sample rate", "Compare models on it instead")
    estimate = untold(recording.sample_rate_hz).rows[name](recording.samples)
    write(target, estimate, sample_rate_hz=recording.sample_rate_hz, like=recording, force=True)


if __name__ == "__main__":
    try:
        filter_file(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    except DanError as error:
        sys.exit(f"dan: {error}")
