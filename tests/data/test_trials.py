"""Trials are cut at their marks and paired within a label and a recording, no sample twice."""

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.data.trials import write_trials

RATE_HZ = 100


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "eeg").mkdir()
    soundfile.write(tmp_path / "eeg" / "a.wav", np.arange(2000) / 2000, RATE_HZ, subtype="FLOAT")
    marks = [
        (0.05, "x"),
        (1, "x"),
        (2, "y"),
        (5, "x"),
        (9, "x"),
        (12, "y"),
        (15, "x"),
        (16, "z"),
        (19.9, "x"),
    ]
    text = "".join(f"{at}\t{at}\t{label}\n" for at, label in marks)
    (tmp_path / "eeg" / "a.txt").write_text(text)
    return tmp_path / "eeg"


def starts(folder):
    read = (soundfile.read(path, dtype="float32")[0] for path in sorted(folder.rglob("*.wav")))
    return [(round(float(samples[0]) * 2000) / RATE_HZ, len(samples)) for samples in read]


def test_trials_of_one_label_are_paired(folder, tmp_path):
    trials = write_trials(folder, tmp_path / "trials", window_s=(-0.1, 0.4))
    # x at 1, 5, 9, 15 s lie within the recording, y at 2 and 12 s; z stands alone
    assert starts(trials.first) == [(0.9, 50), (4.9, 50), (1.9, 50)]
    assert starts(trials.second) == [(8.9, 50), (14.9, 50), (11.9, 50)]
    assert "3 pairs of trials, -0.1 to 0.4 s" in trials.notes[0]
    assert trials.notes[1].endswith("3 of 9 marks are in no pair (2 too near an end of their recording)")
    assert write_trials(folder, tmp_path / "trials", window_s=(-0.1, 0.4)) == trials


@pytest.mark.parametrize(
    ("window_s", "message"),
    [((0.4, 0.4), "a trial lasts longer"), ((0, 19), "no recording holds two whole trials")],
)
def test_what_gives_no_pair_is_refused(folder, tmp_path, window_s, message):
    with pytest.raises(DanError, match=message):
        write_trials(folder, tmp_path / "trials", window_s=window_s)
    assert not (tmp_path / "trials").exists()


def test_trials_of_another_window_or_other_marks_are_not_taken(folder, tmp_path):
    write_trials(folder, tmp_path / "trials", window_s=(-0.1, 0.4))
    with pytest.raises(DanError, match="trials of other recordings or marks, or of another window"):
        write_trials(folder, tmp_path / "trials", window_s=(-0.1, 0.6))
    (folder / "a.txt").write_text("1\t1\tx\n5\t5\tx\n")
    with pytest.raises(DanError, match="Give --force"):
        write_trials(folder, tmp_path / "trials", window_s=(-0.1, 0.4))


def test_names_that_differ_by_dots_alone_are_refused(folder, tmp_path):
    for name in ("b.c.wav", "b_c.wav"):
        soundfile.write(folder / name, np.arange(2000) / 2000, RATE_HZ, subtype="FLOAT")
    with pytest.raises(DanError, match=r"b\.c\.wav and .*b_c\.wav: .*Rename one of them"):
        write_trials(folder, tmp_path / "trials", window_s=(-0.1, 0.4))
