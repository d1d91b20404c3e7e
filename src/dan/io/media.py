"""Sound in what ffmpeg reads and libsndfile does not: m4a, aac, amr, mp4, mkv, webm, wma, ...

PyAV decodes it, from start to end. It is read only: what comes of it is written as WAV, FLAC, ...
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io.base import Reader, not_a_recording

MEDIA = frozenset(
    [
        ".m4a", ".m4b", ".aac", ".amr", ".3gp", ".mp4", ".mov", ".mkv", ".mka", ".webm", ".wma", ".avi",
        ".ac3", ".ape", ".wv", ".tta", ".dsf",
    ]
)  # fmt: skip
"""Suffixes, in lower case."""

NEEDED = "pip install 'dan-denoiser[media]', or convert it to .wav"
LOSSLESS_BITS = {"s16": "PCM_16", "s16p": "PCM_16", "s32": "PCM_32", "s32p": "PCM_32", "u8": "PCM_U8"}
LOSSLESS = frozenset(["alac", "flac", "wavpack", "ape", "tta", "mlp", "truehd"])
FULL_SCALE = {"s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}

FIELDS = {
    "track": "tracknumber", "title": "title", "artist": "artist", "album": "album", "date": "date",
    "genre": "genre", "comment": "comment", "copyright": "copyright",
}  # fmt: skip
"""Tags by ffmpeg's name, and libsndfile's."""
OF_THE_FILE = frozenset(
    [
        "major_brand", "minor_version", "compatible_brands", "encoder", "handler_name", "vendor_id",
        "language", "duration",
    ]
)  # fmt: skip
"""Tags that say how the file is stored."""
WAY_OUT = "Copy or convert it again"


class MediaReader(Reader):
    """The first stream of sound of a file that ffmpeg reads.

    Args:
        path: the file. Pieces of it are slow to read: they are decoded from the start.
        dtype: of the blocks; None for float32 or, where samples have more than 24 bits, float64.
    """

    holds = "sound"

    def __init__(self, path: Path, dtype: npt.DTypeLike | None) -> None:
        try:
            import av  # noqa: F401  (the reason of a failure)
        except ImportError as error:
            raise DanError(path, f"{path.suffix} files need PyAV", NEEDED) from error
        self._source = path
        self._open()
        first, stream = self._first, self._container.streams.audio[0]
        kind, codec = first.format.name, stream.codec_context.codec.name
        lossless = codec in LOSSLESS or codec.startswith("pcm_")
        encoding = LOSSLESS_BITS.get(kind, "FLOAT") if lossless else "FLOAT"
        # What it holds beside the samples is known before its length.
        super().__init__(path, float(first.sample_rate), first.layout.nb_channels, None, encoding)
        self.rank = 1 if self.channels == 1 else 2
        metadata = {**self._container.metadata, **stream.metadata}
        self.metadata = {
            "format": "MEDIA",
            "tags": {FIELDS[name.lower()]: text for name, text in metadata.items() if name.lower() in FIELDS},
            "others": self._others(metadata),
        }
        self._dtype = np.dtype(
            dtype or (np.float64 if first.format.bytes > 2 and "s" in kind else np.float32)
        )

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _open(self) -> None:
        import av

        try:
            self._container: Any = av.open(str(self._source))
        except Exception as error:  # of many kinds, by what is damaged
            raise not_a_recording(self._source, error, way_out=WAY_OUT) from error
        try:
            if not self._container.streams.audio:
                raise DanError(self._source, "it holds no sound", "Give a file that does")
            self._frames: Iterator[Any] = self._container.decode(audio=0)
            self._first = next(self._frames)
        except StopIteration:
            self._container.close()
            raise DanError(self._source, "it holds no samples", "Copy or record it again") from None
        except DanError:
            self._container.close()
            raise
        except Exception as error:
            self._container.close()
            raise not_a_recording(self._source, error, way_out=WAY_OUT) from error
        self._place, self._rest = 0, _samples(self._first)

    def _others(self, metadata: dict[str, str]) -> list[str]:
        """Names of what a file of sound has no place for."""
        names = [name for name in metadata if name.lower() not in {*FIELDS, *OF_THE_FILE}]
        return [*names, *(["pictures"] if self._container.streams.video else [])]

    def _read(self, start_sample: int, count: int) -> Signal:
        if start_sample < self._place:
            self.close()
            self._open()
        parts, wanted = list[npt.NDArray[Any]](), count
        while wanted and (block := self._next()).shape[1]:
            skipped = min(start_sample - self._place, block.shape[1]) if not parts else 0
            taken = block[:, skipped : skipped + wanted]
            self._rest = block[:, skipped + taken.shape[1] :]
            self._place += skipped + taken.shape[1]
            wanted -= taken.shape[1]
            parts += [taken] if taken.shape[1] else []
        joined = np.concatenate(parts, axis=1) if parts else np.empty((self.channels, 0))
        return np.ascontiguousarray(joined, self._dtype)

    def _next(self) -> npt.NDArray[Any]:
        """The next decoded samples; none at the end."""
        if self._rest.shape[1]:
            return self._rest
        for frame in self._frames:
            if frame.layout.nb_channels != self.channels or frame.sample_rate != self.sample_rate_hz:
                rule = f"its sound changes to {frame.layout.nb_channels} channels at {frame.sample_rate} Hz"
                raise DanError(self.path, rule, "Split it there")
            if frame.samples:
                return _samples(frame)
        return self._rest


def _samples(frame: Any) -> npt.NDArray[Any]:
    """Samples of a frame ``[C, n]``; full scale of integers is +-1."""
    stored: npt.NDArray[Any] = frame.to_ndarray()
    kind = frame.format.name.rstrip("p")
    if not frame.format.is_planar:
        stored = stored.reshape(-1, frame.layout.nb_channels).T
    if kind == "u8":
        return np.asarray((stored.astype(np.float32) - 128) / 128)
    if kind in FULL_SCALE:
        wide = stored.astype(np.float32) if kind == "s16" else stored.astype(np.float64)
        return np.asarray(wide / FULL_SCALE[kind])
    return stored
