"""Traces that the page draws and plays: windows of recordings of one length, before and after.

Nothing is held in memory but the window that is asked for, and one coarse envelope a channel.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.io.recordings import Reader, open_reader

Float32 = npt.NDArray[np.float32]

COARSE = 1024
"""Samples of one step of the coarse envelope."""
BLOCK_SAMPLES = COARSE * 512
EXACT_SAMPLES = 2**21
"""Windows up to this length are drawn from the samples themselves."""
SPECTRUM_FLOOR_DB = -80.0
"""The darkest level of a spectrogram, below the loudest of all that is shown."""
AUDIBLE_HZ = 3000.0
"""Browsers play sample rates from this one up."""
SECONDS_A_CHUNK = 4.0
TRACKS = {"before": "Before", "after": "After", "removed": "Removed", "clean": "Clean"}
"""Tracks that can be shown, and their names; what was removed is the difference of the first two."""


@dataclass
class Survey:
    """Overview of a channel in one pass: extremes of every `COARSE` samples, and levels, by track."""

    envelopes: dict[str, Float32]
    rms: dict[str, float]


@dataclass
class Pair:
    """A recording before and after, and clean where that is known, by their files."""

    name: str
    files: dict[str, Path]
    tracks: dict[str, str]
    """Tracks that are shown, and their names there."""
    sample_rate_hz: float
    channels: list[str]
    length_samples: int
    units: list[str]
    _surveys: dict[int, Survey] = field(default_factory=dict)

    @property
    def is_audible(self) -> bool:
        """Return whether a browser plays it; else it has no spectrogram either, but larger traces."""
        return self.sample_rate_hz >= AUDIBLE_HZ

    def describe(self, key: str) -> dict[str, Any]:
        """Return what the player is told when it opens the pair."""
        return {
            "key": key,
            "name": self.name,
            "tracks": self.tracks,
            "sides": list(self.files),
            "rate": self.sample_rate_hz,
            "channels": self.channels,
            "duration": self.length_samples / self.sample_rate_hz,
            "units": self.units,
            "audible": self.is_audible,
            "chunk": SECONDS_A_CHUNK,
        }

    def open(self, side: str) -> Reader:
        """Open one of the files; missing samples are drawn and played as they are filled."""
        path, rate_hz = self.files[side], self.sample_rate_hz
        return open_reader(path, sample_rate_hz=rate_hz, dtype=np.float32, missing="fill")

    def survey(self, channel: int) -> Survey:
        """Return what one pass over a channel finds; it is made once."""
        if channel not in self._surveys:
            self._surveys[channel] = _survey(self, channel)
        return self._surveys[channel]


class Traces:
    """The pairs that a page may look at, by keys that it cannot guess."""

    def __init__(self) -> None:
        self._pairs: dict[str, Pair] = {}

    def add(
        self,
        before: Path,
        after: Path,
        *,
        name: str,
        sample_rate_hz: float | None = None,
        labels: Mapping[str, str] | None = None,
        clean: Path | None = None,
        channels: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Register a pair and return what the player needs of it.

        Args:
            before: a recording.
            after: another of the same length.
            name: of the pair.
            sample_rate_hz: where the files do not say it.
            labels: what the player calls both, where they are not before and after; then nothing counts as
                removed.
            clean: the clean recording of the same length, where there is one.
            channels: names of the channels, where they are not the file's.

        Raises:
            DanError: if one of the files cannot be read.
        """
        files = {"before": before, "after": after} | ({"clean": clean} if clean else {})
        with open_reader(after, sample_rate_hz=sample_rate_hz, missing="fill") as reader:
            rate_hz = reader.sample_rate_hz or sample_rate_hz or 1.0
            length = reader.length_samples or sum(block.shape[-1] for block in reader.blocks(2**16))
            numbers = [str(place + 1) for place in range(reader.channels)]
            names = [*channels] or [str(one) for one in reader.metadata.get("channels", numbers)]
            units = [str(unit) for unit in reader.metadata.get("units", [""] * reader.channels)]
        shown = [*files, "removed"] if labels is None else [*files]
        tracks = {track: word for track, word in (TRACKS | dict(labels or {})).items() if track in shown}
        key = uuid.uuid4().hex
        self._pairs[key] = Pair(name, files, tracks, rate_hz, names, length, units)
        return self._pairs[key].describe(key)

    def view(self, key: str, channel: int, start_s: float, end_s: float, width: int) -> dict[str, Any]:
        """Return envelopes and spectrograms of all tracks for a stretch of time, `width` columns each."""
        pair, width = self._pairs[key], int(np.clip(width, 16, 2000))
        span = _span(pair, start_s, end_s)
        envelopes = envelope(pair, channel=channel, span=span, width=width)
        found: dict[str, Any] = {"level": pair.survey(channel).rms}
        for track in pair.tracks:
            low, high = envelopes[track].T
            found[track] = {"low": _coded(low), "high": _coded(high)}
        if pair.is_audible:
            for track, shades in _shades(spectrogram(pair, channel=channel, span=span, width=width)).items():
                found.setdefault(track, {}).update(spectrum=_coded(shades), bins=shades.shape[1])
        return found

    def chunk(self, key: str, channel: int, start_s: float) -> dict[str, str]:
        """Return the samples of all files for `SECONDS_A_CHUNK` seconds to play."""
        pair = self._pairs[key]
        start, stop = _span(pair, start_s, start_s + SECONDS_A_CHUNK)
        return {side: _coded(_read(pair, side, channel, start, stop)) for side in pair.files}


def envelope(pair: Pair, *, channel: int, span: tuple[int, int], width: int) -> dict[str, Float32]:
    """Return the lowest and the highest value ``[width, 2]`` of each column of a span, by track."""
    start, stop = span
    if stop - start <= EXACT_SAMPLES:
        samples = _tracks({side: _read(pair, side, channel, start, stop) for side in pair.files})
        steps = {track: np.stack([values, values], axis=1) for track, values in samples.items()}
    else:
        part = slice(start // COARSE, stop // COARSE + 1)
        steps = {track: values[part] for track, values in pair.survey(channel).envelopes.items()}
    return {track: _columns(values, width) for track, values in steps.items()}


def spectrogram(pair: Pair, *, channel: int, span: tuple[int, int], width: int) -> dict[str, Float32]:
    """Return levels in dB ``[width, bins]`` of frames evenly spaced over a span, by track."""
    start, stop = span
    n_fft = int(np.clip(2 ** np.round(np.log2(0.03 * pair.sample_rate_hz)), 32, 2048))
    starts = np.linspace(start, max(start, stop - n_fft), width).astype(int)
    frames = {side: _frames(pair, side, channel, starts, n_fft) for side in pair.files}
    return {track: _levels_db(values) for track, values in _tracks(frames).items()}


def _frames(pair: Pair, side: str, channel: int, starts: npt.NDArray[np.intp], n_fft: int) -> Float32:
    """Return frames ``[len(starts), n_fft]``: from one stretch that is read, or each by seeking."""
    first, last = int(starts[0]), int(starts[-1]) + n_fft
    if last - first <= EXACT_SAMPLES + n_fft:
        samples = _read(pair, side, channel, first, last)
        return np.asarray(samples[(starts - first)[:, None] + np.arange(n_fft)])
    with pair.open(side) as reader:
        blocks = [reader.read(int(start), n_fft)[channel] for start in starts]
    return np.stack([np.pad(block, (0, n_fft - len(block))) for block in blocks])


def _levels_db(frames: Float32) -> Float32:
    power = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[-1]), axis=-1)) ** 2
    return np.asarray(10 * np.log10(power + np.finfo(np.float32).tiny), dtype=np.float32)


def _shades(spectra: dict[str, Float32]) -> dict[str, npt.NDArray[np.uint8]]:
    """Return levels as shades from 0, the floor, to 255, the loudest of all."""
    top = max(float(levels.max()) for levels in spectra.values())
    return {
        track: (255 * np.clip((levels - top) / -SPECTRUM_FLOOR_DB + 1, 0, 1)).astype(np.uint8)
        for track, levels in spectra.items()
    }


def _tracks(sides: dict[str, Float32]) -> dict[str, Float32]:
    """Return what is read, and what was removed."""
    return sides | {"removed": sides["before"] - sides["after"]}


def _columns(steps: Float32, width: int) -> Float32:
    """Return lowest and highest values of `width` even parts of steps ``[N, 2]``."""
    edges = np.minimum(np.linspace(0, len(steps), width + 1).astype(int)[:-1], len(steps) - 1)
    low, high = np.minimum.reduceat(steps[:, 0], edges), np.maximum.reduceat(steps[:, 1], edges)
    return np.stack([low, high], axis=1)


def _survey(pair: Pair, channel: int) -> Survey:
    parts: dict[str, list[Float32]] = {}
    energies: dict[str, float] = {}
    for block in _blocks(pair, channel):
        for track, values in _tracks(block).items():
            steps = np.pad(values, (0, -len(values) % COARSE), mode="edge").reshape(-1, COARSE)
            parts.setdefault(track, []).append(np.stack([steps.min(axis=1), steps.max(axis=1)], axis=1))
            energies[track] = energies.get(track, 0.0) + float(np.dot(values, values))
    rms = {track: float(np.sqrt(energy / pair.length_samples)) for track, energy in energies.items()}
    return Survey({track: np.concatenate(steps) for track, steps in parts.items()}, rms)


def _blocks(pair: Pair, channel: int) -> Iterator[dict[str, Float32]]:
    """Yield all files side by side in blocks of one channel."""
    with ExitStack() as stack:
        readers = {side: stack.enter_context(pair.open(side)) for side in pair.files}
        for start in range(0, pair.length_samples, BLOCK_SAMPLES):
            count = min(BLOCK_SAMPLES, pair.length_samples - start)
            yield {side: _filled(reader, channel, start, count) for side, reader in readers.items()}


def _read(pair: Pair, side: str, channel: int, start: int, stop: int) -> Float32:
    with pair.open(side) as reader:
        return _filled(reader, channel, start, stop - start)


def _filled(reader: Reader, channel: int, start: int, count: int) -> Float32:
    """Return `count` samples of a channel, zeros behind the end."""
    found: Signal = reader.read(start, count)[channel]
    return np.pad(found, (0, count - len(found))).astype(np.float32)


def _span(pair: Pair, start_s: float, end_s: float) -> tuple[int, int]:
    start = int(np.clip(start_s * pair.sample_rate_hz, 0, pair.length_samples - 1))
    return start, int(np.clip(np.ceil(end_s * pair.sample_rate_hz), start + 1, pair.length_samples))


def _coded(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
