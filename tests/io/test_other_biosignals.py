"""BrainVision, FIF and miniSEED: read only, written as .npy."""

import sys

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.io.recordings import open_reader, open_writer, read, written_name

VALUES = 1e-5 * np.random.default_rng(0).standard_normal((3, 1000))


def make_brainvision(folder):
    """As the format has it: a header in text, and samples of 16 bits, here of 0.1 µV."""
    channels = "\n".join(f"Ch{k + 1}={name},,0.1,µV" for k, name in enumerate(["Fp1", "Fp2", "Cz"]))
    (folder / "a.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\nDataFile=a.eeg\n"
        "MarkerFile=a.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=3\n"
        f"SamplingInterval=4000\n[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\n{channels}\n",
        "utf-8",
    )
    (folder / "a.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nDataFile=a.eeg\n"
        "[Marker Infos]\nMk1=Stimulus,S  1,100,1,0\n"
    )
    (folder / "a.eeg").write_bytes(np.rint(VALUES.T * 1e7).astype("<i2").tobytes())


def test_brainvision_becomes_npy(tmp_path):
    pytest.importorskip("mne")
    make_brainvision(tmp_path)
    with open_reader(tmp_path / "a.vhdr") as reader:
        assert reader.sample_rate_hz == 250 and reader.metadata["channels"] == ["Fp1", "Fp2", "Cz"]
        assert reader.notes == ["1 annotations are not carried over"]
        with open_writer(tmp_path / written_name(tmp_path / "a.vhdr"), reader) as writer:
            for block in reader.blocks(333):
                writer.write(block)
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), VALUES, atol=0.51e-7)


def test_stimulus_channels_are_left_out_of_fif(tmp_path):
    mne = pytest.importorskip("mne")
    info = mne.create_info(["Fp1", "Fp2", "STI"], 250.0, ["eeg", "eeg", "stim"])
    mne.io.RawArray(VALUES, info, verbose="ERROR").save(tmp_path / "a_raw.fif", verbose="ERROR")
    with open_reader(tmp_path / "a_raw.fif") as reader:
        assert reader.notes == ["left out, no signals: STI"]
        np.testing.assert_allclose(reader.read(0, 1000), VALUES[:2], rtol=1e-6)


def test_eeglab_is_read_though_its_content_is_matlab(tmp_path):
    pytest.importorskip("mne")
    scipy_io = pytest.importorskip("scipy.io")
    names = np.array([(name,) for name in ("Fp1", "Fp2", "Cz")], [("labels", object)])
    eeg = {
        "setname": "a", "nbchan": 3, "pnts": 1000, "trials": 1, "srate": 250.0, "xmin": 0.0, "xmax": 3.996,
        "data": 1e6 * VALUES, "chanlocs": names, "event": [], "icawinv": [], "icasphere": [],
        "icaweights": [], "epoch": [], "ref": "common",
    }  # fmt: skip
    scipy_io.savemat(tmp_path / "a.set", {"EEG": eeg}, appendmat=False)
    np.testing.assert_allclose(read(tmp_path / "a.set").samples, VALUES, rtol=1e-6)


def test_gaps_of_miniseed_are_missing_samples(tmp_path):
    obspy = pytest.importorskip("obspy")
    parts = [obspy.Trace(VALUES[0, at : at + 400].copy(), {"sampling_rate": 100.0}) for at in (0, 600)]
    parts[1].stats.starttime += 6
    obspy.Stream(parts).write(str(tmp_path / "a.mseed"), format="MSEED")
    with open_reader(tmp_path / "a.mseed", missing="fill") as reader:
        filled = reader.read(0, 1000)
        assert reader.sample_rate_hz == 100 and reader.gaps.count == 200
        stored = reader.gaps.put_back(filled, 0)[0]
    np.testing.assert_array_equal(stored[:400], VALUES[0, :400])
    np.testing.assert_array_equal(stored[600:], VALUES[0, 600:])
    assert np.isnan(stored[400:600]).all()


@pytest.mark.parametrize(
    ("name", "module"), [("a.vhdr", "mne"), ("a.set", "mne"), ("a.fif", "mne"), ("a.mseed", "obspy")]
)
def test_they_are_named_with_the_extra_or_the_damage(tmp_path, monkeypatch, name, module):
    (tmp_path / name).write_bytes(b"something else")
    pytest.importorskip(module)
    with pytest.raises(DanError, match=name):
        read(tmp_path / name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DanError, match=rf"{name}: .* need {module}\. pip install 'dan-denoiser\["):
        read(tmp_path / name)
