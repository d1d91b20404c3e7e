"""The ablation: both sides from the same seeds, scored on signals that no training drew."""

import numpy as np
import pytest
from benchmarks.ablation import HELD_BACK, ablate, score

from benchmarks import ablation
from dan.data.sources import FreshSource, open_validation
from dan.synthesis.mix import draw_pairs
from dan.training.state import new_state


@pytest.fixture
def short(monkeypatch, tiny):
    """The recipe is tiny, the judge's training short; the recipes that were asked for are noted."""
    asked = []

    def load(name, *, overrides=(), seed=None):
        changes = {key: float(value) for key, value in (line.split("=") for line in overrides)}
        asked.append((changes, seed))
        return tiny(
            {"losses.weights.l1": 1.0, "losses.weights.adversarial": 0.5, "seed": seed or 0} | changes
        )

    monkeypatch.setattr(ablation, "load_recipe", load)
    monkeypatch.setattr(ablation, "JUDGED_SIGNALS", 20)
    monkeypatch.setattr(ablation, "JUDGE_SIGNALS", 50)
    return asked


def test_both_sides_are_trained_from_the_same_seeds(short):
    rows = ablate(seeds=(0, 1), snr_db=(-2.0, 3.0))
    expected = [(-2.0, 0.0), (-2.0, 0.5), (3.0, 0.0), (3.0, 0.5)]
    assert [(row.input_snr_db, row.adversarial) for row in rows] == expected
    trained = [
        (changes["noise.snr_db"], changes["losses.weights.adversarial"], seed) for changes, seed in short[1:]
    ]
    assert trained == [(level, weight, seed) for level, weight in expected for seed in (0, 1)]
    for row in rows:
        assert 0 <= row.mean.judge_accuracy <= 1 and row.deviation.snr_db >= 0


def test_the_judge_tells_what_can_be_told(short, tiny, monkeypatch):
    monkeypatch.setattr(ablation, "JUDGE_SIGNALS", 800)
    state = new_state(tiny())  # untrained: its outputs are nothing like clean signals
    pairs = draw_pairs(state.recipe, 50, random=np.random.default_rng([0, HELD_BACK]))
    assert score(state, pairs).judge_accuracy > 0.9


def test_held_back_signals_are_in_no_batch(tiny):
    recipe = tiny()
    held_back = draw_pairs(recipe, 20, random=np.random.default_rng([recipe.seed, HELD_BACK])).clean
    drawn = [FreshSource(recipe).batch(step).clean[:, 0].numpy() for step in range(9)]
    seen = np.concatenate([*drawn, open_validation(recipe, None).clean])
    assert np.abs(held_back[:, None] - seen).max(axis=-1).min() > 1e-3
