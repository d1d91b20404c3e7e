"""Colours of every picture, and of the curves of `dan app`: one thing has one colour.

Noisy is grey, clean black, dan orange, the limit green and dashed, the classical methods are muted. They can
be told apart by the colour-blind.
"""

from __future__ import annotations

NOISY, CLEAN, DAN, LIMIT, MUTED = "#7d8288", "#1f2328", "#d55e00", "#00855f", "#8a93a3"
COLOURS = {
    "noisy": NOISY,
    "mixed": NOISY,
    "clean": CLEAN,
    "dan": DAN,
    "denoised": DAN,
    "limit": LIMIT,
    "lowpass": "#5b8fc7",
    "bandpass": "#3a5f91",
    "wiener": "#9a7fc0",
    "wavelet": "#b0933f",
    "spectral_gate": "#5c9aa0",
    "nls": "#a6688c",
    "generator": CLEAN,
    "l1": "#0072b2",
    "l2": "#56a5d8",
    "snr": "#8c6bb1",
    "multi_resolution_stft": "#a07a2c",
    "compressed": "#2f8f9d",
    "envelope": "#7a9e35",
    "loudness": "#c44e52",
    "adversarial": DAN,
    "feature_matching": "#b8577a",
    "discriminator": "#3f51d1",
}


def colour_of(name: str) -> str:
    """Return the colour of a row, signal or loss."""
    return COLOURS.get(name, MUTED)
