"""Error against likeness at low SNR: two trainings that share their first half."""

import numpy as np
import pytest
import torch

from dan.workflows import likeness
from dan.workflows.likeness import PICTURE, TABLE, show_likeness


@pytest.fixture
def short(monkeypatch):
    steps = ("training.steps_per_epoch=2", "training.batch_size=4", "data.validation_count=2")
    monkeypatch.setattr(likeness, "COMMON", (*likeness.COMMON, *steps))
    monkeypatch.setattr(likeness, "JUDGED", 6)


def test_the_picture_and_its_table(tmp_path, short):
    points = show_likeness(tmp_path, quick=True)
    assert [point.name for point in points][:2] == ["noisy", "error alone"]
    assert points[0].snr_db == pytest.approx(-10, abs=1e-3) and points[-1].name == "adversarial"
    assert all(point.distance_db > 0 for point in points)
    assert (tmp_path / PICTURE).stat().st_size > 10_000
    lines = (tmp_path / TABLE).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 + len(points) and lines[2].startswith("| noisy | \N{MINUS SIGN}10.00 | ")
    assert show_likeness(tmp_path, quick=True) == points  # made anew, and the same


def test_the_signal_shown_is_the_one_of_median_cost():
    clean = np.ones((5, 8), dtype=np.float32)
    given = {
        "clean": clean,
        "error alone": clean + np.array([[0.1], [0.5], [0.1], [0.1], [0.1]], dtype=np.float32),
        "adversarial": clean + np.array([[0.9], [0.1], [0.2], [0.1], [0.4]], dtype=np.float32),
    }  # what it costs: 19, -14, 6, 0 and 12 dB
    shown = likeness._of_median_cost(given)
    assert {name: float(signal[0]) for name, signal in shown.items()} == pytest.approx(
        {"clean": 1, "error alone": 1.1, "adversarial": 1.2}
    )


def test_both_trainings_are_one_up_to_half(short):
    recipe, against = (
        likeness._recipe(given, quick=True) for given in (likeness.ALONE, likeness.ADVERSARIAL)
    )
    alone, judged = likeness._trained(recipe, against)
    assert alone.step == judged.step == recipe.training.epochs * recipe.training.steps_per_epoch
    half = recipe.losses.adversarial_start_epochs
    assert 0 < half < recipe.training.epochs and not recipe.losses.needs_discriminator
    reported = [[record["discriminator_accuracy"] for record in state.history] for state in (alone, judged)]
    assert reported[0] == [None] * recipe.training.epochs
    assert reported[1][:half] == [None] * half and None not in reported[1][half:]
    assert [one["val_snr_db"] for one in alone.history[:half]] == [
        one["val_snr_db"] for one in judged.history[:half]
    ]
    pairs = zip(alone.generator.parameters(), judged.generator.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in pairs)
    groups = [group for each in judged.generator_optimisers for group in each.param_groups]
    held = {id(weight) for group in groups for weight in group["params"]}
    assert held == {id(weight) for weight in judged.generator.parameters()}
