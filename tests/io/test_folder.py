"""Each file of a folder is a recording, or left out and counted."""

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.io import folder as module
from dan.io.folder import look_through


def wav(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.ones(100) / 2, 8000)


def test_a_folder_of_recordings_leaves_nothing_out(tmp_path):
    wav(tmp_path / "a.wav")
    wav(tmp_path / "b" / "c.WAV")
    assert look_through(tmp_path).describe_left_out() == ""


def test_what_lies_beside_noise_cut_from_pauses_is_not_counted(tmp_path):
    for name in ("pauses.json", "pauses.png", "own.png"):
        (tmp_path / name).write_bytes(b"")
    wav(tmp_path / "a.wav")
    assert look_through(tmp_path).describe_left_out().endswith("(.png 1)")


def test_other_suffixes_links_hidden_files_and_tables_are_counted(tmp_path):
    wav(tmp_path / "a.wav")
    for name in ("b.pdf", "c.pdf", "d.xyz", "notes", ".hidden.wav", "metadata.csv"):
        (tmp_path / name).write_bytes(b"1,2\n")
    for number in range(4):
        (tmp_path / f"link{number}.wav").symlink_to(tmp_path / f"gone{number}.wav")
    message = look_through(tmp_path).describe_left_out()
    assert "4 that are no recordings by suffix or content (.pdf 2, .xyz 1, none 1)" in message
    assert "4 links that lead nowhere (link0.wav, link1.wav, link2.wav, ...)" in message
    assert "1 hidden (.hidden.wav)" in message and "1 table beside other recordings (metadata.csv)" in message


def test_the_files_of_a_wfdb_record_belong_to_it(tmp_path):
    for name in ("r.hea", "r.dat", "r.atr", "lost.dat"):
        (tmp_path / name).write_bytes(b"r 1 100 1\n")
    assert (
        look_through(tmp_path).describe_left_out() == "1 that is no recording by suffix or content (.dat 1)"
    )
    (tmp_path / "r.hea").write_text("r 1 100 1\nlost.dat 16 200 16 0 0 0 0 ECG\n")
    assert not look_through(tmp_path).describe_left_out()


def test_a_table_of_raven_belongs_to_the_recording_of_its_name(tmp_path):
    wav(tmp_path / "a.wav")
    for name in ("a", "a.wav", "lost"):
        (tmp_path / f"{name}.Table.1.selections.txt").write_text("Selection\tBegin Time (s)\n1\t0.5\n2\t1\n")
    (tmp_path / "a.Table.2.selections.txt").write_text("Selection\tBegin Time (s)\n")
    left_out = look_through(tmp_path).describe_left_out()
    assert left_out == "1 table beside other recordings (lost.Table.1.selections.txt)"


def test_a_folder_without_recordings(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"")
    with pytest.raises(DanError, match="it holds no recordings"):
        look_through(tmp_path)
    with pytest.raises(DanError, match="no such folder"):
        look_through(tmp_path / "none")


def test_every_file_is_looked_at_once(tmp_path, monkeypatch):
    looked_at, look = [], module.is_table
    monkeypatch.setattr(module, "is_table", lambda path: looked_at.append(path.name) or look(path))
    wav(tmp_path / "a.wav")
    for name in ("notes.txt", "numbers.txt"):
        (tmp_path / name).write_text("1\n2\n3\n" if name == "numbers.txt" else "taken in the garden\n")
    contents = look_through(tmp_path)
    assert contents.describe_left_out().startswith("1 table beside other recordings (numbers.txt), 1 that is")
    assert sorted(looked_at) == ["notes.txt", "numbers.txt"]
