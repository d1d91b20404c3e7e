"""Missing samples: filled between their neighbours whatever the blocks, and put back as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dan.core.errors import DanError
from dan.io._missing import Gaps
from dan.io.recordings import open_reader, open_writer


def gaps_of(samples):
    return Gaps(lambda start, count: samples[:, start : start + count])


def straight(row):
    """The slow way: each missing sample by itself."""
    known = np.flatnonzero(~np.isnan(row))
    return np.interp(np.arange(len(row)), known, row[known]) if known.size else np.zeros(len(row))


@given(data=st.data())
def test_blocks_of_any_length_are_filled_as_the_whole_is(data):
    length = data.draw(st.integers(1, 60))
    samples = np.random.default_rng(0).standard_normal((2, length))
    for channel in range(2):
        samples[channel, data.draw(st.lists(st.integers(0, length - 1), max_size=80))] = np.nan
    gaps, filled, back, start = gaps_of(samples), [], [], 0
    while start < length:
        block = samples[:, start : start + data.draw(st.integers(1, 20))]
        filled.append(gaps.filled(block, start))
        back.append(gaps.put_back(np.zeros_like(block), start))
        start += block.shape[1]
    np.testing.assert_allclose(np.concatenate(filled, axis=1), [straight(row) for row in samples], rtol=1e-12)
    np.testing.assert_array_equal(np.concatenate(back, axis=1), np.where(np.isnan(samples), np.nan, 0))
    assert gaps.count == np.isnan(samples).sum()


def test_a_long_gap_holds_the_values_beside_it_with_a_line_in_the_middle():
    row = np.full(50_000, np.nan)
    row[0], row[-1] = 1, 3
    gaps = gaps_of(row[None])
    blocks = [gaps.filled(row[None, start : start + 777], start) for start in range(0, len(row), 777)]
    wanted = np.interp(np.arange(50_000), [0, 24_999 - 128, 24_999 + 128, 49_999], [1, 1, 3, 3])
    np.testing.assert_allclose(np.concatenate(blocks, axis=1)[0], wanted, atol=1e-12)


@pytest.mark.parametrize(("length", "is_line"), [(1024, True), (1026, False)])
def test_gaps_of_some_length_are_short_ones(length, is_line):
    row = np.full(length + 1, np.nan)
    row[0], row[-1] = 0, length
    filled = gaps_of(row[None]).filled(row[None], 0)[0]
    assert np.allclose(filled, np.arange(length + 1)) == is_line
    assert (filled[1] == 0) != is_line


def test_reading_again_counts_and_keeps_nothing_twice():
    samples = np.array([[1.0, np.nan, 3.0, np.nan]])
    gaps = gaps_of(samples)
    for _ in range(3):
        gaps.filled(samples, 0)
    assert gaps.count == 2
    assert gaps.put_back(np.zeros((1, 2)), 2)[0, 0] == 0  # samples may come late, in blocks of another length


@pytest.mark.parametrize("name", ["a.npy", "a.wav"])
def test_missing_samples_come_back_as_they_were_stored(tmp_path, name):
    soundfile = pytest.importorskip("soundfile")
    samples = np.linspace(-0.5, 0.5, 300, dtype=np.float32)
    samples[7], samples[200:210] = np.nan, -np.nan
    source, target = tmp_path / name, tmp_path / "out" / name
    np.save(source, samples) if name == "a.npy" else soundfile.write(source, samples, 256, subtype="FLOAT")
    with (
        open_reader(source, missing="fill") as reader,
        open_writer(target, reader) as writer,
    ):
        for block in reader.blocks(64):
            assert np.allclose(np.diff(block), 1 / 299, atol=1e-6)  # the line goes through
            writer.write(reader.gaps.put_back(block, writer.written_samples))
    stored = [
        np.load(path) if name == "a.npy" else soundfile.read(path, dtype="float32")[0]
        for path in (source, target)
    ]
    assert stored[0].tobytes() == stored[1].tobytes()  # the sign of NaN too
    with open_reader(source) as reader, pytest.raises(DanError, match="nan at sample 7"):
        reader.read(0, 300)


def test_infinity_is_refused_by_its_place(tmp_path):
    np.save(tmp_path / "a.npy", [0, np.nan, np.inf])
    with (
        open_reader(tmp_path / "a.npy", missing="fill") as reader,
        pytest.raises(DanError, match="inf at sample 2"),
    ):
        reader.read(0, 3)
