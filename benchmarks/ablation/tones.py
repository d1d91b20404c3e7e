"""The ablation of the founding task: trainings from fresh weights, on signals that none of them drew."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from benchmarks.ablation.figures import Ablation, Array, Row, of_all_seeds, rows_of
from benchmarks.ablation.judge import rightly_judged
from benchmarks.ablation.sides import SIDES, Result, by_side, side_recipe, train_side
from benchmarks.ablation.spectra import log_spectral_distance_db, out_of_band_energy

from dan.data.sources import open_source, open_validation
from dan.metrics import general as metrics
from dan.synthesis.mix import draw_pairs
from dan.training.loop import apply
from dan.training.state import TrainingState

HELD_BACK = 90_001
"""Tag of the seed of the signals that are judged: no training draws them."""
SCORED, JUDGE_LEARNS = 1000, 1600
COMMON = ("data.validation_count=50",)
JUDGED = (
    "discriminator.fft_sizes=[256]",
    "discriminator.depth=2",
    "discriminator_optimiser.learning_rate=0.01",
)
SHARE, FEATURES_SHARE = 10.0, 120.0
START_SHARE = 1 / 6
"""Share of the epochs before the adversarial part begins."""


def ablate(*, seeds: Sequence[int], snr_db: Sequence[float], epochs: int) -> Ablation:
    """Train all sides at each input SNR and score them."""
    rows: list[Row] = []
    everything: dict[str, list[Result]] = {side: [] for side in SIDES}
    for level_db in snr_db:
        found = by_side(SIDES, seeds, partial(trained, level_db=level_db, epochs=epochs))
        rows += rows_of(f"tones at {level_db:g} dB", of_all_seeds(found))
        everything = {side: [*everything[side], *found[side]] for side in SIDES}
    words = f"{epochs} epochs of 100 steps from fresh weights, {SCORED} signals, {len(seeds)} seeds"
    return Ablation.of("tones", words, rows, everything)


def trained(side: str, seed: int, level_db: float, epochs: int) -> Result:
    """Train one side and score it."""
    common = [f"noise.snr_db={level_db}", f"training.epochs={epochs}", *COMMON]
    start = f"losses.adversarial_start_epochs={round(START_SHARE * epochs)}"
    shares = {"share": SHARE, "features_share": FEATURES_SHARE}
    recipe = side_recipe("tones", side, seed, **shares, common=common, judged=[start, *JUDGED])
    state, took_s = train_side(recipe, (open_source(recipe, None), open_validation(recipe, None)))
    return Result(score(state), took_s, state.history[-1]["discriminator_accuracy"])


def score(state: TrainingState) -> dict[str, Array]:
    """Return each figure of each held-out signal."""
    recipe = state.recipe
    random = np.random.default_rng([recipe.seed, HELD_BACK])
    pairs, others = (draw_pairs(recipe, count, random=random) for count in (SCORED, JUDGE_LEARNS))
    estimate = apply(state.best, pairs.mixed)
    outside = out_of_band_energy(
        estimate, sample_rate_hz=recipe.signal.sample_rate_hz, frequency_hz=recipe.clean.frequency_hz
    )
    return {
        "SNR, dB": metrics.snr_db(estimate=estimate, reference=pairs.clean),
        "SI-SDR, dB": metrics.si_sdr_db(estimate=estimate, reference=pairs.clean),
        "LSD, dB": log_spectral_distance_db(estimate=estimate, reference=pairs.clean),
        "out of band, dB": 10 * np.log10(np.maximum(outside, 1e-10)),
        "judge": rightly_judged(
            training=(others.clean, apply(state.best, others.mixed)),
            judged=(pairs.clean, estimate),
            seed=recipe.seed,
        ),
    }
