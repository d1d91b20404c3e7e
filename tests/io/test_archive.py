"""One array of a .npz or .mat: read as what it is, written back with all that is beside it."""

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.io.folder import find_recordings
from dan.io.recordings import open_reader, open_writer, read

SIGNAL = np.random.default_rng(0).standard_normal((2, 500))


def pass_through(source, target, gain=1.0):
    with open_reader(source, missing="fill") as reader, open_writer(target, reader, force=True) as writer:
        for block in reader.blocks(128):
            writer.write(gain * reader.gaps.put_back(block, writer.written_samples))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("array", [SIGNAL, SIGNAL[0].astype("f4"), np.arange(9, dtype=">i2") ** 3])
def test_a_npz_comes_back_byte_by_byte(tmp_path, save, array):
    save(tmp_path / "a.npz", ecg=array)
    with open_reader(tmp_path / "a.npz") as reader:
        assert (reader.channels, reader.rank, reader.sample_rate_hz) == (
            len(np.atleast_2d(array)),
            array.ndim,
            None,
        )
    pass_through(tmp_path / "a.npz", tmp_path / "b.npz")
    assert (tmp_path / "b.npz").read_bytes() == (tmp_path / "a.npz").read_bytes()


def test_a_npz_of_several_arrays_is_refused_by_their_names(tmp_path):
    np.savez(tmp_path / "a.npz", ecg=SIGNAL, fs=250)
    with pytest.raises(DanError, match=r"a\.npz: it holds 2 arrays: ecg, fs\. Save the one"):
        read(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DanError, match=r"b\.npz: it cannot be read"):
        read(tmp_path / "b.npz")


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_mat_keeps_its_other_variables_and_its_shape(tmp_path, transposed, compressed):
    scipy_io = pytest.importorskip("scipy.io")
    stored = SIGNAL.T if transposed else SIGNAL
    scipy_io.savemat(tmp_path / "a.mat", {"eeg": stored, "Fs": 250.0, "who": "X"}, do_compression=compressed)
    found = read(tmp_path / "a.mat")
    assert found.sample_rate_hz == 250
    np.testing.assert_array_equal(found.samples, SIGNAL)
    pass_through(tmp_path / "a.mat", tmp_path / "b.mat", gain=0.5)
    written = scipy_io.loadmat(tmp_path / "b.mat")
    np.testing.assert_array_equal(written["eeg"], stored / 2)
    assert (written["Fs"].item(), written["who"].item()) == (250, "X")
    sizes = [(tmp_path / name).stat().st_size for name in ("a.mat", "b.mat")]
    assert abs(sizes[0] - sizes[1]) < 200  # compressed or not, as it was


@pytest.mark.parametrize("kind", ["MAT4", "MAT5"])
def test_a_mat_that_libsndfile_takes_for_audio_is_read_by_its_own_rate(tmp_path, kind):
    pytest.importorskip("scipy.io")
    soundfile.write(tmp_path / "a.mat", SIGNAL[0] / 9, 256, "DOUBLE", format=kind)
    found = read(tmp_path / "a.mat")
    assert found.sample_rate_hz == 256
    np.testing.assert_allclose(found.samples, SIGNAL[0] / 9)


def test_the_rate_that_a_mat_says_holds_and_another_is_told(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    scipy_io.savemat(tmp_path / "a.mat", {"eeg": SIGNAL, "fs": 512.0})
    scipy_io.savemat(tmp_path / "b.mat", {"eeg": SIGNAL})
    with open_reader(tmp_path / "a.mat", sample_rate_hz=256) as reader:
        assert reader.sample_rate_hz == 512
        assert reader.notes == ["it says 512 Hz, which are taken, not the 256 Hz given"]
    with open_reader(tmp_path / "b.mat", sample_rate_hz=256) as reader:
        assert (reader.sample_rate_hz, reader.notes) == (256, [])


def test_mats_that_could_mean_several_things_are_refused(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    scipy_io.savemat(tmp_path / "a.mat", {"ecg": SIGNAL, "emg": SIGNAL})
    with pytest.raises(DanError, match="2 variables that could be the signal: ecg, emg"):
        read(tmp_path / "a.mat")
    scipy_io.savemat(tmp_path / "b.mat", {"who": "X"})
    with pytest.raises(DanError, match="no variable is a matrix of real numbers: who"):
        read(tmp_path / "b.mat")
    (tmp_path / "c.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform" + bytes(600))
    with pytest.raises(DanError, match=r"it is a MATLAB 7\.3 file.*-v7"):
        read(tmp_path / "c.mat")
    (tmp_path / "d.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    with pytest.raises(DanError, match=r"HDF5.*Save the array as \.npy"):
        read(tmp_path / "d.h5")


def test_the_samples_of_a_wfdb_record_are_no_recording_of_their_own(tmp_path):
    for name in ("A0001.mat", "A0001.hea", "b.mat"):
        (tmp_path / name).write_bytes(b"MATLAB 5.0 MAT-file")
    assert [path.name for path in find_recordings(tmp_path)] == ["A0001.hea", "b.mat"]


@pytest.mark.parametrize(
    "values",
    [np.array([2**63 - 1, -5, 2**53 + 1]), np.array([-0.0, 1.5, -2.0]), np.array([2**64 - 1, 7], "u8")],
)
def test_an_unchanged_npy_is_the_same_down_to_bits_that_no_float_holds(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    with open_reader(tmp_path / "a.npy") as reader, open_writer(tmp_path / "b.npy", reader) as writer:
        writer.write(reader.read(0, len(values)) + 0.0)
    assert writer.clipped_samples == 0
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()
