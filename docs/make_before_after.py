"""Draw a recording before and after: `python docs/make_before_after.py MODEL NOISY OUT.png`."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import dan
from dan.dsp.stft import power_spectra

FLOOR_DB = 60.0
"""Shown below the loudest."""


def main(model: str, noisy_path: str, out: str) -> None:
    """Write the picture: two spectrograms on one scale."""
    noisy, rate_hz = dan.read(noisy_path)
    estimate = dan.denoise(noisy, rate_hz, model=model, resample=True)
    figure, axes = plt.subplots(2, 1, figsize=(9, 4.6), sharex=True, layout="constrained")
    loudest_db = max(levels_db(signal).max() for signal in (noisy, estimate))
    for axis, signal, title in zip(axes, (noisy, estimate), ("before", f"after {model}"), strict=True):
        levels = levels_db(signal)
        extent = (0.0, len(signal) / rate_hz, 0.0, rate_hz / 2000)
        axis.imshow(
            levels.T,
            origin="lower",
            aspect="auto",
            extent=extent,
            cmap="magma",
            vmin=loudest_db - FLOOR_DB,
            vmax=loudest_db,
        )
        axis.set(title=title, ylabel="kHz")
    axes[-1].set_xlabel("seconds")
    figure.savefig(Path(out), dpi=75)


def levels_db(signal: np.ndarray, n_fft: int = 512) -> np.ndarray:
    """Return levels of overlapping frames in dB, ``[frames, bins]``."""
    return 10 * np.log10(power_spectra(signal, n_fft=n_fft, hop_length=n_fft // 4) + 1e-12)


if __name__ == "__main__":
    main(*sys.argv[1:])
