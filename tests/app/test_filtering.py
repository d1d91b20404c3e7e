"""Filters of the page: the file's own rate and encoding, and errors in words."""

import numpy as np
import pytest

from dan.app import commands
from dan.app.commands import FILTER, FILTERS
from dan.app.filtering import filter_file, main
from dan.core.errors import DanError
from dan.io.recordings import read, write


@pytest.mark.parametrize("name", ["wiener", "wavelet"])
def test_a_filtered_file_is_less_noisy_and_of_its_own_kind(name, tmp_path):
    time_s = np.arange(8000) / 8000
    clean = 0.3 * np.sin(2 * np.pi * 200 * time_s) * (time_s > 0.5)
    noisy = clean + 0.05 * np.random.default_rng(0).standard_normal(8000)
    write(tmp_path / "a.flac", noisy.astype(np.float32), sample_rate_hz=8000)
    filter_file(name, tmp_path / "a.flac", tmp_path / "b.flac")
    filtered = read(tmp_path / "b.flac")
    assert filtered.sample_rate_hz == 8000 and filtered.samples.shape == noisy.shape
    assert np.std(filtered.samples - clean) < 0.8 * np.std(noisy - clean)


def test_what_is_wrong_is_said(tmp_path):
    with pytest.raises(DanError, match="one of wiener"):
        filter_file("magic", tmp_path / "a.wav", tmp_path / "b.wav")


def test_the_page_calls_a_filter_by_its_prefix_over_many_files(tmp_path):
    sources = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for source in sources:
        write(source, np.ones(800, dtype=np.float32), sample_rate_hz=8000)
    (tmp_path / "out").mkdir()
    line = commands.denoise(FILTER + FILTERS[0], sources, tmp_path / "out")
    assert line[:2] == ["dan.app.filtering", "wiener"]
    main(*line[1:])
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.wav", "b.wav"]
