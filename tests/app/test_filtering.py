"""Filters of the page: the file's own rate, encoding and gaps, and errors in words."""

import numpy as np
import pytest

from dan.app import commands
from dan.app.commands import FILTER, FILTERS
from dan.app.filtering import filter_file, main
from dan.core.errors import DanError
from dan.io.recordings import open_reader, read, write

RATE_HZ = 100
WAVES = np.random.default_rng(0).standard_normal((2, 1000)).clip(-4, 4)


def write_table(path, waves):
    rows = (f"{place / RATE_HZ},{one:.6f},{other:.6f}" for place, (one, other) in enumerate(waves.T))
    path.write_text("\n".join(["time,I,II", *rows, ""]).replace("nan", ""))


def write_edf(path, waves):
    edfio = pytest.importorskip("edfio")
    edfio.Edf(
        [edfio.EdfSignal(wave, RATE_HZ, label=name) for wave, name in zip(waves, "ab", strict=True)]
    ).write(path)


def write_wfdb(path, waves):
    wfdb = pytest.importorskip("wfdb")
    given = {"fs": RATE_HZ, "units": ["mV"] * 2, "sig_name": ["I", "II"], "fmt": ["16"] * 2}
    wfdb.wrsamp(path.stem, p_signal=waves.T, write_dir=str(path.parent), **given)


def write_mat(path, waves):
    pytest.importorskip("scipy.io").savemat(path, {"eeg": waves, "Fs": float(RATE_HZ), "who": "X"})


WRITERS = {".csv": write_table, ".edf": write_edf, ".hea": write_wfdb, ".mat": write_mat}


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("suffix", WRITERS)
def test_tables_and_biosignals_are_filtered_through_the_command_of_the_page(suffix, name, tmp_path):
    source, out = tmp_path / f"a{suffix}", tmp_path / "out"
    WRITERS[suffix](source, WAVES)
    out.mkdir()
    main(*commands.denoise(FILTER + name, [source], out)[1:])
    before, after = read(source), read(out / source.name)
    assert (out / "a.dat").is_file() == (suffix == ".hea")
    assert after.sample_rate_hz == RATE_HZ and after.samples.shape == WAVES.shape
    assert np.std(after.samples) < 0.9 * np.std(before.samples)  # white noise is what filters take away


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("suffix", [".csv", ".hea", ".mat"])
def test_missing_samples_are_filled_for_the_filter_and_stay_missing(suffix, tmp_path):
    waves = WAVES.copy()
    waves[1, 300:320] = np.nan
    WRITERS[suffix](tmp_path / f"a{suffix}", waves)
    filter_file("wiener", tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")
    with open_reader(tmp_path / f"b{suffix}", missing="fill") as reader:
        filled = reader.read(0, 1000)
        stored = reader.gaps.put_back(filled, 0)
    np.testing.assert_array_equal(np.isnan(stored), np.isnan(waves))
    assert np.std(filled) < 0.9 * np.nanstd(waves)


def test_a_recording_that_does_not_say_its_rate_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", WAVES)
    with pytest.raises(DanError, match="sample rate"):
        filter_file("wiener", tmp_path / "a.npy", tmp_path / "b.npy")
