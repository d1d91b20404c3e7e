"""What lies 40 dB below the loudest stretch of its length is quiet, whatever the offset."""

import numpy as np
import pytest

from dan.data.levels import BLOCK_SAMPLES, Levels


def burst(quiet_db, length=64 * BLOCK_SAMPLES, offset=0.0):
    """Noise, of which all but the second quarter is so much lower."""
    signal = np.random.default_rng(0).standard_normal(length)
    loud = slice(length // 4, length // 2)
    signal[: loud.start] *= 10 ** (-quiet_db / 20)
    signal[loud.stop :] *= 10 ** (-quiet_db / 20)
    return (signal + offset).astype(np.float32)


@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize(("quiet_db", "is_quiet"), [(35, False), (45, True)])
def test_what_is_40_db_below_is_quiet(quiet_db, is_quiet, offset):
    levels = Levels([burst(quiet_db, offset=offset)])
    count = 4 * BLOCK_SAMPLES
    assert levels.is_quiet(0, count) == levels.is_quiet(50 * BLOCK_SAMPLES, count) == is_quiet
    assert not levels.is_quiet(20 * BLOCK_SAMPLES, count)
    # of the 61 stretches of 4 blocks, 16 + 3 reach into the loud quarter
    assert levels.quiet_share(count) == (pytest.approx(42 / 61) if is_quiet else 0)


def test_the_loudest_stretch_is_where_it_is():
    start = Levels([burst(60)]).loudest_start(16 * BLOCK_SAMPLES)
    assert start == 16 * BLOCK_SAMPLES


def test_parts_give_what_the_whole_gives():
    signal = burst(45)
    whole, parts = Levels([signal]), Levels(np.split(signal, 4))
    for start in range(0, 60 * BLOCK_SAMPLES, 500):
        assert whole.is_quiet(start, 300) == parts.is_quiet(start, 300)


def test_a_recording_shorter_than_a_block_is_never_quiet():
    assert not Levels([np.zeros(10, np.float32)]).is_quiet(0, 10)
