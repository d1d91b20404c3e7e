"""WFDB records, written at the width of each channel and read back before they get their names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import copyfile

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io.base import Form, Writer
from dan.io.wfdb import BITS, FRAMES_AT_ONCE, Digital, WfdbReader


def sample_files(template: Form, target: Path) -> list[str]:
    """Names of the files of samples beside a header: one for neighbouring channels of one format."""
    if not isinstance(template, WfdbReader):
        raise DanError(target, "a WFDB record is written like one that is read", "Write .npy or .wav")
    groups = _groups(template)
    return (
        [f"{target.stem}.dat"]
        if groups[-1] == 0
        else [f"{target.stem}_{i + 1}.dat" for i in range(groups[-1] + 1)]
    )


def _groups(template: WfdbReader) -> list[int]:
    """The number of its file, by channel."""
    groups = [0]
    for before, after in zip(template.signals, template.signals[1:], strict=False):
        groups.append(groups[-1] + (before.written_fmt != after.written_fmt))
    return groups


class WfdbWriter(Writer):
    """A WFDB record like one that is read.

    Args:
        path: the header's temporary name.
        target: its final name.
        form: the reader of the record that is its template.
        sample_paths: temporary names of the files of samples, as many as `sample_files` says.
    """

    def __init__(self, path: Path, target: Path, form: WfdbReader, sample_paths: list[Path]) -> None:
        super().__init__(path, target, form)
        self._record, self._sample_paths = form, sample_paths
        self._files = [samples.open("wb") for samples in sample_paths]
        self._rests = [np.empty(0, np.int64) for _ in sample_paths]
        self._rest = np.empty((form.channels, 0), np.float64)
        self._frames = 0
        self._first: list[int] = []
        self._sums = np.zeros(len(form.signals), np.int64)

    @property
    def holds_missing(self) -> bool:
        """The lowest value of a format means that a sample is missing."""
        return True

    def close(self) -> None:
        """Close the files, whole or not."""
        for file in self._files:
            file.close()

    def _write(self, block: Signal) -> None:
        self._rest = np.concatenate([self._rest, block.astype(np.float64)], axis=1)
        frames = self._rest.shape[1] // self._record.frame_samples
        if frames:
            done = frames * self._record.frame_samples
            rows = self._digital(self._rest[:, :done], frames)
            self._rest = self._rest[:, done:].copy()
            self._first = self._first or [int(row[0]) for row in rows]
            self._sums += [int(row.sum()) for row in rows]
            self._write_frames(rows, frames)
            self._frames += frames

    def _digital(self, block: npt.NDArray[np.float64], frames: int) -> list[Digital]:
        """Samples of every channel of the record: those taken from the block, others as they were."""
        record = self._record
        others = [place for place in range(len(record.signals)) if place not in record.taken]
        rows = dict[int, Digital]()
        if others:
            copied = record.digital(others, self._frames, frames)
            rows = {
                place: record.signals[place].moved(row) for place, row in zip(others, copied, strict=True)
            }
        for place, row in zip(record.taken, block, strict=True):
            rows[place], clipped = record.signals[place].to_digital(row)
            self.clipped_samples += clipped
        return [rows[place] for place in range(len(record.signals))]

    def _write_frames(self, rows: list[Digital], frames: int) -> None:
        """Frame by frame, and in a frame channel by channel."""
        groups = _groups(self._record)
        for number, file in enumerate(self._files):
            own = [
                row.reshape(frames, -1) for row, group in zip(rows, groups, strict=True) if group == number
            ]
            samples = np.concatenate([self._rests[number], np.concatenate(own, axis=1).ravel()])
            even = len(samples) - len(samples) % 2  # format 212 packs two of them
            self._rests[number] = samples[even:]
            file.write(ENCODERS[self._fmt(number)](samples[:even]))

    def _fmt(self, group: int) -> str:
        return self._record.signals[_groups(self._record).index(group)].written_fmt

    def _finish(self) -> None:
        for number, file in enumerate(self._files):
            file.write(ENCODERS[self._fmt(number)](self._rests[number]))
            file.flush()
        self._path.write_text(self._header(), "latin-1", newline="")
        self._check()

    def _header(self) -> str:
        """The header as it was, with other names, formats, first values and checksums."""
        lines = self._record.path.read_text("latin-1").rstrip("\n").split("\n")
        comments = [line for line in lines if line.startswith("#")]
        if self._record.is_of_segments:
            return "\n".join([*self._lines_of_one(), *comments, ""])
        signals, is_first = iter(range(len(self._record.signals))), True
        for place, line in enumerate(lines):
            if not line.strip() or line.startswith("#"):
                continue
            words = line.split(None, 5 if is_first else 8)
            new = [self._target.stem, *words[1:]] if is_first else self._words(words, next(signals, -1))
            lines[place], is_first = " ".join(new), False
        return "\n".join([*lines, ""])

    def _words(self, words: list[str], channel: int) -> list[str]:
        """A line of: file, format, gain, resolution, zero, first value, checksum, block size, name."""
        if channel < 0 or len(words) < 2:
            rule = f"the header of {self._record.path.name} has other lines than those of its channels"
            raise DanError(self._target, rule, "Take them out, or write .npy")
        signal = self._record.signals[channel]
        name = sample_files(self._record, self._target)[_groups(self._record)[channel]]
        frame = f"x{signal.frame_samples}" if signal.frame_samples > 1 else ""
        new = [name, f"{signal.written_fmt}{frame}", *words[2:]]
        changed = {5: self._first[channel], 6: int(self._sums[channel].astype(np.int16))}
        return [str(changed.get(place, word)) for place, word in enumerate(new)]

    def _lines_of_one(self) -> list[str]:
        """A record line and a line a signal, of a record that was in segments."""
        record, header = self._record, self._record.header
        when = [
            value.strftime(form)
            for value, form in ((header.base_time, "%H:%M:%S"), (header.base_date, "%d/%m/%Y"))
            if value
        ]
        first = [
            self._target.stem,
            str(record.channels),
            np.format_float_positional(record.sample_rate_hz or 0, trim="-"),  # all digits, no exponent
            str(self._frames),
            *when,
        ]
        lines = [" ".join(first)]
        for channel, signal in enumerate(record.signals):
            gain = f"{signal.gain!r}({int(signal.baseline)})/{signal.units}"
            words = ["", "", gain, str(BITS[signal.written_fmt]), "0", "0", "0", "0", signal.name]
            lines.append(" ".join(self._words(words, channel)))
        return lines

    def _check(self) -> None:
        """Read it back under its own name, elsewhere: what is there must be what was written.

        Raises:
            DanError: if it is not.
        """
        with tempfile.TemporaryDirectory() as folder:
            names = [self._target.name, *sample_files(self._record, self._target)]
            for path, name in zip([self._path, *self._sample_paths], names, strict=True):
                place = Path(folder, name)
                with suppress(OSError, NotImplementedError):
                    place.symlink_to(path.resolve())
                if not place.exists():
                    copyfile(path, place)
            back, sums = self._read_back(Path(folder, self._target.name))
        said = (back.length_samples, back.sample_rate_hz)
        same = said == (self.written_samples, self._record.sample_rate_hz)
        if not same or not np.array_equal(sums, self._sums):
            rule = "read back, it is not what was written"
            raise DanError(self._target, rule, "Write .npy, and report the header of the record")

    def _read_back(self, path: Path) -> tuple[WfdbReader, Digital]:
        """Reader of what was written, and the sums of its samples by channel, as read back."""
        try:
            back = WfdbReader(path, self._record.sample_rate_hz, None)
            sums = np.zeros_like(self._sums)
            for first in range(0, self._frames, FRAMES_AT_ONCE):
                count = min(FRAMES_AT_ONCE, self._frames - first)
                sums += [int(row.sum()) for row in back.digital(list(range(len(sums))), first, count)]
        except DanError as error:
            way_out = "Give a name of letters, digits, - and _, or write .npy"
            raise DanError(self._target, f"read back, it is no WFDB record: {error.rule}", way_out) from error
        return back, sums


def _pack_212(samples: Digital) -> bytes:
    """Two samples of 12 bits in three bytes: low byte, both high nibbles, low byte."""
    pairs = np.append(samples, np.zeros(len(samples) % 2, np.int64)).reshape(-1, 2) & 0xFFF
    low, high = pairs & 0xFF, pairs >> 8
    packed = np.stack([low[:, 0], high[:, 0] | high[:, 1] << 4, low[:, 1]], axis=1).astype(np.uint8)
    return packed.tobytes()[: -1 if len(samples) % 2 else None]


def _pack_24(samples: Digital) -> bytes:
    return np.ascontiguousarray(samples.astype("<i4")[:, None].view(np.uint8)[:, :3]).tobytes()


ENCODERS: dict[str, Callable[[Digital], bytes]] = {
    "80": lambda samples: (samples + 128).astype(np.uint8).tobytes(),
    "16": lambda samples: samples.astype("<i2").tobytes(),
    "212": _pack_212,
    "24": _pack_24,
    "32": lambda samples: samples.astype("<i4").tobytes(),
}
