"""Files and folders appear whole or not at all, whatever interrupts the writing."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from dan.core import atomic as module
from dan.core.atomic import _swept, atomic_folder, atomic_write, is_running, scratch_folder
from dan.core.errors import DanError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def yes(folder):
    return True


def test_a_file_appears_at_the_end_under_its_name(tmp_path):
    target = tmp_path / "new" / "report.json"
    with atomic_write(target) as temporary:
        temporary.write_text("whole")
        assert temporary.suffix == ".json" and temporary.parent == target.parent
        assert not target.exists()
    assert target.read_text() == "whole" and names(target.parent) == ["report.json"]


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    target, flushed = tmp_path / "report.json", []
    monkeypatch.setattr(os, "fsync", lambda _: flushed.append(target.exists()))
    with atomic_write(target) as temporary:
        temporary.write_text("whole")
    assert flushed == [False] and target.exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("existing", [True, False])
def test_an_interrupted_file_leaves_what_was(tmp_path, error, existing):
    target = tmp_path / "model.bin"
    if existing:
        target.write_text("old")
    expected = DanError if error is OSError else error
    with pytest.raises(expected), atomic_write(target, force=True) as temporary:
        temporary.write_text("half")
        raise error("No space left")
    assert names(tmp_path) == (["model.bin"] if existing else [])
    assert not existing or target.read_text() == "old"


def test_overwriting_needs_force(tmp_path):
    target = tmp_path / "model.bin"
    target.write_text("old")
    with pytest.raises(DanError, match=r"model\.bin: it exists already.*--force"), atomic_write(target):
        pytest.fail("not to be reached")
    with atomic_write(target, force=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_a_folder_is_no_file_to_overwrite(tmp_path):
    with pytest.raises(DanError, match="no file"), atomic_write(tmp_path, force=True):
        pytest.fail("not to be reached")


def test_a_file_in_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DanError, match="file/below: it cannot be written"),
        atomic_write(tmp_path / "file" / "below"),
    ):
        pytest.fail("not to be reached")


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    target = tmp_path / ("n" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 4) + ".npy")
    with atomic_write(target) as temporary:
        temporary.write_text("whole")
    assert target.read_text() == "whole"


@pytest.mark.parametrize("existing", ["nothing", "empty", "full"])
def test_a_folder_appears_whole(tmp_path, existing):
    target = tmp_path / "data"
    if existing != "nothing":
        target.mkdir()
    if existing == "full":
        (target / "old").write_text("")
    with atomic_folder(target, force=existing == "full", replaceable=yes) as temporary:
        (temporary / "new").write_text("")
    assert names(tmp_path) == ["data"] and names(target) == ["new"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_an_interrupted_folder_leaves_what_was(tmp_path, error):
    target = tmp_path / "data"
    target.mkdir()
    (target / "old").write_text("")
    expected = DanError if error is OSError else error
    with pytest.raises(expected), atomic_folder(target, force=True, replaceable=yes) as temporary:
        (temporary / "new").write_text("")
        raise error("No space left")
    assert names(tmp_path) == ["data"] and names(target) == ["old"]


def test_a_folder_is_put_back_if_the_new_one_cannot_take_its_place(tmp_path):
    target = tmp_path / "data"
    target.mkdir()
    (target / "old").write_text("")
    with (
        pytest.raises(DanError, match="cannot be written"),
        atomic_folder(target, force=True, replaceable=yes) as temporary,
    ):
        temporary.rmdir()  # so that renaming it fails
    assert names(tmp_path) == ["data"] and names(target) == ["old"]


def test_a_folder_is_replaced_by_force_and_only_if_replaceable(tmp_path):
    (tmp_path / "old").write_text("")
    for force, replaceable in ((False, True), (True, False), (False, False)):
        with (
            pytest.raises(DanError, match=r"it exists already.*--force" if replaceable else "other things"),
            atomic_folder(tmp_path, force=force, replaceable=lambda folder, may=replaceable: may),
        ):
            pytest.fail("not to be reached")
    assert names(tmp_path) == ["old"]


def test_where_signals_cannot_ask_every_process_runs(monkeypatch):
    asked = []
    monkeypatch.setattr("os.kill", lambda *given: asked.append(given))
    monkeypatch.setattr("dan.core.atomic.os.name", "nt")
    running = is_running(2**22 + 1)
    monkeypatch.undo()  # before anything makes a path
    assert running and not asked


@pytest.mark.parametrize("waited_for", [True, False])
def test_what_a_killed_process_has_left_is_swept_by_the_next(tmp_path, waited_for):
    code = (
        "import os, sys, signal\nfrom pathlib import Path\nfrom dan.core.atomic import atomic_write\n"
        "with atomic_write(Path(sys.argv[1]) / 'a.wav') as file:\n"
        "    file.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, tmp_path])
    if waited_for:
        killed.wait()
    else:  # a zombie
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    (left,) = tmp_path.iterdir()
    (tmp_path / f".partial-{'0' * 8}-1-abcd.wav").touch()  # of another machine
    with atomic_write(tmp_path / "b.wav") as running:
        running.write_text("whole")
        _swept.clear()
        with atomic_write(tmp_path / "c.wav") as file:  # of a process that runs
            file.write_text("whole")
            assert running.exists() and not left.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"b.wav", "c.wav", f".partial-{'0' * 8}-1-abcd.wav"}
    killed.wait()


def test_a_scratch_folder_goes_at_the_end():
    with scratch_folder() as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.wav").touch()
    assert not folder.exists()


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "there").mkdir()
    for name in ("old.txt", "new.txt"):
        (tmp_path / name).symlink_to(tmp_path / "there" / name)
    (tmp_path / "there" / "old.txt").write_text("before")
    for name in ("old.txt", "new.txt"):
        with atomic_write(tmp_path / name, force=True) as file:
            file.write_text("after")
        assert (tmp_path / name).is_symlink() and (tmp_path / "there" / name).read_text() == "after"
    assert len([*(tmp_path / "there").iterdir()]) == 2


@pytest.mark.parametrize("making", [atomic_write, partial(atomic_folder, replaceable=bool)])
def test_what_cannot_be_read_meanwhile_is_named_in_place_of_the_target(tmp_path, making):
    with pytest.raises(DanError, match=r"labels: it cannot be opened"), making(tmp_path / "out"):
        (tmp_path / "labels").read_bytes()
    assert not list(tmp_path.iterdir())


def test_what_another_user_has_left_half_written_stays(tmp_path, monkeypatch):
    left = tmp_path / f".partial-{module._host()}-{2**30}-x.npy"
    left.write_text("")

    def refuse(*_args, **_options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", refuse)
    with atomic_write(tmp_path / "a.npy") as temporary:
        temporary.write_text("")
    assert (tmp_path / "a.npy").exists() and left.exists()
