"""An SNR that is estimated from two takes is the one that clean signals would show."""

import numpy as np
import pytest

from dan.data.batches import ValidationSet
from dan.training.score import (
    describe_range,
    describe_shares,
    estimated_snr_db,
    kept_shares,
    likely_snr_db,
    snr_db,
)


@pytest.fixture
def takes():
    """Clean signals of several levels, two takes of each at 3 dB, and an estimate at 12 dB."""
    random = np.random.default_rng(0)
    level = 10 ** random.uniform(-2, 2, (400, 1))
    clean, first, second, error = level * random.standard_normal((4, 400, 500))
    noise = 10 ** (-3 / 20)
    return clean, clean + noise * first, clean + noise * second, clean + 10 ** (-12 / 20) * error


def test_an_estimate_is_what_clean_signals_would_show(takes):
    clean, mixed, other, estimate = takes
    # 200,000 samples: the noise's energy is known to 0.3 %, an error at -12 dB beside it to 3 %
    output_db, input_db = estimated_snr_db(estimate, mixed=mixed, other=other)
    assert output_db == pytest.approx(12, abs=0.3) and input_db == pytest.approx(3, abs=0.1)
    measured = snr_db(estimate, ValidationSet(clean=clean, mixed=mixed))
    assert measured == pytest.approx((output_db, input_db), abs=0.4)
    recorded = ValidationSet(clean=other, mixed=mixed, takes="recorded")
    assert snr_db(estimate, recorded) == (output_db, input_db)


def test_the_range_of_an_estimate_holds_the_truth_and_says_how_far_off_it_may_be(takes):
    _, mixed, other, estimate = takes
    found = {}
    for count in (20, 80):
        ranges = [
            likely_snr_db(estimate[rows], mixed=mixed[rows], other=other[rows])
            for rows in (slice(at, at + count) for at in range(0, 400, count))
        ]
        assert sum(low < 12 < high for low, high in ranges) >= 0.8 * len(ranges)
        found[count] = np.median([high - low for low, high in ranges])
    assert 1.7 < found[20] / found[80] < 2.5  # as the square root of the signals
    estimates, inputs, others = (np.tile(one, (3, 1)) for one in (estimate, mixed, other))
    again = likely_snr_db(estimates, mixed=inputs, other=others)
    assert again == pytest.approx(likely_snr_db(estimate, mixed=mixed, other=other), abs=1e-6)


def test_takes_that_are_flipped_have_nothing_in_common(takes):
    _, mixed, other, estimate = takes
    assert "between" in describe_range(*likely_snr_db(estimate, mixed=mixed, other=other))
    assert "nothing in common" in describe_range(*likely_snr_db(estimate, mixed=mixed, other=-other))


def test_of_takes_that_were_made_the_estimate_is_a_lower_bound(takes):
    clean, mixed, other, estimate = takes
    made = ValidationSet(clean=other, mixed=mixed, takes="made")
    output_db, input_db = snr_db(estimate, made)
    # of the noise of a power of 0.5, 0.15 counts as error beside 0.063
    assert output_db == pytest.approx(-10 * np.log10(0.15 + 0.063), abs=0.2)
    assert input_db == pytest.approx(3, abs=0.1)
    assert snr_db(clean, made)[0] > output_db > snr_db(mixed, made)[0]


def test_the_input_as_output_gains_nothing(takes):
    _, mixed, other, _ = takes
    output_db, input_db = estimated_snr_db(mixed, mixed=mixed, other=other)
    assert output_db == pytest.approx(input_db, abs=0.1)


def test_a_perfect_output_is_held_within_what_chance_allows(takes):
    clean, mixed, other, _ = takes
    output_db, input_db = estimated_snr_db(clean, mixed=mixed, other=other)
    assert input_db + 20 < output_db <= input_db + 30.01


def test_silence_is_0_db():
    silent = np.zeros((3, 10))
    assert estimated_snr_db(silent, mixed=silent, other=silent) == (0.0, 0.0)


def test_what_is_kept_of_signal_and_noise_is_found(takes):
    clean, mixed, other, _ = takes
    output = 0.9 * clean + 0.2 * (mixed - clean)
    # the parts' products over 200,000 samples are known to 0.5 %
    assert kept_shares(output, mixed=mixed, other=other) == pytest.approx((0.9, 0.2), abs=0.02)
    assert kept_shares(mixed, mixed=mixed, other=other) == (1.0, 1.0)
    assert kept_shares(0 * mixed, mixed=mixed, other=other) == (0.0, 0.0)


@pytest.mark.parametrize(("signal", "word"), [(1.01, "hardly any"), (0.95, "some"), (0.5, "much")])
def test_the_verdict_on_the_residual(signal, word):
    message = describe_shares(signal, 0.1)
    assert (
        f"holds {word} signal" in message and "10% of the noise is left" in message and "Estimated" in message
    )
