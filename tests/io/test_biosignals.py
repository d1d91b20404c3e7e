"""EDF, BDF and WFDB: physical units, and all that is no signal of the channels comes back bit by bit."""

import sys

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.io.recordings import open_reader, open_writer, read

pyedflib = pytest.importorskip("pyedflib")
wfdb = pytest.importorskip("wfdb")


def signals(rates, seconds=10):
    generator = np.random.default_rng(0)
    return [np.clip(50 * generator.standard_normal(rate * seconds), -400, 400) for rate in rates]


def make(path, labels, rates):
    kind = pyedflib.FILETYPE_BDFPLUS if path.suffix == ".bdf" else pyedflib.FILETYPE_EDFPLUS
    with pyedflib.EdfWriter(str(path), len(labels), kind) as file:
        file.setSignalHeaders(
            [
                {"label": label, "dimension": "uV", "sample_frequency": rate, "physical_min": -500.0,
                 "physical_max": 400.0, "digital_min": -32768, "digital_max": 32767, "transducer": "",
                 "prefilter": ""}
                for label, rate in zip(labels, rates, strict=True)
            ]
        )  # fmt: skip
        values = signals(rates)
        file.writeSamples(values)
        file.writeAnnotation(2.25, 1, "spindle")
    return values


def halve(source, target, **options):
    with open_reader(source, **options) as reader, open_writer(target, reader) as writer:
        for block in reader.blocks(173):
            writer.write(block / 2)


@pytest.mark.parametrize("suffix", [".edf", ".bdf"])
def test_channels_come_in_physical_units(tmp_path, suffix):
    values = make(tmp_path / f"a{suffix}", ["Fp1", "Fp2"], [256, 256])
    recording = read(tmp_path / f"a{suffix}")
    assert recording.sample_rate_hz == 256
    np.testing.assert_allclose(recording.samples, values, atol=900 / 65535)  # one step
    with open_reader(tmp_path / f"a{suffix}") as reader:
        assert reader.metadata == {"channels": ["Fp1", "Fp2"], "units": ["uV", "uV"]}


@pytest.mark.parametrize("suffix", [".edf", ".bdf"])
def test_other_rates_triggers_and_annotations_are_copied(tmp_path, suffix):
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    values = make(source, ["Resp", "C3", "Status", "C4"], [32, 200, 200, 200])
    with pytest.raises(DanError, match=rf"a{suffix}: it has channels of 32 and 200 Hz.*--sample-rate"):
        open_reader(source)
    halve(source, target, sample_rate_hz=200)
    with pyedflib.EdfReader(str(source)) as before, pyedflib.EdfReader(str(target)) as after:
        for channel, factor in enumerate([1, 0.5, 1, 0.5]):
            atol = 0 if factor == 1 else 900 / 65535
            expected = factor * before.readSignal(channel)
            np.testing.assert_allclose(after.readSignal(channel), expected, rtol=0, atol=atol)
        assert after.readAnnotations()[2].tolist() == ["spindle"]
        assert after.getSignalHeaders() == before.getSignalHeaders()
    assert len(values[0]) == 320


def test_a_rate_for_files_that_say_none_is_not_that_of_an_edf_of_one(tmp_path):
    make(tmp_path / "a.edf", ["I", "II"], [128, 128])
    assert read(tmp_path / "a.edf", sample_rate_hz=360).sample_rate_hz == 128


def test_an_edf_is_not_written_as_bdf(tmp_path):
    make(tmp_path / "a.edf", ["C3"], [100])
    with pytest.raises(DanError, match=r"b\.bdf"):
        halve(tmp_path / "a.edf", tmp_path / "b.bdf")


def make_record(folder, fmt, **options):
    values = np.clip(np.random.default_rng(1).standard_normal((999, 3)), -1.2, 1.2)
    wfdb.wrsamp(
        "a", 360, ["mV", "mV", "NU"], ["MLII", "V 5", "x"], values, fmt=fmt, adc_gain=[100.0, 80.0, 50.5],
        baseline=[0, -7, 5], comments=["69 M 1085", "two lines"], write_dir=str(folder), **options,
    )  # fmt: skip


@pytest.mark.parametrize("fmt", [["16"] * 3, ["212"] * 3, ["80"] * 3, ["24"] * 3, ["32"] * 3])
def test_a_record_written_reads_as_it_should(tmp_path, fmt):
    make_record(tmp_path, fmt)
    halve(tmp_path / "a.hea", tmp_path / "b.hea")
    before, after = wfdb.rdrecord(str(tmp_path / "a")), wfdb.rdrecord(str(tmp_path / "b"))
    # Half a step of the coarsest gain, and what rounding adds.
    np.testing.assert_allclose(after.p_signal, before.p_signal / 2, atol=0.51 / 50.5)
    for name in ("fs", "sig_name", "units", "adc_gain", "baseline", "comments", "fmt", "sig_len"):
        assert getattr(after, name) == getattr(before, name), name
    raw = wfdb.rdrecord(str(tmp_path / "b"), physical=False)
    header = wfdb.rdheader(str(tmp_path / "b"))
    assert header.init_value == raw.d_signal[0].tolist()
    assert [sum(column) % 65536 for column in raw.d_signal.T.tolist()] == [c % 65536 for c in header.checksum]


def test_a_missing_sample_is_named(tmp_path):
    wfdb.wrsamp(
        "a", 360, ["mV"], ["I"], np.array([[0.0], [np.nan], [0.5]]), fmt=["16"], adc_gain=[200.0],
        baseline=[0], write_dir=str(tmp_path),
    )  # fmt: skip
    with pytest.raises(DanError, match=r"a\.hea has nan at sample 1"):
        read(tmp_path / "a.hea")


def test_a_missing_library_is_named_with_its_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wfdb", None)
    (tmp_path / "a.hea").write_bytes(b"something")
    with pytest.raises(DanError, match=r"a\.hea: it takes wfdb.*pip install 'dan-denoiser\[biosignals\]'"):
        open_reader(tmp_path / "a.hea")
