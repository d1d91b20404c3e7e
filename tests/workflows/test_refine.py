"""Rounds of refinement: nobody's outputs are their own targets, and what is there already is used."""

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.data.index import index
from dan.data.recordings import heard_by_half
from dan.data.recordings_source import Folders
from dan.workflows.refine import write_outputs
from dan.workflows.train import train_run

RATE_HZ = 64
RECIPE = {
    "data.source": "recordings",
    "data.validation_count": 8,
    "recordings.held_out_count": 2,
    "training.epochs": 3,
    "refinement.rounds": 2,
    "refinement.epochs_share": 0.5,
}
NAMES = ["a.wav", "a_1.wav", "b/c.wav", "b.x.wav", "z/0.wav", "z/1.wav"]


class Marks:
    """A model that gives a constant, by which its outputs are known."""

    sample_rate_hz = RATE_HZ

    def __init__(self, mark):
        self.mark = mark

    def __call__(self, signal, *, sample_rate):
        return np.full_like(signal, self.mark)


@pytest.fixture
def folders(tmp_path):
    random = np.random.default_rng(0)
    for name in NAMES:
        tone = np.sin(2 * np.pi * random.uniform(2, 12) * np.arange(4 * RATE_HZ) / RATE_HZ)
        for take in ("first", "second"):
            path = tmp_path / take / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone + random.standard_normal(len(tone)) / 10, RATE_HZ, subtype="FLOAT")
    return tmp_path


@pytest.mark.parametrize("takes", [1, 2])
def test_a_recording_is_denoised_by_the_model_that_has_not_heard_it(tiny, folders, takes):
    recipe = tiny(RECIPE | {"recordings.clean_split": "file"})
    given = Folders(noisy=folders / "first", second_take=folders / "second" if takes == 2 else None)
    write_outputs(recipe, given, folders / "out", models=(Marks(1), Marks(2)))
    heard = heard_by_half(recipe, index(folders / "first"))
    assert [len(half.entries) for half in heard] == [2, 2]
    for half, other in ((0, 2), (1, 1)):
        for entry in heard[half].entries:
            made = np.load(folders / "out" / "outputs" / f"{entry.name}.npy")
            assert made.reshape(takes, -1).shape == (takes, 4 * RATE_HZ) and (made == other).all()


def test_the_halves_of_the_outputs_are_those_of_the_recordings(tiny, folders):
    recipe = tiny(RECIPE | {"recordings.clean_split": "file"})
    write_outputs(recipe, Folders(noisy=folders / "first"), folders / "out", models=(Marks(1), Marks(2)))
    before = heard_by_half(recipe, index(folders / "first"))
    after = heard_by_half(recipe, index(folders / "out" / "inputs", sample_rate_hz=RATE_HZ))
    for one, other in zip(before, after, strict=True):
        assert [f"{entry.name}.npy" for entry in one.entries] == [entry.name for entry in other.entries]


def test_a_single_recording_is_halved_in_time(tiny, folders):
    recipe = tiny(
        RECIPE | {"recordings.held_out_count": 0, "recordings.gap_s": 0, "recordings.held_out_share": 0.5}
    )
    given = Folders(noisy=folders / "first" / "b")
    write_outputs(recipe, given, folders / "out", models=(Marks(1), Marks(2)))
    made = np.load(folders / "out" / "outputs" / "c.wav.npy").ravel()
    middle = RATE_HZ  # the last half is held out
    np.testing.assert_array_equal(made, np.where(np.arange(4 * RATE_HZ) < middle, 2, 1))


def test_outputs_are_at_the_rate_of_the_recipe(tiny, folders):
    recipe = tiny(RECIPE | {"signal.sample_rate_hz": 32, "clean.frequency_hz": [2, 8]})
    models = tuple(Marks(mark) for mark in (1, 2))
    for model in models:
        model.sample_rate_hz = 32
    write_outputs(recipe, Folders(noisy=folders / "first"), folders / "out", models=models)
    for kind in ("outputs", "inputs"):
        assert np.load(folders / "out" / kind / "a.wav.npy").shape[-1] == 2 * RATE_HZ


@pytest.mark.parametrize("symmetric", [True, False])
def test_two_takes_are_denoised_as_their_mean_in_both_polarities(tiny, folders, symmetric):
    class Adding(Marks):
        def __call__(self, signal, *, sample_rate):
            return signal + self.mark

    recipe = tiny(RECIPE | {"augmentation.invert_polarity": symmetric})
    given = Folders(noisy=folders / "first", second_take=folders / "second")
    write_outputs(recipe, given, folders / "out", models=(Adding(1), Adding(1)))
    inputs, outputs = (np.load(folders / "out" / kind / "a.wav.npy") for kind in ("inputs", "outputs"))
    mean = np.tile(inputs.mean(axis=0), (2, 1))
    np.testing.assert_allclose(outputs, mean if symmetric else mean + 1, atol=1e-6)


@pytest.mark.parametrize("second", [True, False])
def test_rounds_train_a_model_and_resume(tiny, folders, second, caplog):
    given = {"second_take": folders / "second"} if second else {"noise": folders / "noise"}
    random = np.random.default_rng(1)
    for name in "0", "1", "2":
        path = folders / "noise" / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, random.standard_normal(300) / 10, RATE_HZ, subtype="FLOAT")
    recipe = tiny(RECIPE | {"recordings.clean_split": "file", "recordings.held_out_count": 1})
    paths = Folders(noisy=folders / "first", **given)
    stopped = train_run(recipe, folders / "run", folders=paths, max_minutes=0)
    assert not stopped.complete and stopped.run.folder == folders / "run" / "cache" / "rounds" / "1" / "0"
    outcome = train_run(recipe, folders / "run", folders=paths)
    assert (
        outcome.complete and outcome.run.folder == folders / "run" and outcome.state.history[-1]["epoch"] == 3
    )
    for number in "1", "2":
        for half in "0", "1":
            history = (folders / "run" / "cache" / "rounds" / number / half / "history.jsonl").read_text()
            assert len(history.splitlines()) == 2  # half of three epochs
    made = folders / "run" / "cache" / "rounds" / "2" / "denoised" / "outputs" / "a.wav.npy"
    before = made.stat().st_mtime_ns
    assert train_run(recipe, folders / "run", folders=paths).complete
    assert made.stat().st_mtime_ns == before


def test_rounds_without_noisy_recordings_are_refused(tiny, folders):
    with pytest.raises(DanError, match="rounds are for noisy recordings"):
        train_run(tiny(RECIPE), folders / "run", folders=Folders(clean=folders / "first"))
