"""Closed forms and properties of the figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dan.core.errors import DanError
from dan.metrics.general import (
    bootstrap_interval,
    si_sdr_db,
    si_sdr_gain_db,
    snr_db,
    snr_gain_db,
)

PAIRED = [snr_db, si_sdr_db]

values = st.floats(-1e200, 1e200, allow_subnormal=True)
signals = arrays.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=values)


def orthogonal_pair(seed=0, count=5, length=64):
    """Two signals of equal energy and no correlation."""
    random = np.random.default_rng(seed)
    base, _ = np.linalg.qr(random.standard_normal((count, length, 2)))
    return base[..., 0], base[..., 1]


@pytest.mark.parametrize("level_db", [-30, -2, 0, 7.5, 40])
def test_known_ratio(level_db):
    clean, noise = orthogonal_pair()
    noisy = clean + noise * 10 ** (-level_db / 20)
    # Both are exact but for roundings when the noise is orthogonal.
    np.testing.assert_allclose(snr_db(estimate=noisy, reference=clean), level_db, atol=1e-9)
    np.testing.assert_allclose(si_sdr_db(estimate=noisy, reference=clean), level_db, atol=1e-9)


def test_the_level_is_error_for_snr_and_nothing_for_si_sdr():
    clean, noise = orthogonal_pair()
    noisy = clean + 0.1 * noise
    halved = snr_db(estimate=clean / 2, reference=clean)
    np.testing.assert_allclose(halved, 20 * np.log10(2), atol=1e-9)  # roundings
    for factor in (1e-3, -1, 7):
        scaled = si_sdr_db(estimate=factor * noisy, reference=clean)
        np.testing.assert_allclose(scaled, si_sdr_db(estimate=noisy, reference=clean), atol=1e-9)


def test_si_sdr_keeps_the_mean():
    clean = np.tile([1.0, -1.0], 8)
    # An offset as large as the signal is distortion as large as the signal; without the mean it were perfect.
    assert si_sdr_db(estimate=clean + 1, reference=clean) == pytest.approx(0, abs=1e-9)


def test_both_scale_together():
    clean, noise = orthogonal_pair()
    for factor in (1e-150, 3, 1e150):  # energies of 1e-300 and 1e300 would leave float64's range
        scaled = snr_db(estimate=factor * (clean + noise), reference=factor * clean)
        np.testing.assert_allclose(scaled, 0, atol=1e-9)


def test_gains_are_differences():
    clean, noise = orthogonal_pair()
    given_to = {"estimate": clean + 0.1 * noise, "noisy": clean + noise, "reference": clean}
    np.testing.assert_allclose(snr_gain_db(**given_to), 20, atol=1e-9)
    np.testing.assert_allclose(si_sdr_gain_db(**given_to), 20, atol=1e-9)


@pytest.mark.parametrize("figure", PAIRED)
def test_silence_and_perfection(figure):
    tone, silence = np.ones((1, 8)), np.zeros((1, 8))
    assert figure(estimate=tone, reference=tone) == 100
    assert figure(estimate=silence, reference=silence) == 0
    assert figure(estimate=tone, reference=silence) == -100
    assert figure(estimate=silence, reference=tone) == 0


@given(signals, st.data())
def test_everything_is_finite_and_in_range(reference, data):
    estimate = data.draw(arrays.arrays(np.float64, reference.shape, elements=values))
    for figure in PAIRED:
        value = figure(estimate=estimate, reference=reference)
        assert value.shape == reference.shape[:-1]
        assert np.all((value >= -100) & (value <= 100))


@pytest.mark.parametrize("figure", PAIRED)
def test_a_batch_equals_its_items(figure):
    reference, estimate = np.random.default_rng(0).standard_normal((2, 2, 3, 700))
    whole = figure(estimate=estimate, reference=reference)
    for index in np.ndindex(2, 3):
        alone = figure(estimate=estimate[index], reference=reference[index])
        assert whole[index] == pytest.approx(float(alone), abs=1e-9)  # sums in another order


@pytest.mark.parametrize("figure", PAIRED)
@pytest.mark.parametrize("wrong", [np.zeros((2, 4)), np.full(5, np.nan), np.zeros(0)])
def test_unequal_shapes_and_bad_values_are_refused(figure, wrong):
    with pytest.raises(DanError):
        figure(estimate=wrong, reference=np.zeros(5))


def test_bootstrap_interval_is_that_of_the_normal_mean():
    sample = np.random.default_rng(0).standard_normal(400)
    low, high = bootstrap_interval(sample, draws=4000)
    half_width = 1.96 * sample.std() / 20
    # A quantile of 4000 draws at 2.5 % scatters by about 4 % of the half width; four of that.
    assert low == pytest.approx(sample.mean() - half_width, abs=0.16 * half_width)
    assert high == pytest.approx(sample.mean() + half_width, abs=0.16 * half_width)


def test_bootstrap_interval_covers_as_often_as_it_says():
    random = np.random.default_rng(1)
    hits = 0
    for trial in range(300):
        low, high = bootstrap_interval(random.standard_normal(40), level=0.8, seed=trial, draws=200)
        hits += low <= 0 <= high
    assert 0.70 <= hits / 300 <= 0.88  # 0.8, less some for 40 values, +- four times sqrt(.16 / 300)


def test_bootstrap_interval_repeats_and_closes_in():
    sample = np.arange(10.0)
    assert bootstrap_interval(sample, seed=3) == bootstrap_interval(sample, seed=3)
    assert bootstrap_interval(sample, seed=3) != bootstrap_interval(sample, seed=4)
    assert bootstrap_interval([2.5]) == (2.5, 2.5)
    with pytest.raises(DanError, match="level"):
        bootstrap_interval(sample, level=1.0)
    with pytest.raises(DanError, match="draws"):
        bootstrap_interval(sample, draws=0)
