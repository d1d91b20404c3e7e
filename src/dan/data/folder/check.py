"""Verifies a data folder, touching nothing: pairing, counts, lengths, rate, SNR, sums and leaks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.core.arrays import energy, energy_ratio_db
from dan.core.errors import DanError
from dan.core.progress import track
from dan.data.folder.duplicates import Sketch, find_same, sketch
from dan.data.folder.layout import (
    SIDES,
    Dataset,
    Side,
    Triple,
    check_holds_data,
    folder_rate_hz,
    pair_files,
    read_dataset,
    read_signal,
)
from dan.io.recordings import PCM_BITS, Recording

SNR_TOLERANCE_DB = 0.1
"""16-bit files at their usual levels keep the SNR far better than this; a wrong gain does not."""

FLOAT_STEP = 2.0**-23
COARSE_STEP = 2.0**-7
"""Steps of float32 and of lossy or companded files, relative to the peak."""


@dataclass(frozen=True)
class SideReport:
    """Measurements of one side, over the signals whose files can be read."""

    count: int
    length_samples: tuple[int, int] | None
    """Shortest and longest; None where there is no signal."""
    snr_db: tuple[float, float, float] | None
    """Lowest, mean and highest SNR of the mixed signals."""

    def describe(self) -> str:
        """One line to read."""
        if self.length_samples is None or self.snr_db is None:
            return "no signals"
        shortest, longest = self.length_samples
        length = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        low_db, mean_db, high_db = self.snr_db
        snr = f"SNR {mean_db:.2f} dB ({low_db:.2f} to {high_db:.2f})"
        return f"{self.count} signals of {length} samples, {snr}"


@dataclass(frozen=True)
class FolderReport:
    """Contents of a data folder, and the problems found in it."""

    sample_rate_hz: float | None
    """None where nothing says it."""
    sides: dict[Side, SideReport]
    problems: tuple[str, ...]
    """A sentence each with the file's name; none if all is well."""

    def describe(self) -> str:
        """Lines to read: a line a side, then a line a problem."""
        rate = "unknown rate" if self.sample_rate_hz is None else f"{self.sample_rate_hz:g} Hz"
        sides = [f"{side}: {report.describe()}, {rate}" for side, report in self.sides.items()]
        return "\n".join([*sides, *self.problems, self.total])

    @property
    def total(self) -> str:
        """Number of problems, in words."""
        count = len(self.problems)
        return f"{count or 'no'} problem{'s' * (count != 1)}"


@dataclass(frozen=True)
class _Measured:
    """Measurements of a signal, kept once it has been read."""

    triple: Triple
    length_samples: int
    snr_db: float
    sketch: Sketch
    """The clean signal's."""


def check(
    data: str | Path,
    *,
    sample_rate_hz: float | None = None,
) -> FolderReport:
    """Verify a data folder, touching nothing.

    Args:
        data: the folder.
        sample_rate_hz: the rate of .npy files where no dataset.json says it.

    Returns:
        What was measured and every problem found.

    Raises:
        DanError: if there is no such folder, or no recordings in it.
    """
    folder = Path(data)
    check_holds_data(folder)
    paired = {side: pair_files(folder, side) for side in SIDES}
    problems = [problem for _, unpaired in paired.values() for problem in unpaired]
    problems += [_no_noise(folder, side) for side, (triples, _) in paired.items() if _lacks_noise(triples)]
    triples = [triple for found, _ in paired.values() for triple in found]
    dataset, rate_hz = _what_it_says(folder, triples, sample_rate_hz, problems)
    measured: dict[Side, list[_Measured]] = {side: [] for side in SIDES}
    for side, triple in track([(name, triple) for name in SIDES for triple in paired[name][0]], "Checking"):
        measured[side] += _measure(triple, rate_hz, problems)
    for side in SIDES:
        problems += _against(dataset, folder, side, len(paired[side][0]), measured[side])
    problems += _unequal([one for side in SIDES for one in measured[side]], dataset)
    problems += _leaks(measured["train"], measured["validation"])
    sides = {side: _report(measured[side]) for side in SIDES}
    return FolderReport(rate_hz, sides, tuple(dict.fromkeys(map(str, problems))))


def _lacks_noise(triples: list[Triple]) -> bool:
    return bool(triples) and "noise" not in triples[0].files


def _no_noise(folder: Path, side: Side) -> DanError:
    return DanError(folder / side / "noise", "it is missing or empty", "Add the noise that was mixed in")


def _what_it_says(
    folder: Path, triples: list[Triple], sample_rate_hz: float | None, problems: list[DanError]
) -> tuple[Dataset | None, float | None]:
    """dataset.json and the rate, as far as they can be known."""
    try:
        dataset = read_dataset(folder)
        if not triples:
            return dataset, sample_rate_hz
        return dataset, folder_rate_hz(folder, triples, dataset=dataset, sample_rate_hz=sample_rate_hz)
    except DanError as problem:
        problems.append(problem)
        return None, sample_rate_hz


def _measure(triple: Triple, rate_hz: float | None, problems: list[DanError]) -> list[_Measured]:
    """One signal's figures, or none if a file is at fault; what is wrong is added to the problems."""
    recordings: dict[str, Recording] = {}
    for kind, path in triple.files.items():
        try:
            recordings[kind] = read_signal(path, sample_rate_hz=rate_hz)
        except DanError as problem:
            problems.append(problem)
    if len(recordings) < len(triple.files):
        return []
    lengths = {kind: len(recording.samples) for kind, recording in recordings.items()}
    if len(set(lengths.values())) > 1:
        sizes = ", ".join(f"{triple.files[kind]} {length}" for kind, length in lengths.items())
        problems.append(DanError(sizes, "samples of one signal must be equally many", "Cut them alike"))
        return []
    clean = recordings["clean"].samples.astype(np.float64)
    rest = recordings["mixed"].samples - clean
    problems += _faults(triple, recordings, rest)
    snr_db = float(energy_ratio_db(energy(clean), energy(rest)))
    return [_Measured(triple, len(clean), snr_db, sketch(clean))]


def _faults(
    triple: Triple, recordings: dict[str, Recording], rest: npt.NDArray[np.float64]
) -> list[DanError]:
    """Silence, no noise at all, and noise other than the noise file's."""
    faults = []
    if not recordings["clean"].samples.any():
        faults.append(DanError(triple.files["clean"], "it is silent, so it has no SNR", "Remove the signal"))
    if not rest.any():
        faults.append(DanError(triple.files["mixed"], "it equals the clean signal", "Mix noise into it"))
    elif "noise" in recordings and not _adds_up(recordings, rest):
        faults.append(
            DanError(
                triple.files["mixed"],
                f"it is not {triple.files['clean'].name} plus a gain times {triple.files['noise'].name}",
                "Mix it again",
            )
        )
    return faults


def _adds_up(recordings: dict[str, Recording], rest: npt.NDArray[np.float64]) -> bool:
    """Return whether mixed less clean is the noise times one gain, within the steps of the three files."""
    noise = recordings["noise"].samples.astype(np.float64)
    noise_energy = float(energy(noise))
    gain = float(rest @ noise) / noise_energy if noise_energy > 0 else 0.0
    within = _step(recordings["clean"]) + _step(recordings["mixed"]) + abs(gain) * _step(recordings["noise"])
    return bool(np.abs(rest - gain * noise).max() <= within)


def _step(recording: Recording) -> float:
    """Twice the error that storing a sample may have made."""
    encoding, peak = recording.encoding, float(np.abs(recording.samples).max())
    if encoding in PCM_BITS:
        return 2.0 ** (1 - PCM_BITS[encoding])
    if encoding.startswith(("int", "uint")):
        return 1.0
    fine = encoding in ("float32", "float64", "FLOAT", "DOUBLE")
    return (FLOAT_STEP if fine else COARSE_STEP) * peak


def _against(
    dataset: Dataset | None, folder: Path, side: Side, count: int, measured: list[_Measured]
) -> list[DanError]:
    """Contradictions to dataset.json in counts and SNR."""
    if dataset is None:
        return []
    stated, problems = dataset.counts.get(side, count), []
    if stated != count:
        problems.append(
            DanError(folder / side, f"dataset.json says {stated} signals, there are {count}", "Make it again")
        )
    if dataset.snr_db is not None:
        low_db, high_db = dataset.snr_db if isinstance(dataset.snr_db, tuple) else (dataset.snr_db,) * 2
        for one in measured:
            if not low_db - SNR_TOLERANCE_DB <= one.snr_db <= high_db + SNR_TOLERANCE_DB:
                rule = f"its SNR is {one.snr_db:.2f} dB, dataset.json says {low_db:g} to {high_db:g}"
                problems.append(DanError(one.triple.files["mixed"], rule, "Mix it again"))
    return problems


def _unequal(measured: list[_Measured], dataset: Dataset | None) -> list[DanError]:
    """Signals that are not of dataset.json's length; without one, not of the commonest length."""
    if not measured:
        return []
    length, of = Counter(one.length_samples for one in measured).most_common(1)[0][0], "most others have"
    if dataset and dataset.duration_s:
        length, of = max(1, round(dataset.duration_s * dataset.sample_rate_hz)), "dataset.json says"
    return [
        DanError(
            f"{one.triple.files['clean']} of {one.length_samples} samples", f"{of} {length}", "Cut it alike"
        )
        for one in measured
        if one.length_samples != length
    ]


def _leaks(train: list[_Measured], validation: list[_Measured]) -> list[DanError]:
    problems = []
    for one, another in find_same([one.sketch for one in train], [one.sketch for one in validation]):
        rule = f"{train[one].triple.files['clean']} holds the same signal"
        path = validation[another].triple.files["clean"]
        problems.append(DanError(path, rule, "Keep it on one side only"))
    return problems


def _report(measured: list[_Measured]) -> SideReport:
    if not measured:
        return SideReport(0, None, None)
    lengths = [one.length_samples for one in measured]
    snrs_db = [one.snr_db for one in measured]
    return SideReport(
        len(measured),
        (min(lengths), max(lengths)),
        (min(snrs_db), float(np.mean(snrs_db)), max(snrs_db)),
    )
