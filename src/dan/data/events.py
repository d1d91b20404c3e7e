"""Events over a signal that is always there, such as blinks over EEG: cut out to be mixed in as noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.data.pauses import between

SPECTRUM_SAMPLES = 256
LEAST_SAMPLES = 16
FADE_SHARE = 0.1
"""Share of an event over which it fades in, and out."""


def cut_events(
    signal: Signal, pauses: Sequence[tuple[int, int]], *, silent: Sequence[tuple[int, int]] = ()
) -> dict[int, Signal]:
    """Cut out what lies between the pauses of a recording, less what the pauses hold as well.

    The line through an event's ends is taken off it. Of each frequency as much is left as the event's power
    is above that of the pauses (a Wiener filter), so that little of the ever-present signal is taken for
    noise. Silence of its own length stands on either side of it.

    Args:
        signal: a channel of the recording, ``[T]``.
        pauses: first sample of each pause and the one behind its last.
        silent: the same of digital silence, which is no event.

    Returns:
        The events by their first samples; none where there are no pauses.
    """
    others = between([*pauses, *silent], len(signal))
    places = [(start, stop) for start, stop in others if stop - start >= LEAST_SAMPLES]
    if not pauses or not places:
        return {}
    events = [_levelled(signal[start:stop].astype(np.float64)) for start, stop in places]
    gain = _wiener_gain(events, [signal[start:stop] for start, stop in pauses])
    return {start: _alone(_filtered(event, gain)) for (start, _), event in zip(places, events, strict=True)}


def _levelled(event: Signal) -> Signal:
    """The event less the line through the means of its ends."""
    size = max(1, round(FADE_SHARE * len(event)))
    places, ends = [(size - 1) / 2, len(event) - (size + 1) / 2], [event[:size].mean(), event[-size:].mean()]
    return np.asarray(event - np.interp(np.arange(len(event)), places, ends))


def _wiener_gain(events: list[Signal], pauses: list[Signal]) -> npt.NDArray[np.float64]:
    power, floor = _power(events), _power(pauses)
    return np.asarray(np.clip(1 - floor / np.maximum(power, np.finfo(np.float64).tiny), 0, 1))


def _power(stretches: list[Signal]) -> npt.NDArray[np.float64]:
    """Mean power spectrum of half-overlapping frames, each about its mean."""
    size, frames = SPECTRUM_SAMPLES, []
    for stretch in stretches:
        padded = np.pad(stretch, (0, max(0, size - len(stretch))), mode="edge")
        frames.append(np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2])
    together = np.concatenate(frames).astype(np.float64)
    together -= together.mean(axis=-1, keepdims=True)
    return np.asarray((np.abs(np.fft.rfft(together * np.hanning(size))) ** 2).mean(axis=0))


def _filtered(event: Signal, gain: npt.NDArray[np.float64]) -> Signal:
    """The event through a filter without phase; what rings out beyond its ends is left off."""
    size = 1 << (len(event) + SPECTRUM_SAMPLES).bit_length()
    bins = np.interp(np.linspace(0, 1, size // 2 + 1), np.linspace(0, 1, len(gain)), gain)
    return np.asarray(np.fft.irfft(bins * np.fft.rfft(event, size), size)[: len(event)])


def _alone(event: Signal) -> Signal:
    """The event faded in and out, between silence."""
    place = np.minimum(np.arange(len(event)), np.arange(len(event))[::-1]) + 0.5
    fade = np.sin(np.pi / 2 * np.minimum(1, place / max(1, FADE_SHARE * len(event))))
    return np.pad((fade * event).astype(np.float32), len(event))
