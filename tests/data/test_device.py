"""A device's band and offset reach clean signals and noise as they should."""

import numpy as np
import pytest

from dan.data.device import band_limited, draw_offsets

RATE_HZ, LENGTH = 200.0, 400
TIME_S = np.arange(LENGTH) / RATE_HZ


def tones(frequency_hz, count=50):
    return np.tile(np.sin(2 * np.pi * frequency_hz * TIME_S).astype(np.float32), (count, 1))


def limited(clean, noise, share=1.0):
    return band_limited(
        clean,
        noise,
        share=share,
        cutoff_hz=(30.0, 40.0),
        sample_rate_hz=RATE_HZ,
        random=np.random.default_rng(0),
    )


def test_what_lies_in_the_band_stays_and_what_lies_above_goes():
    clean, noise = limited(tones(5.0), tones(90.0))
    inner = slice(50, -50)
    # An octave and more within the band the gentlest filter, of order 2, takes 0.3 %; above it leaves 20 %.
    np.testing.assert_allclose(clean[:, inner], tones(5.0)[:, inner], atol=0.02)
    assert np.abs(noise[:, inner]).max() < 0.25 and np.median(np.abs(noise[:, inner]).max(axis=-1)) < 0.01


def test_both_of_a_pair_are_limited_or_neither():
    clean, noise = limited(tones(90.0, 400), tones(90.0, 400), share=0.5)
    np.testing.assert_array_equal(clean, noise)
    kept = (clean == tones(90.0, 400)).all(axis=-1)
    assert kept.mean() == pytest.approx(0.5, abs=0.09)  # 3.5 deviations


def test_a_share_of_nothing_changes_nothing():
    clean, noise = limited(tones(90.0), tones(5.0), share=0.0)
    np.testing.assert_array_equal(clean, tones(90.0))
    np.testing.assert_array_equal(noise, tones(5.0))


def test_offsets_are_measured_by_the_level():
    level = np.full(500, 2.0)
    offsets = draw_offsets(level, share=0.4, largest=3.0, random=np.random.default_rng(0))
    assert offsets.shape == (500, 1) and 5 < np.abs(offsets).max() <= 6
    assert (offsets != 0).mean() == pytest.approx(0.4, abs=0.08)  # 3.5 deviations
