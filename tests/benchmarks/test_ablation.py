"""The ablation: all sides from the same seeds, scored on signals that no training drew, and its page."""

import sys

import numpy as np
import pytest
from benchmarks.ablation import figures, judge, page, tones
from benchmarks.ablation.__main__ import main as ablation_command
from benchmarks.ablation.figures import Ablation, Row
from benchmarks.ablation.sides import FEATURES, OFF, ON, SIDES, Result, side_recipe

from dan.data.sources import FreshSource, open_validation
from dan.synthesis.mix import draw_pairs

QUICK = ("training.steps_per_epoch=2", "training.batch_size=4", "data.validation_count=2")


def test_the_sides_differ_in_the_adversarial_part_alone():
    recipes = {
        side: side_recipe(
            "tones", side, 7, share=0.5, features_share=2.0, common=["training.epochs=3"], judged=()
        )
        for side in SIDES
    }
    weights = {side: recipe.losses.weights for side, recipe in recipes.items()}
    assert [(each.adversarial, each.feature_matching) for each in weights.values()] == [
        (0, 0),
        (0.5, 0),
        (0.5, 2.0),
    ]
    assert not recipes[OFF].losses.needs_discriminator
    for side in (ON, FEATURES):
        assert recipes[side].discriminator.kind == "conditional"
        for section in ("seed", "generator", "data", "training", "generator_optimiser", "schedule"):
            assert getattr(recipes[side], section) == getattr(recipes[OFF], section)


def test_a_side_is_trained_and_every_figure_taken(monkeypatch):
    monkeypatch.setattr(tones, "COMMON", QUICK)
    monkeypatch.setattr(tones, "SCORED", 6)
    monkeypatch.setattr(tones, "JUDGE_LEARNS", 8)
    monkeypatch.setattr(judge, "STEPS", 2)
    found = tones.ablate(seeds=(0, 1), snr_db=(3.0,), epochs=2)
    assert {(row.figure, row.side) for row in found.rows} == {
        (figure, side)
        for figure in ("SNR, dB", "SI-SDR, dB", "LSD, dB", "out of band, dB", "judge")
        for side in SIDES
    }
    assert all(len(row.by_seed) == 2 for row in found.rows)
    assert set(found.seconds) == set(SIDES) and set(found.accuracy) == {ON, FEATURES}
    off = [row for row in found.rows if row.side == OFF]
    assert all(row.difference == row.low == row.high == 0 for row in off)
    assert all(0 <= row.mean <= 1 for row in found.rows if row.figure == "judge")


def test_held_back_signals_are_in_no_batch(tiny):
    recipe = tiny()
    random = np.random.default_rng([recipe.seed, tones.HELD_BACK])
    held_back = draw_pairs(recipe, 20, random=random).clean
    drawn = [FreshSource(recipe).batch(step).clean[:, 0].numpy() for step in range(9)]
    seen = np.concatenate([*drawn, open_validation(recipe, None).clean])
    assert np.abs(held_back[:, None] - seen).max(axis=-1).min() > 1e-3


def test_the_judge_tells_what_can_be_told_and_no_more():
    random = np.random.default_rng(0)
    learnt, asked = random.standard_normal((2, 300, 256)).astype(np.float32)
    smooth = [np.cumsum(each, axis=-1).astype(np.float32) for each in (learnt, asked)]
    reported = judge.rightly_judged(training=(learnt, smooth[0]), judged=(asked, smooth[1]), seed=0)
    assert reported.shape == (300,) and reported.mean() > 0.9
    other, more = random.standard_normal((2, 300, 256)).astype(np.float32)
    assert judge.rightly_judged(training=(learnt, other), judged=(asked, more), seed=0).mean() < 0.6


def test_differences_are_paired_and_their_interval_covers_seeds_and_signals():
    """Signals differ by 10, the sides by 1 with a deviation of 0.1: unpaired nothing could be said."""
    random = np.random.default_rng(0)
    base = 10 * random.standard_normal((3, 200))
    found = figures.rows_of(
        "x", {"off": {"a": base}, "on": {"a": base + 1 + 0.1 * random.standard_normal((3, 200))}}
    )
    row = found[1]
    assert row.difference == pytest.approx(1, abs=0.03) and 0.9 < row.low < row.difference < row.high < 1.1
    apart = base + np.array([[0.0], [1.0], [2.0]])  # the seeds do not agree
    row = figures.rows_of("x", {"off": {"a": base}, "on": {"a": apart}})[1]
    assert row.low < 0.3 and row.high > 1.7 and row.by_seed == (0.0, 1.0, 2.0)


def test_what_has_no_figure_is_left_out_of_the_means():
    values = np.array([[1.0, np.nan, 3.0, *[2.0] * 20]])
    rows = figures.rows_of("x", {"off": {"a": values}, "on": {"a": values + 2}})
    assert [row.mean for row in rows] == [2.0, 4.0] and rows[1].difference == 2.0


def made() -> Ablation:
    rows = [
        Row("ECG at 0 dB", "QRS F1", "off", 0.98),
        Row("ECG at 0 dB", "QRS F1", "on", 0.99, 0.01, -0.002, 0.02, (0.0, 0.02)),
        Row("ECG at 0 dB", "QRS F1", "noisy", 0.96),
    ]
    results = {"off": [Result({}, 10.0, None)], "on": [Result({}, 15.0, 0.7)]}
    return Ablation.of("ecg", "a few steps", rows, results)


def test_an_ablation_is_written_and_read(tmp_path):
    figures.save(made(), tmp_path / "ecg.json")
    assert figures.load(tmp_path / "ecg.json") == made()
    assert "NaN" not in (tmp_path / "ecg.json").read_text()


def test_the_page_holds_the_figures_and_its_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "DOCS", tmp_path)
    (tmp_path / "images").mkdir()
    page.write([made()])
    text = (tmp_path / "ablation.md").read_text(encoding="utf-8")
    assert "| ECG at 0 dB | QRS F1 | on | 0.990 | +0.010 | -0.002 to +0.020 | +0.000, +0.020 |" in text
    assert "on 15 s (1.50 times)" in text and "on 70%" in text
    assert (tmp_path / page.PICTURE).stat().st_size > 1000


def test_the_page_in_the_repository_is_made_of_the_figures_there():
    ablations = [figures.load(path) for path in page.MEASURED.glob("*.json")]
    assert ablations and (page.DOCS / "ablation.md").read_text(encoding="utf-8") == page.render(ablations)


@pytest.mark.parametrize("wrong", [["--seeds", "0"], ["--epochs", "0"], ["--json", "nowhere/x.json"]])
def test_what_would_fail_at_the_end_is_refused_at_the_start(monkeypatch, tmp_path, wrong):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchmarks.ablation.__main__.run", lambda _: pytest.fail("it was begun"))
    monkeypatch.setattr(sys, "argv", ["ablation", "tones", "--json", "x.json", *wrong])
    with pytest.raises(SystemExit, match="2"):
        ablation_command()
