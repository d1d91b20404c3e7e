"""EDF and BDF: biosignals in records of 16-bit or 24-bit integers, each channel with its unit and range.

pyedflib reads them, in physical units. A writer copies its source record by record and changes the samples of
the channels only: the header, annotations, triggers and channels of another rate come back bit by bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, clip
from dan.core.errors import DanError
from dan.io.base import Form, Reader, Writer, not_a_recording

NO_SIGNALS = frozenset(["status", "trigger", "triggers", "marker", "markers", "event", "events"])
"""Labels of channels that hold codes, as BioSemi's 24-bit ``Status``: copied, never filtered."""

ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
MISSING = "pip install 'dan-denoiser[biosignals]'"


class EdfReader(Reader):
    """An EDF or BDF file: those of its channels that have one rate.

    Args:
        path: the file.
        sample_rate_hz: where its channels have several rates, the one whose channels are read.
        dtype: of the blocks, in the channels' physical units; None for float64.
    """

    def __init__(self, path: Path, sample_rate_hz: float | None, dtype: npt.DTypeLike | None) -> None:
        try:
            import pyedflib
        except ImportError as error:
            raise DanError(path, "EDF and BDF files need pyedflib", MISSING) from error
        try:
            self._file = pyedflib.EdfReader(str(path), pyedflib.DO_NOT_READ_ANNOTATIONS)
        except Exception as error:  # OSError and others, by what is damaged
            raise not_a_recording(path, error) from error
        self.taken = self._taken(path, sample_rate_hz)
        first = self.taken[0]
        length = int(self._file.getNSamples()[first])
        rate_hz = float(self._file.getSampleFrequency(first))
        kind = path.suffix[1:].upper()
        super().__init__(path, rate_hz, len(self.taken), length, kind)
        self.rank = 1 if self.channels == 1 else 2
        labels = [self._file.getLabel(channel) for channel in self.taken]
        units = [self._file.getPhysicalDimension(channel) for channel in self.taken]
        self.metadata = {"channels": labels, "units": units}
        self._dtype = np.dtype(dtype or np.float64)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def scale(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Unit per step ``[C, 1]``, physical zero ``[C, 1]`` and digital range ``[C, 2]``."""
        file, rows = self._file, self.taken
        digital = np.array([[file.getDigitalMinimum(c), file.getDigitalMaximum(c)] for c in rows], np.float64)
        physical = np.array([[file.getPhysicalMinimum(c), file.getPhysicalMaximum(c)] for c in rows])
        step = np.diff(physical) / np.diff(digital)
        return step, physical[:, :1] - digital[:, :1] * step, digital

    def _taken(self, path: Path, sample_rate_hz: float | None) -> list[int]:
        """The channels of the one rate."""
        file = self._file
        rates = {
            channel: float(file.getSampleFrequency(channel))
            for channel in range(file.signals_in_file)
            if file.getLabel(channel).strip().lower() not in NO_SIGNALS
        }
        found = sorted(set(rates.values()))
        if sample_rate_hz is None and len(found) == 1:
            return list(rates)
        taken = [channel for channel, rate in rates.items() if rate == sample_rate_hz]
        if not taken:
            self.close()
            has = " and ".join(f"{rate:g}" for rate in found) + " Hz" if found else "no signals"
            raise DanError(path, f"it has channels of {has}", "Choose those of one with --sample-rate")
        return taken

    def _read(self, start_sample: int, count: int) -> Signal:
        count = max(0, min(count, (self.length_samples or 0) - start_sample))
        step, zero, _ = self.scale()
        digital = [
            self._file.readSignal(channel, start_sample, count, digital=True) for channel in self.taken
        ]
        block = np.array(digital, np.float64).reshape(self.channels, count)
        return (block * step + zero).astype(self._dtype, copy=False)


class EdfWriter(Writer):
    """An EDF or BDF file like one that is read."""

    def __init__(self, path: Path, target: Path, form: Form) -> None:
        if not isinstance(form, EdfReader) or form.encoding != target.suffix[1:].upper():
            raise DanError(
                target, "an EDF or BDF file is written like one that is read", "Write .npy or .wav"
            )
        super().__init__(path, target, form)
        self._step, self._zero, self._digital = form.scale()
        self._source, self._file = form.path.open("rb"), path.open("wb")
        header = Header(self._source.read(256))
        header.read_signals(self._source.read(256 * header.signals))
        self._record_bytes = header.sample_bytes * sum(header.record_samples)
        self._places = [header.place(channel) for channel in form.taken]
        self._sample_bytes = header.sample_bytes
        self._rest = np.empty((form.channels, 0), "<i4")
        self._source.seek(0)
        self._file.write(self._source.read(256 * (header.signals + 1)))

    def close(self) -> None:
        """Close the file, whole or not."""
        self._source.close()
        self._file.close()

    def _write(self, block: Signal) -> None:
        whole = np.rint((block.astype(np.float64) - self._zero) / self._step)
        for row, (low, high) in zip(whole, self._digital, strict=True):
            row[:], clipped = clip(row, low, high)
            self.clipped_samples += clipped
        self._rest = np.concatenate([self._rest, whole.astype("<i4")], axis=1)
        record_samples = (self._places[0].stop - self._places[0].start) // self._sample_bytes
        count = self._rest.shape[1] // record_samples
        if count:
            done = count * record_samples
            self._write_records(self._rest[:, :done].reshape(len(block), count, record_samples))
            self._rest = self._rest[:, done:].copy()

    def _write_records(self, samples: npt.NDArray[np.int32]) -> None:
        """``[C, records, samples of a record]``."""
        count = samples.shape[1]
        source = self._source.read(count * self._record_bytes)
        records = np.frombuffer(source, np.uint8).reshape(count, self._record_bytes).copy()
        for place, channel in zip(self._places, samples, strict=True):
            stored = np.ascontiguousarray(channel)[..., None].view(np.uint8)  # [records, samples, 4 bytes]
            records[:, place] = stored[..., : self._sample_bytes].reshape(count, -1)
        self._file.write(records.tobytes())

    def _finish(self) -> None:
        self._file.flush()


class Header:
    """What the header of an EDF or BDF file says of where samples are.

    Args:
        start: its first 256 bytes.
    """

    def __init__(self, start: bytes) -> None:
        self.sample_bytes = 3 if start[:1] == b"\xff" else 2
        self.signals = int(start[252:256])
        self.record_samples: list[int] = []
        """Of each signal, annotations included."""
        self._signals_read: list[int] = []

    def read_signals(self, rest: bytes) -> None:
        """Take in the part that follows, 256 bytes a signal: all labels (16 bytes each) first."""
        each = range(self.signals)
        labels = [rest[16 * i : 16 * (i + 1)].decode("latin-1").strip() for i in each]
        sizes = 216 * self.signals
        self.record_samples = [int(rest[sizes + 8 * i : sizes + 8 * (i + 1)]) for i in each]
        self._signals_read = [i for i in each if labels[i] not in ANNOTATIONS]

    def place(self, channel: int) -> slice:
        """The bytes of a record that hold a channel, counted without annotations as pyedflib does."""
        signal = self._signals_read[channel]
        before = sum(self.record_samples[:signal]) * self.sample_bytes
        return slice(before, before + self.record_samples[signal] * self.sample_bytes)
