"""The demo, whole, on a recipe that trains in a moment."""

import pytest

from dan.core.errors import DanError
from dan.workflows import demo
from dan.workflows.demo import run_demo
from dan.workflows.train import Session


@pytest.fixture
def short(monkeypatch, tiny):
    recipe = tiny({"training.epochs": 1})
    monkeypatch.setattr(demo, "load_recipe", lambda name, overrides=(): recipe)


def test_the_story_from_data_to_report(tmp_path, short):
    told, done = [], []
    out = tmp_path / "demo"
    session = Session(say=told.append)
    evaluation = run_demo(out, quick=True, force=False, session=session, progress=done.append)
    names = [row.name for row in evaluation.table.rows]
    assert names[:2] == ["noisy", "dan"] and names[-1] == "limit"
    for file in ("data/dataset.json", "data/train.png", "run/model.safetensors", "report/index.html"):
        assert (out / file).is_file()
    assert [line[:2] for line in told if line[1:2] == "."] == ["1.", "2.", "3."]
    assert done == sorted(done) and done[-1] == pytest.approx(1.0)


def test_an_earlier_demo_is_kept_unless_forced(tmp_path, short):
    out = tmp_path / "demo"
    run_demo(out, quick=True, force=False, session=Session())
    with pytest.raises(DanError, match=r"earlier demo.*--force"):
        run_demo(out, quick=True, force=False, session=Session())
    run_demo(out, quick=True, force=True, session=Session())


def test_the_data_that_is_judged_on_has_a_seed_of_its_own(tmp_path, short):
    out = tmp_path / "demo"
    run_demo(out, quick=True, force=False, session=Session())
    assert f'"seed": {demo.HELD_BACK_SEED}' in (out / "data" / "dataset.json").read_text()
    assert "seed = 0" in (out / "run" / "recipe.toml").read_text()
