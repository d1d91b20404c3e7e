"""Closed forms of the figures of EEG and ECG, and that all are finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dan.core.errors import DanError
from dan.metrics.biosignals import (
    correlation,
    cosine_similarity,
    mad,
    prd_centred_percent,
    prd_percent,
    rrmse_spectral,
    rrmse_temporal,
    ssd,
)
from dan.metrics.general import snr_db

ALL = [
    correlation,
    cosine_similarity,
    mad,
    prd_centred_percent,
    prd_percent,
    rrmse_spectral,
    rrmse_temporal,
    ssd,
]
BEST = {correlation: 1, cosine_similarity: 1}
"""All others are 0 at best."""

values = st.floats(-1e300, 1e300, allow_subnormal=True)
signals = arrays.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 20)), elements=values)


def test_an_example_by_hand():
    clean, estimate = np.array([1.0, 2.0, 3.0, 2.0]), np.array([1.0, 3.0, 2.0, 2.0])
    message = {figure: float(figure(estimate=estimate, reference=clean)) for figure in ALL}
    # Errors 0, 1, -1, 0; energies 18 of both; the mean is 2 in both, the centred energies 2 and 2.
    assert message[ssd] == pytest.approx(2)
    assert message[mad] == pytest.approx(1)
    assert message[prd_percent] == pytest.approx(100 * np.sqrt(2 / 18))
    assert message[prd_centred_percent] == pytest.approx(100)
    assert message[rrmse_temporal] == pytest.approx(np.sqrt(2 / 18))
    assert message[cosine_similarity] == pytest.approx(17 / 18)
    assert message[correlation] == pytest.approx(1 / 2)  # (-1, 0, 1, 0) . (-1, 1, 0, 0) = 1 over 2
    # Spectra by hand: 8, -2, 0, -2 and 8, -1 - 1j, -2, -1 + 1j, of power 64, 4, 0, 4 and 64, 2, 4, 2.
    assert message[rrmse_spectral] == pytest.approx(np.sqrt(24 / (64**2 + 2 * 16)))


@pytest.mark.parametrize("level_db", [-7, 2, 20])
def test_the_snr_of_zhang_is_half_the_decibels(level_db):
    random = np.random.default_rng(0)
    clean, noise = random.standard_normal((2, 512))
    # Their formula: lambda = RMS(clean) / RMS(noise) / 10^(SNR / 10).
    scale = np.sqrt(np.mean(clean**2) / np.mean(noise**2)) / 10 ** (level_db / 10)
    mixed = clean + scale * noise
    assert snr_db(estimate=mixed, reference=clean) == pytest.approx(2 * level_db, abs=1e-9)  # roundings
    ratio = 10 ** (-level_db / 10)
    assert rrmse_temporal(estimate=mixed, reference=clean) == pytest.approx(ratio, rel=1e-9)


def test_noisy_eeg_of_the_benchmark():
    ratios = 10 ** (-np.arange(-7, 3) / 10)
    clean, noise = np.linalg.qr(np.random.default_rng(0).standard_normal((512, 2)))[0].T
    mixed = clean + ratios[:, None] * noise
    reported = rrmse_temporal(estimate=mixed, reference=np.broadcast_to(clean, mixed.shape))
    assert reported.mean() == pytest.approx(2.193, abs=5e-4)  # the mean that their ten levels have unfiltered


def test_level_offset_and_sign():
    clean = np.random.default_rng(1).standard_normal(200) + 5
    pair = {"estimate": 3 * clean + 7, "reference": clean}
    assert correlation(**pair) == pytest.approx(1)
    assert cosine_similarity(estimate=3 * clean, reference=clean) == pytest.approx(1)
    assert cosine_similarity(estimate=-clean, reference=clean) == pytest.approx(-1)
    assert rrmse_spectral(estimate=-clean, reference=clean) == pytest.approx(0, abs=1e-12)
    shifted = {"estimate": clean + 0.1, "reference": clean}
    # An offset of 5 makes the figure look better by sqrt(1 + 25) or so, unless the mean is removed.
    assert prd_centred_percent(**shifted) / prd_percent(**shifted) == pytest.approx(
        np.sqrt(np.mean(clean**2) / clean.var())
    )


@pytest.mark.parametrize("figure", ALL)
def test_silence_and_perfection(figure):
    wave, silence = np.array([1.0, -2.0, 1.5]), np.zeros(3)
    assert figure(estimate=wave, reference=wave) == pytest.approx(BEST.get(figure, 0), abs=1e-12)
    assert figure(estimate=silence, reference=silence) == 0
    if figure in (rrmse_temporal, rrmse_spectral):
        assert figure(estimate=silence, reference=wave) == pytest.approx(1)
        assert figure(estimate=wave, reference=silence) == 1e5
    if figure is prd_percent:
        assert figure(estimate=silence, reference=wave) == pytest.approx(100)


def test_a_constant_has_no_correlation():
    assert correlation(estimate=np.arange(7.0), reference=np.full(7, 0.1)) == 0


@given(signals, st.data())
def test_everything_is_finite(reference, data):
    estimate = data.draw(arrays.arrays(np.float64, reference.shape, elements=values))
    for figure in ALL:
        value = figure(estimate=estimate, reference=reference)
        assert value.shape == reference.shape[:-1]
        assert np.isfinite(value).all()
        assert np.all(value >= (-1 if figure in BEST else 0))


@pytest.mark.parametrize("figure", ALL)
@pytest.mark.parametrize("wrong", [np.zeros((2, 4)), np.full(5, np.nan), np.zeros(0)])
def test_unequal_shapes_and_bad_values_are_refused(figure, wrong):
    with pytest.raises(DanError):
        figure(estimate=wrong, reference=np.zeros(5))
