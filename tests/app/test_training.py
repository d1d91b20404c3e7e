"""The view Train without a browser: what was found, what is run, what is heard."""

import html
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gradio", reason="pip install 'dan-denoiser[app]'")
from dan.app import commands
from dan.app.jobs import Job, Jobs
from dan.app.traces import Traces
from dan.app.training import TrainView, _look, _recipes
from dan.app.validation import write_validation
from dan.app.workspace import Workspace
from dan.config.load import dump_recipe
from dan.data.recordings_source import Folders
from dan.data.sources import open_training_data
from dan.io.recordings import read, write
from dan.training.run_folder import Run

NOISE = np.random.default_rng(0).standard_normal(8000).astype(np.float32) / 8


@pytest.fixture
def view(tmp_path):
    with Workspace() as workspace, Jobs() as jobs, Jobs() as samples:
        yield TrainView(workspace, jobs, samples, Traces(), tmp_path / "runs")


def test_what_was_found_is_told_with_problems_by_name(tmp_path):
    write(tmp_path / "a.wav", np.tile(NOISE, 6), sample_rate_hz=8000)
    write(tmp_path / "b.wav", np.tile(NOISE, 12), sample_rate_hz=16000)
    write(tmp_path / "silent.wav", np.zeros(800, dtype=np.float32), sample_rate_hz=8000)
    write(tmp_path / "<clipped>.wav", np.clip(8 * NOISE, -0.5, 0.5), sample_rate_hz=8000)
    told = _look(str(tmp_path), "", "", "")
    assert "<strong>Clean recordings</strong>: 3 recordings, 0.2 minutes, 8000 Hz, 16000 Hz" in told
    assert "silent.wav" in told and "&lt;clipped&gt;.wav" in told and "<clipped>" not in told


def test_a_bad_file_a_missing_folder_and_a_missing_rate_are_told(tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"no recording")
    assert "bad.wav" in _look(str(tmp_path), "", "", "")
    assert "nowhere" in _look("", str(tmp_path / "nowhere"), "", "")
    assert "no number" in _look("", "", "", "fast")
    assert "Give a folder" in _look("", "", "", "")
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "a.npy", NOISE)
    assert "sample rate" in _look("", "", str(tmp_path / "arrays"), "")
    assert "1 recording, 0.3 minutes, 400 Hz" in _look("", "", str(tmp_path / "arrays"), "400")
    assert "1 recording, 0.3 minutes, 400.5 Hz" in _look("", "", str(tmp_path / "arrays"), " 400,5")


def test_dropped_files_are_kept_beside_the_runs(view, tmp_path):
    write(tmp_path / "a.wav", NOISE, sample_rate_hz=8000)
    folder = view.drop("clean", [str(tmp_path / "a.wav")])
    assert folder.startswith(str(tmp_path / "runs")) and "1 recording," in _look(folder, "", "", "")


@pytest.mark.parametrize("kind", ["speech", "ecg", "eeg", "other", "tones"])
def test_each_kind_has_recipes(kind):
    assert _recipes(kind)


def test_a_command_names_what_was_given_and_nothing_else(tmp_path):
    line = commands.train(
        "speech-8k", tmp_path, options={"--clean": "a b", "--noise": "", "--max-minutes": "2"}
    )
    assert line == [
        "dan",
        "train",
        "speech-8k",
        "--clean",
        "a b",
        "--max-minutes",
        "2",
        "--out",
        str(tmp_path),
    ]
    assert "'a b'" in commands.as_text(line)


def test_a_run_needs_a_name_without_slashes(view):
    for name in ("", " ", "../a", "a/b"):
        assert "one word" in view.start("tones", name, "", "", "", "", "", "")[1]


def test_the_rate_that_is_typed_goes_to_the_training(view, monkeypatch):
    monkeypatch.setattr(view.jobs, "add", lambda job: job)
    monkeypatch.setattr(view.jobs, "waiting_before", lambda job: 0)
    command = view.start("tones", "mine", "", "", "44,1", "", "", "")[2]["value"]
    assert "--sample-rate 44.1 " in command
    assert "no number" in view.start("tones", "mine", "", "", "fast", "", "", "")[1]


def test_runs_among_the_recordings_are_refused_with_a_folder_that_works(view, tmp_path, monkeypatch):
    recordings = tmp_path / "my recordings"
    monkeypatch.setattr(view.jobs, "add", lambda job: job)
    monkeypatch.setattr(view.jobs, "waiting_before", lambda job: 0)
    asked = ("speech-8k", "mine", "", "", "", str(recordings / "clean"), "", str(recordings))
    view.folder = recordings / "runs"
    _, said, _ = view.start(*asked)
    assert "state='failed'" in said and f"lies within {recordings}" in said
    command = html.unescape(re.search("dan app --folder [^<]+", said)[0])
    view.folder = Path(shlex.split(command)[-1])
    _, said, command = view.start(*asked)
    assert "state='queued'" in said and command["value"].endswith(f"--out {tmp_path / 'runs' / 'mine'}")


def test_validation_signals_are_those_of_the_training(tiny, tmp_path):
    recipe = tiny({"data.validation_count": 9})
    run = Run(tmp_path)
    run.recipe.write_text(dump_recipe(recipe), encoding="utf-8")
    write_validation(run, tmp_path, Folders())
    expected = open_training_data(recipe, Folders()).validation
    clean, noisy = (read(tmp_path / name) for name in (commands.VALIDATION_CLEAN, commands.VALIDATION_NOISY))
    np.testing.assert_array_equal(noisy.samples, expected.mixed[::2].astype(np.float32))
    np.testing.assert_array_equal(clean.samples, expected.clean[::2].astype(np.float32))


def test_validation_signals_that_were_not_written_are_asked_for_again(view, tmp_path, monkeypatch):
    monkeypatch.setattr(view.samples, "add", lambda job: job)
    training = Job("train", [], {"out": tmp_path / "run", "folders": {}})

    def modules():
        return [line[0] for line in view._denoise(training, None, (1.0, None, training.key)).commands]

    assert [modules(), modules()] == [["dan.app.validation", "dan"]] * 2
    (training.details["validation"] / commands.VALIDATION_NOISY).touch()
    assert modules() == ["dan"]
