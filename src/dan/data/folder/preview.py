"""Previews of a data folder: a few signals at 44.1 kHz, and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dan.core.arrays import Signal
from dan.core.extras import require
from dan.io.recordings import write

LISTENING_RATE_HZ = 44100
PREVIEWS = 3
"""Signals of each side that are resampled to listen to."""


def check_pictures() -> None:
    """Check that pictures can be drawn, before any work is done.

    Raises:
        DanError: if matplotlib is not installed.
    """
    require("matplotlib", extra="train", what="pictures of the data")


def write_resampled(data: Path, name: str, signal: Signal, *, sample_rate_hz: float) -> None:
    """Write a signal ``[T]`` as 44.1 kHz WAV, in float at its own level, so that nothing clips."""
    import soxr

    resampled = soxr.resample(signal, sample_rate_hz, LISTENING_RATE_HZ)
    write(data / "resampled" / f"{name}.wav", resampled, sample_rate_hz=LISTENING_RATE_HZ)


def draw_picture(path: Path, signals: dict[str, Signal], *, sample_rate_hz: float, title: str) -> None:
    """Draw named signals ``[T]``, one below the other: waveforms on the left, spectra on the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.2 * len(signals)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = figure.subplots(len(signals), 2, sharex="col", sharey="col", squeeze=False)
    for (name, signal), (left, right) in zip(signals.items(), axes, strict=True):
        left.plot(np.arange(len(signal)) / sample_rate_hz, signal, linewidth=0.8)
        left.set_ylabel(name)
        frequency_hz = np.fft.rfftfreq(len(signal), 1 / sample_rate_hz)
        right.plot(frequency_hz, 2 / len(signal) * np.abs(np.fft.rfft(signal)), linewidth=0.8)
        right.set_ylabel("amplitude")
    axes[-1, 0].set_xlabel("time in s")
    axes[-1, 1].set_xlabel("frequency in Hz")
    figure.savefig(path, metadata={"Software": None})
