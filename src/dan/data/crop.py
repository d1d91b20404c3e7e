"""Stretches of recordings of a wanted length and rate: cut from long ones, concatenated from short ones.

A stretch is read by seeking and resampled once, from the recording's rate times its speed to the rate wanted.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dan.core.arrays import Signal
from dan.data.clip_cache import ClipCache
from dan.data.index import Corpus, IndexEntry
from dan.data.levels import QUIET_DB, Levels

MARGIN_SAMPLES = 64
"""Read beyond both ends of a cut, so that resampling meets no edge."""
MARGIN_PERIODS = 2.0
"""The same for a high-pass filter, in periods of its cutoff: its ringing has sunk to -77 dB by then."""
CROSSFADE_S = 0.02
PART_SAMPLES = 2**20
"""Read at once where a whole recording is gone through."""
TRIES = 100
"""Draws of a place before the loudest is taken."""
LOOPED_SHARE = 0.5
"""Share of noises too short that go on with themselves; the others with another one from their folder."""


@dataclass(frozen=True)
class Concatenation:
    """Concatenation of recordings that are too short: pauses and fades between one and the next."""

    pause_s: tuple[float, float]
    """The shortest and the longest pause; negative where they overlap."""
    fade_s: float
    looped_share: float = 0.0
    """Number of times that the same one comes again."""


NOISE = Concatenation(pause_s=(-CROSSFADE_S, -CROSSFADE_S), fade_s=CROSSFADE_S, looped_share=LOOPED_SHARE)
"""Noise goes on without a gap, each overlapping the next."""


class Crops:
    """Draws stretches of a corpus, every folder alike and every recording in a folder alike.

    Args:
        corpus: of any rates and numbers of channels; a stretch is of one channel.
        sample_rate_hz: of the stretches.
        concatenation: how short recordings of one folder are concatenated.
        highpass_hz: cutoff of a high-pass filter, forward and back, over each recording; 0 for none.
        mix_channels: sum the channels with random weights instead of taking one of them.
        skip_quiet: pass over places at which a recording is near-silent against its own loudest.
        cache: a folder in which what is slow to read is kept decoded.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        sample_rate_hz: float,
        concatenation: Concatenation,
        highpass_hz: float = 0.0,
        mix_channels: bool = False,
        skip_quiet: bool = False,
        cache: Path | None = None,
    ) -> None:
        folders: dict[str, list[IndexEntry]] = defaultdict(list)
        for entry in corpus.entries:
            folders[entry.folder].append(entry)
        self._corpus, self._folders = corpus, list(folders.values())
        self._clips = ClipCache(corpus, cache=cache)
        self._levels: dict[tuple[str, int], Levels] = {}
        if skip_quiet:
            self._levels = {
                (entry.name, channel): Levels(self._parts(entry, channel))
                for entry in corpus.entries
                for channel in entry.channels
            }
        self._rate_hz, self._concatenation = sample_rate_hz, concatenation
        self._highpass_hz, self._mix_channels = highpass_hz, mix_channels

    def part(self, names: Container[str]) -> Crops:
        """Draw from some of the recordings alone, by their names, read where these are."""
        some = copy.copy(self)
        chosen = [[entry for entry in folder if entry.name in names] for folder in self._folders]
        some._folders = [folder for folder in chosen if folder]
        return some

    def above(self, cutoff_hz: float) -> Crops:
        """The same stretches for the same draws, through a high-pass filter; with 0 as they are."""
        filtered = copy.copy(self)
        filtered._highpass_hz = cutoff_hz
        return filtered

    @property
    def samples(self) -> float:
        """Samples that the recordings last, at the rate of the stretches."""
        entries = [entry for folder in self._folders for entry in folder]
        return sum(entry.length_samples / entry.sample_rate_hz for entry in entries) * self._rate_hz

    def notes(self, length_samples: int) -> list[str]:
        """Notes on what is decoded, and on what is passed over in stretches of a length."""
        notes = [self._clips.note] if self._clips.note else []
        quiet_s, files = 0.0, set()
        for entry in self._corpus.entries:
            needed = math.ceil(length_samples / self._rate_hz * entry.sample_rate_hz)
            levels = [self._levels.get((entry.name, channel)) for channel in entry.channels]
            shares = [
                level.quiet_share(needed) for level in levels if level and needed <= entry.length_samples
            ]
            if any(shares):
                files.add(entry.name)
                quiet_s += float(np.mean(shares)) * entry.length_samples / entry.sample_rate_hz
        if files:
            notes.append(
                f"{self._corpus.folder}: {quiet_s:.3g} of {self._corpus.duration_s:.3g} s lie {QUIET_DB:g} "
                f"dB and more below the loudest of their file and are not used ({len(files)} files)"
            )
        return notes

    def _parts(self, entry: IndexEntry, channel: int) -> Iterator[Signal]:
        for start in range(entry.start, entry.stop, PART_SAMPLES):
            yield self._clips.read(entry, channel, start, min(PART_SAMPLES, entry.stop - start))

    def draw(self, length_samples: int, *, speed: float = 1.0, random: np.random.Generator) -> Signal:
        """Draw a stretch ``[length_samples]``, float32, played `speed` times as fast.

        A recording at least as long is cut at random; shorter ones of one folder fill it, the first of them
        from a random point on.

        Raises:
            DanError: if a recording cannot be read or holds NaN or infinity.
        """
        folder = self._folders[random.integers(len(self._folders))]
        entry = folder[random.integers(len(folder))]
        piece = self._piece(entry, length_samples, speed, random)
        if len(piece) >= length_samples:
            return piece
        drawn, at = np.zeros(length_samples, np.float32), -int(random.integers(len(piece)))
        while True:
            at = self._place(piece, drawn, at, random)
            if at >= length_samples:
                return drawn
            if random.random() >= self._concatenation.looped_share:
                entry = folder[random.integers(len(folder))]
            piece = self._piece(entry, length_samples, speed, random)

    def _place(self, piece: Signal, drawn: Signal, at: int, random: np.random.Generator) -> int:
        """Add a piece; where the next one begins."""
        first, last = max(0, at), min(len(drawn), at + len(piece))
        drawn[first:last] += self._faded(piece)[first - at : last - at]
        pause = round(random.uniform(*self._concatenation.pause_s) * self._rate_hz)
        return at + len(piece) + max(pause, -(len(piece) // 2))

    def _faded(self, piece: Signal) -> Signal:
        size = min(round(self._concatenation.fade_s * self._rate_hz), len(piece) // 2)
        ramp = np.sin(np.pi / 2 * (np.arange(size, dtype=np.float32) + 0.5) / max(1, size))
        faded = piece.copy()
        faded[:size] *= ramp
        faded[len(piece) - size :] *= ramp[::-1]
        return faded

    def _piece(self, entry: IndexEntry, most: int, speed: float, random: np.random.Generator) -> Signal:
        """All of a recording, or a cut of `most` samples from a longer one."""
        weights = self._weights(entry, random)
        ratio = self._rate_hz / (entry.sample_rate_hz * speed)
        needed = math.ceil((most + 2) / ratio)  # two for what rounding may take
        if needed > entry.length_samples:
            whole = self._read(entry, weights, entry.start, entry.stop)
            return self._resampled(whole, entry, speed)[:most]
        start = self._start(entry, weights, needed, random)
        first = max(entry.start, start - MARGIN_SAMPLES)
        last = min(entry.stop, start + needed + MARGIN_SAMPLES)
        lead = round((start - first) * ratio)
        stretch = self._read(entry, weights, first, last)
        return self._resampled(stretch, entry, speed)[lead : lead + most]

    def _start(
        self, entry: IndexEntry, weights: dict[int, np.float32], needed: int, random: np.random.Generator
    ) -> int:
        """A random place from which so many samples are not near-silent, or the loudest."""
        levels = self._levels.get((entry.name, next(iter(weights))))
        for _ in range(TRIES):
            start = int(random.integers(entry.start, entry.stop - needed, endpoint=True))
            if levels is None or not levels.is_quiet(start - entry.start, needed):
                return start
        return min(entry.start + levels.loudest_start(needed), entry.stop - needed) if levels else start

    def _weights(self, entry: IndexEntry, random: np.random.Generator) -> dict[int, np.float32]:
        """Weight of each channel of a recording: one of them 1, or all at random, of unit norm."""
        if not self._mix_channels:
            return {entry.channels[random.integers(len(entry.channels))]: np.float32(1)}
        drawn = random.standard_normal(len(entry.channels))
        weights = (drawn / np.linalg.norm(drawn)).astype(np.float32)
        return dict(zip(entry.channels, weights, strict=True))

    def _read(self, entry: IndexEntry, weights: dict[int, np.float32], first: int, last: int) -> Signal:
        """The samples from `first` up to `last`, filtered as the whole recording would be."""
        margin = 0
        if self._highpass_hz:
            margin = math.ceil(MARGIN_PERIODS / self._highpass_hz * entry.sample_rate_hz)
        start, stop = max(entry.start, first - margin), min(entry.stop, last + margin)
        parts = [
            weight * self._clips.read(entry, channel, start, stop - start)
            for channel, weight in weights.items()
        ]
        wide = np.asarray(sum(parts), np.float32)
        if self._highpass_hz:
            from dan.dsp.butterworth import highpass

            wide = highpass(wide, sample_rate_hz=entry.sample_rate_hz, cutoff_hz=self._highpass_hz)
        return wide[first - start : last - start]

    def _resampled(self, signal: Signal, entry: IndexEntry, speed: float) -> Signal:
        rate_hz = round(entry.sample_rate_hz * speed, 6)  # so that soxr sees a ratio of whole numbers
        if rate_hz == self._rate_hz:
            return signal
        import soxr

        return np.asarray(soxr.resample(signal, rate_hz, self._rate_hz, quality="HQ"), np.float32)
