"""WFDB records, as PhysioNet has them: a header (.hea) in text and files of samples in one of many formats.

wfdb reads them. A writer takes over the header word by word and changes only names, formats, first values and
checksums; each channel is as wide as it was. A record of several segments is written as one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.core.extras import require
from dan.io.base import Form, Reader, Writer, not_a_recording

BITS = {"80": 8, "16": 16, "212": 12, "24": 24, "32": 32}
"""Formats that are written, and their bits; the lowest value says that a sample is missing."""

WRITTEN = {
    **{name: name for name in BITS},
    **dict.fromkeys(["8", "61", "160", "310", "311", "508", "516"], "16"), "524": "24",
}  # fmt: skip
"""The format that each is written in: as it was, or without compression, offset or order of bytes."""

FRAMES_AT_ONCE = 2**16
Digital = npt.NDArray[np.int64]
WAY_OUT = "Copy the record again: its header and every file that it names"


class WfdbReader(Reader):
    """A WFDB record: those of its channels that have one rate.

    Args:
        path: its header.
        sample_rate_hz: where its channels have several samples a frame, the rate whose channels are read.
        dtype: of the blocks, in the channels' physical units; None for float64.
    """

    def __init__(self, path: Path, sample_rate_hz: float | None, dtype: npt.DTypeLike | None) -> None:
        wfdb = require("wfdb", extra="biosignals", what=path)
        self.name = str(path.absolute().with_suffix(""))
        try:
            header: Any = wfdb.rdheader(self.name, rd_segments=True)
            self.is_of_segments = hasattr(header, "seg_name")
            self.signals = _of_segments(header) if self.is_of_segments else _of_one(header)
            frames = header.sig_len or wfdb.rdrecord(self.name, smooth_frames=False).sig_len
            frame_rate_hz = float(header.fs)
        except DanError as error:
            raise DanError(path, error.rule, error.way_out) from error
        except Exception as error:  # parsed text: a damaged one raises anything
            raise not_a_recording(path, error, way_out=WAY_OUT) from error
        self.header = header
        self.taken = self._at_rate(path, frame_rate_hz, sample_rate_hz)
        self.frame_samples = self.signals[self.taken[0]].frame_samples
        formats = dict.fromkeys(signal.fmt for signal in self.signals)
        rate_hz, length = frame_rate_hz * self.frame_samples, int(frames) * self.frame_samples
        super().__init__(path, rate_hz, len(self.taken), length, "+".join(formats))
        self.rank = 1 if self.channels == 1 else 2
        self.metadata = {
            "channels": [self.signals[channel].name for channel in self.taken],
            "units": [self.signals[channel].units for channel in self.taken],
        }
        self._dtype = np.dtype(dtype or np.float64)

    @property
    def notes(self) -> list[str]:
        """Which channels are copied, and that segments become one, in a sentence each."""
        others = [signal.name for place, signal in enumerate(self.signals) if place not in self.taken]
        notes = [f"copied as they are, of another rate: {', '.join(others)}"] if others else []
        return [*notes, "its segments are written as one"] if self.is_of_segments else notes

    def close(self) -> None:
        """Nothing stays open between reads."""

    def digital(self, channels: list[int], first_frame: int, count: int) -> list[Digital]:
        """Stored samples of channels, in order of frames, without their skew."""
        import wfdb

        smooth = all(signal.frame_samples == 1 for signal in self.signals)
        record: Any = wfdb.rdrecord(
            self.name, first_frame, first_frame + count, channels, physical=False, smooth_frames=smooth
        )
        rows = record.d_signal.T if smooth else record.e_d_signal  # only the former knows format 61
        return [np.asarray(row, np.int64) for row in rows]

    def _at_rate(self, path: Path, frame_rate_hz: float, sample_rate_hz: float | None) -> list[int]:
        rates = [frame_rate_hz * signal.frame_samples for signal in self.signals]
        found = sorted(set(rates))
        wanted = found[0] if len(found) == 1 else sample_rate_hz
        taken = [place for place, rate in enumerate(rates) if rate == wanted]
        if not taken:
            has = " and ".join(f"{rate:g}" for rate in found)
            raise DanError(path, f"it has channels of {has} Hz", "Choose those of one with --sample-rate")
        return taken

    def _read(self, start_sample: int, count: int) -> Signal:
        stop = min(start_sample + count, self.length_samples or 0)
        if stop <= start_sample:
            return np.empty((self.channels, 0), self._dtype)
        first, last = start_sample // self.frame_samples, -(-stop // self.frame_samples)
        rows = self._physical(first, last - first)
        skipped = start_sample - first * self.frame_samples
        return np.ascontiguousarray(rows[:, skipped : skipped + stop - start_sample], self._dtype)

    def _physical(self, first_frame: int, count: int) -> npt.NDArray[np.float64]:
        if self.is_of_segments:
            return self._joined(first_frame, count)
        try:
            rows = self.digital(self.taken, first_frame, count)
        except FileNotFoundError as error:
            missing = Path(error.filename or "").name
            rule = f"its file of samples {missing} is not there"
            raise DanError(self.path, rule, "Put it beside the header") from error
        signals = [self.signals[channel] for channel in self.taken]
        return np.stack([signal.to_physical(row) for signal, row in zip(signals, rows, strict=True)])

    def _joined(self, first_frame: int, count: int) -> npt.NDArray[np.float64]:
        """Samples across segments; NaN where a segment lacks a channel, or lies in a gap (``~``)."""
        import wfdb

        joined = np.full((self.channels, count), np.nan)
        start = 0
        for name, length in zip(self.header.seg_name, self.header.seg_len, strict=True):
            low, high = max(first_frame, start), min(first_frame + count, start + length)
            if low < high and name != "~":
                path = str(self.path.absolute().with_name(name))
                record: Any = wfdb.rdrecord(path, low - start, high - start)
                for row, channel in zip(joined, self.metadata["channels"], strict=True):
                    if channel in record.sig_name:
                        stored = record.p_signal[:, record.sig_name.index(channel)]
                        row[low - first_frame : high - first_frame] = stored
            start += length
        return joined


class SignalSpec:
    """What the header says of a channel.

    Args:
        name: of the channel.
        units: its physical unit.
        fmt: how it is stored, by WFDB's number.
        gain: steps a unit.
        baseline: the step that means 0.
        frame_samples: samples of a frame.
    """

    def __init__(
        self, name: str, units: str, fmt: str, *, gain: float, baseline: float, frame_samples: int = 1
    ) -> None:
        self.name, self.units, self.fmt = name, units, fmt
        self.gain, self.baseline, self.frame_samples = gain, baseline, frame_samples

    @property
    def written_fmt(self) -> str:
        """The format that it is written in."""
        return WRITTEN.get(self.fmt, "32")

    def to_physical(self, digital: Digital) -> npt.NDArray[np.float64]:
        """Steps to units; NaN where the sample is missing."""
        import wfdb.io._signal

        missing = digital == wfdb.io._signal.INVALID_SAMPLE_VALUE.get(self.fmt, -(2**63))
        return np.where(missing, np.nan, (digital - self.baseline) / self.gain)

    def to_digital(self, physical: npt.NDArray[np.float64]) -> tuple[Digital, int]:
        """Units to steps, and how many were clipped to the range of the format."""
        end = 2.0 ** (BITS[self.written_fmt] - 1)
        missing = np.isnan(physical)
        whole = np.rint(np.where(missing, 0, physical) * self.gain + self.baseline)
        kept = np.clip(whole, 1 - end, end - 1)
        clipped = int(np.count_nonzero((kept != whole) & ~missing))
        return np.where(missing, -end, kept).astype(np.int64), clipped

    def moved(self, digital: Digital) -> Digital:
        """Stored samples in the format that is written: what means missing may be another value there."""
        lowest = -(2 ** (BITS[self.written_fmt] - 1))
        return np.where(np.isnan(self.to_physical(digital)), lowest, digital)


def _of_one(header: Any) -> list[SignalSpec]:
    """Channels of a record of one segment."""
    if not header.n_sig:
        raise DanError("", "it has no signals", "Give one that has")
    each = zip(
        header.sig_name or [f"signal {i}" for i in range(header.n_sig)], header.units, header.fmt,
        header.adc_gain, header.baseline, header.samps_per_frame, strict=True,
    )  # fmt: skip
    return [
        SignalSpec(
            name or "", units or "NU", str(fmt), gain=float(gain), baseline=float(zero), frame_samples=int(k)
        )
        for name, units, fmt, gain, zero, k in each
    ]


def _of_segments(header: Any) -> list[SignalSpec]:
    """Channels of a record of several segments: each at its finest gain, 32 bits wide where gains differ."""
    known: dict[str, list[SignalSpec]] = {}
    order: list[str] = []
    for segment in header.segments:
        if segment is None or not segment.n_sig:
            continue
        specs = _of_one(segment)
        if any(spec.frame_samples > 1 for spec in specs):
            raise DanError("", "its segments have several samples a frame", "Give the segments one by one")
        is_layout = not segment.sig_len
        order = [spec.name for spec in specs] if is_layout or not order else order
        for spec in [] if is_layout else specs:
            known.setdefault(spec.name, []).append(spec)
    if not known:
        raise DanError("", "it has no signals", "Give one that has")
    return [_widest(name, known[name]) for name in order if name in known]


def _widest(name: str, specs: list[SignalSpec]) -> SignalSpec:
    finest = max(specs, key=lambda spec: spec.gain)
    same = len({(spec.gain, spec.baseline, spec.units) for spec in specs}) == 1
    fmt = max((spec.written_fmt for spec in specs), key=BITS.__getitem__) if same else "32"
    return SignalSpec(name, finest.units, fmt, gain=finest.gain, baseline=finest.baseline)


def sample_files(like: Form, target: Path) -> list[str]:
    """Names of the files of samples beside a header: one for neighbouring channels of one format."""
    if not isinstance(like, WfdbReader):
        raise DanError(target, "a WFDB record is written like one that is read", "Write .npy or .wav")
    groups = _groups(like)
    return (
        [f"{target.stem}.dat"]
        if groups[-1] == 0
        else [f"{target.stem}_{i + 1}.dat" for i in range(groups[-1] + 1)]
    )


def _groups(like: WfdbReader) -> list[int]:
    """The number of its file, by channel."""
    groups = [0]
    for before, after in zip(like.signals, like.signals[1:], strict=False):
        groups.append(groups[-1] + (before.written_fmt != after.written_fmt))
    return groups


class WfdbWriter(Writer):
    """A WFDB record like one that is read.

    Args:
        path: the header's temporary name.
        target: its final name.
        form: the reader of the record that it is like.
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
            f"{record.sample_rate_hz:g}",
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
            length, sums = self._read_back(Path(folder, self._target.name))
        if length != self.written_samples or not np.array_equal(sums, self._sums):
            rule = "read back, it is not what was written"
            raise DanError(self._target, rule, "Write .npy, and report the header of the record")

    def _read_back(self, path: Path) -> tuple[int, Digital]:
        """How many samples there are, and their sums by channel."""
        try:
            back = WfdbReader(path, self._record.sample_rate_hz, None)
            sums = np.zeros_like(self._sums)
            for first in range(0, self._frames, FRAMES_AT_ONCE):
                count = min(FRAMES_AT_ONCE, self._frames - first)
                sums += [int(row.sum()) for row in back.digital(list(range(len(sums))), first, count)]
        except DanError as error:
            way_out = "Give a name of letters, digits, - and _, or write .npy"
            raise DanError(self._target, f"read back, it is no WFDB record: {error.rule}", way_out) from error
        return back.length_samples or 0, sums


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
