"""The ablation on ECG: a model trained further, judged on hearts and noise that no training heard."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
from benchmarks.ablation.figures import Ablation, Array, Row, of_all_seeds, rows_of
from benchmarks.ablation.sides import SIDES, Result, by_side, side_recipe, train_side
from benchmarks.ablation.spectra import log_spectral_distance_db
from benchmarks.shipped_models.ecg import RATE_HZ, Filter, Stretch, filters, matches, stretches

from dan.data.sources import open_recordings
from dan.metrics import general as metrics
from dan.training.loop import apply

SNRS_DB = (-6.0, 0.0, 6.0)
STRETCH_S, STRETCHES = 60.0, 1
"""Length and number of the judged stretches of each lead of each heart."""
STEPS = 50
"""Of an epoch."""
SHARE = 1.0
COMMON = (
    f"training.steps_per_epoch={STEPS}",
    "training.ema_decay=0.98",
    "generator_optimiser.learning_rate=0.001",
    "generator_optimiser.muon_learning_rate=0.002",
)
JUDGED = ("discriminator.fft_sizes=[64, 256]", "discriminator_optimiser.learning_rate=0.005")
USUAL = "0.5-40 Hz and notch"


def ablate(options: argparse.Namespace, *, seeds: Sequence[int], epochs: int) -> Ablation:
    """Train all sides further from one model, and score them."""
    drawn = [stretch for level_db in SNRS_DB for stretch in held_out(options, level_db)]
    found = by_side(SIDES, seeds, lambda side, seed: trained(options, side, seed, epochs, drawn))
    words = (
        f"{epochs * STEPS} steps from a trained model; {len(drawn) // len(SNRS_DB)} stretches of "
        f"{STRETCH_S:g} s at each SNR, {len(seeds)} seeds"
    )
    sides = of_all_seeds(found)
    rows = [row for level_db in SNRS_DB for row in rows_of(_words(level_db), _at(level_db, sides, drawn))]
    return Ablation.of("ecg", words, [*rows, *reference(drawn)], found)


def held_out(options: argparse.Namespace, level_db: float) -> Iterator[Stretch]:
    """Stretches of unheard hearts in unheard noise."""
    return stretches(
        options.held_out,
        options.held_out_noise,
        duration_s=STRETCH_S,
        count=STRETCHES,
        snr_db=level_db,
        seed=3,
    )


def trained(
    options: argparse.Namespace, side: str, seed: int, epochs: int, drawn: Sequence[Stretch]
) -> Result:
    """Train one side further and score it."""
    common = [f"training.epochs={epochs}", *COMMON]
    recipe = side_recipe("ecg-360", side, seed, share=SHARE, common=common, judged=JUDGED)
    signals = open_recordings(recipe, clean=options.clean, noise=options.noise, sample_rate_hz=RATE_HZ)
    with closing(signals.source):
        state, took_s = train_side(recipe, (signals.source, signals.validation), start=options.start)
    mixed = np.stack([stretch.mixed for stretch in drawn]).astype(np.float32)
    figures = score(apply(state.best, mixed), drawn)
    return Result(figures, took_s, state.history[-1]["discriminator_accuracy"])


def score(estimate: Array, drawn: Sequence[Stretch]) -> dict[str, Array]:
    """Return each figure of outputs ``[N, T]``."""
    clean = np.stack([stretch.clean for stretch in drawn])
    return {
        "SNR, dB": metrics.snr_db(estimate=estimate, reference=clean),
        "LSD, dB": log_spectral_distance_db(estimate=estimate, reference=clean),
        "QRS F1": np.array([f1(one, stretch) for one, stretch in zip(estimate, drawn, strict=True)]),
    }


def f1(row: Array, stretch: Stretch) -> float:
    """Return the F1 of the QRS complexes that XQRS finds in a row."""
    hit, missed, false = matches(row, stretch.beats_s)
    return 2 * hit / max(1, 2 * hit + missed + false)


def reference(drawn: Sequence[Stretch]) -> list[Row]:
    """Rows of what is compared with: clean, noisy and a usual filter."""
    usual = filters()[USUAL]
    ways: dict[str, Filter] = {"noisy": lambda mixed: mixed, USUAL: usual}
    rows = {name: np.stack([way(stretch.mixed) for stretch in drawn]) for name, way in ways.items()}
    rows["clean"] = np.stack([stretch.clean for stretch in drawn])
    scored = {name: score(estimate, drawn) for name, estimate in rows.items()}
    found = []
    for level_db in SNRS_DB:
        for name, figures in scored.items():
            for figure, values in figures.items():
                mean = float(np.mean(values[_chosen(level_db, drawn)]))
                found.append(Row(_words(level_db), figure, name, mean))
    return found


def _words(level_db: float) -> str:
    return f"ECG at {level_db:g} dB"


def _chosen(level_db: float, drawn: Sequence[Stretch]) -> np.ndarray:
    return np.array([stretch.snr_db == level_db for stretch in drawn])


def _at(
    level_db: float, sides: dict[str, dict[str, Array]], drawn: Sequence[Stretch]
) -> dict[str, dict[str, Array]]:
    chosen = _chosen(level_db, drawn)
    return {
        side: {name: values[:, chosen] for name, values in figures.items()} for side, figures in sides.items()
    }
