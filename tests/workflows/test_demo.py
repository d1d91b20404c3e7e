"""The demo, whole, on a recipe that trains in a moment."""

import signal

import pytest

from dan.core.errors import DanError
from dan.workflows import demo, likeness
from dan.workflows.demo import run_demo


@pytest.fixture
def short(monkeypatch, tiny):
    recipe = tiny({"training.epochs": 1})
    monkeypatch.setattr(demo, "load_recipe", lambda name, overrides=(): recipe)
    steps = ("training.steps_per_epoch=1", "training.batch_size=2", "data.validation_count=2")
    monkeypatch.setattr(likeness, "COMMON", (*likeness.COMMON, *steps))
    monkeypatch.setattr(likeness, "JUDGED", 3)


@pytest.mark.filterwarnings("error")
def test_the_story_from_data_to_report(tmp_path, short, reported, caplog):
    caplog.set_level("INFO", logger="dan")
    out = tmp_path / "demo"
    evaluation = run_demo(out, quick=True, force=False)
    names = [row.name for row in evaluation.table.rows]
    assert names[:2] == ["noisy", "dan"] and names[-1] == "limit"
    for file in (
        "data/dataset.json",
        "data/train.png",
        "run/model.safetensors",
        "likeness/likeness.png",
        "report/index.html",
    ):
        assert (out / file).is_file()
    assert [line[:2] for line in caplog.messages if line[1:2] == "."] == ["1.", "2.", "3.", "4."]
    judging = ["Reading validation", "Denoising", "Theoretical limit", "Scoring"]
    stages = ["Writing train", "Writing validation", "Training", *judging]
    assert list(reported)[:7] == stages and all(shares[-1] == 1 for shares in reported.values())


def test_an_earlier_demo_is_kept_unless_forced(tmp_path, short):
    out = tmp_path / "demo"
    run_demo(out, quick=True, force=False)
    with pytest.raises(DanError, match=r"earlier demo.*--force"):
        run_demo(out, quick=True, force=False)
    run_demo(out, quick=True, force=True)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["notes.txt", "data/mine.npy"])
def test_a_folder_of_other_things_is_left_as_it_is(tmp_path, short, name, force):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(DanError, match=r"not empty and holds no demo.*--out"):
        run_demo(tmp_path, quick=True, force=force)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]


def test_an_interrupted_demo_goes_on(tmp_path, short, monkeypatch, tiny):
    out = tmp_path / "demo"
    with monkeypatch.context() as patched:
        patched.setattr(demo, "judge", lambda *given, **options: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            run_demo(out, quick=True, force=False)
    kept = ("data", "likeness")
    made = {path: path.stat().st_mtime_ns for name in kept for path in (out / name).rglob("*")}
    model = (out / "run" / "model.safetensors").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(demo, "load_recipe", lambda name, overrides=(): tiny({"data.train_count": 5}))
        with pytest.raises(DanError, match=r"no data of this demo.*--force"):
            run_demo(out, quick=False, force=False)
    run_demo(out, quick=True, force=False)
    assert made == {path: path.stat().st_mtime_ns for name in kept for path in (out / name).rglob("*")}
    assert (out / "run" / "model.safetensors").read_bytes() == model


def test_the_data_that_is_judged_on_has_a_seed_of_its_own(tmp_path, short):
    out = tmp_path / "demo"
    run_demo(out, quick=True, force=False)
    assert f'"seed": {demo.HELD_OUT_SEED}' in (out / "data" / "dataset.json").read_text()
    assert "seed = 0" in (out / "run" / "recipe.toml").read_text()
