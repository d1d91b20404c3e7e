"""Audio files, whatever libsndfile knows (WAV, FLAC, Ogg, MP3, ...), read and written block by block.

Full scale of a PCM file is +-1; levels are never changed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io import _mpeg
from dan.io._spliced import Splice, SplicedFile
from dan.io.base import Reader, not_a_recording
from dan.io.riff import check_header, read_extension, start_of_tail

AUDIO = "wav wave bwf wavex amb w64 rf64 flac ogg oga opus mp3 aif aiff aifc au snd caf sph"
PCM_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
FORMATS = {
    "AIF": "AIFF", "AIFC": "AIFF", "OGA": "OGG", "OPUS": "OGG", "SND": "AU", "WAVE": "WAV", "BWF": "WAV",
    "AMB": "WAVEX", "SPH": "NIST", "SF": "IRCAM", "IFF": "SVX",
}  # fmt: skip
"""libsndfile's name of the format where it is not the suffix itself."""

WAVES = ("WAV", "WAVEX", "RF64")
"""Formats that hide behind .wav."""

GUESSED = {"MAT4": "a MATLAB file", "MAT5": "a MATLAB file", "HTK": "an HTK file", "PVF": "a PVF file",
           "RAW": "raw samples", "SD2": "an SD2 file"}  # fmt: skip
"""Formats that libsndfile takes for audio, though it seldom is or does not say its rate."""

LOSSLESS = frozenset([*PCM_BITS, "FLOAT", "DOUBLE", "ULAW", "ALAW"])
"""Subtypes that any kind of file takes over from any other; lossy ones would lose once more."""

LARGEST_WAV_BYTES = 2**32 - 2**20
"""A WAV's sizes are 32-bit numbers; beyond, it is written as RF64, which reads the same."""

UNKNOWN_FRAMES = 2**62
SPOILT_BY_SEEKING = frozenset(["MPEG_LAYER_III", "MPEG_LAYER_II", "MPEG_LAYER_I", "VORBIS"])
"""Formats whose frames need those before them, of which libsndfile decodes wrong samples after a seek."""

SHORTENED = re.compile(r"(?:riff|data|Data Size) +: (\d+) \(should be (\d+)\)")
"""Note of libsndfile on a header that promises more bytes than there are, and reads on."""

LARGEST_PAGE_BYTES = 65_307
"""Largest page of an Ogg file, in bytes."""

FRAMES_AT_ONCE = 2**16
"""Bounds what conversions hold at once, and keeps libsndfile's Vorbis encoder within its stack."""


class AudioReader(Reader):
    """An audio file.

    Args:
        path: the file. Pieces of MP3 and Vorbis are slow to read: they are decoded from the start.
        dtype: of the blocks; None for float32 or, where samples have more than 24 bits, float64.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike | None) -> None:
        import soundfile

        self._source = path
        try:
            self._notes = check_header(path)
            self._splice = _splice(path)
            self._file = self._open()
            self._in_order = self._file.subtype in SPOILT_BY_SEEKING or not self._file.seekable()
            if self._in_order:
                self.close()
                self._file = self._open(in_order=True)
        except (soundfile.SoundFileError, TypeError, ValueError, OSError) as error:
            raise not_a_recording(path, error) from error
        self._place = 0
        file = self._file
        length = int(file.frames) if file.frames < UNKNOWN_FRAMES else None
        super().__init__(path, float(file.samplerate), int(file.channels), length, str(file.subtype))
        self.rank = 1 if self.channels == 1 else 2
        self.metadata = {"format": str(file.format), "endian": str(file.endian), "tags": file.copy_metadata()}
        if extension := read_extension(path):
            self.metadata["extension"] = extension
        self._dtype = np.dtype(dtype or (np.float64 if file.subtype in ("PCM_32", "DOUBLE") else np.float32))
        wrong = _refused(file, path)
        if wrong:
            self.close()
            raise DanError(path, *wrong)

    @property
    def own_notes(self) -> list[str]:
        """Notes on what of the file is not read, in a sentence each."""
        return self._notes

    @property
    def is_lossy(self) -> bool:
        """Return whether samples that are read and written again are others."""
        return self.encoding not in LOSSLESS and not self.encoding.startswith(("ALAC", "DWVW"))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if isinstance(self._given, SplicedFile):  # which soundfile leaves open, as its own it was not
            self._given.close()

    def _read(self, start_sample: int, count: int) -> Signal:
        if self.length_samples is not None:
            count = max(0, min(count, self.length_samples - start_sample))
        if not count:
            return np.empty((self.channels, 0), self._dtype)
        self._go_to(start_sample)
        frames = self._file.read(count, dtype=self._dtype.name, always_2d=True)
        self._place += len(frames)
        return np.ascontiguousarray(frames.T)  # [n, C] -> [C, n]

    def _go_to(self, start_sample: int) -> None:
        """Be at a sample: by seeking, or by decoding from the start on."""
        if self._place != start_sample and not self._in_order:
            self._place = self._file.seek(start_sample)
        if self._place > start_sample:
            self.close()
            self._file, self._place = self._open(in_order=True), 0
        while left := start_sample - self._place:
            skipped = len(self._file.read(min(left, FRAMES_AT_ONCE), dtype="float32"))
            self._place += skipped
            if not skipped:
                return

    def _open(self, *, in_order: bool = False) -> Any:
        """Open the file, for reading from start to end or by seeking.

        soundfile seeks after every read, if only to where it is, unless the file says that it cannot.
        """
        import soundfile

        class InOrder(soundfile.SoundFile):  # type: ignore[misc]
            def seekable(self) -> bool:
                return False

        self._given = SplicedFile(self._source, self._splice) if self._splice else library_name(self._source)
        return (InOrder if in_order else soundfile.SoundFile)(self._given)


def _splice(path: Path) -> Splice | None:
    """Splice that libsndfile needs to see: RF64 for BW64, no tail behind the chunks, all frames of an MP3."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        name = file.read(4)
    if name.startswith((b"ID3", b"\xff")):
        return _mpeg.splice(path)
    tail = start_of_tail(path)
    if name == b"BW64" or tail < size_bytes:
        return Splice(0, 4, b"RF64" if name == b"BW64" else name, tail)
    return None


def library_name(path: Path) -> str | bytes:
    """The name that soundfile takes: of Windows text, elsewhere bytes, which need not be UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def _refused(file: Any, path: Path) -> tuple[str, str] | None:
    """Fault of a file that libsndfile opens, and the way out; None where there is none."""
    if file.format in GUESSED:
        return f"it is {GUESSED[file.format]}, no audio file", "Save it as .npy or .wav"
    if file.frames == 0:
        return "it holds no samples", "Copy or record it again"
    found = SHORTENED.search(file.extra_info) if file.format in ("AU", "CAF", "W64") else None
    said, held = map(int, found.groups()) if found else (0, 0)
    if held < said < LARGEST_WAV_BYTES:  # beyond, it is a placeholder
        return f"it is cut short: {held} of {said} bytes are there", "Copy or record it again"
    if file.format == "OGG" and not _has_last_page(path):
        return "it is cut short: its last page is not there", "Copy or record it again"
    return None


def _has_last_page(path: Path) -> bool:
    """Return whether the last page of an Ogg file is marked as such (S. Pfeiffer, RFC 3533, 2003)."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - LARGEST_PAGE_BYTES))
        end = file.read()
    place = end.rfind(b"OggS")
    return place >= 0 and len(end) > place + 5 and bool(end[place + 5] & 4)
