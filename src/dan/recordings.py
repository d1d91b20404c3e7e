"""Readers and writers of single recordings: raw .npy arrays and whatever libsndfile knows (WAV, FLAC, ...).

Levels are never changed: full scale of a PCM file is +-1, a .npy array's numbers are what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.files import atomic_write
from dan.signals import DanError, Signal, check_sample_rate, check_signal

AUDIO = "wav wavex w64 rf64 flac ogg oga opus mp3 aif aiff aifc au snd caf"
SUFFIXES = frozenset([".npy", *(f".{name}" for name in AUDIO.split(" "))])
"""What counts as a recording in a folder, in lower case."""

PCM_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
FORMATS = {"AIF": "AIFF", "AIFC": "AIFF", "OGA": "OGG", "OPUS": "OGG", "SND": "AU"}
"""libsndfile's name of the format where it is not the suffix itself."""

MANY_CHANNELS = 64
"""An array with more rows than this, and more rows than columns, has its axes in the wrong order."""

UNKNOWN_SIZE = 0x7FFFF000
"""From here up the size in a header is a placeholder, left by a writer that could not seek back."""


@dataclass(frozen=True)
class Recording:
    """What a file holds."""

    samples: Signal
    """``[T]`` or ``[C, T]``, float32 or float64, wide enough to hold each stored value exactly."""
    sample_rate_hz: float | None
    """None for a .npy array whose rate nobody said."""
    encoding: str
    """How the samples are stored: numpy's dtype (``int16``) or libsndfile's subtype (``PCM_24``)."""


def read(path: str | Path, *, sample_rate_hz: float | None = None) -> Recording:
    """Read a whole recording.

    Args:
        path: a .npy array, ``[T]`` or ``[C, T]``, or an audio file.
        sample_rate_hz: the rate of a .npy array, in Hz; an audio file says its own, and this is not used.

    Raises:
        DanError: if there is no such file, it is empty, cut short or no recording, holds NaN or infinity, or
            has the wrong rank or its axes in the wrong order; the message names the path.
    """
    source = Path(path)
    if not _is_file(source):
        raise DanError(source, "there is no such file", "Give the path of a recording")
    if source.suffix.lower() == ".npy":
        rate_hz = None if sample_rate_hz is None else check_sample_rate(sample_rate_hz)
        return _read_npy(source, rate_hz)
    return _read_audio(source)


def write(
    path: str | Path,
    signal: npt.ArrayLike,
    *,
    sample_rate_hz: float | None,
    like: Recording | None = None,
    force: bool = False,
) -> int:
    """Write a recording; it appears under its name whole or not at all.

    Integers are rounded to the nearest and clipped, never wrapped. The same samples give the same bytes.

    Args:
        path: its suffix says the format: .npy, .wav, .flac, ...
        signal: ``[T]`` or ``[C, T]``.
        sample_rate_hz: its rate in Hz, a whole number for audio; a .npy array does not record it.
        like: a recording whose encoding is kept where the format has it. Otherwise .npy keeps the dtype, and
            audio is 32-bit float, 24-bit PCM or the format's default, the first that the format has.
        force: overwrite a file of that name.

    Returns:
        The number of samples that were clipped.

    Raises:
        DanError: if the signal is wrong, the format cannot hold it, or the file exists or cannot be written.
    """
    target = Path(path)
    samples = check_signal(signal, name=f"signal for {target}")
    if samples.ndim > 2:
        raise DanError(
            f"signal of shape {list(samples.shape)}", "a file holds [T] or [C, T]", "Write several"
        )
    with atomic_write(target, force=force) as temporary:
        if target.suffix.lower() == ".npy":
            return _write_npy(temporary, samples, like)
        return _write_audio(temporary, samples, _whole_hz(sample_rate_hz, target), like, target)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long, or a folder above may not be looked into
        return False


def _read_npy(path: Path, rate_hz: float | None) -> Recording:
    try:
        # Mapped first: a header that promises more than the file holds asks for no memory.
        stored = np.lib.format.open_memmap(path, mode="r")  # never unpickles
    except Exception as error:  # numpy parses the header as Python: a damaged one raises anything
        raise _not_a_recording(path, error) from error
    rank = stored.ndim if stored.ndim in (1, 2) else 1
    if stored.ndim == 2 and stored.shape[0] > max(MANY_CHANNELS, stored.shape[1]):
        raise DanError(
            f"{path} of shape {list(stored.shape)}",
            f"{stored.shape[0]} channels of {stored.shape[1]} samples: time must be the last axis",
            "Transpose it",
        )
    return Recording(check_signal(np.array(stored), name=str(path), rank=rank), rate_hz, stored.dtype.name)


def _read_audio(path: Path) -> Recording:
    import soundfile

    try:
        _refuse_cut_short(path)
        with soundfile.SoundFile(path) as file:
            wide = file.subtype in ("PCM_32", "DOUBLE")
            samples = file.read(dtype="float64" if wide else "float32").T  # [T, C] -> [C, T]
            rate_hz, encoding = float(file.samplerate), str(file.subtype)
    except (soundfile.SoundFileError, TypeError, ValueError, OSError) as error:
        raise _not_a_recording(path, error) from error
    return Recording(check_signal(np.ascontiguousarray(samples), name=str(path)), rate_hz, encoding)


def _refuse_cut_short(path: Path) -> None:
    """Compare sizes with the header: libsndfile reads what is left of a WAV or AIFF file without a word."""
    with path.open("rb") as file:
        head = file.read(8)
    size_bytes = path.stat().st_size
    said_bytes = int.from_bytes(head[4:], "little" if head.startswith(b"RIFF") else "big") + 8
    # A final pad byte is counted by some writers that do not write it.
    if head[:4] in (b"RIFF", b"FORM") and size_bytes + 1 < said_bytes < UNKNOWN_SIZE:
        raise DanError(
            path, f"it is cut short: {size_bytes} of {said_bytes} bytes are there", "Copy or record it again"
        )


def _write_npy(path: Path, samples: Signal, like: Recording | None) -> int:
    try:
        dtype = np.dtype(like.encoding) if like else samples.dtype
    except TypeError:  # the encoding of an audio file
        dtype = samples.dtype
    stored, clipped = _cast(samples, dtype if dtype.kind in "fiu" else samples.dtype)
    np.save(path, stored)
    return clipped


def _cast(samples: Signal, dtype: np.dtype[Any]) -> tuple[npt.NDArray[Any], int]:
    """To a dtype of numbers, rounded if whole, clipped to its range; and how many were clipped."""
    if dtype == samples.dtype:
        return samples, 0
    limits: Any = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    wide = samples.astype(np.float64)
    wide = np.rint(wide) if dtype.kind in "iu" else wide
    low, high = float(limits.min), float(limits.max)
    if dtype.kind in "iu" and int(high) > limits.max:  # 2**63 - 1 is no float64: the next one below it
        high = float(np.nextafter(high, 0))
    clipped = int(((wide < low) | (wide > high)).sum())
    return np.clip(wide, low, high).astype(dtype), clipped


def _whole_hz(sample_rate_hz: float | None, target: Path) -> int:
    if sample_rate_hz is None:
        raise DanError(target, "an audio file needs a sample rate", "Give one, or write .npy")
    rate_hz = check_sample_rate(sample_rate_hz)
    if rate_hz != round(rate_hz):
        raise DanError(
            f"{target} at sample_rate_hz={rate_hz:g}", "an audio file's rate is a whole number", "Write .npy"
        )
    return round(rate_hz)


def _write_audio(path: Path, samples: Signal, rate_hz: int, like: Recording | None, target: Path) -> int:
    import soundfile

    kind, subtype = _audio_format(target, like)
    stored, clipped = _encode(samples, subtype)
    channels = 1 if stored.ndim == 1 else len(stored)
    try:
        with soundfile.SoundFile(path, "w", rate_hz, channels, subtype, format=kind) as file:
            file.write(stored.T)  # [C, T] -> [T, C]
    except (soundfile.SoundFileError, AssertionError) as error:  # the latter if it could not write them all
        raise DanError(
            target, f"{kind} with {channels} channels at {rate_hz} Hz cannot be written ({error})",
            "Free some space, or write .wav or .npy",
        ) from error  # fmt: skip
    if kind == "WAV":
        _clear_time_stamp(path)
    return clipped


def _audio_format(target: Path, like: Recording | None) -> tuple[str, str]:
    """Format and subtype, as libsndfile calls them."""
    import soundfile

    suffix = target.suffix[1:].upper()
    kind = FORMATS.get(suffix, suffix)
    if kind == "RAW" or kind not in soundfile.available_formats():
        raise DanError(target, "its suffix names no format known", "Write .wav, .flac or .npy")
    wanted = [like.encoding] if like else []
    own = ["OPUS"] if suffix == "OPUS" else [*wanted, "FLOAT", "PCM_24"]
    known = soundfile.available_subtypes(kind)
    return kind, next((name for name in own if name in known), soundfile.default_subtype(kind))


def _encode(samples: Signal, subtype: str) -> tuple[npt.NDArray[Any], int]:
    """What libsndfile stores without a change of its own, and the number of samples clipped."""
    if subtype in ("FLOAT", "DOUBLE"):
        return _cast(samples, np.dtype(np.float32 if subtype == "FLOAT" else np.float64))
    if subtype not in PCM_BITS:  # lossy or companded
        return np.clip(samples, -1, 1), int((np.abs(samples) > 1).sum())
    full = 2.0 ** (PCM_BITS[subtype] - 1)
    whole = np.rint(samples.astype(np.float64) * full)
    clipped = int(((whole < -full) | (whole > full - 1)).sum())
    # libsndfile takes 32-bit integers whose upper bits are the sample.
    return (np.clip(whole, -full, full - 1) * (2.0**31 / full)).astype(np.int32), clipped


def _clear_time_stamp(path: Path) -> None:
    """Clear the time of writing in a float WAV's PEAK chunk (id, size, version, time)."""
    with path.open("r+b") as file:
        found = file.read(256).partition(b"data")[0].find(b"PEAK")
        if found >= 0:
            file.seek(found + 12)
            file.write(bytes(4))


def _not_a_recording(path: Path, error: Exception) -> DanError:
    why = "it is empty" if path.stat().st_size == 0 else f"it cannot be read as a recording ({error})"
    return DanError(path, why, "Give a .npy array of numbers or an audio file such as .wav or .flac")
