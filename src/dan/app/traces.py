"""What the page draws and plays: windows of two recordings of one length, before and after.

Nothing is held in memory but the window that is asked for, and one coarse envelope a recording.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, rms
from dan.io.recordings import Reader, open_reader

Float32 = npt.NDArray[np.float32]

COARSE = 1024
"""Samples of one step of the coarse envelope."""
EXACT_SAMPLES = 2**21
"""Windows up to this length are drawn from the samples themselves."""
SPECTRUM_FLOOR_DB = -80.0
"""The darkest level of a spectrogram, below the loudest of both."""
AUDIBLE_HZ = 3000.0
"""Browsers play sample rates from this one up."""
SECONDS_A_CHUNK = 4.0


@dataclass
class Pair:
    """A recording before and after, by their files."""

    name: str
    before: Path
    after: Path
    sample_rate_hz: float
    channels: int
    length_samples: int
    units: list[str]
    _envelopes: dict[tuple[Path, int], Float32] = field(default_factory=dict)

    def describe(self, key: str) -> dict[str, Any]:
        """Return what the player is told when it opens the pair."""
        return {
            "key": key,
            "name": self.name,
            "rate": self.sample_rate_hz,
            "channels": self.channels,
            "duration": self.length_samples / self.sample_rate_hz,
            "units": self.units,
            "audible": self.sample_rate_hz >= AUDIBLE_HZ,
        }

    def open(self, path: Path) -> Reader:
        """Open one of the two files."""
        return open_reader(path, sample_rate_hz=self.sample_rate_hz, dtype=np.float32)


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
        labels: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Register a pair and return what the player is told.

        Args:
            before: a recording.
            after: another of the same length.
            name: of the pair.
            sample_rate_hz: where the files do not say it.
            labels: what the player calls both, where they are not before and after.

        Raises:
            DanError: if one of the files cannot be read.
        """
        with open_reader(after, sample_rate_hz=sample_rate_hz) as reader:
            rate_hz = reader.sample_rate_hz or sample_rate_hz or 1.0
            length = reader.length_samples or sum(block.shape[-1] for block in reader.blocks(2**16))
            units = [str(unit) for unit in reader.metadata.get("units", ())] or [""] * reader.channels
            pair = Pair(name, before, after, rate_hz, reader.channels, length, units)
        key = uuid.uuid4().hex
        self._pairs[key] = pair
        return pair.describe(key) | {"labels": labels}

    def view(self, key: str, channel: int, start_s: float, end_s: float, width: int) -> dict[str, Any]:
        """Return envelopes and spectrograms of both for a stretch of time, `width` columns each."""
        pair, width = self._pairs[key], int(np.clip(width, 16, 2000))
        asked: Any = {"channel": channel, "span": _span(pair, start_s, end_s), "width": width}
        found: dict[str, Any] = {}
        spectra = {}
        for side, path in (("before", pair.before), ("after", pair.after)):
            low, high = envelope(pair, path, **asked)
            found[side] = {"low": _coded(low), "high": _coded(high)}
            spectra[side] = spectrogram(pair, path, **asked)
        top = max(float(levels.max()) for levels in spectra.values())
        for side, levels in spectra.items():
            shades = np.clip((levels - top) / -SPECTRUM_FLOOR_DB + 1, 0, 1)
            found[side] |= {"spectrum": _coded((255 * shades).astype(np.uint8)), "bins": levels.shape[1]}
        return found

    def chunk(self, key: str, channel: int, start_s: float) -> dict[str, Any]:
        """Return the samples of both for `SECONDS_A_CHUNK` seconds to play, and their levels."""
        pair = self._pairs[key]
        start, stop = _span(pair, start_s, start_s + SECONDS_A_CHUNK)
        sides = {"before": pair.before, "after": pair.after}
        samples = {side: _read(pair, path, channel, start, stop) for side, path in sides.items()}
        return {side: _coded(values) for side, values in samples.items()} | {
            "level": {side: float(rms(values)) for side, values in samples.items()}
        }


def envelope(
    pair: Pair, path: Path, *, channel: int, span: tuple[int, int], width: int
) -> tuple[Float32, Float32]:
    """Return the lowest and the highest value of each of `width` columns of a span of samples."""
    start, stop = span
    if stop - start <= EXACT_SAMPLES:
        samples = _read(pair, path, channel, start, stop)
        steps = np.stack([samples, samples], axis=1)
    else:
        steps = _coarse(pair, path, channel)[start // COARSE : stop // COARSE + 1]
    edges = np.linspace(0, len(steps), width + 1).astype(int)[:-1]
    edges = np.minimum(edges, len(steps) - 1)
    return np.minimum.reduceat(steps[:, 0], edges), np.maximum.reduceat(steps[:, 1], edges)


def spectrogram(pair: Pair, path: Path, *, channel: int, span: tuple[int, int], width: int) -> Float32:
    """Return levels in dB ``[width, bins]`` of frames evenly spaced over a span of samples."""
    start, stop = span
    n_fft = int(np.clip(2 ** np.round(np.log2(0.03 * pair.sample_rate_hz)), 32, 2048))
    starts = np.linspace(start, max(start, stop - n_fft), width).astype(int)
    if stop - start <= EXACT_SAMPLES:
        samples = _read(pair, path, channel, start, max(stop, start + n_fft))
        frames = samples[(starts - start)[:, None] + np.arange(n_fft)]
    else:
        with pair.open(path) as reader:
            blocks = [reader.read(int(first), n_fft)[channel] for first in starts]
        frames = np.stack([np.pad(block, (0, n_fft - len(block))) for block in blocks])
    power = np.abs(np.fft.rfft(frames * np.hanning(n_fft), axis=-1)) ** 2
    return np.asarray(10 * np.log10(power + np.finfo(np.float32).tiny), dtype=np.float32)


def _coarse(pair: Pair, path: Path, channel: int) -> Float32:
    """Return lowest and highest values of every `COARSE` samples, computed once."""
    key = (path, channel)
    if key not in pair._envelopes:
        parts = []
        with pair.open(path) as reader:
            for block in reader.blocks(COARSE * 512):
                values = np.pad(block[channel], (0, -block.shape[-1] % COARSE), mode="edge")
                steps = values.reshape(-1, COARSE)
                parts.append(np.stack([steps.min(axis=1), steps.max(axis=1)], axis=1))
        pair._envelopes[key] = np.concatenate(parts).astype(np.float32)
    return pair._envelopes[key]


def _read(pair: Pair, path: Path, channel: int, start: int, stop: int) -> Float32:
    """Return samples from `start` to `stop`, zeros behind the end."""
    with pair.open(path) as reader:
        found: Signal = reader.read(start, stop - start)[channel]
    return np.pad(found, (0, stop - start - len(found))).astype(np.float32)


def _span(pair: Pair, start_s: float, end_s: float) -> tuple[int, int]:
    start = int(np.clip(start_s * pair.sample_rate_hz, 0, pair.length_samples - 1))
    return start, int(np.clip(np.ceil(end_s * pair.sample_rate_hz), start + 1, pair.length_samples))


def _coded(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
