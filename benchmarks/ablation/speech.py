"""The ablation on speech: a model trained further, judged on speakers and noises that no training heard."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from benchmarks.ablation.figures import Ablation, Array, Row, of_all_seeds, rows_of
from benchmarks.ablation.sides import METRIC, OFF, SIDES, Result, by_side, side_recipe, train_side
from benchmarks.ablation.spectra import log_spectral_distance_db

from dan.core.arrays import Signal
from dan.data.batches import Source, ValidationSet
from dan.evaluation.held_out import HeldOut, load_held_out
from dan.metrics.registry import open_figures
from dan.networks.base import GeneratorBase

SHARES = {"speech": 0.35, "quiet": 0.65}
STEPS, BATCH_SIZE, VALIDATION_COUNT = 50, 4, 16
SHARE, METRIC_SHARE = 0.5, 1.0
"""Norms of the adversarial gradients; larger ones cost PESQ (docs/experiments.md)."""
COMMON = (
    f"training.steps_per_epoch={STEPS}",
    f"training.batch_size={BATCH_SIZE}",
    "training.ema_decay=0.98",
    "generator_optimiser.learning_rate=0.0003",  # at 0.001 the model loses what its last steps had won
)
AHEAD = "losses.adversarial_warmup_epochs=1"
"""A fresh discriminator's gradient points anywhere, and everywhere the same way: it learns first."""
JUDGED = (
    AHEAD,
    "discriminator.fft_sizes=[256, 512, 1024]",
    "discriminator_optimiser.learning_rate=0.004",
)
LEARNT_METRIC = (
    AHEAD,
    "discriminator.kind=metric",
    "discriminator.fft_sizes=[512]",
    "discriminator.hidden_channels=16",
    "discriminator.depth=4",
    "discriminator.scored_signals=3",
    "losses.adversarial_kind=least_squares",
    "discriminator_optimiser.learning_rate=0.004",
)
Run = Callable[[Signal], Signal]


def ablate(options: argparse.Namespace, *, seeds: Sequence[int], epochs: int) -> Ablation:
    """Train all sides further from one model, one of them by a metric, and score them."""
    held_out = load_held_out(options.held_out)
    measure = figures_of(held_out, options.dnsmos)
    found = by_side((*SIDES, METRIC), seeds, lambda side, seed: trained(options, side, seed, epochs, measure))
    signals = f"speech, {len(held_out.clean)} sentences"
    noisy = [
        Row(signals, figure, "noisy", float(np.nanmean(values)))
        for figure, values in measure(lambda mixed: mixed).items()
    ]
    words = f"{epochs * STEPS} steps of {BATCH_SIZE} from a trained model, {len(seeds)} seeds"
    return Ablation.of("speech", words, [*rows_of(signals, of_all_seeds(found)), *noisy], found)


def figures_of(held_out: HeldOut, dnsmos: Path | None) -> Callable[[Run], dict[str, Array]]:
    """Return what scores a denoiser on the held-out sentences."""
    kind = open_figures("speech", sample_rate_hz=held_out.sample_rate_hz, dnsmos=dnsmos)
    headings = {"si_sdr_db": "SI-SDR, dB", "pesq": "PESQ", "stoi": "STOI", "dnsmos": "DNSMOS"}

    def measure(run: Run) -> dict[str, Array]:
        estimates = [run(mixed) for mixed in held_out.mixed]
        taken = kind.take(estimates, clean=held_out.clean)
        figures = {heading: taken[name] for name, heading in headings.items() if name in taken}
        pairs = zip(estimates, held_out.clean, strict=True)
        figures["LSD, dB"] = np.array(
            [float(log_spectral_distance_db(estimate=one, reference=clean)) for one, clean in pairs]
        )
        return figures

    return measure


def trained(
    options: argparse.Namespace,
    side: str,
    seed: int,
    epochs: int,
    measure: Callable[[Run], dict[str, Array]],
) -> Result:
    """Train one side further and score it."""
    judged, share = (LEARNT_METRIC, METRIC_SHARE) if side == METRIC else (JUDGED, SHARE)
    common = [f"training.epochs={epochs}", *COMMON]
    recipe = side_recipe("speech-16k", side, seed, share=share, common=common, judged=judged)
    state, took_s = train_side(recipe, mixtures(options.pool, seed), start=options.start)
    accuracy = None if side in (OFF, METRIC) else state.history[-1]["discriminator_accuracy"]
    return Result(measure(lambda mixed: denoised(state.best, mixed)), took_s, accuracy)


def denoised(generator: GeneratorBase, mixed: Signal) -> Signal:
    """Return the output for one signal ``[T]``."""
    with torch.inference_mode():
        given = torch.from_numpy(np.asarray(mixed, np.float32))
        return np.asarray(generator.eval()(given[None, None])[0, 0].numpy())


def mixtures(pool: Path, seed: int) -> tuple[Source, ValidationSet]:
    """Mixtures of the stretches that benchmarks/shipped_models/speech.py prepares."""
    sys.path.append(str(Path(__file__).parents[1] / "shipped_models"))
    from speech_mixtures import Mixtures, opened

    given = {"shares": SHARES, "rate_hz": 16000, "seed": seed}
    source = Mixtures(opened(pool, SHARES), **given, batch_size=BATCH_SIZE, steps_per_epoch=STEPS)
    held_back = opened(pool, SHARES, held_back=True)
    batch = Mixtures(held_back, **given, batch_size=VALIDATION_COUNT, steps_per_epoch=1).batch(0)
    return source, ValidationSet(clean=batch.clean[:, 0].numpy(), mixed=batch.noisy[:, 0].numpy())
