"""Many trainings side by side: what becomes of each, and that none stops the others."""

import multiprocessing
import os
import struct
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from dan.cli.main import app
from dan.config.load import dump_recipe
from dan.core.progress import listening
from dan.data.recordings_source import Folders
from dan.training.run_folder import Run
from dan.workflows.plan import PlannedTraining
from dan.workflows.train_many import _Child, finished_before, train_many, train_one


@pytest.fixture
def training(tmp_path, tiny):
    """Makes a training of a plan."""

    def make(name, *, folders=None, force=False, **changes):
        return PlannedTraining(
            name=name,
            recipe=tiny({f"training.{key}": value for key, value in changes.items()}),
            out=tmp_path / "models" / name,
            folders=folders or Folders(),
            cores=0.5,
            gpus=0,
            max_minutes=None,
            force=force,
        )

    return make


def test_one_that_is_finished_is_skipped_until_its_recipe_changes_or_force_is_given(training):
    one = training("one", epochs=2)
    assert finished_before(one) is None
    trained = train_one(one)
    assert (trained.state, trained.epochs, trained.folder) == ("finished", 2, one.out)
    assert trained.best in Run(one.out).read_history()
    skipped = train_one(one)
    assert (skipped.state, skipped.best) == ("skipped", trained.best)
    assert finished_before(replace(one, force=True)) is None
    assert train_one(replace(one, force=True)).state == "finished"
    other = train_one(training("one", epochs=3))
    assert other.state == "failed"
    assert "another recipe (training.epochs: 2 against 3)" in other.error


def test_one_that_stops_early_goes_on(training):
    one = training("one", epochs=3)
    stopped = train_one(replace(one, max_minutes=0))
    assert (stopped.state, stopped.best, stopped.epochs) == ("stopped", None, 0)
    assert train_one(one).state == "finished"


@pytest.mark.parametrize(("scores", "finished"), [([1.0, 2.0], False), ([2.0, 1.0], True)])
def test_patience_ends_a_training_too(training, scores, finished):
    one = training("one", epochs=500, patience_epochs=1)
    run = Run(one.out)
    run.prepare(one.recipe, force=False)
    run.model.touch()
    figures = {"seconds": 0.0, "val_snr_gain_db": 1.0, "discriminator_accuracy": None}
    records = [{"step": 3 * n, "epoch": n, "val_snr_db": score} for n, score in enumerate(scores, start=1)]
    run.write_history([record | figures for record in records])
    assert bool(finished_before(one)) == finished


def test_one_that_fails_and_one_that_is_killed_stop_no_other(training, tmp_path):
    (tmp_path / "empty").mkdir()
    plan = [
        training("long", epochs=100_000),
        training("empty", folders=Folders(clean=tmp_path / "empty")),
        training("short"),
    ]
    done, shares = {}, []
    with listening(lambda label, share, _: shares.append(share)):
        for trained in train_many(plan, jobs=2):
            done[trained.name] = trained
            if len(done) == 2:
                (long,) = multiprocessing.active_children()
                long.kill()
    assert {name: trained.state for name, trained in done.items()} == {
        "empty": "failed",
        "short": "finished",
        "long": "failed",
    }
    assert "it holds no recordings" in done["empty"].error
    assert "its process was lost (exit code -9). Start the plan again" in done["long"].error
    assert shares[-1] == 1
    with closing(train_many([training("next"), plan[0]], jobs=2)) as left_early:
        assert next(left_early).name == "next"
    assert not multiprocessing.active_children()
    assert Run(plan[0].out).checkpoint.is_file()


@pytest.mark.parametrize("sent", [b"", struct.pack("!i", 100), struct.pack("!i", 100) + b"torn"])
def test_one_that_is_killed_while_it_tells_is_lost_alone(training, sent):
    child = object.__new__(_Child)
    child.pipe, end = multiprocessing.Pipe(duplex=False)
    child.training, child.process = training("one"), SimpleNamespace(join=lambda: None, exitcode=-9)
    os.write(end.fileno(), sent)
    end.close()
    trained = child.heard()
    assert trained.state == "failed" and "its process was lost (exit code -9)" in trained.error


def test_the_command_shows_a_table_and_ends_with_1_where_one_failed(tmp_path, tiny):
    (tmp_path / "tiny.toml").write_text(dump_recipe(tiny()), encoding="utf-8")
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'recipe = "tiny.toml"\nout = "m"\n[[train]]\nname = "one"\n[[train]]\nname = "two"\ndata = "none"\n'
    )
    result = CliRunner().invoke(app, ["train-many", str(plan)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in result.stdout.splitlines()
        if line.startswith("│")
    ]
    assert [row[:2] for row in cells] == [["one", "finished"], ["two", "failed"]]
    best = max(Run(tmp_path / "m/one").read_history(), key=lambda record: record["val_snr_db"])
    noisy_db = best["val_snr_db"] - best["val_snr_gain_db"]
    assert cells[0][2:5] == [f"{noisy_db:.2f}", f"{best['val_snr_db']:.2f}", "3"]
    assert cells[0][6] == str(tmp_path / "m/one")
    assert "dan: two: " in result.stderr
    plan.write_text(plan.read_text().partition('[[train]]\nname = "two"')[0])
    again = CliRunner().invoke(app, ["train-many", str(plan)], env={"COLUMNS": "200"})
    assert again.exit_code == 0
    assert "skipped" in again.stdout
