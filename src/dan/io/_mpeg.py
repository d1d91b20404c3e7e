"""The frames of MPEG audio: how long an MP3 really is, and the tags around it.

libsndfile believes the header that an encoder leaves in the first frame (Xing, Info or VBRI): of files joined
end to end it reads the first alone. Without that header it guesses the length from the first bit rate.

References: ISO/IEC 11172-3 and 13818-3 (frames); G. Heng, K. Windisch, MP3 audio frame headers (Xing);
M. Nilsson, ID3v2.3.0, 1999.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dan.io._spliced import Splice

Bytes = bytes | mmap.mmap

RATES_KBPS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of MPEG-1 (True) and MPEG-2 by layer, from index 1 on."""

SAMPLE_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
SEARCHED_BYTES = 2**16
"""Distance from the end of the tags within which the first frame is looked for."""

XING_BYTES = 200
"""The header lies within so many bytes of the first frame."""

DECODER_DELAY = 529
"""Samples of silence that any decoder of layer III begins with."""

ID3V1_BYTES = 128
APE_BYTES = 32


class Frame(NamedTuple):
    """A frame and where it is."""

    offset: int
    size_bytes: int


def rate_range_kbps(sample_rate_hz: int) -> tuple[int, int]:
    """Lowest and highest bit rate that encoders of layer III use at a sample rate."""
    if sample_rate_hz >= 32_000:
        return 32, 320
    return (8, 160) if sample_rate_hz >= 16_000 else (8, 64)


def splice(path: Path) -> Splice | None:
    """Splice that makes the header of an MPEG file count all its frames; None where it does, or none can."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start, end = _audio(data)
        first = next(_frames(data, start, end), None)
        if first is None:
            return None
        head = data[first.offset : first.offset + XING_BYTES]
        place = max(head.find(b"Xing"), head.find(b"Info"))
        if place < 0:
            return None if b"VBRI" in head else _header(data, first, end)
        flags, size = head[place + 7 : place + 8], int.from_bytes(head[place + 12 : place + 16], "big")
        # Frames and bytes are both there, and fewer than the file has by more than two frames.
        if not flags or flags[0] & 3 != 3 or end - first.offset <= size + 2 * first.size_bytes + ID3V1_BYTES:
            return None
        count = sum(1 for _ in _frames(data, start, end)) - 1  # without that of the header
        return Splice(first.offset + place + 8, 8, _counts(count, end - first.offset))


def _counts(frames: int, size_bytes: int) -> bytes:
    return frames.to_bytes(4, "big") + size_bytes.to_bytes(4, "big")


def _header(data: Bytes, first: Frame, end: int) -> Splice | None:
    """A header that counts all frames, and a frame of silence that it tells to cut off at the start.

    Without the latter 529 samples, the delay of a decoder, would be cut off.
    """
    _, second, third, fourth = data[first.offset : first.offset + 4]
    is_mpeg1, is_layer3, is_mono = second >> 3 & 3 == 3, second >> 1 & 3 == 1, fourth >> 6 == 3
    if not is_layer3:  # others have no such header
        return None
    side_bytes = (17 if is_mono else 32) if is_mpeg1 else (9 if is_mono else 17)
    start = bytes([0xFF, second | 1, third & 0x0F | 0xE0, fourth])  # no checksum; the highest rate, for room
    silence = start.ljust(_frame_bytes(start), b"\0")
    count = 1 + sum(1 for _ in _frames(data, first.offset, end))
    counts = _counts(count, 2 * len(silence) + end - first.offset)
    delay = (1152 if is_mpeg1 else 576) - DECODER_DELAY
    trim = b"dan".ljust(21, b"\0") + (delay << 12).to_bytes(3, "big")
    header = start + bytes(side_bytes) + b"Xing" + (3).to_bytes(4, "big") + counts + trim
    return Splice(first.offset, 0, header.ljust(len(silence), b"\0") + silence)


def begins_with_frames(head: bytes) -> bool:
    """Return whether bytes begin with frames of MPEG audio, two at least that follow each other."""
    frames = list(_frames(head, 0, len(head)))[:2]
    return len(frames) == 2 and frames[0].offset == 0 and frames[1].offset == frames[0].size_bytes


def tags(path: Path) -> tuple[bytes, bytes]:
    """The tags before and behind the frames, as they are: ID3v2, and APE and ID3v1."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start, end = _audio(data)
        return data[:start], data[end:]


def _audio(data: Bytes) -> tuple[int, int]:
    """End of the tags before the frames, and start of those behind."""
    start, end = 0, len(data)
    while data[start : start + 3] == b"ID3" and (size := _id3_bytes(data[start : start + 10])):
        start += size
    if data[max(start, end - ID3V1_BYTES) :][:3] == b"TAG":
        end -= ID3V1_BYTES
    footer = data[max(start, end - APE_BYTES) : end]
    if footer[:8] == b"APETAGEX":
        has_header = footer[23] & 0x80
        end -= int.from_bytes(footer[12:16], "little") + (APE_BYTES if has_header else 0)
    return min(start, len(data)), max(start, min(end, len(data)))


def _id3_bytes(head: bytes) -> int:
    """Size of an ID3v2 tag, its head of ten bytes included; 0 if it is none."""
    if len(head) < 10 or max(head[6:10]) > 127:
        return 0
    size = sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:10])))
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _frames(data: Bytes, start: int, end: int) -> Iterator[Frame]:
    """Every frame; what lies between frames is passed over."""
    offset, in_step, searched = start, False, 0
    while offset + 4 <= end and searched <= SEARCHED_BYTES:
        size = _frame_bytes(data[offset : offset + 4])
        after = offset + size
        if size and (in_step or after + 4 > end or _frame_bytes(data[after : after + 4])):
            yield Frame(offset, size)
            offset, in_step, searched = after, True, 0
        else:
            found = data.find(b"\xff", offset + 1, end)
            if found < 0:
                return
            offset, in_step, searched = found, False, searched + found - offset


def _frame_bytes(head: bytes) -> int:
    """Size of a frame by its header of four bytes; 0 if it is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, sample_rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or rate in (0, 15) or sample_rate == 3:
        return 0
    bits_per_s = 1000 * RATES_KBPS[version == 3, layer][rate - 1]
    rate_hz = SAMPLE_RATES_HZ[version][sample_rate]
    if layer == 1:
        return (12 * bits_per_s // rate_hz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits_per_s // rate_hz + padding
