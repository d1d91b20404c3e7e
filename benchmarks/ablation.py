"""What the adversarial part is worth: the same training with it and without it, from the same seeds.

python benchmarks/ablation.py [--seeds 3] [--set KEY=VALUE ...] [--json FILE]
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from tables import show

from dan.cli.console import progress
from dan.config import Recipe, SpectralDiscriminatorSettings
from dan.config.load import load_recipe
from dan.core.arrays import Signal
from dan.core.progress import track
from dan.data.batches import to_tensor
from dan.data.sources import open_source, open_validation
from dan.losses import discriminator_loss
from dan.metrics import general as metrics
from dan.networks.discriminators import build_discriminator
from dan.synthesis.mix import Pairs, draw_pairs
from dan.training.loop import apply, train
from dan.training.state import State, new_state

HELD_BACK = 90_001
"""Tag of the seed of the signals that are judged: no training draws them."""

JUDGED_SIGNALS = 400
JUDGE_SIGNALS, JUDGE_EPOCHS, JUDGE_BATCH = 1600, 8, 50


@dataclass(frozen=True)
class Score:
    """How good and how like clean signals the outputs are; means over held-out signals."""

    snr_db: float
    si_sdr_db: float
    out_of_band_db: float
    """Energy of the outputs outside the band, relative to the whole; clean signals have theirs too."""
    log_spectral_distance_db: float
    judge_accuracy: float
    """Of a freshly trained discriminator that tells outputs from clean signals: 0.5 is the best."""


@dataclass(frozen=True)
class Row:
    """The scores of one side of the ablation at one input SNR: mean and standard deviation over seeds."""

    input_snr_db: float
    adversarial: float
    """Weight of the adversarial loss."""
    mean: Score
    deviation: Score


def ablate(
    *,
    recipe: str = "tones",
    seeds: Sequence[int] = (0, 1, 2),
    snr_db: Sequence[float] = (-2.0, -10.0),
    overrides: Sequence[str] = (),
) -> list[Row]:
    """Train with the adversarial loss on and off, and score both.

    Args:
        recipe: whose adversarial weight is compared with 0.
        seeds: each trains once with and once without.
        snr_db: input SNRs, for each of which both are trained.
        overrides: of the recipe, as for `dan train --set`.

    Returns:
        For each SNR a row without and a row with.

    Raises:
        DanError: if a setting is wrong.
    """
    rows = []
    weights = 0.0, load_recipe(recipe).losses.weights.adversarial
    for level_db, weight in track(list(product(snr_db, weights)), "Ablation"):
        sets = [f"noise.snr_db={level_db}", f"losses.weights.adversarial={weight}", *overrides]
        scores = [
            _train_and_score(load_recipe(recipe, overrides=sets, seed=seed)) for seed in track(seeds, "Seeds")
        ]
        mean, deviation = _over(statistics.fmean, scores), _over(statistics.pstdev, scores)
        rows.append(Row(level_db, weight, mean, deviation))
    return rows


def _train_and_score(recipe: Recipe) -> Score:
    state = new_state(recipe)
    train(state, open_source(recipe, None), open_validation(recipe, None))
    pairs = draw_pairs(recipe, JUDGED_SIGNALS, random=np.random.default_rng([recipe.seed, HELD_BACK]))
    return score(state, pairs)


def score(state: State, pairs: Pairs) -> Score:
    """Score a trained state on held-out signals ``[N, T]``."""
    estimate, recipe = apply(state.best, pairs.mixed), state.recipe
    rate_hz, band_hz = recipe.signal.sample_rate_hz, recipe.clean.frequency_hz
    outside = metrics.out_of_band_energy(estimate, sample_rate_hz=rate_hz, frequency_hz=band_hz)
    distance = metrics.log_spectral_distance_db(estimate=estimate, reference=pairs.clean)
    return Score(
        snr_db=float(metrics.snr_db(estimate=estimate, reference=pairs.clean).mean()),
        si_sdr_db=float(metrics.si_sdr_db(estimate=estimate, reference=pairs.clean).mean()),
        out_of_band_db=float(10 * np.log10(np.maximum(outside, 1e-10)).mean()),
        log_spectral_distance_db=float(distance.mean()),
        judge_accuracy=_fresh_judge(state, estimate),
    )


def _fresh_judge(state: State, estimate: Signal) -> float:
    """Accuracy on held-out signals of a discriminator trained from scratch on this generator's outputs."""
    recipe = state.recipe
    torch.manual_seed(recipe.seed)
    settings = SpectralDiscriminatorSettings(kind="spectral", hidden_channels=12)
    judge = build_discriminator(settings, recipe.signal)
    adam = torch.optim.Adam(judge.parameters(), lr=2e-3)
    random = np.random.default_rng([recipe.seed, HELD_BACK + 1])
    fake = to_tensor(apply(state.best, draw_pairs(recipe, JUDGE_SIGNALS, random=random).mixed))
    real = to_tensor(draw_pairs(recipe, JUDGE_SIGNALS, random=random).clean)
    for _ in range(JUDGE_EPOCHS):
        order = random.permutation(JUDGE_SIGNALS)
        for rows in np.array_split(order, JUDGE_SIGNALS // JUDGE_BATCH):
            loss = discriminator_loss(
                "bce", clean=_verdict(judge, real[rows]), denoised=_verdict(judge, fake[rows])
            )
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
    with torch.inference_mode():
        held_back = draw_pairs(recipe, len(estimate), random=random).clean
        right = [_verdict(judge, to_tensor(held_back)) > 0, _verdict(judge, to_tensor(estimate)) <= 0]
        return float(torch.cat(right).float().mean())


def _verdict(judge: torch.nn.Module, signals: torch.Tensor) -> torch.Tensor:
    """One logit a signal: the mean over its patches."""
    return torch.as_tensor(judge(signals, signals).logits.mean(dim=-1))


def _over(statistic: Callable[[Sequence[float]], float], scores: Sequence[Score]) -> Score:
    columns = zip(*(dataclasses.astuple(one) for one in scores), strict=True)
    return Score(*(statistic(column) for column in columns))


def main() -> None:
    """Measure, and print a line a side and input SNR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each side")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe")
    parser.add_argument("--json", type=Path, help="write the figures there")
    given = parser.parse_args()
    with progress():
        rows = ablate(seeds=range(given.seeds), overrides=given.set)
    show(rows, json_file=given.json)


if __name__ == "__main__":
    main()
