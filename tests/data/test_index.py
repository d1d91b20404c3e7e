"""An index says what lies in a folder, and nothing is on two sides."""

import shutil

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.data import index as module
from dan.data.index import check_distinct, index, is_clipped


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


def test_the_index_says_what_is_there_and_writes_nothing(folder, reported):
    before = contents(folder)
    corpus = index(folder)
    assert contents(folder) == before
    assert [entry.name for entry in corpus.entries] == ["a/one.wav", "a/two.flac", "b/one.wav", "top.wav"]
    assert [entry.folder for entry in corpus.entries] == ["a", "a", "b", ""]
    assert [entry.length_samples for entry in corpus.entries] == [1001, 1002, 1000, 1003]
    assert {entry.sample_rate_hz for entry in corpus.entries} == {8000.0}
    assert corpus.duration_s == 4006 / 8000
    assert corpus.notes == (
        f"{folder}: left out 1 that is no recording by suffix or content (.txt 1), 1 hidden (no.wav)",
    )
    assert reported == {f"Indexing {folder}": [0, 0.25, 0.5, 0.75, 1.0]}


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
    soundfile.write(folder / "brief.wav", noise(40), 8000)
    corpus = index(folder, shortest_s=0.006)  # 48 samples
    assert len(corpus.entries) == 4
    (note,) = corpus.notes
    assert "1 shorter than 0.006 s (brief.wav), 1 shorter than 32 samples (short.wav), " in note
    assert "2 silent, all samples the same (constant.wav, silent.wav), " in note


def sine(length, level=1.0):
    return level * np.sin(0.3 * np.arange(length)).astype(np.float32)


@pytest.mark.parametrize(
    ("signal", "clipped"),
    [
        (np.clip(sine(4000), -0.7, 0.7), True),
        (np.clip(sine(4000), -2, 0.9), True),  # on one side
        (sine(4000), False),
        (np.round(sine(4000) * 1000) / 1000, False),
        (np.sign(sine(4000)), False),  # a square wave has two values
        (np.round(sine(4000) * 8), False),
        (np.maximum(sine(4000), 0.999), False),  # so few samples are something else
    ],
)
def test_flat_peaks_are_clipped(signal, clipped):
    assert is_clipped(signal) == clipped


def test_clipped_recordings_are_counted_and_used(folder):
    soundfile.write(folder / "loud.wav", np.clip(sine(4000), -0.7, 0.7), 8000)
    corpus = index(folder)
    assert len(corpus.entries) == 5
    assert corpus.notes[1] == f"{folder}: 1 clipped (loud.wav), used as they are"


def test_a_channel_without_signal_is_left_out_and_a_late_one_is_found(tmp_path):
    signal = np.zeros((3, module.WHOLE_SAMPLES * 2), np.float32)
    signal[0] = noise(signal.shape[-1])
    signal[2, module.WHOLE_SAMPLES // 2 + 77] = 1.0  # between the parts that are looked at
    np.save(tmp_path / "a.npy", signal)
    assert index(tmp_path, sample_rate_hz=360).entries[0].channels == (0, 2)


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


def test_long_recordings_that_differ_between_the_parts_of_their_digests_are_two(tmp_path):
    corpora = []
    for number in range(2):
        gated = np.zeros(300_000, np.float32)
        gated[20_000 + 100_000 * number :][:500] = noise(500)
        (tmp_path / str(number)).mkdir()
        soundfile.write(tmp_path / str(number) / f"{number}.wav", gated, 8000)
        corpora.append(index(tmp_path / str(number)))
    assert corpora[0].entries[0].digest == corpora[1].entries[0].digest
    check_distinct(*corpora)
    shutil.copy(tmp_path / "0" / "0.wav", tmp_path / "1" / "copy.wav")
    with pytest.raises(DanError, match="the same recording is in clean and in noise"):
        check_distinct(corpora[0], index(tmp_path / "1"))


def test_folders_without_recordings_are_refused(tmp_path, folder):
    with pytest.raises(DanError, match="no such folder"):
        index(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("")
    with pytest.raises(DanError, match="no recordings"):
        index(tmp_path / "empty")
    soundfile.write(tmp_path / "empty" / "a.wav", np.zeros(100), 8000)
    with pytest.raises(DanError, match=r"of use: 1 silent, all samples the same \(a\.wav\)"):
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
