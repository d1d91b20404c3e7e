"""One recording through a denoiser: read, denoised and written block by block."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from dan.core.arrays import Signal
from dan.core.atomic import atomic_write
from dan.core.errors import DanError
from dan.core.progress import track
from dan.inference.ahead import compute_ahead, doubled
from dan.inference.model_file import ModelInfo
from dan.inference.pipeline import Crew
from dan.inference.stream import Stream
from dan.io.audio import AudioReader
from dan.io.base import Reader, Writer
from dan.io.recordings import open_reader, open_writer

BLOCK_VALUES = 2**18
"""Samples, of all channels, that are in memory at once: 1 MB."""

FIELDS = {"speech": "sound", "ecg": "biosignals", "eeg": "biosignals"}
"""Kinds of content that a file of each kind of signal may hold, as `Reader.holds` says it."""

UNKNOWN_LENGTH = 2**62
"""Samples of a file that does not say how many they are: it is there as a whole all the same."""


@dataclass(frozen=True)
class Written:
    """A denoised file."""

    path: Path | str
    """Its name, or its address."""
    clipped_samples: int
    duration_s: float = 0.0


class Denoises(Protocol):
    """Interface to what denoises a recording: a `Denoiser`."""

    info: ModelInfo

    def stream(
        self,
        *,
        channels: int,
        strength: float,
        sample_rate: float | None,
        resample: bool,
        length_samples: int | None,
    ) -> Stream:
        """Open a stream for blocks ``[C, n]``."""
        ...

    def notes(self, stream: Stream) -> list[str]:
        """Say what there is to say of what a stream was fed."""
        ...


class GivenUp(Exception):  # noqa: N818 (no error: nobody wants the work any more)
    """Unwinds work that is to stop."""


def denoise_recording(
    denoiser: Denoises,
    source: Path,
    target: Path,
    *,
    options: Mapping[str, Any],
    strength: float = 1.0,
    resample: bool = False,
    force: bool = False,
    stop: threading.Event | None = None,
    crew: Crew | None = None,
) -> tuple[Written, list[str]]:
    """Denoise a recording of any length into a file, in the memory of one block.

    Args:
        denoiser: the model.
        source: the recording.
        target: the file to write; its suffix says its format.
        options: how the recording is read, as `open_reader` takes it.
        strength: 0 copies the input, 1 is all of the effect.
        resample: take another rate too: to the model's and back.
        force: overwrite a file of that name.
        stop: gives the work up once it is set.
        crew: computes the network's steps ahead, side by side; the samples are the same.

    Returns:
        What was written, and sentences on how the recording was understood.

    Raises:
        DanError: if the recording cannot be read, denoised or written, or would be written onto itself.
    """
    if source.resolve() == target.resolve():
        raise DanError(f"{source} to {target}", "that is the input itself", "Give another name")
    with open_reader(source, **options) as reader:
        opened = partial(_open_stream, denoiser, reader, strength=strength, resample=resample)
        stream = opened()
        if strength == 0 and _would_lose(reader, target):
            return _copied(reader, target, force=force)
        with open_writer(target, reader, force=force) as writer:
            blocks = reader.blocks(_block_samples(reader))
            if crew:
                blocks = _spread(denoiser.info, reader, stream, opened(), crew)
            _copy(reader, stream, writer, blocks, stop)
        notes = [*_reading_notes(reader, writer), *writer.notes, *_misfits(denoiser.info, reader)]
        notes += denoiser.notes(stream)
    return Written(target, writer.clipped_samples, _duration_s(reader, writer.written_samples)), notes


def _spread(info: ModelInfo, reader: Reader, stream: Stream, scout: Stream, crew: Crew) -> Iterator[Signal]:
    """The recording in blocks, for a stream whose steps a crew computes ahead."""
    blocks, before = doubled(reader.blocks(_block_samples(reader)))
    seconds = (reader.length_samples or 0) / (reader.sample_rate_hz or math.inf)
    length = round(seconds * info.sample_rate_hz) or None
    compute_ahead(stream, scout, before, memory=info.memory_samples, crew=crew, length_samples=length)
    return blocks


def _duration_s(reader: Reader, samples: int) -> float:
    return samples / (reader.sample_rate_hz or math.inf)


def _would_lose(reader: Reader, target: Path) -> bool:
    """Return whether writing samples unchanged would encode them anew."""
    is_same = reader.path.suffix.lower() == target.suffix.lower()
    return is_same and isinstance(reader, AudioReader) and reader.is_lossy


def _copied(reader: Reader, target: Path, *, force: bool) -> tuple[Written, list[str]]:
    """Copy a file that can be read to its end."""
    samples = sum(block.shape[-1] for block in reader.blocks(_block_samples(reader)))
    with atomic_write(target, force=force) as temporary:
        shutil.copyfile(reader.path, temporary)
    return Written(target, 0, _duration_s(reader, samples)), reader.notes


def _block_samples(reader: Reader) -> int:
    return max(1, BLOCK_VALUES // reader.channels)


def _copy(
    reader: Reader,
    stream: Stream,
    writer: Writer,
    blocks: Iterable[Signal],
    stop: threading.Event | None = None,
) -> None:
    """Block by block: a recording of any length takes the memory of one block."""
    count = math.ceil((reader.length_samples or 0) / _block_samples(reader))
    for block in track(blocks, "Blocks", total=count):
        if stop and stop.is_set():
            raise GivenUp
        write_back(reader, writer, _fed(stream, block, reader.path))
    write_back(reader, writer, stream.flush())


def write_back(reader: Reader, writer: Writer, block: Signal) -> None:
    """Write the next samples, with what was missing put back where the format can say so."""
    with_missing = reader.gaps.put_back(block, writer.written_samples)
    writer.write(with_missing if writer.holds_missing else block)


def _misfits(info: ModelInfo, reader: Reader) -> list[str]:
    """A warning where the format of a recording is for another kind of signal than the model's."""
    kind = info.signal.kind
    if not reader.holds or FIELDS.get(kind, reader.holds) == reader.holds:
        return []
    return [f"Warning: {info.name} is for {kind}, and such a file holds {reader.holds}"]


def _reading_notes(reader: Reader, writer: Writer) -> list[str]:
    """Sentences on how a recording was understood."""
    if not reader.gaps.count:
        return reader.notes
    back = (
        "put back" if writer.holds_missing else "left filled, as the format cannot say that they are missing"
    )
    return [*reader.notes, f"{reader.gaps.count} missing samples, filled for denoising and {back}"]


def _fed(stream: Stream, block: Signal, path: Path) -> Signal:
    try:
        return stream.feed(block)
    except DanError as error:
        raise DanError(f"{path} has {error.what}", error.rule, error.way_out) from error


def _open_stream(denoiser: Denoises, reader: Reader, *, strength: float, resample: bool) -> Stream:
    """A stream for a recording at its own rate."""
    if reader.sample_rate_hz is None:
        wanted = f"--sample-rate {denoiser.info.sample_rate_hz:g}"
        raise DanError(reader.path, reader.rate_unknown, f"Say it, as in {wanted}")
    try:
        return denoiser.stream(
            channels=reader.channels,
            strength=strength,
            sample_rate=reader.sample_rate_hz,
            resample=resample,
            length_samples=reader.length_samples or UNKNOWN_LENGTH,
        )
    except DanError as error:
        raise DanError(f"{reader.path} at {error.what}", error.rule, error.way_out) from error
