"""A folder of pauses says what was taken and what was not, and holds no sounds that a gate has cut out."""

import shutil

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.data.pauses_folder import PauseOptions, write_pauses

RATE_HZ = 8000


@pytest.fixture
def gated(tmp_path):
    """Writes sounds of 0.5 s, each followed by noise for a while, between seconds of digital silence."""

    def gated(hangover_s):
        random, signal = np.random.default_rng(0), np.zeros(10 * RATE_HZ)
        for start_s in range(1, 10, 2):
            behind = (start_s + 0.5) * RATE_HZ + np.arange(round(hangover_s * RATE_HZ))
            signal[behind.astype(int)] = 0.003 * random.standard_normal(len(behind))
            sound = slice(start_s * RATE_HZ, start_s * RATE_HZ + RATE_HZ // 2)
            signal[sound] = 0.1 * random.standard_normal(RATE_HZ // 2)
        folder = tmp_path / f"gated_{hangover_s:g}"
        folder.mkdir()
        soundfile.write(folder / "a.wav", signal, RATE_HZ)
        return folder

    return gated


def test_gated_recordings_without_noise_are_refused_and_leave_nothing(gated, tmp_path):
    with pytest.raises(DanError, match=r"7.5 of 10 s are digital silence.*from before the gate"):
        write_pauses(gated(0), tmp_path / "noise", events=tmp_path / "events")
    assert not (tmp_path / "noise").exists() and not (tmp_path / "events").exists()


def test_digital_silence_is_told_and_neither_noise_nor_event(gated, tmp_path):
    taken = write_pauses(gated(0.4), tmp_path / "noise", events=tmp_path / "events")
    assert any("5.5 of 10 s are digital silence" in note for note in taken.notes)
    assert any("taken for the signal alone" in note for note in taken.notes)
    noise, events = (
        [soundfile.read(path)[0] for path in sorted((tmp_path / kind).rglob("*.wav"))]
        for kind in ("noise", "events")
    )
    assert len(noise) == 5 and all(0.002 < piece.std() < 0.004 for piece in noise)
    assert max(len(event) // 3 for event in events) < RATE_HZ  # a sound, and not the silence around it


def notes_of(folder, out, **options):
    return "\n".join(write_pauses(folder, out, options=PauseOptions(**options)).notes)


def test_marks_that_were_asked_for_and_not_found_are_told(gated, tmp_path):
    folder = gated(0.4)
    assert "--around" not in notes_of(folder, tmp_path / "plain")
    said = "--around had no effect on 1 of 1 recordings (a.wav), as no marks of use were found"
    assert said in notes_of(folder, tmp_path / "around", around_s=(0.1, 0.5))
    (folder / "a.txt").write_text("1.0\t1.0\tcall\n")
    assert "--around" not in notes_of(folder, tmp_path / "marked", around_s=(0.1, 0.5))
    (folder / "a.txt").write_text("100\t101\tcall\n")
    notes = notes_of(folder, tmp_path / "late", around_s=(0.1, 0.5))
    assert "the level, as no mark is left of the labels of a.txt (1 after its end left out)" in notes
    assert said in notes


def test_marks_left_out_are_counted_over_many_recordings(gated, tmp_path):
    folder = gated(0.4)
    for number in range(6):
        shutil.copy(folder / "a.wav", folder / f"b{number}.wav")
        (folder / f"b{number}.txt").write_text("1.0\t1.5\tcall\n100\t101\tcall\n")
    said = "6 marks lie outside of their recordings or do not read, and are left out (b0.wav, b1.wav"
    assert said in notes_of(folder, tmp_path / "noise")


def test_recordings_shorter_than_a_frame_are_cut_and_not_shown(gated, tmp_path):
    folder = gated(0.4)
    soundfile.write(folder / "0.wav", 0.1 * np.random.default_rng(0).standard_normal(100), RATE_HZ)
    taken = write_pauses(folder, tmp_path / "noise")
    assert [name for name, _, _ in taken.shown] == ["a.wav"]
    assert any("1 of 2 recordings have no pause (0.wav)" in note for note in taken.notes)
