"""The founding story, end to end: data, training, score table, report."""

from __future__ import annotations

import logging
from pathlib import Path

from dan.config.load import load_recipe
from dan.core.errors import DanError
from dan.data.folder.load import create
from dan.evaluation.evaluate import Evaluation
from dan.workflows.evaluate import judge
from dan.workflows.train import train_run

log = logging.getLogger(__name__)

RECIPE = "tones"
QUICK = ("training.epochs=4", "data.train_count=100", "data.validation_count=50")
HELD_BACK_SEED = 1_000_003
"""Of the demo's data folder: the training draws from the recipe's own seed and never sees these signals."""


def run_demo(out: Path, *, quick: bool, force: bool) -> Evaluation:
    """Make data, train, judge on signals that were held back, write the report.

    Args:
        out: folder for the folders `data`, `run` and `report`.
        quick: fewer signals and fewer steps.
        force: replace an earlier demo there.

    Returns:
        The score table and what it was made of.

    Raises:
        DanError: if there is an earlier demo, or the folder cannot be written to.
    """
    recipe = load_recipe(RECIPE, overrides=QUICK if quick else ())
    data, run, report = out / "data", out / "run", out / "report"
    if not force and any(folder.exists() for folder in (data, run, report)):
        raise DanError(out, "it holds an earlier demo", "Give another --out, or replace it with --force")
    log.info(
        f"1. Data: sums of sines in white noise at -2 dB, to look at and listen to, in {data}. "
        "They are held back: the training draws its own."
    )
    create(recipe, data, seed=HELD_BACK_SEED, force=force)
    log.info(f"2. Training: the generator against the discriminator, by the recipe {RECIPE}, in {run}.")
    train_run(recipe, run, force=force)
    log.info(
        f"3. Judging: beside classical filters and beside the limit that no denoiser passes, in {report}."
    )
    return judge(run, data, report=report, force=force)
