"""Tags and other data of an audio file beside its samples: carried over to the written file, or noted.

Within one kind of file it comes back byte by byte: chunks of WAV, AIFF and CAF, blocks of FLAC, the tags
around an MP3. Comments of Ogg go through mutagen. From one kind to another libsndfile's ten fields come over,
and ID3 tags into WAV and AIFF, which have a chunk for them.
"""

from __future__ import annotations

import io
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dan.core.atomic import PARTIAL
from dan.core.extras import install
from dan.io._mpeg import tags as mpeg_tags
from dan.io.riff import append_chunk, append_chunks, other_chunks

CHUNKED = {"WAV": "RIFF", "WAVEX": "RIFF", "RF64": "RIFF", "AIFF": "AIFF", "CAF": "CAF"}
"""Kinds of chunks by libsndfile's name of the format, which chunks it has."""

ID3_CHUNK = {"RIFF": b"id3 ", "AIFF": b"ID3 "}

SPHERE_BYTES = 1024
"""Bytes of the header of a NIST file as libsndfile writes it."""

FIELDS = frozenset(
    [
        "title",
        "copyright",
        "software",
        "artist",
        "comment",
        "date",
        "album",
        "license",
        "tracknumber",
        "genre",
    ]
)
"""Tags that libsndfile carries from any kind of file to any other that has a place for them."""

ID3_FIELDS = frozenset(["TIT2", "TCOP", "TSSE", "TPE1", "COMM", "TDRC", "TYER", "TALB", "TRCK", "TCON"])
CHUNK_FIELDS = frozenset([b"LIST", b"NAME", b"AUTH", b"(c) ", b"ANNO", b"COMT", b"info", b"strg"])
STREAMINFO, PADDING, SEEKTABLE, COMMENTS, PICTURE = 0, 1, 3, 4, 6
FLAC_BLOCKS = {2: "application data", 5: "cue sheet", PICTURE: "picture"}


def is_of_one_kind(source: str, target: str) -> bool:
    """Return whether all beside the samples comes over by itself, by libsndfile's names of the formats."""
    return CHUNKED.get(source, source) == CHUNKED.get(target, target)


def carry_over(source: Path, source_kind: str, target: Path, target_kind: str) -> list[str]:
    """Copy what is beside the samples to a file that is written.

    Args:
        source: its template.
        source_kind: its format, as libsndfile calls it; empty where it is no audio file.
        target: the file written, closed, with libsndfile's ten fields set unless both are of one kind.
        target_kind: its format.

    Returns:
        What could not be carried over, by name.
    """
    kind = CHUNKED.get(target_kind, target_kind)
    if is_of_one_kind(source_kind, target_kind):
        carry = CARRIERS.get(kind)
        return carry(source, target) if carry else []
    if source_kind == "MP3" and kind in ID3_CHUNK:
        before, _ = mpeg_tags(source)
        if before:
            append_chunk(target, ID3_CHUNK[kind], io.BytesIO(before), len(before))
        return []
    if {source_kind, kind} == {"FLAC", "OGG"}:
        blocks = _flac_blocks(source)[0]  # none in Ogg
        return _carry_comments(source, target) + [
            FLAC_BLOCKS[block] for block, _ in blocks if block in FLAC_BLOCKS
        ]
    return [name for name in _names(source, source_kind) if name.lower() not in (*FIELDS, "encoder")]


def _carry_chunks(source: Path, target: Path) -> list[str]:
    append_chunks(target, source, other_chunks(source))
    return []


def _carry_flac(source: Path, target: Path) -> list[str]:
    kept = [
        (kind, content) for kind, content in _flac_blocks(source)[0] if kind not in (STREAMINFO, SEEKTABLE)
    ]
    own, audio_bytes = _flac_blocks(target)
    blocks = [block for block in own if block[0] == STREAMINFO] + kept
    with _rewritten(target) as file, target.open("rb") as given:
        file.write(b"fLaC")
        for place, (kind, content) in enumerate(blocks):
            is_last = 0x80 * (place == len(blocks) - 1)
            file.write(bytes([kind | is_last]) + len(content).to_bytes(3, "big") + content)
        given.seek(audio_bytes)
        shutil.copyfileobj(given, file, 2**20)
    return []


def _carry_id3(source: Path, target: Path) -> list[str]:
    before, behind = mpeg_tags(source)
    if before or behind:
        with _rewritten(target) as file, target.open("rb") as given:
            file.write(before)
            shutil.copyfileobj(given, file, 2**20)
            file.write(behind)
    return []


def _carry_comments(source: Path, target: Path) -> list[str]:
    """Vorbis comments, between Ogg and FLAC too."""
    try:
        import mutagen

        given, written = mutagen.File(source), mutagen.File(target)
        if given is not None and written is not None and given.tags:
            if written.tags is None:
                written.add_tags()
            written.tags[:] = list(given.tags)
            written.save()
    except ImportError:
        return ["tags but " + ", ".join(sorted(FIELDS)) + f" ({install('media')} keeps all)"]
    except mutagen.MutagenError as error:
        return [f"tags ({error})"]
    return []


def _carry_sphere(source: Path, target: Path) -> list[str]:
    """Lines of a NIST header, as many as its 1024 bytes have room for."""
    lost = []
    with target.open("r+b") as file:
        head = file.read(SPHERE_BYTES).rstrip(b"\0 \n")
        for name, line in _sphere_lines(source):
            longer = head.replace(b"end_head", line + b"\nend_head")
            if len(longer) >= SPHERE_BYTES:
                lost.append(name)
            else:
                head = longer
        file.seek(0)
        file.write((head + b"\n").ljust(SPHERE_BYTES, b" "))
    return lost


def _sphere_lines(path: Path) -> list[tuple[str, bytes]]:
    """Name and line of what a NIST header says beside how the samples are stored."""
    with path.open("rb") as file:
        start = file.read(16).split(b"\n")
        size = int(start[1]) if len(start) > 1 and start[1].strip().isdigit() else SPHERE_BYTES
        lines = start[2:] if len(start) > 2 else []
        lines = (b"\n".join(lines) + file.read(min(size, 2**16) - 16)).split(b"\n")
    end = next((place for place, line in enumerate(lines) if line.startswith(b"end_head")), 0)
    named = [(line.partition(b" ")[0].decode("latin-1"), line) for line in lines[:end] if b" -" in line]
    return [(name, line) for name, line in named if not name.startswith(("sample_", "channel"))]


CARRIERS: dict[str, Callable[[Path, Path], list[str]]] = {
    "RIFF": _carry_chunks,
    "AIFF": _carry_chunks,
    "CAF": _carry_chunks,
    "FLAC": _carry_flac,
    "MP3": _carry_id3,
    "OGG": _carry_comments,
    "NIST": _carry_sphere,
}


def _names(path: Path, kind: str) -> Iterator[str]:
    """Names of what lies beside the samples of a file."""
    if kind in CHUNKED:
        chunks = (chunk.name for chunk in other_chunks(path) if chunk.name not in CHUNK_FIELDS)
        yield from (name.decode("latin-1").strip() for name in chunks)
    elif kind == "FLAC":
        for block, content in _flac_blocks(path)[0]:
            if block == COMMENTS:
                yield from _comment_names(content)
            elif block in FLAC_BLOCKS:
                yield FLAC_BLOCKS[block]
    elif kind == "MP3":
        yield from (name for name in _id3_names(mpeg_tags(path)[0]) if name not in ID3_FIELDS)
    elif kind == "OGG":
        yield from _ogg_names(path)
    elif kind == "NIST":
        yield from (name for name, _ in _sphere_lines(path))


def _flac_blocks(path: Path) -> tuple[list[tuple[int, bytes]], int]:
    """Kind and content of each block of metadata, and where the frames begin."""
    blocks, is_last = [], False
    with path.open("rb") as file:
        file.seek(len(mpeg_tags(path)[0]))  # some taggers put ID3 before all
        if file.read(4) != b"fLaC":
            return [], 0
        while not is_last and len(head := file.read(4)) == 4:
            is_last = bool(head[0] & 0x80)
            blocks.append((head[0] & 0x7F, file.read(int.from_bytes(head[1:], "big"))))
        return blocks, file.tell()


def _comment_names(block: bytes) -> list[str]:
    """Names of Vorbis comments: a maker and then so many texts ``NAME=...``, each with its length before."""
    file, names = io.BytesIO(block), []
    file.read(int.from_bytes(file.read(4), "little"))
    for _ in range(min(int.from_bytes(file.read(4), "little"), len(block))):
        text = file.read(int.from_bytes(file.read(4), "little"))
        names.append(text.partition(b"=")[0].decode("utf-8", "replace"))
    return [name for name in dict.fromkeys(names) if name]


def _id3_names(tag: bytes) -> list[str]:
    """Names of the frames of an ID3v2 tag, as far as they can be told."""
    version, place, names = tag[3:4], 10, []
    width, head = (3, 6) if version == b"\x02" else (4, 10)
    while (name := tag[place : place + width]).isalnum() and len(name) == width:
        size = tag[place + width : place + 2 * width]
        bits = 7 if version == b"\x04" else 8
        place += head + sum(byte << bits * power for power, byte in enumerate(reversed(size)))
        names.append(name.decode("ascii", "replace"))
    return list(dict.fromkeys(names))


def _ogg_names(path: Path) -> list[str]:
    try:
        import mutagen
    except ImportError:
        return []
    given: Any = mutagen.File(path)
    return [] if given is None or not given.tags else list(dict.fromkeys(name for name, _ in given.tags))


@contextmanager
def _rewritten(path: Path) -> Iterator[BinaryIO]:
    """A file that takes another's place once it is written."""
    beside = path.with_name(f"{PARTIAL}{secrets.token_hex(4)}{path.suffix}")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
