"""Training without clean recordings, from the folders to the model."""

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.data.pauses_folder import PauseOptions, write_pauses
from dan.data.recordings_source import Folders
from dan.data.sources import open_training_data
from dan.workflows.data import pauses_folder
from dan.workflows.train import train_run

RATE_HZ = 64
RECIPE = {
    "data.source": "recordings",
    "data.validation_count": 8,
    "losses.weights.adversarial": 1.0,
    "recordings.held_out_count": 2,
    "training.epochs": 2,
}


@pytest.fixture
def folders(tmp_path):
    """Two takes of tones with pauses of 2 s, and noise of the same kind."""
    random = np.random.default_rng(0)
    for number in range(8):
        time = np.arange(8 * RATE_HZ) / RATE_HZ
        tone = np.sin(2 * np.pi * random.uniform(2, 12) * time) * ((time < 3) | (time > 5))
        for name, signal in (("first", tone), ("second", tone), ("noise", 0)):
            (tmp_path / name).mkdir(exist_ok=True)
            samples = signal + 0.1 * random.standard_normal(len(time))
            soundfile.write(tmp_path / name / f"{number}.wav", samples, RATE_HZ, subtype="FLOAT")
    return tmp_path


@pytest.mark.parametrize(
    "given", [{"noise": "noise"}, {"second_take": "second"}, {}], ids=["noise", "second take", "alone"]
)
def test_noisy_recordings_train_a_model(tiny, folders, given):
    paths = {name: folders / folder for name, folder in given.items()}
    outcome = train_run(tiny(RECIPE), folders / "run", folders=Folders(noisy=folders / "first", **paths))
    assert outcome.complete and outcome.run.model.is_file()
    bound = "second_take" not in given
    assert any(line.startswith("The SNR above is an estimate") and ("lower bound" in line) == bound
               for line in outcome.verdict)  # fmt: skip
    assert any("Estimated from two noisy takes" in line for line in outcome.verdict)
    assert (outcome.run.plots / "residuals.png").stat().st_size > 5000
    assert {"train_snr", "train_generator"} <= set(outcome.state.history[0])  # and no discriminator
    again = train_run(tiny(RECIPE), folders / "run", folders=Folders(noisy=folders / "first", **paths))
    assert again.complete and again.state.step == outcome.state.step


def test_the_noise_is_that_of_the_pauses(tiny, folders):
    recipe = tiny(RECIPE | {"data.validation_count": 200})
    opened = open_training_data(recipe, Folders(noisy=folders / "first"), cache=folders / "cache")
    (told,) = [note for note in opened.notes if "taken for noise alone" in note]
    assert "64 s" in told and not any("left out" in note for note in opened.notes)
    noise = (opened.validation.mixed - opened.validation.clean) / 2
    assert np.sqrt((noise**2).mean()) == pytest.approx(0.1, rel=0.4)  # pauses of 2 s, frames of 16 samples


def test_a_training_that_starts_over_cuts_the_pauses_anew(tiny, folders):
    def trained(**options):
        given = Folders(noisy=folders / "first")
        return train_run(tiny(RECIPE), folders / "run", folders=given, **options).run.cache / "pauses"

    stale = trained() / "stale.wav"
    soundfile.write(stale, np.zeros(RATE_HZ), RATE_HZ)
    assert stale.parent == trained() and stale.is_file()
    trained(force=True)
    assert not stale.exists() and list(stale.parent.rglob("*.wav"))


def test_pauses_of_other_labels_are_not_taken(tiny, folders):
    def opened():
        open_training_data(tiny(RECIPE), Folders(noisy=folders / "first"), cache=folders / "cache")

    opened()
    opened()
    (folders / "first" / "0.txt").write_text("0\t4\ttone\n7\t8\ttone\n")
    with pytest.raises(DanError, match=r"pauses of other recordings or marks\. Give --force"):
        opened()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"second_take": "second"}, "Give --noisy as well"),
        ({"noisy": "first", "noise": "noise", "second_take": "second"}, "Give one of them"),
        ({"noisy": "first", "second_take": "first"}, "given for both sides"),
        ({"noisy": "first", "noise": "noise", "data": "noise"}, "Give only one"),
        ({"noisy": "first", "noise": "first"}, "the same recording is in noisy and in noise"),
    ],
)
def test_folders_that_do_not_go_together_are_refused(tiny, folders, given, said):
    with pytest.raises(DanError, match=said):
        open_training_data(
            tiny(RECIPE), Folders(**{name: folders / folder for name, folder in given.items()})
        )


def test_pauses_are_cut_out_with_a_picture(folders):
    taken = pauses_folder(folders / "first", folders / "pauses")
    files = sorted(path.relative_to(folders / "pauses").as_posix() for path in taken.out.rglob("*.wav"))
    assert len(files) == 8 and files[0] == "0_wav/0_0000.wav"
    samples, rate_hz = soundfile.read(taken.out / files[0])
    assert rate_hz == RATE_HZ and 64 <= len(samples) <= 2 * RATE_HZ and np.abs(samples).max() < 0.5
    assert (taken.out / "pauses.png").stat().st_size > 5000
    with pytest.raises(DanError, match="exists already"):
        write_pauses(folders / "first", folders / "pauses")
    write_pauses(folders / "first", folders / "pauses", force=True)


def test_what_lies_between_pauses_is_cut_out_as_well(folders):
    taken = pauses_folder(folders / "first", folders / "calm", events=folders / "events")
    assert any("16 events between the pauses" in note for note in taken.notes)
    files = sorted((folders / "events").rglob("*.wav"))
    assert len(files) == 16 and (folders / "events" / "pauses.json").is_file()
    middle = np.split(soundfile.read(files[0])[0], 3)[1]
    assert np.abs(middle).max() > 0.5
    with pytest.raises(DanError, match="exists already"):
        write_pauses(folders / "first", folders / "more", events=folders / "events")
    assert not (folders / "more").exists()


@pytest.mark.parametrize(
    ("out", "events"), [("one", "one"), ("one", "one/in"), ("one", "first/in"), ("first/in", None)]
)
def test_folders_that_would_be_read_as_parts_of_others_are_refused(folders, out, events):
    with pytest.raises(DanError, match="would be read with it"):
        write_pauses(folders / "first", folders / out, events=events and folders / events)
    assert not (folders / "one").exists()


def test_recordings_without_pauses_are_refused_with_the_way_out(folders):
    with pytest.raises(DanError, match="Move --threshold, lower --shortest"):
        write_pauses(folders / "first", folders / "pauses", options=PauseOptions(shortest_s=9))
    assert not (folders / "pauses").exists()


def test_pauses_are_told_by_labels_beside_a_recording(folders):
    (folders / "first" / "0.txt").write_text("0\t4\ttone\n7\t8\ttone\n")
    (folders / "first" / "1.txt").write_text("1\t1\ttone\n")
    taken = write_pauses(folders / "first", folders / "pauses")
    (path,) = sorted((folders / "pauses" / "0_wav").iterdir())
    assert soundfile.info(path).frames == 3 * RATE_HZ
    told = "\n".join(taken.notes)
    assert "1 recording are told by the labels of 0.txt, what lies between them" in told.replace(
        "is told", "are told"
    )
    assert "the labels of 1.txt are points: --around says" in told and "6 recordings" in told


def test_trials_train_a_model_in_rounds(tiny, folders):
    for number in range(8):
        times = "".join(f"{at}\t{at}\ttone\n" for at in (0.5, 2.5, 5.2, 6.3))
        (folders / "first" / f"{number}.txt").write_text(times)
    given = Folders(noisy=folders / "first", epochs_s=(-0.3, 0.9))
    outcome = train_run(tiny(RECIPE | {"refinement.rounds": 1}), folders / "run", folders=given)
    assert outcome.complete and outcome.run.model.is_file()
    assert len(list((folders / "run" / "cache" / "trials" / "second").rglob("*.wav"))) == 16
    with pytest.raises(DanError, match="trials are cut from --noisy alone"):
        given = Folders(noisy=folders / "first", noise=folders / "noise", epochs_s=(0, 1))
        train_run(tiny(RECIPE), folders / "other", folders=given)
