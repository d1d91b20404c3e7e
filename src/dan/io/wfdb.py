"""WFDB records, as PhysioNet has them: a header (.hea) in text and files of samples in one of many formats.

wfdb reads them. A writer takes over the header word by word and changes only names, formats, first values and
checksums; each channel is as wide as it was. A record of several segments is written as one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.core.extras import require
from dan.io.base import Reader, not_a_recording

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


def named_files(header: str) -> frozenset[str]:
    """Names of the files of samples, or of the segments, that the text of a header names."""
    lines = [line.split() for line in header.splitlines() if line.strip() and not line.startswith("#")]
    return frozenset(words[0] for words in lines[1:])


def files_of(header: Path) -> frozenset[str]:
    """Names of the files that a header here names; none where it cannot be read."""
    try:
        return named_files(header.read_text("latin-1"))
    except OSError:
        return frozenset()


class WfdbReader(Reader):
    """A WFDB record: those of its channels that have one rate.

    Args:
        path: its header.
        sample_rate_hz: where its channels have several samples a frame, the rate whose channels are read.
        dtype: of the blocks, in the channels' physical units; None for float64.
    """

    holds = "biosignals"

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
    def own_notes(self) -> list[str]:
        """Notes on the channels that are copied, and on segments, which become one."""
        others = [signal.name for place, signal in enumerate(self.signals) if place not in self.taken]
        notes = (
            [f"not taken, and copied where the file is written, of another rate: {', '.join(others)}"]
            if others
            else []
        )
        return [*notes, "its segments are written as one"] if self.is_of_segments else notes

    def close(self) -> None:
        """Do nothing, as nothing stays open between reads."""

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
    """Specification of a channel, as the header has it.

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
