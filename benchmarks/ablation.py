"""What the adversarial part is worth: the same training with it and without it, from the same seeds."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dan.config import Recipe, SpectralDiscriminatorSettings
from dan.config.load import load_recipe
from dan.core.arrays import Signal
from dan.core.progress import Progress, portion
from dan.data.sources import open_source, open_validation, to_tensor
from dan.losses.reconstruction import discriminator_loss
from dan.metrics import general as metrics
from dan.networks.discriminators import build_discriminator
from dan.synthesis.mix import Pairs, draw_pairs
from dan.training.loop import Hooks, State, apply, new_state, train

HELD_BACK = 90_001
"""Tag of the seed of the signals that are judged: no training draws them."""

JUDGED_SIGNALS = 400
JUDGE_SIGNALS, JUDGE_EPOCHS, JUDGE_BATCH = 1600, 8, 50


@dataclass(frozen=True)
class Score:
    """How good and how like clean signals the outputs are; means over held-back signals."""

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
    progress: Progress | None = None,
) -> list[Row]:
    """Train with the adversarial loss on and off, and score both.

    Args:
        recipe: whose adversarial weight is compared with 0.
        seeds: each trains once with and once without.
        snr_db: input SNRs, for each of which both are trained.
        overrides: of the recipe, as for `dan train --set`.
        progress: called with the fraction done, in (0, 1].

    Returns:
        For each SNR a row without and a row with.

    Raises:
        DanError: if a setting is wrong.
    """
    rows, weight = [], load_recipe(recipe).losses.weights.adversarial
    share = 1 / (2 * len(seeds) * len(snr_db))
    done = 0
    for level_db in snr_db:
        for adversarial in (0.0, weight):
            scores = []
            for seed in seeds:
                sets = [f"noise.snr_db={level_db}", f"losses.weights.adversarial={adversarial}", *overrides]
                settings = load_recipe(recipe, overrides=sets, seed=seed)
                scores.append(_train_and_score(settings, portion(progress, done * share, share)))
                done += 1
            rows.append(
                Row(level_db, adversarial, _over(statistics.fmean, scores), _over(statistics.pstdev, scores))
            )
    return rows


def _train_and_score(recipe: Recipe, progress: Progress) -> Score:
    state = new_state(recipe)
    hooks = Hooks(progress=lambda event: progress(0.9 * event.step / event.steps))
    train(state, open_source(recipe, None), open_validation(recipe, None), hooks)
    pairs = draw_pairs(recipe, JUDGED_SIGNALS, random=np.random.default_rng([recipe.seed, HELD_BACK]))
    return score(state, pairs)


def score(state: State, pairs: Pairs) -> Score:
    """Score a trained state on held-back signals ``[N, T]``."""
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
    """Accuracy on held-back signals of a discriminator trained from scratch on this generator's outputs."""
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
    return torch.as_tensor(judge(signals).logits.mean(dim=-1))


def _over(statistic: Callable[[Sequence[float]], float], scores: Sequence[Score]) -> Score:
    columns = zip(*(dataclasses.astuple(one) for one in scores), strict=True)
    return Score(*(statistic(column) for column in columns))
