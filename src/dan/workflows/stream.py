"""PCM from one pipe to another as it comes: what `dan stream` does around the stream."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dan.core.arrays import Signal, clip
from dan.core.errors import DanError
from dan.inference.conditioning import LARGEST
from dan.inference.stream import Stream
from dan.io.recordings import open_reader, suffix_of
from dan.io.riff import EXTENSIBLE, is_placeholder
from dan.workflows.pipes import HEAD_BYTES, Pipe, spooled, write_all

log = logging.getLogger("dan")

SAMPLE_TYPES = {
    "float32": ("float32", "f32", "f32le"),
    "float64": ("float64", "f64", "f64le"),
    "int16": ("int16", "s16", "s16le"),
    "int24": ("int24", "s24", "s24le"),
    "int32": ("int32", "s32", "s32le"),
    "uint8": ("uint8", "u8"),
}
"""Types of a sample, little-endian, by all the names that they go by: numpy's and ffmpeg's."""
SAMPLE_BYTES = {"float32": 4, "float64": 8, "int16": 2, "int24": 3, "int32": 4, "uint8": 1}
BITS = {"int16": 16, "int24": 24, "int32": 32, "uint8": 8}
MPEG_SYNC = b"\xff"
"""With which PCM may begin too: more bytes then tell."""
NO_AUDIO = (".npy", ".edf", ".bdf")
FORM_FIELDS = ((0, 2), (2, 2), (4, 4))
"""Offsets and widths in a WAV header: format tag, channels, rate."""
WAV_TYPES = {(1, 8): "uint8", (1, 16): "int16", (1, 24): "int24", (1, 32): "int32", (3, 32): "float32",
             (3, 64): "float64"}  # fmt: skip
"""Types of a sample by the format tag and the bits of a WAV header."""
BLOCK_SAMPLES = 2**14
LIKELY = (1e-6, 1e3)
"""Peaks of floating-point PCM that is what it is said to be."""


@dataclass
class Input:
    """Input of a stream, its header read."""

    what: str
    """As ``PCM`` or ``a WAV file``."""
    channels: int
    sample_rate_hz: float | None
    """None where nobody says it."""
    blocks: Iterator[Signal]
    """Blocks ``[C, n]``, full scale +-1."""


def sample_type_of(name: str) -> str:
    """Return numpy's name of a sample type from any of its names.

    Raises:
        DanError: if it is none.
    """
    for sample_type, names in SAMPLE_TYPES.items():
        if name.lower() in names:
            return sample_type
    known = ", ".join(names[1] for names in SAMPLE_TYPES.values())
    raise DanError(f"--dtype {name}", f"a sample's type is one of {known}", "Give one of them")


def open_input(
    source: BinaryIO,
    stack: ExitStack,
    *,
    sample_type: str,
    channels: int | None = None,
    sample_rate_hz: float | None = None,
) -> Input:
    """See what comes out of a pipe: PCM as said, or a recording, whose header then says it.

    The samples of a WAV file go on as they come. Other formats are read to their end first.

    Args:
        source: the pipe.
        stack: what is opened is closed with it.
        sample_type: of PCM.
        channels: of PCM, interleaved; None for one. A recording that says otherwise is refused.
        sample_rate_hz: of PCM, likewise.

    Raises:
        DanError: if the pipe cannot be read, or a recording is damaged, no sound or not what was said of it.
    """
    pipe = Pipe(source)
    head = pipe.peek(12)
    suffix = suffix_of(pipe.peek(HEAD_BYTES) if head[:1] == MPEG_SYNC else head)
    if suffix in NO_AUDIO:
        raise DanError(
            f"a {suffix} file comes in",
            "a stream is PCM or a file of sound",
            "Read it as a recording: dan denoise MODEL -",
        )
    if suffix is None:
        return Input("PCM", channels or 1, sample_rate_hz, pcm_blocks(pipe, channels or 1, sample_type))
    found = _open_wav(pipe) or _open_recording(pipe, stack)
    for name, stated, is_so in (
        ("--channels", channels, found.channels),
        ("--sample-rate", sample_rate_hz, found.sample_rate_hz),
    ):
        if stated is not None and stated != is_so:
            raise DanError(f"{name} {stated:g}", f"{found.what} comes in, of {is_so:g}", f"Leave out {name}")
    return found


def _open_recording(pipe: Pipe, stack: ExitStack) -> Input:
    path = stack.enter_context(spooled(pipe))
    stack.enter_context(_named_as_input(path))
    reader = stack.enter_context(open_reader(path))
    kind = reader.metadata.get("format", "MEDIA")
    name = path.suffix[1:].upper() if kind == "MEDIA" else kind
    what = f"{'an' if name[0] in 'AMO' else 'a'} {name} file"
    return Input(what, reader.channels, reader.sample_rate_hz, reader.blocks(BLOCK_SAMPLES))


@contextmanager
def _named_as_input(path: Path) -> Iterator[None]:
    """Give an error the name of what came in, in the place of the temporary file's."""
    try:
        yield
    except DanError as error:
        raise error.renamed({str(path): "standard input"}) from error


def _open_wav(pipe: Pipe) -> Input | None:
    """Read the header of a WAV file of PCM, up to its samples; None for any other file, of which all is left.

    A size of the samples that a writer into a pipe could not know is no size: they go on to the end.
    """
    if pipe.peek(4) not in (b"RIFF", b"RF64", b"BW64") or pipe.peek(12)[8:] != b"WAVE":
        return None
    place, form, long_size = 12, b"", 0
    while len(chunk := pipe.peek(place + 8)[place:]) == 8:
        name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        if name == b"data":
            break
        body = pipe.peek(place + 8 + size)[place + 8 :]
        form = body if name == b"fmt " else form
        long_size = int.from_bytes(body[8:16], "little") if name == b"ds64" else long_size
        place += 8 + size + size % 2
    else:
        return None
    tag, channels, rate_hz = (int.from_bytes(form[at : at + width], "little") for at, width in FORM_FIELDS)
    tag = int.from_bytes(form[24:26], "little") if tag == EXTENSIBLE else tag
    sample_type = WAV_TYPES.get((tag, int.from_bytes(form[14:16], "little")))
    if sample_type is None or not channels or not rate_hz:
        return None
    pipe.skip(place + 8)
    known = long_size or (size if size and not is_placeholder(size) else None)
    return Input(
        "a WAV file",
        channels,
        rate_hz,
        pcm_blocks(pipe, channels, sample_type, size_bytes=known, in_wav=True),
    )


def pcm_blocks(
    pipe: Pipe, channels: int, sample_type: str, *, size_bytes: int | None = None, in_wav: bool = False
) -> Iterator[Signal]:
    """Yield interleaved PCM as it comes, ``[C, n]``, full scale +-1.

    Args:
        pipe: where it comes from.
        channels: channels C.
        sample_type: of a sample, a key of `SAMPLE_BYTES`.
        size_bytes: of all of them; what comes behind is none. None to the end.
        in_wav: set if a header says all this: a pipe that ends too soon is then warned of.

    Raises:
        DanError: if the pipe cannot be read, or PCM without a header ends in the middle of a sample, when all
            before it has been yielded.
    """
    frame_bytes, left, total_bytes = SAMPLE_BYTES[sample_type] * channels, b"", 0
    while came := pipe.read():
        if size_bytes is not None:
            came = came[: size_bytes - total_bytes]
        total_bytes += len(came)
        left += came
        whole = len(left) - len(left) % frame_bytes
        if whole:
            yield decode(left[:whole], channels, sample_type)
        left = left[whole:]
    if in_wav:
        _warn_if_cut(total_bytes, size_bytes, frame_bytes)
    elif left:
        raise DanError(
            f"a stream that ends {len(left)} byte{'s' * (len(left) > 1)} into a sample of {frame_bytes}",
            f"samples are {sample_type} of {channels} channel{'s, interleaved' if channels > 1 else ''}",
            "Check --dtype and --channels against the source",
        )


def _warn_if_cut(total_bytes: int, size_bytes: int | None, frame_bytes: int) -> None:
    """Warn of the samples of a WAV file that end before its header says, or in the middle of one."""
    came, rest = divmod(total_bytes, frame_bytes)
    if (promised := (size_bytes or 0) // frame_bytes) > came:
        log.warning("The header promises %d samples, and %d came: the input is cut short.", promised, came)
    elif rest:
        log.warning("The input ends within a sample, which is left out.")


def pump(stream: Stream, given: Input, target: BinaryIO, *, sample_type: str) -> int:
    """Denoise what comes in until it ends; each block goes out as soon as it is final.

    Args:
        stream: of as many channels as come in.
        given: from `open_input`.
        target: PCM is written to its descriptor.
        sample_type: of what is written.

    Returns:
        The number of samples that were clipped, of whole numbers.

    Raises:
        DanError: if the input breaks off in the middle of a sample or cannot be read, when what came before
            has gone out; if the target cannot be written (a full disk).
        BrokenPipeError: if nobody reads the target any more.
    """
    target.flush()
    blocks, clipped, failure = _watched(given), 0, None
    while True:
        try:
            block = next(blocks, None)
        except DanError as error:
            block, failure = None, error
        if block is None:
            break
        clipped += _write(target, stream.feed(block), sample_type)
    clipped += _write(target, stream.flush(), sample_type)
    if failure:
        raise failure
    return clipped


def _watched(given: Input) -> Iterator[Signal]:
    """The blocks, what no network takes made silence; once it is said where they cannot be what they seem."""
    second = round(given.sample_rate_hz or 0) or BLOCK_SAMPLES
    peak, strange, count, warned = 0.0, 0, 0, False
    for block in given.blocks:
        size = np.abs(block)
        taken = size <= LARGEST  # NaN is not
        yield block if taken.all() else np.where(taken, block, 0).astype(block.dtype)
        if warned or not block.size:
            continue
        peak = max(peak, float(np.where(taken, size, 0).max()))
        strange += int(np.count_nonzero(~taken | (size > LIKELY[1])))
        count += block.shape[-1]
        if count >= second:
            warned = _warn(peak, strange, count * given.channels)
            peak, strange, count = 0.0, 0, 0
    if count and not warned:
        _warn(peak, strange, count * given.channels)


def _warn(peak: float, strange: int, count: int) -> bool:
    """Warn of samples that are hardly of the type they are read as; whether it was."""
    if strange * 100 < count and not 0 < peak < LIKELY[0]:
        return False
    seen = f"{strange} of {count} beyond {LIKELY[1]:g} or no numbers" if strange else f"none above {peak:.2g}"
    log.warning("Samples of a second: %s. Is it the type of --dtype that comes in?", seen)
    return True


def decode(data: bytes, channels: int, sample_type: str) -> Signal:
    """Return interleaved samples as ``[C, n]``, full scale +-1, wide enough to hold them."""
    if sample_type in ("float32", "float64"):
        numbers = np.frombuffer(data, np.dtype(sample_type).newbyteorder("<"))
        return np.ascontiguousarray(numbers.reshape(-1, channels).T, dtype=sample_type)
    if sample_type == "int24":
        triples = np.frombuffer(data, np.uint8).reshape(-1, 3)
        whole = np.pad(triples, ((0, 0), (1, 0))).view("<i4")[:, 0] / 256
    else:
        whole = np.frombuffer(data, np.dtype(sample_type).newbyteorder("<")).astype(np.float64)
    scaled = (whole - 128 if sample_type == "uint8" else whole) / 2.0 ** (BITS[sample_type] - 1)
    wide = np.float64 if sample_type == "int32" else np.float32
    return np.ascontiguousarray(scaled.reshape(-1, channels).T, dtype=wide)


def encode(block: Signal, sample_type: str) -> tuple[bytes, int]:
    """Return ``[C, n]`` as interleaved samples, whole ones rounded and clipped; and how many were clipped."""
    rows = np.ascontiguousarray(block.T)  # [C, n] -> [n, C]
    if sample_type in ("float32", "float64"):
        return rows.astype(np.dtype(sample_type).newbyteorder("<")).tobytes(), 0
    full = 2.0 ** (BITS[sample_type] - 1)
    whole = np.rint(rows.astype(np.float64) * full)
    kept, clipped = clip(whole, -full, full - 1)
    if sample_type == "uint8":
        return (kept + 128).astype(np.uint8).tobytes(), clipped
    if sample_type == "int24":
        return kept.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes(), clipped
    return kept.astype(np.dtype(sample_type).newbyteorder("<")).tobytes(), clipped


def _write(target: BinaryIO, block: Signal, sample_type: str) -> int:
    data, clipped = encode(block, sample_type)
    write_all(target, data)
    return clipped
