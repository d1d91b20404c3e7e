"""The chunks of RIFF, AIFF and CAF files: whether the file is whole, and what lies beside the samples.

libsndfile reads what is left of such a file without a word, and drops chunks that it does not know: those of
broadcasters (bext, iXML), of bat detectors (guan), of samplers (smpl, MARK, INST). A chunk is a name of four
letters, a size and so many bytes, in RIFF and AIFF padded to an even number.

References: Multimedia Programming Interface, 1991 (RIFF); EBU Tech 3306 (RF64); ITU-R BS.2088 (BW64);
Apple, AIFF-C, 1991, and Core Audio Format, 2011.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

from dan.core.errors import DanError

OF_THE_SAMPLES = frozenset(
    b"fmt |data|fact|PEAK|ds64|JUNK|PAD |FLLR|COMM|SSND|FVER|desc|pakt|kuki|peak|free|chan".split(b"|")
)
"""Chunks that describe or align the samples as stored: libsndfile writes its own."""
SAMPLES = (b"data", b"SSND")
RIFFS = (b"RIFF", b"RIFX", b"RF64", b"BW64")

TAIL_BYTES = 64
"""Length up to which what is no chunk at the end of a file is let be."""
LEAST_SAMPLES_BYTES = 4096
"""Length below which nothing is a recording that went on behind its header."""
LOOKED_AT_BYTES = 2**16
ALIKE = 0.6
"""Share of the values of two stretches of bytes that agree where both are samples of one recording."""
TAGS = (b"ID3", b"TAG", b"APE", *RIFFS, b"FORM", b"<?xml", b"<", b"{")
"""First bytes of what writers append that know nothing of chunks."""

EXTENSIBLE = 0xFFFE
"""The tag of a format whose `fmt ` chunk says the valid bits, the speakers and a sub-format."""


class Chunk(NamedTuple):
    """Place of a chunk: its content starts at ``offset``, the next chunk at ``stop``."""

    name: bytes
    offset: int
    size_bytes: int
    stop: int


class Extension(NamedTuple):
    """Fields of an extensible `fmt ` chunk beyond those of a plain one."""

    valid_bits: int
    speakers: int
    """The mask of the loudspeakers that the channels are for."""
    sub_format: bytes


def check_header(path: Path) -> list[str]:
    """Check that the header of a RIFF or AIFF file can be true: its sizes, and a rate above 0.

    Returns:
        What of the file is not read, in a sentence each.

    Raises:
        DanError: if the file ends before it should, or holds more samples than it says: libsndfile would pass
            over the rest without a word. Or if its rate is 0, which libsndfile has no words for.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if head[:4] not in (*RIFFS, b"FORM"):
            return []
        chunks = list(_chunks(file))
        if any(chunk.name == b"fmt " and _at(file, chunk.offset + 4, 4) == bytes(4) for chunk in chunks):
            raise DanError(path, "its header says a sample rate of 0 Hz", "Record or convert it again")
        samples = [chunk for chunk in chunks if chunk.name in SAMPLES]
        said_bytes = 8 + int.from_bytes(head[4:], _order(head))
        promised = max([0 if is_placeholder(said_bytes) else said_bytes, *(chunk.stop for chunk in samples)])
        # A final pad byte is counted by some writers that do not write it.
        if size_bytes + 1 < promised:
            there = f"{size_bytes} of {promised} bytes are there"
            raise DanError(path, f"it is cut short: {there}", "Copy or record it again")
        left = size_bytes - chunks[-1].stop if samples else 0
        if left <= TAIL_BYTES or not _at(file, chunks[-1].stop, LOOKED_AT_BYTES).strip(b"\0"):
            return []
        if _goes_on(file, samples[0], chunks[-1].stop):
            sizes = f"{samples[0].size_bytes} bytes of samples, and {left} bytes follow"
            mend = f"Mend it: ffmpeg -ignore_length 1 -i {path.name} mended{path.suffix}"
            raise DanError(path, f"its header says {sizes} that look like more of them", mend)
        return [f"{left} bytes behind its end are not carried over"]


def _goes_on(file: BinaryIO, samples: Chunk, tail: int) -> bool:
    """Return whether what is behind the last chunk are samples that the header does not count.

    The upper byte of a sample, which tells its level, then has the values that it had before, as often.
    """
    rest = _at(file, tail, LOOKED_AT_BYTES)
    if rest.startswith(TAGS):
        return False
    if samples.size_bytes == 0:
        return True
    if len(rest) < LEAST_SAMPLES_BYTES:
        return False
    width, upper = _sample_bytes(file)
    end = samples.offset + samples.size_bytes - samples.size_bytes % width
    start = max(samples.offset, end - LOOKED_AT_BYTES // width * width)
    late = (samples.offset - tail) % width
    parts = (_at(file, start, end - start)[upper::width], rest[late + upper :: width])
    counts = [np.bincount(np.frombuffer(part, np.uint8), minlength=256) for part in parts]
    return bool(np.minimum(*(count / max(1, count.sum()) for count in counts)).sum() > ALIKE)


def _sample_bytes(file: BinaryIO) -> tuple[int, int]:
    """Bytes of a stored sample, and which of them is the upper one; 1 and 0 where there is no such thing."""
    head = _at(file, 0, 12)
    for chunk in _chunks(file):
        if chunk.name == b"fmt ":
            content = _at(file, chunk.offset, 14)
            channels, block = (int.from_bytes(content[a : a + 2], _order(head)) for a in (2, 12))
            width = block // max(1, channels)
            return (width, width - 1 if _order(head) == "little" else 0) if 0 < width <= 8 else (1, 0)
        if chunk.name == b"COMM":
            bits = int.from_bytes(_at(file, chunk.offset + 6, 2), "big")
            return max(1, (bits + 7) // 8), 0
    return 1, 0


def start_of_tail(path: Path) -> int:
    """Offset behind the last chunk of a RIFF file, where what is no chunk begins; of others the end."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        if _at(file, 0, 4) not in RIFFS:
            return end
        return min([end, *(chunk.stop for chunk in list(_chunks(file))[-1:])])


def other_chunks(path: Path) -> list[Chunk]:
    """The chunks of a WAV, AIFF or CAF file that are not about how its samples are stored."""
    with path.open("rb") as file:
        if _at(file, 0, 4) not in (*RIFFS, b"FORM", b"caff"):
            return []
        return [chunk for chunk in _chunks(file) if chunk.name not in OF_THE_SAMPLES]


def append_chunks(path: Path, source: Path, chunks: list[Chunk]) -> None:
    """Copy chunks of one file to the end of another of its kind, where they may stand as well."""
    with source.open("rb") as given:
        for chunk in chunks:
            given.seek(chunk.offset)
            append_chunk(path, chunk.name, given, chunk.size_bytes)


def append_chunk(path: Path, name: bytes, content: BinaryIO, size_bytes: int) -> None:
    """Write a chunk at the end of a WAV, AIFF or CAF file."""
    with path.open("r+b") as file:
        head = _at(file, 0, 12)
        width, is_padded = (8, False) if head.startswith(b"caff") else (4, True)
        end = file.seek(0, 2)
        pad = bytes(end % 2 if is_padded else 0)
        file.write(pad + name + size_bytes.to_bytes(width, _order(head)))
        _copy(content, file, size_bytes)
        if is_padded:
            file.write(bytes(size_bytes % 2))
            _write_size(file, head)


def clear_time_stamp(path: Path) -> None:
    """Clear the time of writing in a PEAK chunk (version, time, ...): same samples, same bytes."""
    with path.open("r+b") as file:
        for chunk in _chunks(file):
            if chunk.name == b"PEAK":
                file.seek(chunk.offset + 4)
                file.write(bytes(4))
                return


def read_extension(path: Path) -> Extension | None:
    """Read what an extensible `fmt ` chunk says beyond a plain one; None where there is none."""
    with path.open("rb") as file:
        if (chunk := _extensible(file)) is None:
            return None
        content, order = _at(file, chunk.offset, 40), _order(_at(file, 0, 4))
        bits, speakers = (int.from_bytes(content[a:b], order) for a, b in ((18, 20), (20, 24)))
        return Extension(bits, speakers, content[24:40])


def write_extension(path: Path, extension: Extension) -> None:
    """Write what an extensible `fmt ` chunk says beyond a plain one, if the file has one."""
    with path.open("r+b") as file:
        if chunk := _extensible(file):
            order = _order(_at(file, 0, 4))
            file.seek(chunk.offset + 18)
            file.write(extension.valid_bits.to_bytes(2, order) + extension.speakers.to_bytes(4, order))
            file.write(extension.sub_format)


def _extensible(file: BinaryIO) -> Chunk | None:
    head = _at(file, 0, 12)
    if head[:4] not in RIFFS:
        return None
    for chunk in _chunks(file):
        if chunk.name == b"fmt ":
            tag = int.from_bytes(_at(file, chunk.offset, 2), _order(head))
            return chunk if tag == EXTENSIBLE and chunk.size_bytes >= 40 else None
    return None


def _chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Every chunk from the first on, until the file ends or something else than a chunk comes.

    Samples of unknown size go on to the end.
    """
    head = _at(file, 0, 12)
    chunk = _chunk(file, 8 if head.startswith(b"caff") else 12, head)
    while chunk:
        yield chunk
        # Some recorders put no pad byte behind an odd number of bytes.
        unpadded = chunk.offset + chunk.size_bytes
        chunk = _chunk(file, chunk.stop, head) or (
            _chunk(file, unpadded, head) if unpadded != chunk.stop else None
        )


def _chunk(file: BinaryIO, place: int, head: bytes) -> Chunk | None:
    """The chunk at a place, if one can be there."""
    end, is_caf = file.seek(0, 2), head.startswith(b"caff")
    start = _at(file, place, 12 if is_caf else 8)
    if len(start) < (12 if is_caf else 8):
        return None
    name, offset = start[:4], place + len(start)
    size = int.from_bytes(start[4:], _order(head))
    if name == b"data" and is_caf and size == 2**64 - 1:
        size = end - offset
    elif name == b"data" and not is_caf and is_placeholder(size):
        size = _size_in_ds64(file) or end - offset
    stop = offset + size + (0 if is_caf else size % 2)
    if name not in SAMPLES and offset + size > end:
        return None
    is_named = all(0x20 <= byte < 0x7F for byte in name) and name not in (*RIFFS, b"FORM")
    fills_all = size > 0 and 0 <= stop - (8 + int.from_bytes(head[4:8], _order(head))) <= 1
    return Chunk(name, offset, size, stop) if is_named or fills_all else None


def is_placeholder(size_bytes: int) -> bool:
    """Return whether a writer that could not seek may have left it: sox, arecord, ffmpeg into a pipe."""
    return 0x7FFFF000 <= size_bytes < 0x80001000 or size_bytes >= 0xFFFF0000


def _size_in_ds64(file: BinaryIO) -> int:
    """An RF64 file says the size of its data here (after name, size and the size of all), 0 if it is none."""
    head = _at(file, 0, 36)
    is_64 = head[:4] in (b"RF64", b"BW64") and head[12:16] == b"ds64"
    return int.from_bytes(head[28:36], "little") if is_64 else 0


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _order(head: bytes) -> Literal["little", "big"]:
    return "little" if head.startswith((b"RIFF", b"RF64", b"BW64")) else "big"


def _copy(source: BinaryIO, target: BinaryIO, count: int) -> None:
    while count and (part := source.read(min(count, 2**20))):
        target.write(part)
        count -= len(part)


def _write_size(file: BinaryIO, head: bytes) -> None:
    """The size of all that follows it; in RF64 it is 64 bits long and stands in the ds64 chunk."""
    size_bytes = file.seek(0, 2) - 8
    is_64 = head[:4] in (b"RF64", b"BW64")
    file.seek(20 if is_64 else 4)
    file.write(size_bytes.to_bytes(8 if is_64 else 4, _order(head)))
