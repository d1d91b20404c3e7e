"""WFDB records, as PhysioNet has them: a header (.hea) in text and samples (.dat) in one of several formats.

wfdb reads them, in physical units. A writer takes over the header line by line and changes only names,
formats, first values and checksums.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, clip
from dan.core.errors import DanError
from dan.io.base import Form, Reader, Writer, not_a_recording

MISSING = "pip install 'dan-denoiser[biosignals]'"

BITS = {"80": 8, "16": 16, "212": 12, "24": 24, "32": 32}
"""Formats of .dat that are written as they were; others become 16, or 32 where that is not wide enough."""


class WfdbReader(Reader):
    """A WFDB record of one segment, one sample of each channel a frame.

    Args:
        path: its header.
        dtype: of the blocks, in the channels' physical units; None for float64.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike | None) -> None:
        try:
            import wfdb
        except ImportError as error:
            raise DanError(path, "WFDB records need wfdb", MISSING) from error
        self._name = str(path.resolve().with_suffix(""))
        try:
            header: Any = wfdb.rdheader(self._name)
            refused = _refused(header)
            length = header.sig_len if refused or header.sig_len else wfdb.rdrecord(self._name).sig_len
        except Exception as error:  # parsed text: a damaged one raises anything
            raise not_a_recording(path, error) from error
        if refused:
            raise DanError(path, refused, "Convert it to one segment, rate and file of samples first")
        formats = {str(name) for name in header.fmt}
        encoding = formats.pop() if len(formats) == 1 else "16"
        super().__init__(path, float(header.fs), header.n_sig, int(length), encoding)
        self.rank = 1 if self.channels == 1 else 2
        self.metadata = {"channels": header.sig_name, "units": header.units}
        self.gain = np.array(header.adc_gain, np.float64)[:, None]
        self.baseline = np.array(header.baseline, np.float64)[:, None]
        self._dtype = np.dtype(dtype or np.float64)

    def close(self) -> None:
        """Nothing stays open between reads."""

    def _read(self, start_sample: int, count: int) -> Signal:
        import wfdb

        stop = min(start_sample + count, self.length_samples or 0)
        if stop <= start_sample:
            return np.empty((self.channels, 0), self._dtype)
        record: Any = wfdb.rdrecord(self._name, sampfrom=start_sample, sampto=stop)
        return np.ascontiguousarray(record.p_signal.T, self._dtype)  # [n, C] -> [C, n]


def _refused(header: Any) -> str | None:
    if hasattr(header, "seg_name"):
        return "it has several segments"
    if not header.n_sig:
        return "it has no signals"
    if set(header.samps_per_frame) != {1}:
        return f"its channels have {header.samps_per_frame} samples a frame"
    return None


class WfdbWriter(Writer):
    """A WFDB record like one that is read: a header at ``path``, its samples at ``samples_path``."""

    def __init__(self, path: Path, target: Path, form: Form, samples_path: Path) -> None:
        if not isinstance(form, WfdbReader):
            raise DanError(target, "a WFDB record is written like one that is read", "Write .npy or .wav")
        super().__init__(path, target, form)
        self._record = form
        self._format = form.encoding if form.encoding in BITS else "16"
        self._high = 2.0 ** (BITS[self._format] - 1) - 1
        self._first: list[int] = []
        self._sums = np.zeros(form.channels, np.int64)
        self._rest = np.empty(0, np.int64)
        self._file = samples_path.open("wb")

    def close(self) -> None:
        """Close the file, whole or not."""
        self._file.close()

    def _write(self, block: Signal) -> None:
        whole = np.rint(block.astype(np.float64) * self._record.gain + self._record.baseline)
        # The lowest value of a format means that the sample is missing.
        kept, clipped = clip(whole, -self._high, self._high)
        self.clipped_samples += clipped
        digital = kept.astype(np.int64)
        self._first = self._first or digital[:, :1].ravel().tolist()
        self._sums += digital.sum(axis=1)
        samples = np.concatenate([self._rest, digital.T.ravel()])  # [C, n] -> interleaved
        even = len(samples) - len(samples) % 2  # format 212 packs two of them
        self._rest = samples[even:]
        self._file.write(ENCODERS[self._format](samples[:even]))

    def _finish(self) -> None:
        self._file.write(ENCODERS[self._format](self._rest))
        self._file.flush()
        lines = self._record.path.read_text("latin-1").splitlines(keepends=True)
        signals = iter(range(self._record.channels))
        is_first = True
        for place, line in enumerate(lines):
            if not line.strip() or line.startswith("#"):
                continue
            lines[place] = self._named(line) if is_first else self._signal_line(line, next(signals))
            is_first = False
        self._path.write_text("".join(lines), "latin-1", newline="")

    def _named(self, line: str) -> str:
        _, space, rest = line.partition(" ")
        return f"{self._target.stem}{space}{rest}"

    def _signal_line(self, line: str, channel: int) -> str:
        """A line of: file, format, gain, resolution, zero, first value, checksum, block size, name."""
        words = line.split(" ")
        words[0], words[1] = f"{self._target.stem}.dat", self._format
        if len(words) > 5:
            words[5] = str(self._first[channel])
        if len(words) > 6:
            words[6] = str(int(self._sums[channel].astype(np.int16)))
        return " ".join(words)


def _pack_212(samples: npt.NDArray[np.int64]) -> bytes:
    """Two samples of 12 bits in three bytes: low byte, both high nibbles, low byte."""
    pairs = np.append(samples, np.zeros(len(samples) % 2, np.int64)).reshape(-1, 2) & 0xFFF
    low, high = pairs & 0xFF, pairs >> 8
    packed = np.stack([low[:, 0], high[:, 0] | high[:, 1] << 4, low[:, 1]], axis=1).astype(np.uint8)
    return packed.tobytes()[: -1 if len(samples) % 2 else None]


def _pack_24(samples: npt.NDArray[np.int64]) -> bytes:
    return np.ascontiguousarray(samples.astype("<i4")[:, None].view(np.uint8)[:, :3]).tobytes()


ENCODERS: dict[str, Callable[[npt.NDArray[np.int64]], bytes]] = {
    "80": lambda samples: (samples + 128).astype(np.uint8).tobytes(),
    "16": lambda samples: samples.astype("<i2").tobytes(),
    "212": _pack_212,
    "24": _pack_24,
    "32": lambda samples: samples.astype("<i4").tobytes(),
}
