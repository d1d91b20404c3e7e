"""Synthetic electrocardiograms: at any rate alike, in the heart's band, with a heart's rhythm."""

import numpy as np
import pytest

from dan.synthesis import hearts
from dan.synthesis.hearts import PEAK_MV, RATE_PER_MIN, draw_hearts


def draw(count=1, length=2880, rate_hz=360.0, seed=0):
    return draw_hearts(
        count, length_samples=length, sample_rate_hz=rate_hz, random=np.random.default_rng(seed)
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_signal_is_the_same_at_twice_the_rate(seed):
    slow, fast = draw(length=1440, rate_hz=180.0, seed=seed), draw(length=2880, rate_hz=360.0, seed=seed)
    # The fibrillating waves' phase is a sum over samples, which are twice as far apart: 2 % of their size.
    np.testing.assert_allclose(fast[:, ::2], slow, atol=0.02 * np.abs(slow).max())


def test_nearly_all_power_lies_below_50_hz():
    power = np.abs(np.fft.rfft(draw(60) * np.hanning(2880))) ** 2
    upper = power[:, 50 * 8 :].sum(axis=-1) / power.sum(axis=-1)
    # Narrow notches and a pacemaker's spikes reach higher.
    assert np.median(upper) < 0.01 and upper.max() < 0.7


def test_levels_span_what_leads_have():
    peaks = np.abs(draw(300)).max(axis=-1)
    assert PEAK_MV[0] * 0.5 < peaks.min() < 0.2 and 2 < peaks.max() < PEAK_MV[1] * 4


def test_hearts_differ():
    one, other = draw(2)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.9


@pytest.mark.parametrize("per_min", [45, 90, 150])
def test_a_steady_heart_beats_at_its_rate(monkeypatch, per_min):
    monkeypatch.setattr(hearts, "RATE_PER_MIN", (per_min, per_min))
    for share in ("FIBRILLATING_SHARE", "ECTOPIC_SHARE", "PACED_SHARE", "VENTRICULAR_SHARE"):
        monkeypatch.setattr(hearts, share, 0.0)
    signal = draw(length=360 * 60, seed=3)[0]
    power = np.abs(np.fft.rfft(signal - signal.mean())) ** 2
    per_min_of_bins = np.arange(len(power))
    # Comb of the rate and its harmonics up to 1000 a minute: the strongest of all combs is the heart's own.
    combs = {
        rate: np.mean([power[order * rate - 2 : order * rate + 3].max() for order in range(1, 1000 // rate)])
        for rate in per_min_of_bins[30:200]
    }
    assert max(combs, key=combs.__getitem__) == pytest.approx(per_min, rel=0.06)


def test_fibrillating_hearts_are_irregular(monkeypatch):
    monkeypatch.setattr(hearts, "ECTOPIC_SHARE", 0.0)
    random = np.random.default_rng(0)
    spreads = []
    for fibrillating in (False, True):
        starts_s, early = hearts._rhythm(120.0, 0.8, fibrillating, random)
        assert not early.any() and np.all(np.diff(starts_s) > 0) and starts_s[0] < 0 and starts_s[-1] > 118
        spreads.append(np.diff(starts_s).std() / 0.8)
    assert spreads[0] < 0.1 < spreads[1]


def test_an_ectopic_beat_comes_early_and_the_pause_makes_up_for_it(monkeypatch):
    monkeypatch.setattr(hearts, "ECTOPIC_SHARE", 1.0)
    starts_s, early = hearts._rhythm(300.0, 0.8, False, np.random.default_rng(1))
    place = np.flatnonzero(early[1:-1]) + 1
    assert len(place) > 5
    before, after = starts_s[place] - starts_s[place - 1], starts_s[place + 1] - starts_s[place]
    assert (before < after).all() and np.mean(before + after) == pytest.approx(1.6, rel=0.05)


def test_flutter_and_fibrillation_have_their_own_band():
    random = np.random.default_rng(0)
    drawn = np.stack([hearts._ventricular(8.0, 2880, random) for _ in range(60)])
    np.testing.assert_allclose(np.abs(drawn).max(axis=-1), 1)
    power = np.abs(np.fft.rfft(drawn * np.hanning(2880))) ** 2
    strongest_hz = power.argmax(axis=-1) / 8
    assert 1 < strongest_hz.min() < 3 and 7 < strongest_hz.max() < 15
    assert np.median(power[:, 16:160].sum(axis=-1) / power.sum(axis=-1)) > 0.98  # 2 to 20 Hz


@pytest.mark.parametrize("seed", range(12))
def test_beats_give_way_to_it_without_a_step(monkeypatch, seed):
    monkeypatch.setattr(hearts, "_ventricular", lambda duration_s, length, random: np.zeros(length))
    beating = np.ones(2880)
    hearts._stop_beating(beating, 360.0, np.random.default_rng(seed))
    assert beating.min() == 0 and beating.max() <= 1
    assert np.abs(np.diff(beating)).max(initial=0) <= 1.01 / (hearts.PASSING_S * 360)


def test_the_rates_are_a_hearts():
    assert RATE_PER_MIN[0] >= 30 and RATE_PER_MIN[1] <= 220


@pytest.mark.parametrize("length", [1, 7])
def test_short_signals_are_drawn_too(length):
    assert draw(3, length=length).shape == (3, length)
