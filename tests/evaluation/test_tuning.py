"""The classical filters where the training side leaves some of them nothing to choose from."""

import numpy as np
import pytest
from scipy.signal import lfilter

from dan.evaluation.training_side import TrainingSide
from dan.evaluation.tuning import fit

RATE_HZ = 256.0


def slow(random):
    """Noise that falls with frequency, as EEG does, to nothing at half the rate."""
    return lfilter([0.2, 0.2], [1, -0.95], random.standard_normal((8, 1000)))


def high_tones_in_white_noise(random):
    clean = np.sin(2 * np.pi * 0.48 * np.arange(1000) + random.uniform(0, 6, (8, 1)))
    return clean, clean + random.standard_normal(clean.shape)


def slow_signals_in_slow_noise_26_db_louder(random):
    clean = slow(random)
    return clean, clean + 20 * slow(random)


@pytest.mark.parametrize("drawn", [high_tones_in_white_noise, slow_signals_in_slow_noise_26_db_louder])
def test_without_a_clean_band_the_band_pass_is_missing_and_the_others_stand(drawn):
    fitted = fit(TrainingSide(*drawn(np.random.default_rng(0)), RATE_HZ))
    assert list(fitted.rows) == ["lowpass", "wiener", "wavelet", "spectral_gate"]
    assert "none below 115.2 Hz" in fitted.notes["bandpass"]
    assert not any("band-pass" in said for said in fitted.settings.values())
