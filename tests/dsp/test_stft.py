"""Short-time spectra beside scipy's."""

import numpy as np
import pytest
from scipy import signal as scipy_signal

from dan.dsp.stft import hann, power_spectra


@pytest.mark.parametrize(("length", "n_fft", "hop_length"), [(100, 16, 4), (64, 64, 64), (33, 8, 3)])
def test_it_is_that_of_scipy(length, n_fft, hop_length):
    noise = np.random.default_rng(0).standard_normal((2, length))
    missing = -(length - n_fft) % hop_length
    filled = np.pad(noise, ((0, 0), (0, missing)))
    frames = {"nperseg": n_fft, "noverlap": n_fft - hop_length, "window": hann(n_fft), "detrend": False}
    *_, wanted = scipy_signal.spectrogram(filled, **frames, mode="complex", scaling="spectrum")
    wanted = np.abs(np.swapaxes(wanted, -1, -2) * hann(n_fft).sum()) ** 2
    np.testing.assert_allclose(power_spectra(noise, n_fft=n_fft, hop_length=hop_length), wanted, atol=1e-12)


def test_a_signal_shorter_than_a_frame_is_filled_up():
    power = power_spectra(np.ones(3), n_fft=8, hop_length=2)
    assert power.shape == (1, 5) and power[0, 0] == pytest.approx(hann(8)[:3].sum() ** 2)
