"""DAN, the Denoising Adversarial Network."""

__version__ = "0.1.0"
