"""Signals made audible: several in a row, at a rate that is heard and played everywhere, at one gain."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dan.core.arrays import Signal, check_same_shape, check_sample_rate

SOUND_S = 4.0
"""Longest time that a sound plays."""
SOUND_RATES_HZ = (8_000, 192_000)
"""Sample rates that every browser plays."""
PEAK = 0.9
SEAM_SHARE = 0.05
"""Share of a signal, at either end, over which it is faded where many are played in a row."""


@dataclass(frozen=True)
class Sound:
    """Signals made audible."""

    clips: Mapping[str, Signal]
    """Clips ``[samples]`` by name, within +-1, all at one gain."""
    rate_hz: int
    """At which they are played."""
    speed: float
    """Speed over that of the signals."""
    count: int
    """Signals in a row."""

    def describe(self, sample_rate_hz: float) -> str:
        """Return what is heard, in a few sentences."""
        caption = f"{self.count} signals in a row" if self.count > 1 else "One signal"
        if self.speed != 1:
            pace = f"{self.speed:g} times faster" if self.speed > 1 else f"{1 / self.speed:g} times slower"
            half_hz = sample_rate_hz / 2
            caption += (
                f", played {pace}: what lies below {half_hz:g} Hz is heard below {half_hz * self.speed:g} Hz"
            )
        return f"{caption}. All are at one common gain, so levels compare."


def listen(signals: Mapping[str, Signal], *, sample_rate_hz: float) -> Sound:
    """Make signals audible: several in a row, at a sample rate that is played everywhere, at one gain.

    Signals of a rate under 8 kHz are played a whole number of times faster, as they lie too low to be heard;
    those of a rate over 192 kHz slower.

    Args:
        signals: by name, all ``[N, T]``.
        sample_rate_hz: their rate in Hz.

    Raises:
        DanError: if the shapes differ, or the rate is not above zero.
    """
    check_same_shape(**signals)
    check_sample_rate(sample_rate_hz)
    low_hz, high_hz = SOUND_RATES_HZ
    faster, slower = math.ceil(low_hz / sample_rate_hz), math.ceil(sample_rate_hz / high_hz)
    rate_hz = round(sample_rate_hz * faster / slower)
    samples = int(SOUND_S * rate_hz)
    count, length = next(iter(signals.values())).shape
    shown = min(count, max(1, samples // length))
    fade = _fade(length) if shown > 1 else np.ones(length)
    joined = {name: (stack[:shown] * fade).reshape(-1)[:samples] for name, stack in signals.items()}
    peak = max(float(np.abs(clip).max()) for clip in joined.values()) or 1.0
    clips = {name: clip * (PEAK / peak) for name, clip in joined.items()}
    return Sound(clips, rate_hz, faster / slower, shown)


def _fade(length: int) -> Signal:
    """Return a fade in and out ``[length]``, so that the seams between signals do not click."""
    seam = max(1.0, SEAM_SHARE * length)
    from_end = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    return np.asarray(np.sin(np.pi / 2 * np.minimum(1.0, from_end / seam)) ** 2)


def wav_bytes(signal: Signal, *, sample_rate_hz: int) -> bytes:
    """A signal ``[T]`` within +-1 as a 16-bit WAV file."""
    import soundfile

    buffer = io.BytesIO()
    whole = np.rint(np.asarray(signal) * np.iinfo(np.int16).max).astype(np.int16)
    soundfile.write(buffer, whole, sample_rate_hz, subtype="PCM_16", format="WAV")
    return buffer.getvalue()
