"""The judge of ECG denoisers: SNRs that it says are there, filters that filter, beats that are found."""

import numpy as np
import pytest
import wfdb
from benchmarks.shipped_models import ecg

from dan.core.arrays import energy, energy_ratio_db

MINUTES = 30


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One record of a steady heart with two leads and its annotations, and a folder of noise."""
    folder, noise = tmp_path_factory.mktemp("hearts"), tmp_path_factory.mktemp("noise")
    random, length = np.random.default_rng(0), MINUTES * 60 * 360
    beats = np.arange(180, length - 180, 300)
    shape = np.exp(-0.5 * (np.arange(-30, 31) / 4) ** 2)
    lead = np.zeros(length)
    lead[beats] = 1
    lead = np.convolve(lead, shape, mode="same")
    wfdb.wrsamp(
        "1", 360, ["mV", "mV"], ["I", "II"], np.stack([lead, -0.5 * lead], axis=1), fmt=["16", "16"],
        adc_gain=[1000.0, 1000.0], baseline=[0, 0], write_dir=str(folder),
    )  # fmt: skip
    wfdb.wrann("1", "atr", beats, ["N"] * len(beats), write_dir=str(folder))
    for name in ("bw", "em"):
        np.save(noise / f"{name}.npy", random.standard_normal((2, 40_000)).cumsum(axis=-1))
    return folder, noise


@pytest.mark.parametrize("snr_db", [0.0, 12.0])
def test_stretches_have_the_snr_they_say_and_know_their_beats(folders, snr_db):
    drawn = list(ecg.stretches(*folders, duration_s=10.0, count=3, snr_db=snr_db, seed=0))
    assert len(drawn) == 6
    for stretch in drawn:
        got_db = energy_ratio_db(energy(stretch.clean), energy(stretch.mixed - stretch.clean))
        assert got_db == pytest.approx(snr_db, abs=1e-6)
        peaks = np.abs(stretch.clean)[np.round(stretch.beats_s * 360).astype(int)]
        assert len(peaks) in (12, 13) and (peaks[1:-1] > 0.8 * np.abs(stretch.clean).max()).all()


def test_mains_that_it_was_recorded_in_are_not_clean(folders, tmp_path):
    plain = wfdb.rdrecord(str(folders[0] / "1")).p_signal
    time_s = np.arange(len(plain))[:, None] / 360
    hum = 0.1 * np.sin(2 * np.pi * 60 * time_s) + 0.05 * np.sin(2 * np.pi * 120 * time_s)
    wfdb.wrsamp(
        "1", 360, ["mV", "mV"], ["I", "II"], plain + hum, fmt=["16", "16"],
        adc_gain=[1000.0, 1000.0], baseline=[0, 0], write_dir=str(tmp_path),
    )  # fmt: skip
    (tmp_path / "1.atr").write_bytes((folders[0] / "1.atr").read_bytes())

    def clean(hearts, **options):
        drawn = ecg.stretches(hearts, folders[1], duration_s=10.0, count=1, snr_db=0.0, seed=0, **options)
        return next(iter(drawn)).clean

    wanted = clean(folders[0])
    assert ecg.snr_db(clean(tmp_path), wanted) < 10
    assert ecg.snr_db(clean(tmp_path, mains_hz=60.0), wanted) > 20


def test_a_model_that_does_nothing_gains_nothing_and_filters_gain(folders, monkeypatch):
    monkeypatch.setattr(ecg.dan, "load", lambda _: lambda signal, sample_rate: signal)
    monkeypatch.setattr(ecg, "WINDOWS", 2)
    monkeypatch.setattr(ecg, "SNRS_DB", (0.0,))
    found = ecg.judge([("none", folders[0])], folders[1])
    assert found["0"]["dan"]["mean"] == pytest.approx(0, abs=1e-6)
    assert found["0"]["0.5-40 Hz and notch"]["mean"] > 3
    tuned = [name for name in found["0"] if name.startswith("tuned")]
    assert len(tuned) == 1 and found["0"][tuned[0]]["mean"] >= found["0"]["0.5-40 Hz and notch"]["mean"] - 0.5
    assert found["200"]["dan"]["mean"] > 99
    assert "| dan | 0 dB | 0.0 |" in ecg.table(found) or "| dan | 0 dB | -0.0 |" in ecg.table(found)


def test_beats_of_a_clean_heart_are_found(folders, monkeypatch):
    monkeypatch.setattr(ecg.dan, "load", lambda _: lambda signal, sample_rate: signal)
    assert ecg.find_beats([("none", folders[0])], folders[1])["clean"] > 0.97


def test_intervals_are_over_hearts():
    """Two hearts, each of many equal stretches, leave the mean between the two open."""
    values, hearts = np.repeat([0.0, 10.0], 50), ["a"] * 50 + ["b"] * 50
    assert ecg.interval(values, hearts) == (0.0, 10.0)
