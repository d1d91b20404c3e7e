"""The founding story, end to end: data, training, error against likeness, score table, report."""

from __future__ import annotations

import logging
from pathlib import Path

from dan.config import Recipe
from dan.config.load import load_recipe
from dan.core.errors import DanError
from dan.data.folder.layout import read_dataset
from dan.data.folder.load import create
from dan.evaluation.evaluate import Evaluation
from dan.workflows.evaluate import judge
from dan.workflows.likeness import PICTURE, show_likeness
from dan.workflows.train import train_run

log = logging.getLogger(__name__)

RECIPE = "tones"
QUICK = ("training.epochs=4", "data.train_count=100", "data.validation_count=50")
HELD_OUT_SEED = 1_000_003
"""Seed of the demo's data folder: the training draws from its own and never sees these signals."""


def run_demo(out: Path, *, quick: bool, force: bool) -> Evaluation:
    """Make data, train, draw error against likeness at low SNR, judge on signals held out, write the report.

    The same call again goes on with a demo that was interrupted.

    Args:
        out: folder for the folders `data`, `run`, `likeness` and `report`.
        quick: fewer signals and fewer steps.
        force: replace an earlier demo there.

    Returns:
        The score table and what it was made of.

    Raises:
        DanError: if there is an earlier demo or anything else, or the folder cannot be written to.
    """
    _check_ours(out)
    recipe = load_recipe(RECIPE, overrides=QUICK if quick else ())
    data, run, report, likeness = (out / name for name in ("data", "run", "report", "likeness"))
    if not force and report.exists():
        raise DanError(out, "it holds an earlier demo", "Give another --out, or replace it with --force")
    log.info(
        f"1. Data: sums of sines in white noise at -2 dB, to look at and listen to, in {data}. "
        "They are held out: the training draws its own."
    )
    if force or not _is_made(recipe, data):
        create(recipe, data, seed=HELD_OUT_SEED, force=force)
    log.info(f"2. Training: the generator against the discriminator, by the recipe {RECIPE}, in {run}.")
    train_run(recipe, run, force=force)
    log.info(
        "3. Likeness: at -10 dB the least error is a blur. Two short trainings, with the discriminator and "
        f"without, show what it changes and costs, in {likeness / PICTURE}."
    )
    if force or not (likeness / PICTURE).is_file():
        show_likeness(likeness, quick=quick)
    log.info(
        f"4. Judging: beside classical filters and beside the limit that no denoiser passes, in {report}."
    )
    return judge(run, data, report=report, force=force)


def _check_ours(out: Path) -> None:
    """Check that a folder holds a demo or nothing; what is hidden does not count.

    Raises:
        DanError: if it holds anything else.
    """
    data = out / "data"
    made = read_dataset(data) if data.is_dir() else None
    ours = made is not None and made.seed == HELD_OUT_SEED
    if not ours and any(not path.name.startswith(".") for path in out.glob("*")):
        raise DanError(out, "it is not empty and holds no demo", "Give another --out")


def _is_made(recipe: Recipe, data: Path) -> bool:
    """Return whether an interrupted demo has left its data.

    Raises:
        DanError: if it was a demo of other data.
    """
    if not data.exists():
        return False
    made, counts = read_dataset(data), [recipe.data.train_count, recipe.data.validation_count]
    if made is None or list(made.counts.values()) != counts:
        raise DanError(data, "it is no data of this demo", "Give another --out, or replace it with --force")
    return True
