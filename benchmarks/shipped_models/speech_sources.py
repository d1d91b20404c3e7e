"""Recordings that the speech models are made of: speakers and noises, and which of them are held out.

The folders are those of the data sets as distributed; the models' cards name them with their licences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Signal = npt.NDArray[np.float32]

RATE_HZ = 16000
SHORTEST_S = 0.3
"""Announcements shorter than this are left out, as those below `QUIETEST` are."""
QUIETEST = 1e-3
HELD_OUT_AMBIENCES = (
    "ambient_stream",
    "blanket_coffee_shop",
    "blanket_storm",
    "blanket_train",
    "boiler",
    "soundscape_city",
)


@dataclass(frozen=True)
class Speaker:
    """A speaker, or a crowd that cannot be told apart."""

    group: str
    """`read`, `words`, `crowd`, `digits` or `announcements`."""
    held_out: bool
    clips: list[Signal]


@dataclass(frozen=True)
class Noise:
    """A recording of noise."""

    kind: str
    held_out: bool
    signal: Signal


@dataclass(frozen=True)
class Folders:
    """Where the data sets lie."""

    data: Path
    """speech_16k/{read_english/SPEAKER,arabic_words/SPEAKER,coffee_orders}, speech_8k/SPEAKER,
    noise_44k/KIND."""
    announcements: Path
    """Asterisk's core sounds in G.722, a folder for each voice."""
    ambience: Path
    """The ambient sounds of 0 A.D."""


def speakers(folders: Folders) -> Iterator[Speaker]:
    """Return all speakers; some of each group but the crowd are held out."""
    speech = folders.data / "speech_16k"
    for index, folder in enumerate(_folders(speech / "read_english")):
        yield Speaker("read", index % 8 == 3, _clips(folder))
    for index, folder in enumerate(_folders(speech / "arabic_words")):
        yield Speaker("words", index % 5 == 2, _clips(folder))
    yield Speaker("crowd", False, _clips(speech / "coffee_orders"))
    for folder in _folders(folders.data / "speech_8k"):
        yield Speaker("digits", folder.name == "nicolas", _clips(folder))
    for folder in _folders(folders.announcements):
        clips = [clip for clip in _clips(folder, "*.g722") if len(clip) > SHORTEST_S * RATE_HZ]
        loud = [clip for clip in clips if np.sqrt(np.mean(clip**2)) > QUIETEST]
        yield Speaker("announcements", folder.name.startswith("ru"), loud)


def noises(folders: Folders) -> Iterator[Noise]:
    """Return all noises: of each kind every sixth recording is held out with all that is cut from it."""
    for folder in _folders(folders.data / "noise_44k"):
        files = [path for path in sorted(folder.iterdir()) if path.suffix in (".ogg", ".flac", ".wav")]
        takes = sorted({path.name[:7] for path in files})  # FOLD-NUMBER of ESC-10
        for path in files:
            if folder.name in ("ambience", "machines"):
                held_out = path.stem in HELD_OUT_AMBIENCES
            else:
                held_out = takes.index(path.name[:7]) % 6 == 2
            yield Noise(folder.name, held_out, read(path))
    for path in sorted(folders.ambience.rglob("*.ogg")):
        signal = read(path)
        if len(signal) > RATE_HZ and np.sqrt(np.mean(signal**2)) > QUIETEST / 10:
            yield Noise("game", False, signal)


def read(path: Path) -> Signal:
    """Read the first channel of a file at 16 kHz."""
    if path.suffix == ".g722":
        return _read_g722(path)
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(samples[:, 0], rate_hz, RATE_HZ), np.float32)


def _read_g722(path: Path) -> Signal:
    import av

    with av.open(str(path)) as container:
        parts = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float32) / 2**15


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _clips(folder: Path, *patterns: str) -> list[Signal]:
    patterns = patterns or ("*.flac", "*.wav")
    return [read(path) for pattern in patterns for path in sorted(folder.rglob(pattern))]
