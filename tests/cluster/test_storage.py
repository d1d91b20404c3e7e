"""Recordings by address, in a store that this process alone sees."""

from pathlib import Path

import pytest

from dan.cluster import storage
from dan.core.errors import DanError

fsspec = pytest.importorskip("fsspec", reason="the extra [cluster] is not installed")


@pytest.fixture
def memory():
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield fs
    fs.store.clear()


@pytest.mark.parametrize(
    ("name", "is_one"), [("s3://b/a.wav", True), ("memory://a", True), ("a/b.wav", False)]
)
def test_an_address_is_known_by_its_protocol(name, is_one):
    assert storage.is_address(name) == is_one


def test_recordings_are_found_below_a_folder_by_their_suffixes(memory):
    for name in (
        "in/a.wav",
        "in/deep/b.NPY",
        "in/notes.txt",
        "in/.hidden/c.wav",
        "in/.partial-1.wav",
        "other/d.wav",
    ):
        memory.pipe(f"/{name}", b"x")
    assert storage.find("memory://in") == {
        "memory:///in/a.wav": "a.wav",
        "memory:///in/deep/b.NPY": "deep/b.NPY",
    }
    assert storage.find("memory://in/") == storage.find("memory://in")
    assert storage.find("memory://in/a.wav") == {"memory:///in/a.wav": "a.wav"}
    with pytest.raises(DanError, match="memory://nowhere: it holds no recordings"):
        storage.find("memory://nowhere")


def test_a_recording_comes_with_the_files_that_belong_to_it(memory, tmp_path):
    for name in ("r1.hea", "r1.dat", "r1.atr", "r10.dat", "r2.hea"):
        memory.pipe(f"/in/{name}", name.encode())
    assert storage.fetch("memory://in/r1.hea", tmp_path) == tmp_path / "r1.hea"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r1.atr", "r1.dat", "r1.hea"]
    assert (tmp_path / "r1.dat").read_bytes() == b"r1.dat"


def test_a_record_comes_with_the_files_that_its_header_names(memory, tmp_path):
    header = b"# two formats\nr1 2 100 500\nr1_1.dat 16 200 16 0 0 0 0 ECG\nr1_2.dat 212 200 12 0 0 0 0 PPG\n"
    memory.pipe("/in/r1.hea", header)
    for name in ("r1_1.dat", "r1_2.dat", "r1_3.dat"):
        memory.pipe(f"/in/{name}", b"x")
    storage.fetch("memory://in/r1.hea", tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r1.hea", "r1_1.dat", "r1_2.dat"]


def test_the_file_that_is_named_comes_last(memory, tmp_path, monkeypatch):
    files = [tmp_path / name for name in ("r1.hea", "r1.dat", "z.dat")]
    for file in files:
        file.write_bytes(file.name.encode())
    order = []
    moved = memory.mv
    monkeypatch.setattr(type(memory), "mv", lambda self, a, b, **k: (order.append(b), moved(a, b, **k))[1])
    storage.store(files, "memory://out/deep/r1.hea")
    assert [Path(name).name for name in order] == ["r1.dat", "z.dat", "r1.hea"]
    assert storage.existing("memory://out") == {f"memory:///out/deep/{file.name}" for file in files}


def test_a_copy_that_breaks_off_leaves_nothing(memory, tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_bytes(b"x" * 100)

    def broken(self, local, remote, **_):
        self.pipe(remote, b"x" * 50)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(memory), "put_file", broken)
    with pytest.raises(DanError, match=r"memory://out/a\.wav: it cannot be reached \(OSError: No space left"):
        storage.store([tmp_path / "a.wav"], "memory://out/a.wav")
    assert storage.existing("memory://out") == set()


def test_existing_says_nothing_of_a_folder_that_is_not_there(memory):
    assert storage.existing("memory://nowhere") == set()


@pytest.mark.parametrize("address", ["nosuch://bucket/a", "memory://nowhere/a.wav"])
def test_what_cannot_be_reached_is_named(memory, tmp_path, address):
    with pytest.raises(DanError) as error:
        storage.fetch(address, tmp_path)
    assert error.value.what == address


def test_an_address_of_a_file_here_is_its_path(tmp_path):
    assert storage.normal(f"file://{tmp_path}/a.wav") == f"{tmp_path}/a.wav"
    assert storage.normal("a/b.wav") == "a/b.wav"
