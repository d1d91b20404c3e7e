"""Likeness compares sets of signals, and no signal with its own reference."""

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.evaluation.likeness import FLOOR_DB, level_distance_db


def sines(amplitudes, cycles):
    time = np.arange(64) / 64
    return np.asarray(amplitudes)[:, None] * np.sin(2 * np.pi * np.asarray(cycles)[:, None] * time)


def test_the_order_of_the_signals_does_not_matter():
    random = np.random.default_rng(0)
    signals, others = random.standard_normal((2, 30, 64))
    assert level_distance_db(signals, signals[::-1]) == 0
    found = level_distance_db(signals, others)
    assert 0 < found == pytest.approx(level_distance_db(signals[::-1], others), rel=1e-12)


def test_a_gain_moves_every_level_that_is_above_the_floor():
    noise = 10 * np.random.default_rng(0).standard_normal((40, 64))
    assert level_distance_db(noise / 2, noise) == pytest.approx(6.02, abs=0.02)
    assert level_distance_db(1e-6 * noise, 0 * noise) == pytest.approx(0, abs=0.01)  # both under the floor
    assert level_distance_db(sines([1.0], [8]), sines([0.0], [8])) == pytest.approx(
        3 * -FLOOR_DB / 33, rel=0.2
    )


def test_the_mean_of_all_signals_has_less_error_and_is_less_alike():
    """The dilemma itself: of what is unknown, the mean is the best guess, and it is like no signal."""
    random = np.random.default_rng(0)
    clean, others = (sines(np.ones(400), random.integers(4, 28, 400)) for _ in range(2))
    blur, guess = np.zeros_like(clean), sines(np.ones(400), random.integers(4, 28, 400))
    assert ((blur - clean) ** 2).mean() < ((guess - clean) ** 2).mean()
    assert level_distance_db(guess, others) < 0.2 * level_distance_db(blur, others)


def test_sets_of_other_shapes_are_refused():
    with pytest.raises(DanError, match="others"):
        level_distance_db(np.ones((3, 64)), np.ones((4, 64)))
