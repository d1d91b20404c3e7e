"""The matrices of a Fourier transform beside torch's FFT."""

import pytest
import torch

from dan.networks.fourier import FourierMatrix, WindowedFourier

ROUNDING = 1e-5  # float32 sums of up to 50 numbers


@pytest.mark.parametrize(("samples", "n_fft"), [(16, 16), (16, 32), (25, 31), (1, 2)])
def test_it_is_the_transform_and_its_inverse(samples, n_fft):
    frames = torch.randn(3, samples, generator=torch.Generator().manual_seed(0))
    matrix, inverse = FourierMatrix(samples, n_fft, range(n_fft // 2 + 1))()
    spectra = torch.fft.rfft(frames, n_fft)
    wanted = torch.cat([spectra.real, spectra.imag], dim=-1)
    torch.testing.assert_close(frames @ matrix, wanted, atol=ROUNDING, rtol=0)
    torch.testing.assert_close(wanted @ inverse, frames, atol=ROUNDING, rtol=0)


def test_of_some_bins_it_is_the_transform_with_the_others_zero():
    frames = torch.randn(2, 32, generator=torch.Generator().manual_seed(1))
    matrix, inverse = FourierMatrix(32, 64, range(3, 20))()
    spectra = torch.fft.rfft(frames, 64)
    kept = torch.zeros_like(spectra)
    kept[:, 3:20] = spectra[:, 3:20]
    torch.testing.assert_close(
        (frames @ matrix) @ inverse, torch.fft.irfft(kept, 64)[:, :32], atol=ROUNDING, rtol=0
    )


def test_its_tables_are_no_part_of_a_model_file():
    assert not FourierMatrix(8, 8, range(5)).state_dict()


@pytest.mark.parametrize(("n_fft", "hop_length"), [(16, 8), (16, 4), (12, 4), (6, 2)])
def test_windowed_frames_go_there_and_add_up_again(n_fft, hop_length):
    frames = torch.randn(3, 2, n_fft, generator=torch.Generator().manual_seed(0))
    scale = (2 * hop_length / n_fft) ** 0.5
    window = torch.hann_window(n_fft).sqrt() * scale
    fourier = WindowedFourier(n_fft, hop_length)
    real, imag = fourier(frames)
    spectra = torch.fft.rfft(frames * window)
    torch.testing.assert_close(torch.complex(real, imag), spectra, atol=ROUNDING, rtol=0)
    wanted = torch.fft.irfft(spectra, n_fft) * window
    torch.testing.assert_close(fourier.inverse(real, imag), wanted, atol=ROUNDING, rtol=0)
    overlapped = (window**2).view(-1, hop_length).sum(dim=0)
    torch.testing.assert_close(overlapped, torch.ones(hop_length))
