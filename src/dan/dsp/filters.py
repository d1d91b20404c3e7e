"""The classical baselines, each a plain function on ``[*, T]``: what a denoiser has to beat.

Each is as good as its kind allows at what it is told: the band where it is known, a sample of the noise where
there is one. None of them learns from clean signals. Every one returns the shape of its input, without delay;
silence stays silent, and any length from one sample up is legal.
"""

from dan.dsp.butterworth import bandpass, highpass, lowpass
from dan.dsp.spectral_gate import spectral_gate
from dan.dsp.wavelet import wavelet
from dan.dsp.wiener import wiener

__all__ = ["bandpass", "highpass", "lowpass", "spectral_gate", "wavelet", "wiener"]
