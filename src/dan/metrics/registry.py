"""Metrics of each kind of signal, beside SNR and SI-SDR, which score all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from dan.config import SignalKind
from dan.core.arrays import SNR_LIMIT_DB, Array, Signal
from dan.core.errors import DanError
from dan.core.progress import track
from dan.core.ragged import by_length
from dan.metrics import biosignals
from dan.metrics import general as metrics
from dan.metrics.dnsmos import Dnsmos
from dan.metrics.speech import pesq_mos, stoi

HEADINGS = {
    "pesq": "PESQ",
    "stoi": "STOI",
    "dnsmos": "DNSMOS",
    "rrmse_temporal": "RRMSE temporal",
    "rrmse_spectral": "RRMSE spectral",
    "correlation": "CC",
    "prd_percent": "PRD (%)",
    "prd_centred_percent": "PRD, mean removed (%)",
    "ssd": "SSD",
    "mad": "MAD",
    "cosine_similarity": "cosine",
}
"""Heading of each figure in a table, by its name in JSON."""

REMARKS = {
    "pesq": "PESQ is narrow band at 8 kHz and wide band at 16 kHz: the two do not compare",
    "rrmse_temporal": "an SNR in dB is 20 log10 of the RMS ratio; Zhang et al. 2021 (EEGdenoiseNet) take "
    "10 log10, so that their figure is half of this one: their -7 to 2 dB are -14 to 4 dB here",
    "prd_percent": "PRD is over the energy of the clean signal as it is, and once more less its mean; SSD "
    "and MAD are in the signal's unit, and SSD grows with the number of samples",
}
"""Remark on the figures of a kind of signal, by the name of one of them."""

Measure = Callable[..., Array]


@dataclass(frozen=True)
class Figures:
    """The figures of one kind of signal, ready to be taken."""

    measures: dict[str, Measure]
    """Each from stacks ``[n, T]`` called estimate and reference to ``[n]``; NaN where there is none."""
    remarks: tuple[str, ...]
    """Remarks on the figures, and which are missing for what reason."""

    def take(self, estimates: Sequence[Signal], *, clean: Sequence[Signal]) -> dict[str, Array]:
        """Each figure of each signal ``[N]``, whatever their lengths; NaN where there is none.

        Raises:
            DanError: if a signal is wrong or the lengths differ.
        """
        values = {name: np.empty(len(clean)) for name in self.measures}
        lengths = len({len(signal) for signal in estimates})
        for places, (estimate, reference) in track(by_length(estimates, clean), "Lengths", total=lengths):
            for name, measure in track(self.measures.items(), "Figures"):
                values[name][places] = measure(estimate=estimate, reference=reference)
        return values


def open_figures(kind: SignalKind, *, sample_rate_hz: float, dnsmos: Path | None = None) -> Figures:
    """The figures of a kind of signal: SNR and SI-SDR, and those that its field goes by.

    Args:
        kind: what the signals are; `other` for SNR and SI-SDR alone.
        sample_rate_hz: their rate in Hz.
        dnsmos: the ONNX file of DNSMOS P.835, for one more figure of speech.

    Returns:
        The figures; one that the rate or a missing package rules out is left out and said in the remarks.

    Raises:
        DanError: if there is no such kind, or no such file.
    """
    check_kind(kind)
    if dnsmos and kind != "speech":
        raise DanError(
            f"{dnsmos} for signals of the kind {kind}", "DNSMOS scores speech", "Give --kind speech"
        )
    measures = _plain_measures(kind)
    missing = list[str]()
    speech = _SPEECH if kind == "speech" else {}
    for name, measure in (speech | ({"dnsmos": Dnsmos(dnsmos)} if dnsmos else {})).items():
        try:
            measure(estimate=np.ones(1), reference=np.ones(1), sample_rate_hz=sample_rate_hz)
        except DanError as error:
            missing.append(f"no {HEADINGS[name]}: {str(error).removesuffix('.')}")
        else:
            measures[name] = _rated(measure, sample_rate_hz)
    remarks = [remark for name, remark in REMARKS.items() if name in measures]
    return Figures(measures, (*remarks, *missing))


def check_kind(kind: str) -> SignalKind:
    """Check that there is a kind of signal of that name, and return it.

    Raises:
        DanError: if there is not.
    """
    for known in get_args(SignalKind):
        if kind == known:
            return known  # type: ignore[no-any-return]
    raise DanError(f"kind={kind}", f"it is one of {', '.join(get_args(SignalKind))}", "Give one of these")


def mean(values: Array) -> float:
    """The mean of the values that there are; 0 where there is none, which `left_out` tells."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else 0.0


def left_out(values: dict[str, Array]) -> list[str]:
    """Return how many signals have no figure, in a sentence for each such figure."""
    missing = {name: int(np.isnan(each).sum()) for name, each in values.items()}
    return [
        f"{HEADINGS[name]} leaves out {count} of {len(values[name])} signals, whose clean side holds too "
        "little speech for it"
        for name, count in missing.items()
        if count
    ]


def at_the_ends(values: dict[str, Array]) -> list[str]:
    """Return how many inputs hold the means up or down, in a sentence: silence and perfection have +-100 dB.

    Args:
        values: the figures of the noisy inputs ``[N]``, by name.
    """
    snr_db = values["snr_db"]
    found = {
        "no noise": int((snr_db >= SNR_LIMIT_DB).sum()),
        "no signal": int((snr_db <= -SNR_LIMIT_DB).sum()),
    }
    return [
        f"{count} of {len(snr_db)} inputs hold {what}: their SNR counts as {sign}{SNR_LIMIT_DB:g} dB, "
        "and weighs that much in the means"
        for (what, count), sign in zip(found.items(), ("", "-"), strict=True)
        if count
    ]


_SPEECH: dict[str, Measure] = {"pesq": pesq_mos, "stoi": stoi}
_GENERAL: dict[str, Measure] = {"snr_db": metrics.snr_db, "si_sdr_db": metrics.si_sdr_db}
_FIELDS: dict[str, dict[str, Measure]] = {
    "eeg": {
        "rrmse_temporal": biosignals.rrmse_temporal,
        "rrmse_spectral": biosignals.rrmse_spectral,
        "correlation": biosignals.correlation,
    },
    "ecg": {
        "prd_percent": biosignals.prd_percent,
        "prd_centred_percent": biosignals.prd_centred_percent,
        "ssd": biosignals.ssd,
        "mad": biosignals.mad,
        "cosine_similarity": biosignals.cosine_similarity,
    },
}


def _plain_measures(kind: SignalKind) -> dict[str, Measure]:
    return _GENERAL | _FIELDS.get(kind, {})


def _rated(measure: Measure, sample_rate_hz: float) -> Measure:
    return lambda **given: measure(sample_rate_hz=sample_rate_hz, **given)
