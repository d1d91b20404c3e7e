"""Clip cache: stretches of the recordings of a corpus, from memory, from the files or decoded once on disk.

A small corpus is kept in memory once read. Of a larger one, files that are slow to seek in,
compressed ones and tables, are decoded once into a cache of .npy arrays.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np

from dan.core.arrays import Signal
from dan.core.atomic import atomic_write
from dan.core.errors import DanError
from dan.data.index import Corpus, IndexEntry
from dan.io.recordings import Reader

KEPT_BYTES = 2**28
"""A corpus that takes no more than this as float32 is kept in memory once read."""
SEEKABLE = frozenset(
    [".npy", ".wav", ".wave", ".w64", ".rf64", ".bwf", ".aif", ".aiff", ".au", ".caf", ".edf", ".bdf", ".hea"]
)
"""Suffixes of files in which a stretch is found at once."""
BLOCK_SAMPLES = 2**16


class ClipCache:
    """Reader of clips: stretches of single channels of the recordings of a corpus.

    Args:
        corpus: what is read.
        cache: a folder for what is decoded; without one, or without room, the files are read as they are.
    """

    def __init__(self, corpus: Corpus, *, cache: Path | None = None) -> None:
        entries = {entry.path: entry for entry in corpus.entries}  # one, where a file is cut in time
        values = sum((max(entry.channels) + 1) * entry.stop for entry in corpus.entries)
        self._keep = 4 * values <= KEPT_BYTES
        self._kept: dict[Path, Signal] = {}
        slow = [entry for entry in entries.values() if entry.path.suffix.lower() not in SEEKABLE]
        size = sum(4 * (max(entry.channels) + 1) * entry.stop for entry in slow)
        self._cache = None if self._keep or not slow or not _has_room(cache, size) else cache
        self.note = ""
        """On what is decoded, and its size; empty where nothing is."""
        if self._cache:
            self.note = (
                f"{corpus.folder}: {len(slow)} files are decoded once to {cache} ({size / 1e9:.2g} GB)"
            )

    def read(self, entry: IndexEntry, channel: int, start: int, count: int) -> Signal:
        """Samples of one channel from `start` in the file: ``[count]``, float32.

        Raises:
            DanError: if the file has gone or changed, or a sample is not finite.
        """
        if self._keep:
            if entry.path not in self._kept:
                self._kept[entry.path] = self._read(entry, 0, entry.stop)
            return np.asarray(self._kept[entry.path][channel, start : start + count])
        return np.asarray(self._read(entry, start, count)[channel])

    def _decoded(self, entry: IndexEntry, cache: Path) -> Signal:
        """The whole file ``[C, T]``, mapped from the cache."""
        path = cache / _cached_name(entry)
        if not path.is_file():
            with entry.open() as recorded, atomic_write(path, force=True) as temporary:
                _decode(recorded, temporary)
        return np.asarray(np.load(path, mmap_mode="r"))

    def _read(self, entry: IndexEntry, start: int, count: int) -> Signal:
        if self._cache and entry.path.suffix.lower() not in SEEKABLE:
            stretch = np.array(self._decoded(entry, self._cache)[:, start : start + count])
        else:
            stretch = self._from_file(entry, start, count)
        if stretch.shape[-1] < count:
            rule = "it is shorter than it was a while ago"
            raise DanError(entry.path, rule, "Leave the recordings in peace")
        return stretch

    def _from_file(self, entry: IndexEntry, start: int, count: int) -> Signal:
        with entry.open() as recorded:
            return recorded.read(start, count)


def _cached_name(entry: IndexEntry) -> str:
    """Name of a decoded file: the digest alone is that of parts of a long one, which two may share."""
    return hashlib.sha256(f"{entry.name} {entry.digest}".encode()).hexdigest() + ".npy"


def _has_room(cache: Path | None, size: int) -> bool:
    """Return whether a folder, or the next above it that exists, has twice the room that is needed."""
    if cache is None:
        return False
    above = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    return shutil.disk_usage(above).free > 2 * size


def _decode(recorded: Reader, path: Path) -> None:
    """Write a whole recording as an array ``[C, T]``, block by block."""
    length = recorded.length_samples or sum(block.shape[-1] for block in recorded.blocks(BLOCK_SAMPLES))
    shape = recorded.channels, length
    decoded, at = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape), 0
    for block in recorded.blocks(BLOCK_SAMPLES):
        decoded[:, at : at + block.shape[-1]] = block
        at += block.shape[-1]
    decoded.flush()
