"""Warps keep order, ends and finiteness, and change what they are told to."""

import numpy as np
import pytest

from dan.data import warp
from dan.data.warp import warped

RATE_HZ = 100.0
CHIRP = np.sin(2 * np.pi * np.cumsum(np.linspace(1, 4, 800)) / RATE_HZ).astype(np.float32)


def run(signal, seed=0):
    return warped(signal, sample_rate_hz=RATE_HZ, random=np.random.default_rng(seed))


def test_without_spread_it_is_the_signal(monkeypatch):
    monkeypatch.setattr(warp, "SPEED_SPREAD", 0.0)
    monkeypatch.setattr(warp, "GAIN_SPREAD", 0.0)
    np.testing.assert_allclose(run(CHIRP), CHIRP, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_no_wave_is_lost_or_made(seed):
    crossings = np.count_nonzero(np.diff(np.sign(run(CHIRP, seed))))
    assert crossings == pytest.approx(np.count_nonzero(np.diff(np.sign(CHIRP))), abs=1)


def test_waves_move_and_change_their_size():
    moved = np.stack([run(CHIRP, seed) for seed in range(20)])
    assert np.abs(moved - CHIRP).max() > 0.5
    assert np.abs(moved).max() < np.exp(warp.GAIN_SPREAD) + 0.02
    assert np.abs(moved).max() > 1.2


def test_amplitudes_alone_are_scaled_by_a_smooth_curve(monkeypatch):
    monkeypatch.setattr(warp, "SPEED_SPREAD", 0.0)
    gain = run(np.ones(800, np.float32), seed=2)
    assert np.ptp(gain) > 0.05 and np.abs(np.diff(gain)).max() < 0.06


@pytest.mark.parametrize("length", [2, 3, 29])
def test_short_signals_keep_their_length(length):
    assert run(CHIRP[:length]).shape == (length,) and np.isfinite(run(CHIRP[:length])).all()
