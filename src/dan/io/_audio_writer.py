"""Audio files, written block by block, read back before they get their names."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, cast, check_sample_rate, clip
from dan.core.errors import DanError
from dan.io import _mpeg
from dan.io._tags import CHUNKED, carry_over, is_of_one_kind
from dan.io.audio import (
    FORMATS,
    FRAMES_AT_ONCE,
    GUESSED,
    LARGEST_WAV_BYTES,
    LOSSLESS,
    PCM_BITS,
    SPOILT_BY_SEEKING,
    WAVES,
    library_name,
)
from dan.io.base import Form, Writer, reason
from dan.io.riff import clear_time_stamp, write_extension

LOWERED = {176: 0.95, 208: 0.97, 240: 0.98}
"""Gain at which LAME writes an MP3 of less than so many kbit/s at a constant rate, so that nothing clips."""


class AudioWriter(Writer):
    """An audio file.

    The encoding is that of its template, where the format has it; otherwise 32-bit float,
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
        kbps = _kbps(form, rate_hz) if same and self._kind == "MP3" else 0
        self._gain = next((gain for most, gain in LOWERED.items() if 0 < kbps < most), 1.0)
        options = _bit_rate(kbps, rate_hz) if kbps else {}
        try:
            self._file = soundfile.SoundFile(
                library_name(path), "w", rate_hz, form.channels, self._subtype, endian, self._kind, **options
            )
            self._write_tags()
        except soundfile.SoundFileError as error:
            raise self._not_writable(error) from error

    @property
    def holds_missing(self) -> bool:
        """Return whether its samples are floats, which can be NaN."""
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
                raised = stored if self._gain == 1 else stored / self._gain
                self._file.write(raised.T)  # [C, n] -> [n, C]
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
        """Error that keeps the file from being read to its last sample; None if it can be."""
        import soundfile

        try:
            with soundfile.SoundFile(library_name(self._path)) as file:
                # After a seek into an MP3 its decoder complains of what it has not read.
                if file.seekable() and file.subtype not in SPOILT_BY_SEEKING:
                    file.seek(max(0, file.frames - 1))
                if file.frames < self.written_samples or len(file.read(1)) < min(1, file.frames):
                    raise ValueError(f"only {file.frames} samples came to be there")
        except (soundfile.SoundFileError, ValueError) as error:
            return error
        return None

    def _carry_over(self) -> None:
        """Carry over what the source holds beside its samples, and note what is lost."""
        source, metadata = self._form.path, self._form.metadata
        lost = [*carry_over(source, self._source_kind, self._path, self._kind), *metadata.get("others", [])]
        if lost:
            self.notes.append(f"not carried over from {source.name}: {', '.join(lost)}")
        if "extension" in metadata and self._form.encoding == self._subtype:
            write_extension(self._path, metadata["extension"])

    def _not_writable(self, error: Exception) -> DanError:
        """Error to raise, in plain words.

        Raises:
            OSError: if there is no room, which libsndfile calls an error of the system.
        """
        _check_space(self._path)
        form = f"{self._form.channels} channels at {self._form.sample_rate_hz:g} Hz"
        return DanError(
            self._target,
            f"{form} cannot be {self._kind} ({reason(error)})",
            "Write .wav or .npy" if self._target.suffix.lower() != ".wav" else "Write .flac or .npy",
        )


def _check_space(path: Path) -> None:
    """See that there was room to the end: if so, there is for some bytes more, taken off again."""
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        file.write(bytes(FRAMES_AT_ONCE))
        file.flush()
        file.truncate(end)


def encode(block: Signal, subtype: str, valid_bits: int | None = None) -> tuple[npt.NDArray[Any], int]:
    """Encode a block as libsndfile stores it unchanged, and count the samples clipped.

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


def _kbps(form: Form, rate_hz: int) -> float:
    """Bits a second of the MP3 that is the template, in thousands; 0 if it is not there any more."""
    with suppress(OSError):
        kbps = 8e-3 * form.path.stat().st_size / max(1, form.length_samples or 0) * rate_hz
        lowest, highest = _mpeg.rate_range_kbps(rate_hz)
        return min(highest, max(lowest, kbps))
    return 0.0


def _bit_rate(kbps: float, rate_hz: int) -> dict[str, Any]:
    """Settings of an MP3 of so many bits a second, or the next more."""
    lowest, highest = _mpeg.rate_range_kbps(rate_hz)
    level = (highest - kbps) / (highest - lowest)
    return {"compression_level": min(0.99, level), "bitrate_mode": "CONSTANT"}


def _valid_bits(form: Form, subtype: str) -> int | None:
    """Number of a PCM sample's bits that the template uses."""
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
