"""Audio files, whatever libsndfile knows (WAV, FLAC, Ogg, MP3, ...), read and written block by block.

Full scale of a PCM file is +-1; levels are never changed.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, cast, check_sample_rate, clip
from dan.core.errors import DanError
from dan.io import _mpeg
from dan.io._riff import check_header, clear_time_stamp, read_extension, start_of_tail, write_extension
from dan.io._spliced import Splice, SplicedFile
from dan.io._tags import CHUNKED, carry_over, is_of_one_kind
from dan.io.base import Form, Reader, Writer, not_a_recording, reason

AUDIO = "wav wave bwf wavex amb w64 rf64 flac ogg oga opus mp3 aif aiff aifc au snd caf sph"
PCM_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
FORMATS = {
    "AIF": "AIFF", "AIFC": "AIFF", "OGA": "OGG", "OPUS": "OGG", "SND": "AU", "WAVE": "WAV", "BWF": "WAV",
    "AMB": "WAVEX", "SPH": "NIST", "SF": "IRCAM", "IFF": "SVX",
}  # fmt: skip
"""libsndfile's name of the format where it is not the suffix itself."""

WAVES = ("WAV", "WAVEX", "RF64")
"""What hides behind .wav."""

GUESSED = {"MAT4": "a MATLAB file", "MAT5": "a MATLAB file", "HTK": "an HTK file", "PVF": "a PVF file",
           "RAW": "raw samples", "SD2": "an SD2 file"}  # fmt: skip
"""What libsndfile takes for audio, though it seldom is or does not say its rate."""

LOSSLESS = frozenset([*PCM_BITS, "FLOAT", "DOUBLE", "ULAW", "ALAW"])
"""Subtypes that any kind of file takes over from any other; lossy ones would lose once more."""

LARGEST_WAV_BYTES = 2**32 - 2**20
"""A WAV's sizes are 32-bit numbers; beyond, it is written as RF64, which reads the same."""

UNKNOWN_FRAMES = 2**62
SPOILT_BY_SEEKING = frozenset(["MPEG_LAYER_III", "MPEG_LAYER_II", "MPEG_LAYER_I", "VORBIS"])
"""Where a frame needs those before it, and libsndfile decodes wrong samples after a seek."""

SHORTENED = re.compile(r"(?:riff|data|Data Size) +: (\d+) \(should be (\d+)\)")
"""What libsndfile notes of a header that promises more bytes than there are, and reads on."""

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
                self._file.close()
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
    def notes(self) -> list[str]:
        """What of the file is not read, in a sentence each."""
        return self._notes

    @property
    def is_lossy(self) -> bool:
        """Whether samples that are read and written again are others."""
        return self.encoding not in LOSSLESS and not self.encoding.startswith(("ALAC", "DWVW"))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

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
            self._file.close()
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

        given = SplicedFile(self._source, self._splice) if self._splice else _named(self._source)
        return (InOrder if in_order else soundfile.SoundFile)(given)


def _splice(path: Path) -> Splice | None:
    """What libsndfile has to see: RF64 for BW64, no tail behind the chunks, all frames of an MP3."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        name = file.read(4)
    if name.startswith((b"ID3", b"\xff")):
        return _mpeg.splice(path)
    tail = start_of_tail(path)
    if name == b"BW64" or tail < size_bytes:
        return Splice(0, 4, b"RF64" if name == b"BW64" else name, tail)
    return None


def _named(path: Path) -> str | bytes:
    """The name that soundfile takes: of Windows text, elsewhere bytes, which need not be UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)


class AudioWriter(Writer):
    """An audio file.

    The encoding is that of the recording it is written like, where the format has it; otherwise 32-bit float,
    24-bit PCM or the format's default, the first that the format has.
    """

    def __init__(self, path: Path, target: Path, form: Form) -> None:
        import soundfile

        super().__init__(path, target, form)
        rate_hz = _whole_hz(form.sample_rate_hz, target)
        self._kind, self._subtype = _format(target, form)
        self._bits = _valid_bits(form, self._subtype)
        path.touch()  # says why, where nothing can be written
        same = self._source_kind == self._kind
        endian = form.metadata.get("endian") if same else None
        options = _bit_rate(form, rate_hz) if same and self._kind == "MP3" else {}
        try:
            self._file = soundfile.SoundFile(
                _named(path), "w", rate_hz, form.channels, self._subtype, endian, self._kind, **options
            )
            self._write_tags()
        except soundfile.SoundFileError as error:
            raise self._not_writable(error) from error

    @property
    def holds_missing(self) -> bool:
        """Whether its samples are floats, which can be NaN."""
        return self._subtype in ("FLOAT", "DOUBLE")

    def close(self) -> None:
        """Close the file, whole or not."""
        self._file.close()

    def _write_tags(self) -> None:
        import soundfile

        # Within one kind of file they come back with the rest of what is beside the samples.
        if is_of_one_kind(self._source_kind, self._kind) and self._kind != "OGG":
            return
        for tag, text in self._form.metadata.get("tags", {}).items():
            with suppress(soundfile.SoundFileError):  # not every format has every tag
                if text:
                    setattr(self._file, tag, text)

    @property
    def _source_kind(self) -> str:
        return str(self._form.metadata.get("format", ""))

    def _write(self, block: Signal) -> None:
        import soundfile

        for start in range(0, block.shape[-1], FRAMES_AT_ONCE):
            stored, clipped = encode(block[:, start : start + FRAMES_AT_ONCE], self._subtype, self._bits)
            self.clipped_samples += clipped
            try:
                self._file.write(stored.T)  # [C, n] -> [n, C]
            except (
                soundfile.SoundFileError,
                AssertionError,
            ) as error:  # the latter if not all
                raise self._not_writable(error) from error

    def _finish(self) -> None:
        """Closing writes what is left, and says nothing if it cannot: so look at what is there."""
        self._file.close()
        _check_space(self._path)
        if error := self._unreadable():
            raise self._not_writable(error) from error
        if self._kind in (*WAVES, "AIFF"):
            clear_time_stamp(self._path)
        if self._source_kind:
            self._carry_over()
            if error := self._unreadable():
                rule = f"what {self._form.path.name} holds beside its samples is damaged ({reason(error)})"
                raise DanError(
                    self._target, rule, "Write another format, such as .flac, .wav or .npy"
                ) from error

    def _unreadable(self) -> Exception | None:
        """What keeps the file from being read to its last sample."""
        import soundfile

        try:
            with soundfile.SoundFile(_named(self._path)) as file:
                # After a seek into an MP3 its decoder complains of what it has not read.
                if file.seekable() and file.subtype not in SPOILT_BY_SEEKING:
                    file.seek(max(0, file.frames - 1))
                if file.frames < self.written_samples or len(file.read(1)) < min(1, file.frames):
                    raise ValueError(f"only {file.frames} samples came to be there")
        except (soundfile.SoundFileError, ValueError) as error:
            return error
        return None

    def _carry_over(self) -> None:
        """What the source holds beside its samples."""
        source, metadata = self._form.path, self._form.metadata
        lost = [*carry_over(source, self._source_kind, self._path, self._kind), *metadata.get("others", [])]
        if lost:
            self.notes.append(f"not carried over from {source.name}: {', '.join(lost)}")
        if "extension" in metadata and self._form.encoding == self._subtype:
            write_extension(self._path, metadata["extension"])

    def _not_writable(self, error: Exception) -> DanError:
        """What to raise.

        Raises:
            OSError: if there is no room, which libsndfile calls an error of the system.
        """
        _check_space(self._path)
        held = f"{self._form.channels} channels at {self._form.sample_rate_hz:g} Hz"
        return DanError(
            self._target,
            f"{held} cannot be {self._kind} ({reason(error)})",
            "Write .wav or .npy" if self._target.suffix.lower() != ".wav" else "Write .flac or .npy",
        )


def _refused(file: Any, path: Path) -> tuple[str, str] | None:
    """What is wrong with a file that libsndfile opens, and what to do about it."""
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
    """Whether the last page of an Ogg file is marked as such (S. Pfeiffer, RFC 3533, 2003)."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - LARGEST_PAGE_BYTES))
        end = file.read()
    place = end.rfind(b"OggS")
    return place >= 0 and len(end) > place + 5 and bool(end[place + 5] & 4)


def _check_space(path: Path) -> None:
    """See that there was room to the end: if so, there is for some bytes more, taken off again."""
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        file.write(bytes(FRAMES_AT_ONCE))
        file.flush()
        file.truncate(end)


def encode(block: Signal, subtype: str, valid_bits: int | None = None) -> tuple[npt.NDArray[Any], int]:
    """What libsndfile stores without a change of its own, and the number of samples clipped.

    Args:
        block: ``[C, n]``.
        subtype: libsndfile's name of the encoding.
        valid_bits: of PCM, the upper bits that are used; None for all.
    """
    if subtype in ("FLOAT", "DOUBLE"):
        return cast(block, np.dtype(np.float32 if subtype == "FLOAT" else np.float64))
    if subtype not in PCM_BITS:  # lossy or companded
        return clip(block, -1, 1)
    bits = valid_bits or PCM_BITS[subtype]
    full = 2.0 ** (bits - 1)
    # Scaling by a power of two is exact; 32 bits need float64.
    whole = np.rint((block if bits < 32 else block.astype(np.float64)) * full)
    kept, clipped = clip(whole, -full, full - 1)
    # libsndfile takes integers of 16 or 32 bits whose upper bits are the sample.
    wide = np.dtype(np.int16 if PCM_BITS[subtype] <= 16 else np.int32)
    return (kept * 2.0 ** (8 * wide.itemsize - bits)).astype(wide), clipped


def _whole_hz(sample_rate_hz: float | None, target: Path) -> int:
    if sample_rate_hz is None:
        raise DanError(target, "an audio file needs a sample rate", "Give one, or write .npy")
    rate_hz = check_sample_rate(sample_rate_hz)
    if rate_hz != round(rate_hz):
        raise DanError(
            f"{target} at sample_rate_hz={rate_hz:g}", "an audio file's rate is a whole number", "Write .npy"
        )
    return round(rate_hz)


def _bit_rate(form: Form, rate_hz: int) -> dict[str, Any]:
    """What makes an MP3 of as many bits a second as the one it is like, or the next more."""
    with suppress(OSError):
        kbps = 8e-3 * form.path.stat().st_size / max(1, form.length_samples or 0) * rate_hz
        lowest, highest = _mpeg.rate_range_kbps(rate_hz)
        level = (highest - kbps) / (highest - lowest)
        return {"compression_level": min(0.99, max(0.0, level)), "bitrate_mode": "CONSTANT"}
    return {}


def _valid_bits(form: Form, subtype: str) -> int | None:
    """How many of a PCM sample's bits the recording uses that it is written like."""
    extension = form.metadata.get("extension")
    stored = PCM_BITS.get(subtype, 0)
    if extension is None or form.encoding != subtype or not 0 < extension.valid_bits < stored:
        return None
    return int(extension.valid_bits)


def _format(target: Path, form: Form) -> tuple[str, str]:
    """Format and subtype, as libsndfile calls them."""
    import soundfile

    suffix = target.suffix[1:].upper()
    kind, source = FORMATS.get(suffix, suffix), form.metadata.get("format", "")
    if kind in GUESSED or kind not in soundfile.available_formats():
        raise DanError(target, "its suffix names no format that is written", "Write .wav, .flac or .npy")
    if kind == "WAV" and source in WAVES:
        kind = source
    is_kept = form.encoding in LOSSLESS or CHUNKED.get(kind, kind) == CHUNKED.get(source, source)
    own = ["OPUS"] if suffix == "OPUS" else [form.encoding if is_kept else "", "FLOAT", "PCM_24"]
    known = soundfile.available_subtypes(kind)
    subtype = next((name for name in own if name in known), soundfile.default_subtype(kind))
    sample_bytes = {"FLOAT": 4, "DOUBLE": 8}.get(subtype, PCM_BITS.get(subtype, 8) // 8)
    size_bytes = (form.length_samples or 0) * form.channels * sample_bytes
    return ("RF64" if kind in WAVES and size_bytes > LARGEST_WAV_BYTES else kind), subtype
