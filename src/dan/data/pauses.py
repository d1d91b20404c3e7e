"""Pauses of recordings: the stretches between the events, in which noise is alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io.annotations import Annotations

FLOOR_QUANTILE = 0.1
"""Share of the frames whose level is the floor, the noise's own."""
LEAST_FRAME_SAMPLES = 16
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Pauses:
    """Where a recording is at its noise's own level."""

    stretches: tuple[tuple[int, int], ...]
    """First sample and the one behind the last, of each."""
    level_db: npt.NDArray[np.float64]
    """Level of each frame in dB."""
    frame_samples: int
    threshold_db: float
    """Level up to which a frame is quiet; NaN where the stretches are those of annotations."""

    @property
    def samples(self) -> int:
        """Length of all stretches in samples."""
        return sum(stop - start for start, stop in self.stretches)


def find_pauses(
    signal: Signal,
    *,
    sample_rate_hz: float,
    threshold_db: float = 6.0,
    shortest_s: float = 0.2,
    frame_s: float = 0.025,
) -> Pauses:
    """Find the stretches in which a signal is near its lowest level.

    The level is that of short frames, each about its own mean, so that an offset or a slow drift is none. The
    floor is the level that a tenth of the frames do not reach; frames of digital silence do not count. A
    frame is left off at each end of a stretch, where an event may begin or fade.

    Args:
        signal: ``[T]``.
        sample_rate_hz: in Hz.
        threshold_db: by which a quiet frame may lie above the floor, in dB.
        shortest_s: length of a stretch that is worth taking, in seconds.
        frame_s: length of a frame, in seconds; 16 samples at least.

    Raises:
        DanError: if a value is not above 0.
    """
    for name, value in (("threshold_db", threshold_db), ("shortest_s", shortest_s), ("frame_s", frame_s)):
        if not value > 0:
            raise DanError(f"{name}={value:g}", "it is above 0", "Raise it")
    size = max(LEAST_FRAME_SAMPLES, round(frame_s * sample_rate_hz))
    count = len(signal) // size
    frames = signal[: count * size].astype(np.float64).reshape(count, size)
    power = frames.var(axis=-1)
    level_db = 10 * np.log10(np.maximum(power, TINY))
    if not (power > 0).any():
        return Pauses((), level_db, size, -np.inf)
    highest_db = float(np.quantile(level_db[power > 0], FLOOR_QUANTILE)) + threshold_db
    quiet = (level_db <= highest_db) & (power > 0)
    shortest = max(1, round(shortest_s * sample_rate_hz))
    stretches = [(first * size, last * size) for first, last in _runs(quiet)]
    kept = tuple((start, stop) for start, stop in stretches if stop - start >= shortest)
    return Pauses(kept, level_db, size, highest_db)


def annotated_pauses(
    levels: Pauses,
    annotations: Annotations,
    *,
    length_samples: int,
    sample_rate_hz: float,
    around_s: tuple[float, float] = (0.0, 0.0),
    shortest_s: float = 0.2,
) -> Pauses:
    """Return the stretches that annotations name as noise; where none are named, those between all marks.

    Args:
        levels: of the recording, as `find_pauses` has them.
        annotations: what is marked in it.
        length_samples: of the recording.
        sample_rate_hz: in Hz.
        around_s: how long before its start an event may begin and how long after its stop it may last.
        shortest_s: length of a stretch that is worth taking, in seconds.
    """
    named = [(mark.start_s, mark.stop_s) for mark in annotations.marks if mark.is_noise]
    before_s, after_s = around_s
    events = [(mark.start_s - before_s, mark.stop_s + after_s) for mark in annotations.marks]
    stretches = named or _between(events, length_samples / sample_rate_hz)
    cut = [
        (max(0, round(a * sample_rate_hz)), min(length_samples, round(b * sample_rate_hz)))
        for a, b in stretches
    ]
    shortest = max(1, round(shortest_s * sample_rate_hz))
    kept = tuple((start, stop) for start, stop in cut if stop - start >= shortest)
    return replace(levels, stretches=kept, threshold_db=float("nan"))


def _between(events: list[tuple[float, float]], length_s: float) -> list[tuple[float, float]]:
    """What lies between events, which may overlap."""
    between, at_s = [], 0.0
    for start_s, stop_s in sorted(events):
        between += [(at_s, start_s)] if start_s > at_s else []
        at_s = max(at_s, stop_s)
    return [*between, (at_s, length_s)] if at_s < length_s else between


def _runs(quiet: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First frame of each run and the one behind the last, less a frame at each end within the recording."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int)))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first + (first > 0), last - (last < len(quiet))) for first, last in runs]
