"""Scores of denoised files against clean ones of the same names, as a command of the page.

`python -m dan.app.scoring OUT --clean FILE... --noisy FILE... --estimates FOLDER...`
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io.recordings import read
from dan.metrics.general import si_sdr_db, snr_db
from dan.workflows.denoise import plan

Scores = dict[str, float]


def score(clean: Sequence[Path], noisy: Sequence[Path], estimates: Sequence[Path]) -> list[Scores]:
    """Return the mean scores of the noisy files, and of each folder of denoised ones.

    Args:
        clean: files; those without a noisy one of the same stem are an error.
        noisy: files; those without a clean one are left out.
        estimates: folders of denoised files.

    Raises:
        DanError: if a file cannot be read, nothing belongs together, or the lengths differ.
    """
    partners = {file.stem: file for file in noisy}
    for file in clean:
        if file.stem not in partners:
            raise DanError(
                file.name, "no noisy recording has this name", "Give the clean ones the same names"
            )
    pairs = [(file, partners[file.stem]) for file in clean]
    rows = [[_scores(source, reference) for reference, source in pairs]]
    for folder in estimates:
        rows.append([_scores(plan([source], folder)[source], reference) for reference, source in pairs])
    return [{key: float(np.mean([one[key] for one in row])) for key in row[0]} for row in rows]


def _scores(file: Path, clean: Path) -> Scores:
    estimate, reference = read(file), read(clean)
    for name in ("sample_rate_hz", "shape"):
        ours, theirs = (_attributes(one.samples, one.sample_rate_hz)[name] for one in (reference, estimate))
        if ours != theirs:
            rule = f"its {name} is {ours}, that of the noisy one is {theirs}"
            raise DanError(clean.name, rule, "Give the clean recording of the same samples")
    given = {"estimate": estimate.samples, "reference": reference.samples}
    return {"snr_db": float(np.mean(snr_db(**given))), "si_sdr_db": float(np.mean(si_sdr_db(**given)))}


def _attributes(samples: Signal, sample_rate_hz: float | None) -> dict[str, object]:
    return {"sample_rate_hz": sample_rate_hz, "shape": samples.shape}


def main() -> None:
    """Write the scores as JSON: the noisy files first, then each folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    for name in ("--clean", "--noisy", "--estimates"):
        parser.add_argument(name, type=Path, nargs="+", required=True)
    given = parser.parse_args()
    given.out.write_text(json.dumps(score(given.clean, given.noisy, given.estimates)), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except DanError as error:
        sys.exit(f"dan: {error}")
