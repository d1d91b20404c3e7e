"""A clip cache reads the very samples, from memory, from the files and from the cache alike."""

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.data import clip_cache as module
from dan.data.clip_cache import ClipCache
from dan.data.index import index


def noise(*shape, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "clean"
    for place, name in enumerate(["b/one.wav", "a/one.wav", "a/two.flac", "top.wav"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, noise(1000 + place, seed=place), 8000)
    return root


@pytest.mark.parametrize("kept_bytes", [0, 2**28])
def test_a_clip_cache_reads_the_very_samples(folder, monkeypatch, kept_bytes):
    monkeypatch.setattr(module, "KEPT_BYTES", kept_bytes)
    stereo = noise(2, 5000)
    np.save(folder / "z.npy", stereo)
    corpus = index(folder, sample_rate_hz=8000)
    clip_cache, entry = ClipCache(corpus), corpus.entries[-1]
    for channel, start, count in [(0, 0, 5000), (1, 17, 100), (1, 4999, 1), (0, 17, 100)]:
        read = clip_cache.read(entry, channel, start, count)
        np.testing.assert_array_equal(read, stereo[channel, start : start + count])
    wav, _ = soundfile.read(folder / "top.wav", dtype="float32")
    np.testing.assert_array_equal(clip_cache.read(corpus.entries[3], 0, 5, 50), wav[5:55])


@pytest.mark.parametrize("kept_bytes", [0, 2**28])
def test_a_recording_that_goes_or_shrinks_is_named(folder, monkeypatch, kept_bytes):
    monkeypatch.setattr(module, "KEPT_BYTES", kept_bytes)
    corpus = index(folder)
    soundfile.write(folder / "a" / "one.wav", noise(500), 8000)
    (folder / "top.wav").unlink()
    for place, name in [(0, "one.wav"), (3, "top.wav")]:
        with pytest.raises(DanError, match=name):
            ClipCache(corpus).read(corpus.entries[place], 0, 900, 100)


@pytest.fixture
def compressed(tmp_path, monkeypatch):
    """A corpus that is too large to be kept in memory."""
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    (tmp_path / "talks").mkdir()
    for number in range(3):
        soundfile.write(tmp_path / "talks" / f"{number}.flac", noise(5000, 2, seed=number), 8000)
    soundfile.write(tmp_path / "talks" / "plain.wav", noise(5000, seed=9), 8000)
    return index(tmp_path / "talks")


def test_compressed_files_are_decoded_once_and_the_size_is_told(compressed, tmp_path, monkeypatch):
    cache = tmp_path / "decoded"
    clip_cache = ClipCache(compressed, cache=cache)
    assert clip_cache.note == f"{compressed.folder}: 3 files are decoded once to {cache} (0.00012 GB)"
    whole, _ = soundfile.read(compressed.entries[1].path, dtype="float32")
    for start, count in [(0, 5000), (4990, 10), (17, 1)]:
        read = clip_cache.read(compressed.entries[1], 1, start, count)
        np.testing.assert_array_equal(read, whole[start : start + count, 1])
    assert len(list(cache.iterdir())) == 1
    compressed.entries[1].path.unlink()  # it is not read again
    again = ClipCache(compressed, cache=cache).read(compressed.entries[1], 0, 3, 50)
    np.testing.assert_array_equal(again, whole[3:53, 0])


def test_recordings_of_one_digest_are_decoded_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    (tmp_path / "gated").mkdir()
    for number in range(2):
        gated = np.zeros(300_000, np.float32)
        gated[20_000 + 100_000 * number :][:500] = noise(500)  # between the parts that a digest looks at
        soundfile.write(tmp_path / "gated" / f"{number}.flac", gated, 8000)
    corpus = index(tmp_path / "gated")
    assert corpus.entries[0].digest == corpus.entries[1].digest
    clip_cache = ClipCache(corpus, cache=tmp_path / "decoded")
    loud = [clip_cache.read(entry, 0, 20_000, 500).any() for entry in corpus.entries]
    assert loud == [True, False]


def test_what_is_quick_to_read_is_not_decoded(compressed, tmp_path):
    plain = next(entry for entry in compressed.entries if entry.name == "plain.wav")
    assert len(ClipCache(compressed, cache=tmp_path / "decoded").read(plain, 0, 5, 70)) == 70
    assert not (tmp_path / "decoded").exists()


def test_without_room_the_files_are_read_as_they_are(compressed, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_has_room", lambda cache, size: False)
    clip_cache = ClipCache(compressed, cache=tmp_path / "decoded")
    assert clip_cache.note == "" and len(clip_cache.read(compressed.entries[0], 0, 5, 70)) == 70
    assert not (tmp_path / "decoded").exists()
