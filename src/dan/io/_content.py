"""Format of a file by its first bytes, whatever its suffix says."""

from __future__ import annotations

import re
from pathlib import Path

from dan.core.errors import DanError
from dan.io._mpeg import begins_with_frames

HEAD_BYTES = 512

AUDIO_STARTS = (b"fLaC", b"OggS", b"ID3", b".snd", b"caff", b"NIST_1A", b"riff\x2e\x91\xcf\x11")
MEDIA_STARTS = (
    b"\x1aE\xdf\xa3",
    b"#!AMR",
    b"0&\xb2u",
    b"FLV\x01",
    b"\x00\x00\x01\xba",
    b"\xff\xf1",
    b"\xff\xf9",
)
"""Matroska and WebM, AMR, WMA, FLV, MPEG program streams, AAC."""
FORMS = {
    b"FORM": (b"AIFF", b"AIFC", b"8SVX", b"16SV"),
    **dict.fromkeys((b"RIFF", b"RIFX", b"RF64", b"BW64"), (b"WAVE",)),
}
"""Names behind the size of a file by its first bytes, which may be a word of a table."""

STRANGERS = {
    b"version https://git-lfs": ("it is a git-lfs pointer, not the recording", "Fetch it: git lfs pull"),
    b"<!doctype html": ("it is a web page, not the recording", "Download it again"),
    b"<html": ("it is a web page, not the recording", "Download it again"),
}
"""Files that are no recordings: their first bytes in lower or upper case, a description, and the way out."""
CONTAINERS = {
    b"MATLAB 7.3": ("it is a MATLAB 7.3 file", "Save it with save(..., '-v7'), or the array as .npy"),
    b"\x89HDF": ("it is an HDF5 or MATLAB 7.3 file", "Save the array as .npy, and give its --sample-rate"),
}
"""The same, but for the files of EEGLAB (.set), which are such."""
WFDB_HEADER = re.compile(rb"(#.*\n|\s)*[\w-]+(/\d+)? \d+.*\n(#.*\n|\s)*\S+\.(dat|mat) \d+[\s:x+]")
"""First lines of the header of a WFDB record: its name and channels, and the file of the first of them."""


def refuse_strangers(path: Path) -> None:
    """Refuse what stands in a recording's place, by name.

    Raises:
        DanError: if the file is empty, a git-lfs pointer, a web page, of a format that is not read, the
            samples of a WFDB record without its header, or such a header by another name.
    """
    if path.suffix.lower() == ".dat" and (header := path.with_suffix(".hea")).is_file():
        raise DanError(path, "it holds the samples of a WFDB record alone", f"Give its header, {header}")
    head = _head(path)
    if not head:
        raise DanError(path, "it is empty", "Copy or record it again")
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    containers = {} if path.suffix.lower() == ".set" else CONTAINERS
    for stranger, (rule, way_out) in {**STRANGERS, **containers}.items():
        if start.startswith(stranger.lower()):
            raise DanError(path, rule, way_out)
    if path.suffix.lower() != ".hea" and WFDB_HEADER.match(head):
        rule = "it is the header of a WFDB record, whose samples lie in files of their own"
        raise DanError(path, rule, "Give its own path, NAME.hea, beside them")


def format_by_content(path: Path) -> str | None:
    """Return npy, npz, mat, edf, audio or media by the first bytes; None where they do not say."""
    head, suffix = _head(path), path.suffix.lower()
    is_edf = head.startswith((b"0       ", b"\xffBIOSEMI")) and head[252:256].strip().isdigit()
    found = {
        "npy": head.startswith(b"\x93NUMPY"),
        "edf": is_edf,
        "mat": head.startswith(b"MATLAB 5.0") and suffix != ".set",  # which mne reads
        "npz": head.startswith(b"PK") and suffix == ".npz",  # others are archives of anything
        "audio": head.startswith(AUDIO_STARTS) or head[8:12] in FORMS.get(head[:4], ()),
        "media": head.startswith(MEDIA_STARTS) or head[4:8] == b"ftyp",
    }
    return next((kind for kind, is_it in found.items() if is_it), None)


SUFFIXES = {
    b"RIFF": ".wav", b"RIFX": ".wav", b"RF64": ".wav", b"BW64": ".wav", b"FORM": ".aiff", b"fLaC": ".flac",
    b"OggS": ".ogg", b"ID3": ".mp3", b".snd": ".au", b"caff": ".caf", b"riff\x2e\x91\xcf\x11": ".w64",
    b"\x93NUMPY": ".npy", b"0       ": ".edf", b"\xffBIOSEMI": ".bdf",
    b"\x1aE\xdf\xa3": ".mka", b"#!AMR": ".amr", b"0&\xb2u": ".wma",
}  # fmt: skip
"""The suffix of a recording by its first bytes."""


def suffix_of(head: bytes) -> str | None:
    """Tell the suffix of a recording without a name by its first bytes; None where they do not say."""
    for start, suffix in SUFFIXES.items():
        if head.startswith(start):
            return ".opus" if suffix == ".ogg" and b"OpusHead" in head[:64] else suffix
    if head[4:8] == b"ftyp":
        return ".m4a"
    return ".mp3" if begins_with_frames(head) else None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        rule = f"it cannot be opened ({error.strerror or error})"
        raise DanError(path, rule, "See whether you may read it") from error
