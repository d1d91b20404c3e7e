"""Biosignals and seismograms that are read only: BrainVision, EEGLAB and FIF by mne, miniSEED by obspy.

What comes of them is written as .npy, or as any other format that is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.io.base import Reader, not_a_recording

BY_MNE = frozenset([".vhdr", ".set", ".fif"])
BY_OBSPY = frozenset([".mseed", ".miniseed"])
NEEDED = "pip install 'dan-denoiser[{extra}]', or save it as .edf or .npy"
NO_SIGNALS = frozenset(["stim", "misc", "syst", "resp", "exci", "ias", "chpi", "dipole", "gof"])
"""Kinds of channels, by mne's names, that are left out."""
WAY_OUT = "Copy or export it again"


class MneReader(Reader):
    """A BrainVision (.vhdr), EEGLAB (.set) or FIF recording; its channels of signals, in V or T.

    Args:
        path: the file, for BrainVision the header.
        dtype: of the blocks; None for float64.
    """

    holds = "biosignals"

    def __init__(self, path: Path, dtype: npt.DTypeLike | None) -> None:
        try:
            import mne
        except ImportError as error:
            way_out = NEEDED.format(extra="eeg")
            raise DanError(path, f"{path.suffix} files need mne", way_out) from error
        try:
            self._raw: Any = mne.io.read_raw(path, preload=False, verbose="ERROR")
            kinds = self._raw.get_channel_types()
        except Exception as error:  # of many kinds, by what is damaged
            raise not_a_recording(path, error, way_out=WAY_OUT) from error
        self._taken = [place for place, kind in enumerate(kinds) if kind not in NO_SIGNALS]
        if not self._taken:
            raise DanError(path, "none of its channels is a signal", "Set the types of its channels")
        super().__init__(
            path, float(self._raw.info["sfreq"]), len(self._taken), len(self._raw.times), "float64"
        )
        names = self._raw.ch_names
        self._left_out = [name for place, name in enumerate(names) if place not in self._taken]
        self.metadata = {"channels": [names[place] for place in self._taken]}
        self._dtype = np.dtype(dtype or np.float64)

    @property
    def own_notes(self) -> list[str]:
        """Notes on the channels that are left out, and on markers, which are not carried over."""
        left_out = [f"left out, no signals: {', '.join(self._left_out)}"] if self._left_out else []
        count = len(self._raw.annotations)
        return [*left_out, *([f"{count} annotations are not carried over"] if count else [])]

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def _read(self, start_sample: int, count: int) -> Signal:
        stop = min(start_sample + count, self.length_samples or 0)
        if stop <= start_sample:
            return np.empty((self.channels, 0), self._dtype)
        block = self._raw.get_data(self._taken, start_sample, stop, verbose="ERROR")
        return np.ascontiguousarray(block, self._dtype)


class SeedReader(Reader):
    """A miniSEED file: traces of one rate, each a channel, NaN in their gaps.

    Args:
        path: the file, which is read whole.
        dtype: of the blocks; None for float64.
    """

    holds = "seismograms"

    def __init__(self, path: Path, dtype: npt.DTypeLike | None) -> None:
        try:
            import obspy
        except ImportError as error:
            way_out = NEEDED.format(extra="seismic")
            raise DanError(path, "miniSEED files need obspy", way_out) from error
        try:
            stream: Any = obspy.read(str(path), format="MSEED")
            rates = sorted({float(trace.stats.sampling_rate) for trace in stream})
            if len(rates) == 1:
                stream.merge()
                stream.trim(
                    min(t.stats.starttime for t in stream), max(t.stats.endtime for t in stream), pad=True
                )
            rows = [np.ma.filled(np.ma.asarray(trace.data).astype(np.float64), np.nan) for trace in stream]
        except Exception as error:  # of many kinds, by what is damaged
            raise not_a_recording(path, error, way_out=WAY_OUT) from error
        if len(rates) != 1:
            has = " and ".join(f"{rate:g}" for rate in rates)
            raise DanError(
                path, f"it has traces of {has} Hz", "Save those of each rate in a file of their own"
            )
        self._samples = np.stack(rows)
        super().__init__(path, rates[0], len(rows), self._samples.shape[1], "float64")
        self.rank = 1 if self.channels == 1 else 2
        self.metadata = {"channels": [trace.id for trace in stream]}
        self._dtype = np.dtype(dtype or np.float64)

    def close(self) -> None:
        """Do nothing, as nothing stays open."""

    def _read(self, start_sample: int, count: int) -> Signal:
        return self._samples[:, start_sample : start_sample + count].astype(self._dtype)
