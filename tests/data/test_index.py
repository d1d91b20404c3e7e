"""An index says what lies in a folder, and nothing is on two sides."""

import shutil

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.data import index as module
from dan.data.index import Shelf, check_distinct, index


def noise(*shape, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """Two speakers and a file beside them, a hidden one and one that is no recording."""
    root = tmp_path / "clean"
    for place, name in enumerate(["b/one.wav", "a/one.wav", "a/two.flac", "top.wav", ".hidden/no.wav"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, noise(1000 + place, seed=place), 8000)
    (root / "notes.txt").write_text("no recording")
    return root


def contents(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_index_says_what_is_there_and_writes_nothing(folder, told):
    before = contents(folder)
    corpus = index(folder)
    assert contents(folder) == before
    assert [entry.name for entry in corpus.entries] == ["a/one.wav", "a/two.flac", "b/one.wav", "top.wav"]
    assert [entry.folder for entry in corpus.entries] == ["a", "a", "b", ""]
    assert [entry.length_samples for entry in corpus.entries] == [1001, 1002, 1000, 1003]
    assert {entry.sample_rate_hz for entry in corpus.entries} == {8000.0}
    assert corpus.duration_s == 4006 / 8000 and corpus.notes == ()
    assert told == {f"Indexing {folder}": [0, 0.25, 0.5, 0.75, 1.0]}


def test_a_hash_is_that_of_the_samples(folder):
    samples, _ = soundfile.read(folder / "top.wav", dtype="int16")
    soundfile.write(folder / "other name.flac", samples, 8000)
    changed = samples.copy()
    changed[500] += 1
    soundfile.write(folder / "changed.wav", changed, 8000)
    digests = {entry.name: entry.digest for entry in index(folder).entries}
    assert digests["other name.flac"] == digests["top.wav"]
    assert len({*digests.values()}) == len(digests) - 1


def test_a_long_recording_is_hashed_in_parts_from_both_ends(tmp_path):
    signal = noise(module.WHOLE_SAMPLES + 7)
    for name, place in [("a", None), ("b", 0), ("c", -1)]:
        changed = signal.copy()
        if place is not None:
            changed[place] += 0.5
        np.save(tmp_path / f"{name}.npy", changed)
    np.save(tmp_path / "d.npy", signal[:-1])
    assert len({entry.digest for entry in index(tmp_path, sample_rate_hz=360).entries}) == 4


def test_the_digest_of_a_corpus_follows_its_contents(folder):
    one = index(folder).digest
    assert index(folder).digest == one
    shutil.move(folder / "top.wav", folder / "moved.wav")
    assert index(folder).digest != one


def test_what_is_of_no_use_is_left_out_with_a_note(folder):
    soundfile.write(folder / "silent.wav", np.zeros(1000), 8000)
    soundfile.write(folder / "constant.wav", np.full(1000, 0.25), 8000)
    soundfile.write(folder / "short.wav", noise(10), 8000)
    corpus = index(folder)
    assert len(corpus.entries) == 4
    assert [
        name in note for name, note in zip(["constant", "short", "silent"], corpus.notes, strict=True)
    ] == [True] * 3


def test_a_channel_without_signal_is_left_out_and_a_late_one_is_found(tmp_path):
    signal = np.zeros((3, module.WHOLE_SAMPLES * 2), np.float32)
    signal[0] = noise(signal.shape[-1])
    signal[2, module.WHOLE_SAMPLES // 2 + 77] = 1.0  # between the parts that are looked at
    np.save(tmp_path / "a.npy", signal)
    assert index(tmp_path, sample_rate_hz=360).entries[0].channels == (0, 2)


@pytest.mark.parametrize("kept_bytes", [0, 2**28])
def test_a_shelf_reads_the_very_samples(folder, monkeypatch, kept_bytes):
    monkeypatch.setattr(module, "KEPT_BYTES", kept_bytes)
    stereo = noise(2, 5000)
    np.save(folder / "z.npy", stereo)
    corpus = index(folder, sample_rate_hz=8000)
    shelf, entry = Shelf(corpus), corpus.entries[-1]
    for channel, start, count in [(0, 0, 5000), (1, 17, 100), (1, 4999, 1), (0, 17, 100)]:
        read = shelf.read(entry, channel, start, count)
        np.testing.assert_array_equal(read, stereo[channel, start : start + count])
    wav, _ = soundfile.read(folder / "top.wav", dtype="float32")
    np.testing.assert_array_equal(shelf.read(corpus.entries[3], 0, 5, 50), wav[5:55])


@pytest.mark.parametrize("kept_bytes", [0, 2**28])
def test_a_recording_that_goes_or_shrinks_is_named(folder, monkeypatch, kept_bytes):
    monkeypatch.setattr(module, "KEPT_BYTES", kept_bytes)
    corpus = index(folder)
    soundfile.write(folder / "a" / "one.wav", noise(500), 8000)
    (folder / "top.wav").unlink()
    for place, name in [(0, "one.wav"), (3, "top.wav")]:
        with pytest.raises(DanError, match=name):
            Shelf(corpus).read(corpus.entries[place], 0, 900, 100)


def test_the_same_recording_in_clean_and_noise_is_refused_by_name(folder, tmp_path):
    other = tmp_path / "noise"
    other.mkdir()
    soundfile.write(other / "n.wav", noise(800, seed=9), 8000)
    check_distinct(index(folder), index(other))
    shutil.copy(folder / "a" / "one.wav", other / "copy.wav")
    with pytest.raises(
        DanError, match=r"one\.wav and .*copy\.wav: the same recording is in clean and in noise"
    ):
        check_distinct(index(folder), index(other))


def test_folders_without_recordings_are_refused(tmp_path, folder):
    with pytest.raises(DanError, match="no such folder"):
        index(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("")
    with pytest.raises(DanError, match="no recordings"):
        index(tmp_path / "empty")
    soundfile.write(tmp_path / "empty" / "a.wav", np.zeros(100), 8000)
    with pytest.raises(DanError, match=r"of use \(.*a\.wav is left out: it is silent"):
        index(tmp_path / "empty")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all" * 20])
@pytest.mark.parametrize("name", ["bad.wav", "bad.npy", "bad.flac"])
def test_a_file_that_cannot_be_read_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(DanError, match=name):
        index(folder)


def test_nan_and_an_unknown_rate_are_named(folder):
    np.save(folder / "x.npy", noise(400))
    with pytest.raises(DanError, match=r"x\.npy: nothing says its sample rate. Give --sample-rate"):
        index(folder)
    with pytest.raises(DanError, match="sample_rate_hz=0"):
        index(folder, sample_rate_hz=0)
    np.save(folder / "x.npy", np.append(noise(400), np.nan))
    with pytest.raises(DanError, match=r"x\.npy.* 400"):
        index(folder, sample_rate_hz=8000)


def test_all_files_that_cannot_be_read_are_named_at_once(folder):
    for number in range(25):
        (folder / f"bad_{number:02d}.wav").write_bytes(b"")
    with pytest.raises(DanError, match=r"(?s)25 recordings cannot be used:.*bad_00.*and 5 more") as caught:
        index(folder)
    assert str(caught.value).count(".wav: it is empty") == 20
