"""The demo of what the adversarial part is for: at low SNR, error against likeness, in one picture."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np

from dan.config import Recipe
from dan.config.load import load_recipe
from dan.core.arrays import Signal
from dan.core.atomic import atomic_write
from dan.core.grid import markdown_grid
from dan.data.sources import open_source, open_validation
from dan.evaluation.likeness import level_distance_db
from dan.metrics.general import snr_db
from dan.report.likeness_plot import Point, plot_likeness
from dan.report.style import save_figure, signed
from dan.synthesis.mix import Pairs, draw_pairs
from dan.training.loop import apply, train
from dan.training.state import Hooks, TrainingState, new_state

PICTURE, TABLE = "likeness.png", "likeness.md"
COMMON = ("noise.snr_db=-10", "data.validation_count=50", "training.steps_per_epoch=50")
ADVERSARIAL = (
    "discriminator.kind=conditional",
    "discriminator.fft_sizes=[256]",
    "discriminator.depth=2",
    "discriminator_optimiser.learning_rate=0.01",
    "losses.adversarial_balance=gradient",
    "losses.weights.adversarial=30",
    "losses.weights.feature_matching=30",
)
ALONE = ("losses.weights.adversarial=0", "losses.weights.feature_matching=0")
EPOCHS, QUICK_EPOCHS = 10, 4
"""Epochs of a training; the first half is without the adversarial part, and the same for both."""
JUDGED, HELD_OUT = 500, 1_000_033
"""Number and seed of the signals that are judged: no training draws them."""
COMPARED = ("error alone", "adversarial")
"""Outputs of the two trainings."""
BETWEEN = (0.25, 0.5, 0.75)
"""Shares of the second output where the two are mixed."""


def show_likeness(folder: Path, *, quick: bool) -> list[Point]:
    """Train with and without the adversarial part at -10 dB, and draw error against likeness.

    Args:
        folder: for the picture and its table, which replace earlier ones.
        quick: fewer steps.

    Returns:
        The noisy inputs, the outputs without and with it, and mixtures of these two.
    """
    recipe, against = (_recipe(given, quick=quick) for given in (ALONE, ADVERSARIAL))
    pairs = draw_pairs(recipe, JUDGED, random=np.random.default_rng([HELD_OUT, 0]))
    others = draw_pairs(recipe, JUDGED, random=np.random.default_rng([HELD_OUT, 1])).clean
    alone, judged = (apply(state.best, pairs.mixed) for state in _trained(recipe, against))
    outputs = {"noisy": pairs.mixed, "error alone": alone}
    outputs |= {f"{share:.0%} adversarial": alone + share * (judged - alone) for share in BETWEEN}
    outputs["adversarial"] = judged
    points = [_point(name, output, pairs, others) for name, output in outputs.items()]
    shown = _of_median_cost({"clean": pairs.clean, "error alone": alone, "adversarial": judged})
    rate_hz = recipe.signal.sample_rate_hz
    save_figure(plot_likeness(points, shown, sample_rate_hz=rate_hz), folder / PICTURE)
    with atomic_write(folder / TABLE, force=True) as temporary:
        temporary.write_text(_table(points), encoding="utf-8")
    return points


def _recipe(given: tuple[str, ...], *, quick: bool) -> Recipe:
    epochs = QUICK_EPOCHS if quick else EPOCHS
    later = f"losses.adversarial_start_epochs={epochs // 2}"
    return load_recipe("tones", overrides=[*COMMON, f"training.epochs={epochs}", later, *given])


def _trained(recipe: Recipe, against: Recipe) -> tuple[TrainingState, TrainingState]:
    """Train without the adversarial part, and from half of that on with it as well."""
    source, validation = open_source(recipe, None), open_validation(recipe, None)
    half = recipe.losses.adversarial_start_epochs * source.steps_per_epoch
    alone, fresh = new_state(recipe), new_state(against)
    train(alone, source, validation, Hooks(should_stop=lambda: alone.step >= half))
    judged = replace(
        copy.deepcopy(alone),
        recipe=against,
        discriminator=fresh.discriminator,
        discriminator_optimisers=fresh.discriminator_optimisers,
    )
    for state in (alone, judged):
        train(state, source, validation)
    return alone, judged


def _point(name: str, output: Signal, pairs: Pairs, others: Signal) -> Point:
    output_db = float(snr_db(estimate=output, reference=pairs.clean).mean())
    return Point(name, output_db, level_distance_db(output, others))


def _of_median_cost(signals: dict[str, Signal]) -> dict[str, Signal]:
    """Return the signal that stands for the others: half of them lose less SNR to the adversarial part."""
    clean = signals["clean"]
    alone_db, judged_db = (snr_db(estimate=signals[name], reference=clean) for name in COMPARED)
    row = np.argsort(alone_db - judged_db)[len(clean) // 2]
    return {name: each[row] for name, each in signals.items()}


def _table(points: list[Point]) -> str:
    rows = [[point.name, signed(point.snr_db, digits=2), f"{point.distance_db:.2f}"] for point in points]
    return markdown_grid(["outputs", "SNR, dB", "distance from clean levels, dB"], rows) + "\n"
