"""Sessions: what lies within a run folder is not read, and what no filter can do is left out."""

import pytest

from dan.core.errors import DanError
from dan.data.recordings_source import Folders
from dan.workflows.train import train_run

SHORT = {"training.epochs": 1, "training.steps_per_epoch": 1}


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("kind", ["data", "clean", "noise", "noisy"])
def test_folders_within_the_run_folder_are_refused(tiny, write_data, tmp_path, kind, force):
    """Starting over would delete them."""
    out = tmp_path / "run"
    train_run(tiny(SHORT), out)
    held = write_data(tiny(), out / "data")
    files = sorted(held.rglob("*"))
    with pytest.raises(DanError, match="lies within the run folder"):
        train_run(tiny(SHORT), out, folders=Folders(**{kind: held}), force=force)
    assert sorted(held.rglob("*")) == files


@pytest.mark.parametrize("kind", ["clean", "noise", "noisy", "second_take"])
def test_a_run_folder_within_the_recordings_is_refused(tiny, tmp_path, kind):
    """What a training caches there would be read as a recording when it resumes."""
    out = tmp_path / "recordings" / "run"
    with pytest.raises(DanError, match=r"recordings/run: it lies within .*recordings, whose"):
        train_run(tiny(SHORT), out, folders=Folders(**{kind: tmp_path / "recordings"}))
    assert not out.parent.exists()


@pytest.mark.parametrize(("highest_hz", "panels"), [(12, 4), (32, 3)])
def test_the_low_passed_signal_is_drawn_where_a_low_pass_takes_anything_away(
    tiny, tmp_path, monkeypatch, highest_hz, panels
):
    drawn = []
    monkeypatch.setattr(
        "dan.workflows.run_pictures.plot_signals", lambda signals, **_: drawn.append(len(signals))
    )
    monkeypatch.setattr("dan.workflows.run_pictures.save_figure", lambda figure, path: None)
    outcome = train_run(tiny(SHORT | {"clean.frequency_hz": [2, highest_hz]}), tmp_path / "run")
    assert outcome.complete and drawn == [panels]


def test_wrong_input_starts_nothing_and_starts_nothing_over(tiny, tmp_path):
    wrong = Folders(clean=tmp_path / "missing")
    with pytest.raises(DanError, match="missing"):
        train_run(tiny(SHORT), tmp_path / "new", folders=wrong)
    assert not (tmp_path / "new" / "recipe.toml").exists()
    run = train_run(tiny(SHORT), tmp_path / "old").run
    model = run.model.read_bytes()
    with pytest.raises(DanError, match="missing"):
        train_run(tiny(SHORT), tmp_path / "old", folders=wrong, force=True)
    assert run.model.read_bytes() == model and run.checkpoint.is_file()


def test_noise_alone_is_refused_and_not_passed_over(tiny, tmp_path):
    with pytest.raises(DanError, match="--noise"):
        train_run(tiny(SHORT), tmp_path / "run", folders=Folders(noise=tmp_path / "noise"))
