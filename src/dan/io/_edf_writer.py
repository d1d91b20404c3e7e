"""EDF and BDF files, written like one that was read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io.base import Form, Writer
from dan.io.edf import Channel, EdfReader


class EdfWriter(Writer):
    """An EDF or BDF file like one that is read."""

    def __init__(self, path: Path, target: Path, form: Form) -> None:
        suffix = target.suffix[1:].upper()
        if not isinstance(form, EdfReader) or suffix not in (form.encoding, "REC"):
            what = f"a {suffix} file is written like one that is read"
            raise DanError(target, what, "Write .npy or .wav")
        super().__init__(path, target, form)
        self._header, self._taken = form.header, form.taken
        self._step, self._zero = form.scale()
        self._source, self._file = form.path.open("rb"), path.open("wb")
        self._rest = np.empty((form.channels, 0), np.float64)
        self._done_records = 0
        head = self._source.read(self._header.size_bytes)
        if self._header.said_records != self._header.records:
            head = head[:236] + str(self._header.records).encode().ljust(8) + head[244:]
        self._file.write(head)

    def close(self) -> None:
        """Close the file, whole or not."""
        self._source.close()
        self._file.close()

    def _write(self, block: Signal) -> None:
        whole = np.rint((block.astype(np.float64) - self._zero) / self._step)
        self._rest = np.concatenate([self._rest, whole], axis=1)
        size = self._taken[0].samples
        count = self._rest.shape[1] // size
        if count:
            done = count * size
            self._write_records(self._rest[:, :done].reshape(len(block), count, size))
            self._rest = self._rest[:, done:].copy()

    def _write_records(self, samples: npt.NDArray[np.float64]) -> None:
        """``[C, records, samples of a record]``."""
        header, count = self._header, samples.shape[1]
        records = header.read_records(self._source, self._done_records, count).copy()
        for channel, values in zip(self._taken, samples, strict=True):
            low, high = self._range(channel, header.digital(records, channel))
            kept = np.clip(values, low, high)
            self.clipped_samples += int(np.count_nonzero(kept != values))
            stored = kept.astype("<i4")[..., None].view(np.uint8)  # [records, samples, 4 bytes]
            place = slice(channel.offset_bytes, channel.offset_bytes + channel.samples * header.sample_bytes)
            records[:, place] = stored[..., : header.sample_bytes].reshape(count, -1)
        self._file.write(records.tobytes())
        self._done_records += count

    def _range(
        self, channel: Channel, source: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Ends of the declared range, or of the integers where the source leaves it: ``[R, 1]`` each."""
        full = 2.0 ** (8 * self._header.sample_bytes - 1)
        low, high = max(-full, min(channel.digital)), min(full - 1, max(channel.digital))
        lowest, highest = source.min(axis=1, keepdims=True), source.max(axis=1, keepdims=True)
        return np.where(lowest < low, -full, low), np.where(highest > high, full - 1, high)

    def _finish(self) -> None:
        """Copy what stands behind the records, if the header counts them all."""
        header = self._header
        if 0 <= header.said_records <= header.there_records:
            self._source.seek(header.size_bytes + header.records * header.record_bytes)
            while part := self._source.read(2**20):
                self._file.write(part)
        self._file.flush()
