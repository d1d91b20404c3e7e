"""Pauses of recordings: the stretches between the events, in which noise is alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io.annotations import Annotations

FLOOR_QUANTILE = 0.1
"""Share of the frames whose level is the floor, the noise's own."""
LEAST_FRAME_SAMPLES = 16
SILENT_S = 0.025
"""Samples that do not change for so long are digital silence, as a gate or a lost packet leaves it."""
TINY = np.finfo(np.float64).tiny
Frames = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pauses:
    """Pauses of a recording: stretches at its noise's own level."""

    stretches: tuple[tuple[int, int], ...]
    """First sample and the one behind the last, of each."""
    level_db: npt.NDArray[np.float64]
    """Level of each frame in dB."""
    frame_samples: int
    threshold_db: float
    """Level up to which a frame is quiet; NaN where the stretches are those of annotations."""
    silent: tuple[tuple[int, int], ...] = ()
    """Stretches of digital silence: neither noise nor events."""

    @property
    def samples(self) -> int:
        """Length of all stretches in samples."""
        return sum(stop - start for start, stop in self.stretches)

    @property
    def silent_samples(self) -> int:
        """Length of all digital silence in samples."""
        return sum(stop - start for start, stop in self.silent)


def find_pauses(
    signal: Signal,
    *,
    sample_rate_hz: float,
    threshold_db: float = 6.0,
    shortest_s: float = 0.2,
    frame_s: float = 0.025,
    steady: bool = False,
) -> Pauses:
    """Find the stretches in which a signal is near its lowest level.

    The level is that of short frames, each about its own mean, so that an offset or a slow drift is none. The
    floor is the level that a tenth of the frames do not reach. A frame is left off at each end of a stretch,
    where an event may begin or fade.

    Frames that hold digital silence do not count. A pause is one only beside something louder: a recording
    in which nothing stands out may as well be a signal that never pauses, and what stands alone between two
    silences a sound that a gate has let through.

    Args:
        signal: ``[T]``.
        sample_rate_hz: in Hz.
        threshold_db: by which a quiet frame may lie above the floor, in dB.
        shortest_s: length of a stretch that is worth taking, in seconds.
        frame_s: length of a frame, in seconds; 16 samples at least.
        steady: take a recording without digital silence in which nothing stands out for one pause, as calm
            EEG is.

    Raises:
        DanError: if a value is not above 0.
    """
    for name, value in (("threshold_db", threshold_db), ("shortest_s", shortest_s), ("frame_s", frame_s)):
        if not value > 0:
            raise DanError(f"{name}={value:g}", "it is above 0", "Raise it")
    size = max(LEAST_FRAME_SAMPLES, round(frame_s * sample_rate_hz))
    count = len(signal) // size
    frames = signal[: count * size].astype(np.float64).reshape(count, size)
    level_db = 10 * np.log10(np.maximum(frames.var(axis=-1), TINY))
    silent = _constant(signal, max(LEAST_FRAME_SAMPLES, round(SILENT_S * sample_rate_hz)))
    alive = level_db > 10 * np.log10(TINY)
    for start, stop in silent:
        alive[start // size : -(-stop // size)] = False
    if not alive.any():
        return Pauses((), level_db, size, -np.inf, silent)
    highest_db = float(np.quantile(level_db[alive], FLOOR_QUANTILE)) + threshold_db
    quiet = alive & (level_db <= highest_db)
    if not (steady and alive.all()):
        quiet = _beside_events(quiet, alive)
    shortest = max(1, round(shortest_s * sample_rate_hz))
    # A frame is left off at each end of a run within the recording.
    runs = [(first + (first > 0), last - (last < count)) for first, last in _runs(quiet)]
    kept = [(first * size, last * size) for first, last in runs if (last - first) * size >= shortest]
    return Pauses(tuple(kept), level_db, size, highest_db, silent)


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

    Digital silence is in none of them.

    Args:
        levels: of the recording, as `find_pauses` has them.
        annotations: what is marked in it.
        length_samples: of the recording.
        sample_rate_hz: in Hz.
        around_s: how long before its start an event may begin and how long after its stop it may last.
        shortest_s: length of a stretch that is worth taking, in seconds.
    """

    def samples(start_s: float, stop_s: float) -> tuple[int, int]:
        return round(start_s * sample_rate_hz), round(stop_s * sample_rate_hz)

    before_s, after_s = around_s
    named = [samples(mark.start_s, mark.stop_s) for mark in annotations.marks if mark.is_noise]
    events = [samples(mark.start_s - before_s, mark.stop_s + after_s) for mark in annotations.marks]
    others = between(named, length_samples) if named else events
    shortest = max(1, round(shortest_s * sample_rate_hz))
    stretches = between([*others, *levels.silent], length_samples)
    kept = tuple((start, stop) for start, stop in stretches if stop - start >= shortest)
    return replace(levels, stretches=kept, threshold_db=float("nan"))


def between(stretches: Sequence[tuple[int, int]], length_samples: int) -> list[tuple[int, int]]:
    """Return what lies between stretches, which may overlap, of a recording of some length."""
    found, at = list[tuple[int, int]](), 0
    for start, stop in sorted(stretches):
        if start >= length_samples:
            break
        found += [(at, start)] if start > at else []
        at = max(at, stop)
    return [*found, (at, length_samples)] if at < length_samples else found


def _beside_events(quiet: Frames, alive: Frames) -> Frames:
    """The quiet frames, less those that share what lies between two silences with nothing louder."""
    kept = quiet.copy()
    for first, last in _runs(alive):
        kept[first:last] &= not quiet[first:last].all()
    return kept


def _constant(signal: Signal, shortest: int) -> tuple[tuple[int, int], ...]:
    """Stretches of so many samples or more that do not change."""
    runs = [(first, last + 1) for first, last in _runs(np.diff(signal) == 0)]
    return tuple((start, stop) for start, stop in runs if stop - start >= shortest)


def _runs(chosen: Frames) -> list[tuple[int, int]]:
    """First place of each run of True and the one behind its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
