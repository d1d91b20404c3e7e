"""The chunks of RIFF and AIFF files: whether the file is whole, and what lies beside the samples.

libsndfile reads what is left of such a file without a word, and drops chunks that it does not know: those of
broadcasters (bext, iXML), of bat detectors (guan), of samplers (smpl). A chunk is a name of four letters, a
32-bit size and so many bytes, padded to an even number.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from dan.core.errors import DanError

OF_THE_SAMPLES = frozenset([b"fmt ", b"data", b"fact", b"PEAK", b"ds64", b"JUNK", b"PAD ", b"FLLR"])
"""Chunks that describe or align the samples as stored: libsndfile writes its own."""
SAMPLES = (b"data", b"SSND")
TAIL_BYTES = 64
"""What is no chunk at the end of a file, and no longer than this, is let be."""
LOOKED_AT_BYTES = 2**16
TAGS = (b"ID3", b"TAG", b"APE")
"""What taggers append that know nothing of chunks begins so."""


class Chunk(NamedTuple):
    """Where a chunk is: its content starts at ``offset``."""

    name: bytes
    offset: int
    size_bytes: int


def refuse_wrong_header(path: Path) -> None:
    """Refuse a RIFF or AIFF file whose header cannot be true: in its sizes, or with a rate of 0.

    Raises:
        DanError: if the file ends before it should, or holds more samples than it says: libsndfile would pass
            over the rest without a word. Or if its rate is 0, which libsndfile has no words for.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if head[:4] not in (b"RIFF", b"RIFX", b"RF64", b"FORM"):
            return
        said_bytes = 8 + int.from_bytes(head[4:], _order(head))
        chunks = list(_chunks(file))
        if any(chunk.name == b"fmt " and _at(file, chunk.offset + 4, 4) == bytes(4) for chunk in chunks):
            raise DanError(path, "its header says a sample rate of 0 Hz", "Record or convert it again")
        samples = [chunk for chunk in chunks if chunk.name in SAMPLES]
        promised = max([0 if _is_placeholder(said_bytes) else said_bytes, *map(_end, samples)])
        # A final pad byte is counted by some writers that do not write it.
        if size_bytes + 1 < promised:
            there = f"{size_bytes} of {promised} bytes are there"
            raise DanError(path, f"it is cut short: {there}", "Copy or record it again")
        if samples and _is_no_tail(_at(file, _end(chunks[-1]), LOOKED_AT_BYTES)):
            said = (
                f"{samples[0].size_bytes} bytes of samples, and {size_bytes - _end(chunks[-1])} bytes follow"
            )
            mend = f"Mend it: ffmpeg -ignore_length 1 -i {path.name} mended{path.suffix}"
            raise DanError(path, f"its header says {said} that are nothing else", mend)


def _end(chunk: Chunk) -> int:
    return chunk.offset + chunk.size_bytes + chunk.size_bytes % 2


def _is_no_tail(rest: bytes) -> bool:
    """Whether what follows the last chunk is more than padding or a tag."""
    return len(rest) > TAIL_BYTES and not rest.startswith(TAGS) and bool(rest.strip(b"\0"))


def other_chunks(path: Path) -> list[Chunk]:
    """The chunks of a WAV file that are not about how its samples are stored."""
    with path.open("rb") as file:
        if file.read(4) not in (b"RIFF", b"RF64"):
            return []
        return [chunk for chunk in _chunks(file) if chunk.name not in OF_THE_SAMPLES]


def append_chunks(path: Path, source: Path, chunks: list[Chunk]) -> None:
    """Copy chunks of one WAV file to the end of another, where they may stand as well."""
    with path.open("r+b") as file, source.open("rb") as given:
        for name, offset, size_bytes in chunks:
            file.seek(0, 2)
            file.write(bytes(file.tell() % 2) + name + size_bytes.to_bytes(4, "little"))
            given.seek(offset)
            _copy(given, file, size_bytes)
            file.write(bytes(size_bytes % 2))
        _write_riff_size(file)


def clear_time_stamp(path: Path) -> None:
    """Clear the time of writing in a PEAK chunk (version, time, ...): same samples, same bytes."""
    with path.open("r+b") as file:
        for chunk in _chunks(file):
            if chunk.name == b"PEAK":
                file.seek(chunk.offset + 4)
                file.write(bytes(4))
                return


def _chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Every chunk from the first on, until the file ends or something else than a chunk comes.

    Samples of unknown size go on to the end.
    """
    size_bytes = file.seek(0, 2)
    order, offset = _order(_at(file, 0, 12)), 12
    while len(head := _at(file, offset, 8)) == 8 and all(0x20 <= byte < 0x7F for byte in head[:4]):
        chunk = Chunk(head[:4], offset + 8, int.from_bytes(head[4:], order))
        if chunk.name == b"data" and _is_placeholder(chunk.size_bytes):
            chunk = chunk._replace(size_bytes=_size_in_ds64(file) or size_bytes - chunk.offset)
        if chunk.name not in SAMPLES and chunk.offset + chunk.size_bytes > size_bytes:
            return
        yield chunk
        offset = _end(chunk)


def _is_placeholder(size_bytes: int) -> bool:
    """Whether a writer that could not seek back may have left it: sox, arecord and ffmpeg into a pipe."""
    return 0x7FFFF000 <= size_bytes < 0x80001000 or size_bytes >= 0xFFFF0000


def _size_in_ds64(file: BinaryIO) -> int:
    """An RF64 file says the size of its data here (after name, size and the size of all), 0 if it is none."""
    head = _at(file, 0, 36)
    return int.from_bytes(head[28:36], "little") if head[:4] == b"RF64" and head[12:16] == b"ds64" else 0


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _order(head: bytes) -> Literal["little", "big"]:
    return "little" if head.startswith((b"RIFF", b"RF64")) else "big"


def _copy(source: BinaryIO, target: BinaryIO, count: int) -> None:
    while count and (part := source.read(min(count, 2**20))):
        target.write(part)
        count -= len(part)


def _write_riff_size(file: BinaryIO) -> None:
    """The size of all that follows it; in RF64 it is 64 bits long and stands in the ds64 chunk."""
    size_bytes = file.seek(0, 2) - 8
    rf64 = _at(file, 0, 4) == b"RF64"
    file.seek(20 if rf64 else 4)
    file.write(size_bytes.to_bytes(8 if rf64 else 4, "little"))
