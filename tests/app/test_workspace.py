"""What is dropped: kept apart where names are equal."""

import os
import subprocess
import sys

import pytest

from dan.app.denoising import recordings
from dan.app.workspace import PREFIX, Workspace
from dan.core.errors import DanError


@pytest.fixture
def dropped(tmp_path):
    """Two uploads of one name."""

    def make(name):
        files = [tmp_path / str(number) / name for number in range(2)]
        for number, file in enumerate(files):
            file.parent.mkdir(exist_ok=True)
            file.write_text(str(number))
        return [str(file) for file in files]

    return make


def test_a_second_file_of_a_name_gets_a_number(dropped):
    with Workspace() as workspace:
        first, second = workspace.take_in(dropped("a <b>ü.wav"))
        assert (first.name, second.name) == ("a <b>ü.wav", "a <b>ü (2).wav")
        assert (first.read_text(), second.read_text()) == ("0", "1")


def test_two_records_of_one_name_are_refused(dropped):
    with Workspace() as workspace, pytest.raises(DanError, match=r"100\.hea"):
        workspace.take_in(dropped("100.hea"))


def test_the_samples_of_a_record_are_no_recording_of_their_own(tmp_path):
    files = [tmp_path / name for name in ("a.hea", "a.dat", "b.dat", "c.wav")]
    assert recordings(files) == [files[0], files[2], files[3]]
    files[0].write_text("a 1 100 500\nb.dat 16 200 16 0 0 0 0 ECG\n")
    assert recordings(files) == [files[0], files[3]]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody is asked")
def test_the_folder_of_a_page_that_ended_unasked_after_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    for name, process in (("zombie", ended.pid), ("mine", os.getpid())):
        (tmp_path / f"{PREFIX}{name}").mkdir()
        (tmp_path / f"{PREFIX}{name}" / "pid").write_text(str(process))
    with Workspace() as workspace:
        assert {*tmp_path.iterdir()} == {workspace.folder, tmp_path / f"{PREFIX}mine"}
    ended.wait()


def test_a_page_that_is_just_starting_is_not_swept_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    new, begun, old = (tmp_path / f"{PREFIX}{name}" for name in ("new", "begun", "old"))
    for folder in (new, begun, old):
        folder.mkdir()
    (begun / "pid").touch()
    os.utime(old, (0, 0))
    with Workspace() as workspace:
        assert {*tmp_path.iterdir()} == {workspace.folder, new, begun}
