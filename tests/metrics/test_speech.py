"""PESQ and STOI: their scale, what has no figure, and what is refused."""

import importlib

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.evaluation.evaluate import score
from dan.metrics import registry, speech
from dan.metrics.registry import left_out, open_figures
from dan.metrics.speech import pesq_mos, stoi

RATE_HZ = 8000.0


def voice(seconds=2.0, *, rate_hz=RATE_HZ, seed=0):
    """Something like speech: harmonics of a gliding pitch in syllables of a quarter of a second."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * time_s)) / rate_hz
    harmonics = sum(np.cos(k * phase + random.uniform(0, 6)) / k for k in range(1, 20))
    return 0.1 * harmonics * np.maximum(0, np.sin(2 * np.pi * 2 * time_s))


def noisy(clean, level_db, *, seed=1):
    noise = np.random.default_rng(seed).standard_normal(clean.shape)
    return clean + noise * np.sqrt(np.mean(clean**2) / np.mean(noise**2)) * 10 ** (-level_db / 20)


@pytest.fixture(autouse=True)
def packages():
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")


@pytest.mark.parametrize(("rate_hz", "best"), [(8000, 4.549), (16000, 4.644)])
def test_pesq_of_perfection_is_the_top_of_its_scale(rate_hz, best):
    clean = voice(rate_hz=rate_hz)
    # The mappings of P.862.1 and P.862.2 at the raw score of 4.5.
    assert pesq_mos(estimate=clean, reference=clean, sample_rate_hz=rate_hz) == pytest.approx(best, abs=1e-3)
    assert stoi(estimate=clean, reference=clean, sample_rate_hz=rate_hz) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("figure", [pesq_mos, stoi])
def test_both_rise_with_the_snr_and_see_no_level(figure, reported):
    clean = voice()
    mixed = np.stack([noisy(clean, level_db) for level_db in (-5, 5, 15)])
    scores = figure(estimate=mixed, reference=np.stack([clean] * 3), sample_rate_hz=RATE_HZ)
    assert scores[0] < scores[1] < scores[2]
    assert reported["Signals"] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    for factor in (1e-30, 1e30):  # float32 would lose one of the two signals
        scaled = figure(estimate=factor * mixed[1], reference=clean, sample_rate_hz=RATE_HZ)
        assert scaled == pytest.approx(scores[1], abs=1e-4)  # PESQ works in float32


@pytest.mark.parametrize(("figure", "lowest"), [(pesq_mos, 1.0), (stoi, 0.0)])
def test_silence(figure, lowest):
    clean, silence = voice(), np.zeros(16000)
    assert figure(estimate=silence, reference=clean, sample_rate_hz=RATE_HZ) == lowest
    assert np.isnan(figure(estimate=clean, reference=silence, sample_rate_hz=RATE_HZ))
    assert np.isnan(figure(estimate=silence, reference=silence, sample_rate_hz=RATE_HZ))


@pytest.mark.parametrize("figure", [pesq_mos, stoi])
@pytest.mark.parametrize("samples", [1, 2, 100, 206, 400, 1900])
def test_too_short_has_no_figure(figure, samples):
    clean = voice()[2000 : 2000 + samples]
    assert np.isnan(figure(estimate=noisy(clean, 5), reference=clean, sample_rate_hz=RATE_HZ))


@pytest.mark.parametrize("odd", [np.ones(16000), np.eye(1, 16000, 8000)[0], np.tile([1.0, -1.0], 8000)])
def test_odd_estimates_have_a_finite_figure(odd):
    for figure in (pesq_mos, stoi):
        assert np.isfinite(figure(estimate=odd, reference=voice(), sample_rate_hz=RATE_HZ))


def test_other_rates():
    clean = voice(rate_hz=11025)
    with pytest.raises(DanError, match="8000 and 16000 Hz only"):
        pesq_mos(estimate=clean, reference=clean, sample_rate_hz=11025)
    with pytest.raises(DanError, match="whole number"):
        stoi(estimate=clean, reference=clean, sample_rate_hz=11025.5)
    message = open_figures("speech", sample_rate_hz=11025)
    assert set(message.measures) == {"snr_db", "si_sdr_db", "stoi"}
    assert any("no PESQ: sample_rate_hz=11025" in remark for remark in message.remarks)
    assert not any(remark.endswith(".") for remark in message.remarks)  # which is put where they are shown


def test_without_the_packages_the_figures_are_left_out(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DanError, match=r"dan-denoiser\[speech\]"):
        pesq_mos(estimate=voice(), reference=voice(), sample_rate_hz=RATE_HZ)
    message = open_figures("speech", sample_rate_hz=RATE_HZ)
    assert set(message.measures) == {"snr_db", "si_sdr_db"}
    assert sum("not installed" in remark for remark in message.remarks) == len(message.remarks) == 2


def test_silence_among_the_signals_is_left_out_and_counted():
    clean = np.stack([voice(), np.zeros(16000), voice(seed=3)])
    mixed = np.stack([noisy(clean[0], 5), clean[0], noisy(clean[2], 5)])
    row = score("some", mixed, clean=clean, mixed=mixed, kind="speech", sample_rate_hz=RATE_HZ)
    alone = pesq_mos(estimate=mixed[::2], reference=clean[::2], sample_rate_hz=RATE_HZ)
    assert row.figures["pesq"] == pytest.approx(alone.mean())
    values = open_figures("speech", sample_rate_hz=RATE_HZ).take(list(mixed), clean=list(clean))
    assert any("PESQ leaves out 1 of 3 signals" in message for message in left_out(values))
    silence = np.zeros((1, 16000))
    empty = score("none", silence, clean=silence, mixed=silence, kind="speech", sample_rate_hz=RATE_HZ)
    assert empty.figures == {}  # no figure rather than a made-up one


def test_figures_have_headings():
    for kind in ("speech", "ecg", "eeg"):
        measures = set(open_figures(kind, sample_rate_hz=RATE_HZ).measures) - {"snr_db", "si_sdr_db"}
        assert measures and measures <= set(registry.HEADINGS)
    assert set(speech.PESQ_MODES) == {8000.0, 16000.0}
