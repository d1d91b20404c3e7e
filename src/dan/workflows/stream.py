"""PCM from one pipe to another as it comes: what `dan stream` does around the stream."""

from __future__ import annotations

import os
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.inference.conditioning import LARGEST
from dan.inference.stream import Stream

SampleType = Literal["float32", "int16"]
READ_BYTES = 2**16
"""Most bytes taken at once; what has come is taken, however little."""

FULL_SCALE_INT16 = 32768.0


def pump(stream: Stream, source: BinaryIO, target: BinaryIO, *, sample_type: SampleType) -> int:
    """Denoise interleaved PCM until the source ends; each block goes out as soon as it is final.

    Args:
        stream: of as many channels as are interleaved.
        source: read as it comes, not until a buffer is full.
        target: flushed after each block.
        sample_type: of both, in the machine's byte order (little-endian nearly everywhere).

    Returns:
        The number of samples that were clipped, of int16.

    Raises:
        DanError: if the source ends in the middle of a sample, when what came before it has gone out; if the
            source cannot be read or the target cannot be written (a full disk).
        BrokenPipeError: if nobody reads the target any more.
    """
    frame_bytes = np.dtype(sample_type).itemsize * stream.channels
    left, clipped = b"", 0
    while came := _read(source):
        left += came
        whole = len(left) - len(left) % frame_bytes
        block, left = _decode(left[:whole], stream.channels, sample_type), left[whole:]
        clipped += _write(target, stream.feed(block), sample_type)
    clipped += _write(target, stream.flush(), sample_type)
    if left:
        raise DanError(
            f"a stream that ends {len(left)} bytes into a sample of {frame_bytes}",
            f"samples are {sample_type} of {stream.channels} channels, interleaved",
            "Check --dtype and --channels against the source",
        )
    return clipped


def _read(source: BinaryIO) -> bytes:
    try:
        return os.read(source.fileno(), READ_BYTES)
    except OSError as error:
        raise DanError("the input", f"it cannot be read ({error.strerror})", "Give PCM on stdin") from error


def _decode(data: bytes, channels: int, sample_type: SampleType) -> Signal:
    """Interleaved samples to ``[C, n]`` in float32, full scale +-1.

    NaN, infinity and numbers that no network can take become silence: a stream goes on.
    """
    samples = np.frombuffer(data, sample_type).reshape(-1, channels).T.astype(np.float32)
    if sample_type == "int16":
        return samples / np.float32(FULL_SCALE_INT16)
    return np.where(np.abs(samples) <= LARGEST, samples, np.float32(0))


def _write(target: BinaryIO, block: Signal, sample_type: SampleType) -> int:
    encoded, clipped = _encode(block, sample_type)
    try:
        target.write(np.ascontiguousarray(encoded.T).tobytes())
        target.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        why = f"it cannot be written ({error.strerror})"
        raise DanError("the output", why, "Free some space, or write elsewhere") from error
    return clipped


def _encode(block: Signal, sample_type: SampleType) -> tuple[npt.NDArray[np.generic], int]:
    """To the sample type, whole numbers rounded and clipped; and how many were clipped."""
    if sample_type == "float32":
        return block.astype(np.float32), 0
    whole = np.rint(block * FULL_SCALE_INT16)
    clipped = int(((whole < -FULL_SCALE_INT16) | (whole > FULL_SCALE_INT16 - 1)).sum())
    return np.clip(whole, -FULL_SCALE_INT16, FULL_SCALE_INT16 - 1).astype(np.int16), clipped
