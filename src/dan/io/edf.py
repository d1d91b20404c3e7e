"""EDF and BDF: biosignals in records of 16-bit or 24-bit integers, each channel with its unit and range.

A writer copies its source record by record and changes the samples of the channels that are signals: the
header, annotations, triggers, constant channels and those of another rate come back bit by bit.

References: B. Kemp et al., A simple format for exchange of digitized polygraphic recordings, 1992; B. Kemp,
J. Olivan, European data format 'plus', 2003.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io.base import Reader, is_same_rate

NO_SIGNAL = re.compile(
    r"\bsti(m|\b|\d)|stim|trig|\bmark|marker|event|status|annot|batter|\bbat\b|counter|\bdig(ital)?\b", re.I
)
"""Labels of channels that hold codes or states, as BioSemi's 24-bit ``Status``: copied, never filtered."""

FEW_VALUES = 8
"""A channel of so few different samples holds codes."""
MANY_VALUES, RARELY = 64, 0.05
"""So does one of fewer than these, if it changes at less than this share of its samples."""
LOOKED_AT_RECORDS = 64
"""Number of records, spread over the file, that are looked at to tell."""

WAY_OUT = "Export or copy it again, or repair it with EDFbrowser"
FIXED_BYTES = 256
"""Bytes of the header, and again for each channel."""

FIELDS = {
    "label": 16, "transducer": 80, "unit": 8, "physical minimum": 8, "physical maximum": 8,
    "digital minimum": 8, "digital maximum": 8, "prefilter": 80, "samples of a record": 8, "reserved": 32,
}  # fmt: skip
"""Fields of each channel and their widths; each field stands for all channels before the next."""
RANGES = [name for name in FIELDS if name.endswith("mum")]


@dataclass(frozen=True)
class Channel:
    """A channel as the header describes it."""

    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[float, float]
    samples: int
    """Samples in each record."""
    offset_bytes: int
    """Their first places in a record."""

    @property
    def step(self) -> float:
        """Units a digital step; 0 where the channel says no range."""
        low, high = self.digital
        step = (self.physical[1] - self.physical[0]) / (high - low) if high != low else 0.0
        return step if np.isfinite(step) else 0.0

    @property
    def zero(self) -> float:
        """Physical value of a digital 0."""
        return self.physical[0] - self.digital[0] * self.step


class Header:
    """The header of an EDF or BDF file.

    Args:
        path: the file.

    Raises:
        DanError: if it is no such file, or its header is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            fixed = file.read(FIXED_BYTES)
            self.sample_bytes = 3 if fixed[:1] == b"\xff" else 2
            if len(fixed) < FIXED_BYTES or not (fixed[:1] == b"\xff" or fixed[:8].strip() == b"0"):
                raise DanError(path, "it does not begin as an EDF or BDF file", WAY_OUT)
            self.is_interrupted = fixed[192:197] in (b"EDF+D", b"BDF+D")
            self.said_records = int(self._number(fixed[236:244], "number of records"))
            self.duration_s = self._number(fixed[244:252], "duration of a record")
            count = int(self._number(fixed[252:256], "number of channels"))
            if count < 1:
                raise DanError(path, "its header says that it has no channels", WAY_OUT)
            self.size_bytes = FIXED_BYTES * (count + 1)
            described = file.read(FIXED_BYTES * count)
            if len(described) < FIXED_BYTES * count:
                raise DanError(path, "it is cut short within its header", WAY_OUT)
            file_bytes = file.seek(0, 2)
        self.channels = self._channels(described, count)
        self.record_bytes = self.sample_bytes * sum(channel.samples for channel in self.channels)
        if self.record_bytes == 0:
            raise DanError(path, "its header says records without samples", WAY_OUT)
        self.there_records, self.left_bytes = divmod(file_bytes - self.size_bytes, self.record_bytes)
        self.records = self._records()

    def _records(self) -> int:
        """Number of records: as the header says, but for one of -1 and a last one that is cut."""
        there = self.there_records
        said = there if self.said_records < 0 else self.said_records
        if there < said - 1 or (there == said - 1 and not self.left_bytes) or not min(said, there):
            rule = f"it is cut short: {there} of {said} records are there"
            raise DanError(self._path, rule if said > 0 else "it holds no samples", WAY_OUT)
        return min(said, there)

    def _channels(self, described: bytes, count: int) -> list[Channel]:
        columns, place = {}, 0
        for name, width in FIELDS.items():
            columns[name] = [described[place + width * i :][:width] for i in range(count)]
            place += width * count
        channels, offset = [], 0
        for i in range(count):
            samples = int(self._number(columns["samples of a record"][i], f"samples of channel {i}"))
            if samples < 0:
                raise DanError(self._path, f"its header says {samples} samples of channel {i}", WAY_OUT)
            label, unit = (columns[name][i].decode("latin-1").strip() for name in ("label", "unit"))
            ends = [_number(columns[name][i]) for name in RANGES]
            channels.append(Channel(label, unit, (ends[0], ends[1]), (ends[2], ends[3]), samples, offset))
            offset += samples * self.sample_bytes
        return channels

    def _number(self, text: bytes, name: str) -> float:
        value = _number(text)
        if not np.isfinite(value):
            said = text.decode("latin-1").strip(" \0")
            raise DanError(
                self._path, f"its header says {said!r} for the {name}, which is no number", WAY_OUT
            )
        return value

    def rate_hz(self, channel: Channel) -> float:
        """Samples a second."""
        if self.duration_s <= 0:
            said = f"its header says that a record lasts {self.duration_s:g} s"
            raise DanError(self._path, said, WAY_OUT)
        return channel.samples / self.duration_s

    def digital(self, records: npt.NDArray[np.uint8], channel: Channel) -> npt.NDArray[np.int32]:
        """Samples of a channel: records ``[R, bytes]`` to ``[R, samples]``."""
        stop = channel.offset_bytes + channel.samples * self.sample_bytes
        stored = np.ascontiguousarray(records[:, channel.offset_bytes : stop])
        if self.sample_bytes == 2:
            return stored.view("<i2").astype(np.int32)
        wide = np.zeros((len(stored), channel.samples, 4), np.uint8)
        wide[..., 1:] = stored.reshape(len(stored), channel.samples, 3)
        return wide.view("<i4")[..., 0] >> 8  # the upper three bytes, with their sign

    def read_records(self, file: BinaryIO, first: int, count: int) -> npt.NDArray[np.uint8]:
        """Records from one on: ``[R, bytes]``."""
        file.seek(self.size_bytes + first * self.record_bytes)
        content = file.read(max(0, min(count, self.records - first)) * self.record_bytes)
        whole = len(content) // self.record_bytes
        return np.frombuffer(content[: whole * self.record_bytes], np.uint8).reshape(whole, self.record_bytes)


def annotation_lists(path: Path) -> list[str]:
    """Time-stamped annotation lists of an EDF+ or BDF+ file, in order; empty where it has none.

    Raises:
        DanError: if it is no EDF or BDF file.
    """
    header, lists = Header(path), list[str]()
    with path.open("rb") as file:
        for channel in header.channels:
            if channel.label[4:] == "Annotations":
                start, stop = (
                    channel.offset_bytes,
                    channel.offset_bytes + channel.samples * header.sample_bytes,
                )
                for record in header.read_records(file, 0, header.records):
                    text = record[start:stop].tobytes().decode("utf-8", errors="replace")
                    lists += [part for part in text.split("\x14\x00") if part.strip("\x00")]
    return [part.strip("\x00") for part in lists]


def _number(text: bytes) -> float:
    """The number that a field of the header holds; NaN where it holds none."""
    try:
        return float(text.decode("latin-1").strip(" \0").replace(",", "."))
    except ValueError:
        return float("nan")


class EdfReader(Reader):
    """An EDF or BDF file: those of its channels that are signals of one rate.

    Args:
        path: the file.
        sample_rate_hz: where its channels have several rates, the one whose channels are read.
        dtype: of the blocks, in the channels' physical units; None for float64.
    """

    holds = "biosignals"

    def __init__(self, path: Path, sample_rate_hz: float | None, dtype: npt.DTypeLike | None) -> None:
        self.header = header = Header(path)
        self._file = path.open("rb")
        try:
            if header.is_interrupted:
                _refuse_gaps(path, header, self._file)
            self._copied: dict[str, list[str]] = {}
            self.taken = self._at_rate(path, self._signals(), sample_rate_hz)
        except BaseException:
            self._file.close()
            raise
        first = self.taken[0]
        kind = "BDF" if header.sample_bytes == 3 else "EDF"
        super().__init__(path, header.rate_hz(first), len(self.taken), header.records * first.samples, kind)
        self.rank = 1 if self.channels == 1 else 2
        self.metadata = {
            "channels": [channel.label for channel in self.taken],
            "units": [channel.unit for channel in self.taken],
        }
        self._dtype = np.dtype(dtype or np.float64)

    @property
    def own_notes(self) -> list[str]:
        """Notes on the channels that are copied, and on what of the file is not read, in a sentence each."""
        notes = [
            f"not taken, and copied where the file is written, {why}: {', '.join(names)}"
            for why, names in self._copied.items()
        ]
        return notes + self._notes_on_the_end()

    def _notes_on_the_end(self) -> list[str]:
        """Notes on what stands behind the records that are read."""
        header = self.header
        more, left_bytes = header.there_records - header.records, header.left_bytes
        if left_bytes and not 0 <= header.said_records <= header.there_records:
            return [f"its last record is cut: {left_bytes} bytes are left out"]
        parts = [f"{more} more record{'s' * (more > 1)}"] if more else []
        parts += [f"bytes of no whole record ({left_bytes})"] if left_bytes else []
        if not parts:
            return []
        counted = f"behind the {header.records} records that its header counts stand {' and '.join(parts)}"
        return [f"{counted}: not taken, and copied where the file is written"]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def scale(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Unit per step and physical zero, ``[C, 1]`` each."""
        step = np.array([[channel.step] for channel in self.taken])
        return step, np.array([[channel.zero] for channel in self.taken])

    def _signals(self) -> list[Channel]:
        """The channels that are signals, as far as can be told."""
        header = self.header
        places = np.unique(np.linspace(0, header.records - 1, LOOKED_AT_RECORDS).astype(int))
        looked_at = np.concatenate([header.read_records(self._file, int(place), 1) for place in places])
        found, still = [], []
        for channel in header.channels:
            if channel.label in ("EDF Annotations", "BDF Annotations") or not channel.samples:
                continue
            if NO_SIGNAL.search(channel.label):
                self._copied.setdefault("no signals by their names", []).append(channel.label)
            elif channel.step == 0:
                self._copied.setdefault("without a range", []).append(channel.label or "one without a name")
            elif _holds_codes(header.digital(looked_at, channel)):
                still.append(channel)
            else:
                found.append(channel)
        if found and still:
            self._copied["constant or of few values"] = [channel.label for channel in still]
        return found or still

    def _at_rate(self, path: Path, signals: list[Channel], sample_rate_hz: float | None) -> list[Channel]:
        """The channels of the one rate."""
        rates = {channel: self.header.rate_hz(channel) for channel in signals}
        found = sorted(set(rates.values()))
        if not found:
            raise DanError(path, "none of its channels is a signal", "Rename what is one, as in EDFbrowser")
        if len(found) == 1:  # the file says it
            return signals
        taken = [channel for channel, rate in rates.items() if is_same_rate(rate, sample_rate_hz or 0)]
        if not taken:
            has = " and ".join(f"{rate:.9g}" for rate in found)
            raise DanError(path, f"it has channels of {has} Hz", "Choose those of one with --sample-rate")
        self._copied["of another rate"] = [channel.label for channel in rates if channel not in taken]
        return taken

    def _read(self, start_sample: int, count: int) -> Signal:
        count = max(0, min(count, (self.length_samples or 0) - start_sample))
        size = self.taken[0].samples
        first = start_sample // size
        records = self.header.read_records(self._file, first, -(-(start_sample + count) // size) - first)
        step, zero = self.scale()
        rows = [self.header.digital(records, channel).ravel() for channel in self.taken]
        skipped = start_sample - first * size
        block = np.array(rows, np.float64).reshape(self.channels, -1)[:, skipped : skipped + count]
        return (block * step + zero).astype(self._dtype, copy=False)


def _holds_codes(digital: npt.NDArray[np.int32]) -> bool:
    """Return whether samples ``[R, n]`` are of few values, or of some that seldom change."""
    values = len(np.unique(digital))
    changes = np.count_nonzero(np.diff(digital, axis=1)) / max(1, digital.size)
    few = values <= min(FEW_VALUES, digital.size // 4 + 1)
    return bool(few or (values <= MANY_VALUES and changes < RARELY))


def _refuse_gaps(path: Path, header: Header, file: BinaryIO) -> None:
    """Refuse an EDF+D file with gaps between its records, whose starts are their first annotations."""
    times = next((channel for channel in header.channels if channel.label[4:] == "Annotations"), None)
    if times is None:
        return
    start, stop = times.offset_bytes, times.offset_bytes + times.samples * header.sample_bytes
    began_s: float | None = None
    for number in range(header.records):
        text = header.read_records(file, number, 1)[0, start:stop].tobytes()
        try:
            at_s = float(text.partition(b"\x14")[0])
        except ValueError:
            continue
        began_s = at_s - number * header.duration_s if began_s is None else began_s
        late_s = at_s - number * header.duration_s - began_s
        if abs(late_s) > 1e-3 * header.duration_s:
            rule = f"it has a gap: record {number + 1} begins {late_s:g} s later than those before it end"
            raise DanError(path, rule, "Split it at its gaps, as with EDFbrowser, and give the parts")
