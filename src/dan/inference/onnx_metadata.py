"""What an ONNX file says of itself, read without loading what it holds.

The format is protocol buffers: a row of fields, each a key ``number << 3 | wire type`` and its content. The
metadata is the field 14 of a model, once for each entry, which holds a key (1) and a value (2). All else, the
graph with its weights above all, is stepped over.

Source: Protocol Buffers, "Encoding", and onnx.proto, `ModelProto`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

METADATA, KEY, VALUE = 14, 1, 2
"""Numbers of the fields."""
FIXED_BYTES = {1: 8, 5: 4}
"""Length of the content, by wire type, where it is fixed."""


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of an ONNX file, by key.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no such file, or ends too early.
    """
    with path.open("rb") as file:
        return dict(_entry(content) for content in _fields(file, METADATA))


def _entry(content: bytes) -> tuple[str, str]:
    key, value = (b"".join(_fields(io.BytesIO(content), number)).decode() for number in (KEY, VALUE))
    return key, value


def _fields(file: BinaryIO, wanted: int) -> Iterator[bytes]:
    """Contents of the fields of the wanted number, to the end of the file."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    while file.tell() < end:
        number, wire_type = divmod(_varint(file), 8)
        if wire_type == 0:
            _varint(file)
            continue
        if wire_type != 2 and wire_type not in FIXED_BYTES:
            raise ValueError("it is no ONNX file")
        length = FIXED_BYTES[wire_type] if wire_type in FIXED_BYTES else _varint(file)
        if file.tell() + length > end:
            raise ValueError("it is no ONNX file, or ends too early")
        if number == wanted and wire_type == 2:
            yield file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)


def _varint(file: BinaryIO) -> int:
    """A whole number in groups of seven bits, the lowest first; the eighth bit says that more follow."""
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("it is no ONNX file, or ends too early")
