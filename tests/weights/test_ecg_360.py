"""The ECG model that comes along: any usual rate, files of biosignals, and no harm to what is clean.

Hearts are synthesised: how good it is on people is measured by benchmarks/shipped_models/ecg.py.
"""

import sys

import numpy as np
import pytest

import dan
import dan.cli.main as cli
from dan.core.arrays import energy, energy_ratio_db
from dan.dsp.butterworth import bandpass, highpass, lowpass
from dan.inference.model_file import find_model
from dan.synthesis.artefacts import draw_motion, draw_muscle, draw_wander
from dan.synthesis.hearts import draw_hearts

RATES_HZ = [100.0, 125.0, 250.0, 360.0, 500.0, 1000.0]
COUNT, DURATION_S = 12, 12.0


def draw(rate_hz, seed=7):
    """Clean hearts and noise of unit RMS, ``[COUNT, T]`` each."""
    random = np.random.default_rng(seed)
    geometry = {"length_samples": round(DURATION_S * rate_hz), "sample_rate_hz": rate_hz, "random": random}
    clean = highpass(draw_hearts(COUNT, **geometry), sample_rate_hz=rate_hz, cutoff_hz=0.5)
    parts = [made(COUNT, **geometry) for made in (draw_wander, draw_muscle, draw_motion)]
    noise = sum(part / part.std(axis=-1, keepdims=True) for part in parts)
    return tuple(row / row.std(axis=-1, keepdims=True) for row in (clean, noise))


def snr_db(estimate, clean):
    return energy_ratio_db(energy(clean), energy(estimate - clean))


@pytest.fixture(scope="module", params=[".onnx", ".safetensors"])
def denoiser(request):
    return dan.load(find_model("ecg-360", suffixes=(request.param,)))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_at_any_usual_rate_it_gains_more_than_a_band_pass(denoiser, rate_hz):
    clean, noise = draw(rate_hz)
    mixed = clean + 0.7 * noise  # 3 dB
    estimate = denoiser(mixed, sample_rate=rate_hz, resample=True)
    assert estimate.shape == clean.shape
    filtered = bandpass(mixed, sample_rate_hz=rate_hz, frequency_hz=(0.5, 40.0))
    assert snr_db(estimate, clean).mean() > snr_db(filtered, clean).mean() + 1


def test_white_noise_goes(denoiser):
    clean, _ = draw(360.0)
    mixed = clean + np.random.default_rng(1).standard_normal(clean.shape)
    estimate = denoiser(mixed, sample_rate=360.0)
    assert (snr_db(estimate, clean) - snr_db(mixed, clean)).mean() > 8


def draw_fast(centres_hz, seed=2):
    """Rhythms as fast as ventricular fibrillation: noise of a band 1 Hz wide, ``[len(centres_hz), T]``."""
    random = np.random.default_rng(seed)
    bands = [(centre - 0.5, centre + 0.5) for centre in centres_hz]
    drawn = [
        bandpass(random.standard_normal(14_400), sample_rate_hz=360.0, frequency_hz=band) for band in bands
    ]
    return np.stack([row / row.std() for row in drawn])


def test_white_noise_goes_from_rhythms_as_fast_as_fibrillation(denoiser):
    clean = draw_fast((4.0, 4.5, 5.0))
    mixed = clean + 0.32 * np.random.default_rng(3).standard_normal(clean.shape)  # 10 dB
    estimate = denoiser(mixed, sample_rate=360.0)
    assert (snr_db(estimate, clean) - snr_db(mixed, clean)).mean() > 6


def test_rhythms_as_fast_as_fibrillation_stay_as_they_are(denoiser):
    clean = draw_fast(np.arange(2.5, 9.1, 0.5))
    kept_db = snr_db(denoiser(clean, sample_rate=360.0), clean)
    assert kept_db.min() > 12 and kept_db.mean() > 20


@pytest.mark.parametrize(
    ("gap_s", "value", "rate_hz"), [(17, 0.0, 360.0), (60, 0.0, 360.0), (60, 0.01, 250.0), (900, 0.3, 360.0)]
)
def test_hearts_after_a_gap_come_out_as_without_it(denoiser, gap_s, value, rate_hz):
    """A lead that is off, or a dropout that is bridged."""
    clean, noise = draw(rate_hz)
    mixed = (clean + 0.1 * noise)[:4]
    before, after = np.split(mixed, 2, axis=-1)
    gap = np.full((len(mixed), round(gap_s * rate_hz)), value)
    with_gap = np.concatenate([before, gap, after], axis=-1)
    estimate, wanted = (
        denoiser(signal, sample_rate=rate_hz, resample=True)[:, -after.shape[-1] :]
        for signal in (with_gap, mixed)
    )
    estimate, wanted = (row - row.mean(axis=-1, keepdims=True) for row in (estimate, wanted))
    assert snr_db(estimate, wanted).mean() > 20


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_clean_hearts_stay_as_they_are(denoiser, rate_hz):
    clean, _ = draw(rate_hz)
    kept_db = snr_db(denoiser(clean, sample_rate=rate_hz, resample=True), clean)
    assert kept_db.mean() > 20


@pytest.mark.parametrize("level", [1e-3, 1.0, 1e3])
def test_volts_millivolts_and_microvolts_come_out_alike(denoiser, level):
    clean, noise = draw(360.0)
    mixed = clean + 0.7 * noise
    wanted = denoiser(mixed, sample_rate=360.0)
    # The power of 1e-14 that keeps bins finite is felt where they are nearly empty: -50 dB.
    assert snr_db(denoiser(level * mixed, sample_rate=360.0) / level, wanted).min() > 50


def test_polarity_hardly_matters(denoiser):
    clean, noise = draw(360.0)
    mixed = clean + 0.7 * noise
    upright, flipped = (denoiser(sign * mixed, sample_rate=360.0) * sign for sign in (1, -1))
    assert snr_db(flipped, clean).mean() == pytest.approx(snr_db(upright, clean).mean(), abs=1.5)


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
def test_hum_without_harmonics_goes(denoiser, mains_hz):
    clean, _ = draw(360.0)
    hum = np.sqrt(2) * np.sin(2 * np.pi * mains_hz / 360 * np.arange(clean.shape[-1]))
    assert snr_db(denoiser(clean + hum, sample_rate=360.0), clean).mean() > 15


@pytest.mark.parametrize("cutoff_hz", [30.0, 60.0, 120.0])
def test_what_a_device_took_away_is_not_missed(denoiser, cutoff_hz):
    clean, noise = (lowpass(part, sample_rate_hz=360.0, pass_hz=cutoff_hz) for part in draw(360.0))
    estimate = denoiser(clean + 0.7 * noise, sample_rate=360.0)
    assert snr_db(estimate, clean).mean() > 11


def run(*arguments):
    """Run a command line."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["dan", *map(str, arguments)])
        cli.main()
    assert not ended.value.code


@pytest.fixture(scope="module")
def two_leads():
    """Two leads in noise at 360 Hz, and what the model makes of them."""
    clean, noise = (signal[:2].astype(np.float32) for signal in draw(360.0))
    mixed = clean + np.float32(0.5) * noise
    return mixed, dan.load("ecg-360")(mixed, sample_rate=360.0)


def test_a_table_is_denoised(tmp_path, two_leads):
    mixed, wanted = two_leads
    np.savetxt(tmp_path / "in.csv", mixed.T, delimiter=",", header="I,II", comments="", fmt="%.6f")
    run("denoise", "ecg-360", tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--sample-rate", 360)
    written = np.loadtxt(tmp_path / "out.csv", delimiter=",", skiprows=1).T
    np.testing.assert_allclose(written, wanted, atol=1e-4)  # six places, and sums in another order


def test_a_wfdb_record_is_denoised(tmp_path, two_leads):
    wfdb = pytest.importorskip("wfdb")
    mixed, wanted = two_leads
    wfdb.wrsamp(
        "in", 360, ["mV", "mV"], ["MLII", "V1"], mixed.T.astype(float), fmt=["16", "16"],
        adc_gain=[1000.0, 1000.0], baseline=[0, 0], write_dir=str(tmp_path),
    )  # fmt: skip
    run("denoise", "ecg-360", tmp_path / "in.hea", "-o", tmp_path / "out.hea")
    written = wfdb.rdrecord(str(tmp_path / "out")).p_signal.T
    np.testing.assert_allclose(written, wanted, atol=5e-3)  # steps of 0.001 mV in and out


def test_an_edf_of_another_rate_is_denoised(tmp_path):
    pyedflib = pytest.importorskip("pyedflib")
    clean, noise = (signal[0] for signal in draw(250.0))
    mixed = np.clip(clean + 0.5 * noise, -30, 30)
    header = {"label": "ECG", "dimension": "mV", "sample_frequency": 250, "physical_min": -32.0,
              "physical_max": 32.0, "digital_min": -32768, "digital_max": 32767, "transducer": "",
              "prefilter": ""}  # fmt: skip
    with pyedflib.EdfWriter(str(tmp_path / "in.edf"), 1) as file:
        file.setSignalHeaders([header])
        file.writeSamples([mixed])
    run("denoise", "ecg-360", tmp_path / "in.edf", "-o", tmp_path / "out.edf", "--resample")
    with pyedflib.EdfReader(str(tmp_path / "out.edf")) as file:
        written = file.readSignal(0)
    wanted = dan.load("ecg-360")(mixed, sample_rate=250.0, resample=True)
    np.testing.assert_allclose(written, wanted, atol=1e-2)  # steps of 0.001 mV in and out
