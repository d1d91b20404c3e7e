"""Closed forms and properties of the figures that the ablation adds."""

import numpy as np
import pytest
from benchmarks.ablation.spectra import log_spectral_distance_db, out_of_band_energy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dan.core.errors import DanError

RATE_HZ = 256.0
TIME_S = np.arange(256) / RATE_HZ

values = st.floats(-1e200, 1e200, allow_subnormal=True)
signals = arrays.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=values)


@given(signals, st.data())
def test_everything_is_finite_and_in_range(reference, data):
    estimate = data.draw(arrays.arrays(np.float64, reference.shape, elements=values))
    distance_db = log_spectral_distance_db(estimate=estimate, reference=reference)
    share = out_of_band_energy(reference, sample_rate_hz=RATE_HZ, frequency_hz=(10, 64))
    assert distance_db.shape == share.shape == reference.shape[:-1]
    assert np.all((distance_db >= 0) & (distance_db <= 60)) and np.all((share >= 0) & (share <= 1))


def test_a_batch_equals_its_items():
    reference, estimate = np.random.default_rng(0).standard_normal((2, 2, 3, 700))
    whole = log_spectral_distance_db(estimate=estimate, reference=reference)
    for index in np.ndindex(2, 3):
        alone = log_spectral_distance_db(estimate=estimate[index], reference=reference[index])
        assert whole[index] == pytest.approx(float(alone), abs=1e-9)  # sums in another order


@pytest.mark.parametrize("wrong", [np.zeros((2, 4)), np.full(5, np.nan), np.zeros(0)])
def test_unequal_shapes_and_bad_values_are_refused(wrong):
    with pytest.raises(DanError):
        log_spectral_distance_db(estimate=wrong, reference=np.zeros(5))


def test_log_spectral_distance_of_a_level():
    pulse = np.zeros(64)
    pulse[30] = 1.0  # a flat spectrum, so that no bin meets the floor
    distance_db = log_spectral_distance_db(estimate=10 * pulse, reference=pulse)
    assert distance_db == pytest.approx(20, abs=1e-9)
    assert log_spectral_distance_db(estimate=-pulse, reference=pulse) == pytest.approx(0, abs=1e-9)


def test_log_spectral_distance_is_a_mean_over_frames():
    frame = np.zeros(2048)
    frame[2::16] = 1.0  # each frame of 16 holds one pulse, so its spectrum is flat
    louder = np.where(np.arange(2048) < 1024, 1, 10) * frame
    distance_db = log_spectral_distance_db(estimate=louder, reference=frame, n_fft=16)
    assert distance_db == pytest.approx(10, abs=0.1)  # half of 509 frames, to within one, are 20 dB louder
    with pytest.raises(DanError, match="n_fft=3"):
        log_spectral_distance_db(estimate=frame, reference=frame, n_fft=3)


def test_out_of_band_energy_of_tones():
    inside = np.sin(2 * np.pi * 30.3 * TIME_S)
    outside = np.sin(2 * np.pi * 100.6 * TIME_S)
    shares = out_of_band_energy(
        np.stack([inside, outside, inside + 0.5 * outside, 0 * inside]),
        sample_rate_hz=RATE_HZ,
        frequency_hz=(10, 64),
    )
    # Two tones' energies are as 1 to 0.25; the Hann window's side lobes lie below -31 dB.
    np.testing.assert_allclose(shares, [0, 1, 0.2, 0], atol=1e-3)


def test_out_of_band_energy_of_white_noise():
    noise = np.random.default_rng(0).standard_normal((200, 256))
    share = out_of_band_energy(noise, sample_rate_hz=RATE_HZ, frequency_hz=(10, 64)).mean()
    assert share == pytest.approx(
        1 - 58 / 128, abs=0.02
    )  # the band and its margins of 2 Hz; 4 standard errors
