"""Run folders: what resumes, what is refused, what is never cleared, and the lock."""

import json
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from dan.config.load import dump_recipe, load_recipe
from dan.core.errors import DanError
from dan.training.run_folder import Run, recordings_around

RECORDS = [{"step": 3, "val_snr_db": 1.25, "discriminator_accuracy": None}, {"step": 6, "val_snr_db": 0.1}]


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


@pytest.fixture
def trained(run, tiny):
    """A run folder as a training leaves it."""
    run.prepare(tiny(), force=False)
    run.write_history(RECORDS)
    run.plots.mkdir()
    for file in (run.model, run.checkpoint, run.plots / "training.png"):
        file.write_bytes(b"something")
    return run


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Preparing


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("force", [True, False])
def test_a_new_folder_holds_the_recipe_and_nothing_to_resume(run, tiny, existing, force):
    if existing:
        run.folder.mkdir()
    assert run.prepare(tiny(), force=force) is False
    assert load_recipe(str(run.recipe)) == tiny()
    assert run.checkpoint.parent.is_dir() and [*contents(run.folder)] == ["recipe.toml"]


def test_the_same_recipe_resumes_and_nothing_is_touched(trained, tiny):
    before = contents(trained.folder)
    assert trained.prepare(tiny(), force=False) is True
    assert contents(trained.folder) == before


def test_a_training_that_never_reached_a_checkpoint_starts_anew(run, tiny):
    run.prepare(tiny(), force=False)
    assert run.prepare(tiny(), force=False) is False


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training.epochs", 4, "training.epochs: 3 against 4"),
        ("seed", 1, "seed: 0 against 1"),
        ("training.ema_decay", 0.5, "training.ema_decay: 0.0 against 0.5"),
        ("clean.sines", [1, 2], r"clean.sines: 1 against \[1, 2\]"),
    ],
)
def test_another_recipe_is_refused_by_its_key(trained, tiny, key, value, message):
    before = contents(trained.folder)
    said = rf"run holds a training of another recipe \({message}\).*its own recipe, (\S+), .*--force"
    with pytest.raises(DanError, match=said) as refused:
        trained.prepare(tiny({key: value}), force=False)
    assert contents(trained.folder) == before
    assert trained.prepare(load_recipe(re.search(said, str(refused.value))[1]), force=False) is True


def test_force_starts_over(trained, tiny):
    assert trained.prepare(tiny({"training.epochs": 4}), force=True) is False
    assert load_recipe(str(trained.recipe)) == tiny({"training.epochs": 4})
    assert [*contents(trained.folder)] == ["recipe.toml"]


def test_force_leaves_what_is_not_the_trainings_own(trained, tiny):
    (trained.folder / "notes.txt").write_text("mine")
    trained.prepare(tiny(), force=True)
    assert contents(trained.folder).keys() == {"recipe.toml", "notes.txt"}


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("name", ["thesis.docx", "model.safetensors", "data/clean/one.wav", "plots/one.png"])
def test_a_foreign_folder_is_never_cleared(run, tiny, force, name):
    (run.folder / name).parent.mkdir(parents=True)
    (run.folder / name).write_text("mine")
    with pytest.raises(DanError, match="not empty and no run folder"):
        run.prepare(tiny(), force=force)
    assert contents(run.folder) == {name: b"mine"}


@pytest.mark.parametrize("name", ["data/clean/one.wav", "plots/one.png"])
def test_own_files_beside_an_own_recipe_are_never_cleared(run, tiny, name):
    (run.folder / name).parent.mkdir(parents=True)
    (run.folder / name).write_text("mine")
    run.recipe.write_text('name = "own"\nsummary = "written by hand"\n')
    with suppress(DanError):
        run.prepare(tiny(), force=True)
    assert contents(run.folder)[name] == b"mine"


@pytest.mark.parametrize("force", [True, False])
def test_an_own_recipe_does_not_make_a_folder_a_run(run, tiny, force):
    """Not even the very recipe that is trained: what lies beside it would be overwritten."""
    run.folder.mkdir()
    run.recipe.write_text(dump_recipe(tiny()))
    run.model.write_text("mine")
    before = contents(run.folder)
    with pytest.raises(DanError, match="not empty and no run folder"):
        run.prepare(tiny(), force=force)
    assert contents(run.folder) == before


def test_force_clears_the_runs_data_and_curves(trained, tiny, write_data):
    write_data(tiny(), trained.data)
    (trained.folder / "tensorboard").mkdir()
    (trained.folder / "tensorboard" / "events").write_text("curves")
    trained.prepare(tiny(), force=True)
    assert [*contents(trained.folder)] == ["recipe.toml"]


def test_force_keeps_data_that_no_training_made(trained, tiny):
    (trained.data / "clean").mkdir(parents=True)
    (trained.data / "clean" / "one.wav").write_text("mine")
    trained.prepare(tiny(), force=True)
    assert contents(trained.data) == {"clean/one.wav": b"mine"}


@pytest.mark.parametrize("force", [True, False])
def test_a_file_in_place_of_the_folder_is_named(run, tiny, force):
    run.folder.write_text("mine")
    with pytest.raises(DanError, match="it is a file, not a folder"):
        run.prepare(tiny(), force=force)
    assert run.folder.read_text() == "mine"


def test_a_recipe_that_cannot_be_read_is_named(trained, tiny):
    trained.recipe.write_text("no TOML at all")
    with pytest.raises(DanError, match=r"recipe\.toml"):
        trained.prepare(tiny(), force=False)


# History


def test_the_history_comes_back(run):
    assert run.read_history() == []
    run.folder.mkdir()
    run.write_history(RECORDS)
    assert run.read_history() == RECORDS
    assert [json.loads(line) for line in run.history.read_text().splitlines()] == RECORDS
    run.write_history([])
    assert run.read_history() == []


def test_a_broken_line_is_named(trained):
    trained.history.write_text('{"step": 1}\n{"step":')
    with pytest.raises(DanError, match=r"history\.jsonl.*no JSON.*--force"):
        trained.read_history()


def test_a_full_disk_leaves_the_history_before(trained, monkeypatch):
    def full(self, text, encoding):
        with self.open("w") as file:
            file.write(text[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(DanError, match=r"history\.jsonl: it cannot be written \(No space left on device\)"):
        trained.write_history([{"step": 9}])
    monkeypatch.undo()
    assert trained.read_history() == RECORDS
    assert not [name for name in contents(trained.folder) if "partial" in name]


# The lock

HOLD = """
import sys
from contextlib import suppress
from pathlib import Path
from dan.training.run_folder import Run
with Run(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_held_by_another_process_is_refused_until_that_ends(run):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, run.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DanError, match="run: another training is using it"), run.locked():
            pytest.fail("not to be reached")
        other.kill()  # as by a crash: the system lets go
    with run.locked():
        pass


def test_a_folder_is_held_once_and_free_again_after_an_error(run):
    with pytest.raises(ValueError, match="inside"), run.locked():
        with pytest.raises(DanError, match="another training"), run.locked():
            pytest.fail("not to be reached")
        raise ValueError("inside")
    with run.locked():
        pass


def test_a_lock_does_not_make_a_folder_foreign(run, tiny):
    with run.locked():
        assert run.prepare(tiny(), force=False) is False
    with run.locked():
        assert run.prepare(tiny(), force=True) is False


def test_no_lock_is_left_in_a_folder_that_is_refused(run):
    run.folder.mkdir()
    (run.folder / "thesis.docx").write_text("mine")
    with pytest.raises(DanError, match="not empty and no run folder"), run.locked():
        pytest.fail("not to be reached")
    assert contents(run.folder) == {"thesis.docx": b"mine"}


def test_a_lock_file_keeps_what_is_in_it(run):
    run.folder.mkdir()
    (run.folder / ".lock").write_text("mine")
    with run.locked():
        pass
    assert contents(run.folder) == {".lock": b"mine"}


@pytest.mark.parametrize("place", ["run", "run/below"])
def test_a_place_that_cannot_be_written_to_is_named(tmp_path, place):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(DanError, match="it cannot be written to"), Run(tmp_path / place).locked():
        pytest.fail("not to be reached")


@pytest.mark.parametrize("existing", [False, True])
def test_a_training_that_is_refused_leaves_no_folder_behind(run, existing):
    if existing:
        run.folder.mkdir()
    with pytest.raises(DanError), run.locked():
        run.cache.mkdir()
        raise DanError("clean", "it is empty", "Fill it")
    assert run.folder.exists() == existing


def test_the_outermost_folder_of_recordings_around_a_run_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, inner, outer = (tmp_path / name for name in ("clean/day/run", "clean/day", "clean"))
    assert recordings_around(run, [inner, outer, tmp_path / "noise"]) == outer
    assert recordings_around(run, [inner.relative_to(tmp_path)]) == inner.relative_to(tmp_path)
    assert recordings_around(run, [tmp_path / "clean/da", run / "within"]) is None
    assert recordings_around(run, [run]) == run
