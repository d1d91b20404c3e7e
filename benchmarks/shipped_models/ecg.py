"""How good an ECG denoiser is on hearts that it has not heard, beside filters: SNR gain, do no harm, QRS.

    python benchmarks/shipped_models/ecg.py MODEL=HEARTS ... --noise NOISE [--mains-hz 60] [--json OUT]

HEARTS is a folder of WFDB records with beat annotations that MODEL has not been trained on; several pairs
are pooled, so that hearts left out in rotation are judged together. NOISE holds bw, em and ma of the MIT-BIH
Noise Stress Test Database as .npy in mV, minutes that no MODEL has been trained on. Clean is the record
without what lies below 0.5 Hz and, with --mains-hz, without the mains hum that it was recorded in. Noise is
their sum and mains hum, pure or not, in random proportions. Intervals are those of a bootstrap over hearts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import wfdb
import wfdb.processing
from scipy import signal as dsp

import dan
from dan.core.arrays import energy, energy_ratio_db
from dan.dsp.butterworth import highpass
from dan.dsp.wavelet import wavelet

Array = npt.NDArray[np.float64]
Filter = Callable[[Array], Array]

RATE_HZ, SNRS_DB, CLEAN_DB = 360.0, (0.0, 6.0, 12.0), 200.0
WINDOW_S, WINDOWS = 10.0, 24
"""Length and number of the stretches of each lead of each heart."""
BEATS_S, BEATS_SNR_DB, NEAR_S = 60.0, 0.0, 0.15
"""Stretches in which QRS complexes are looked for, and how near to its place a found one counts."""
MARGIN_S = 8.0
MAINS_Q = 30.0
"""Sharpness of the notch that takes a recording's own mains out."""
LOW_HZ, HIGH_HZ = (0.4, 0.5, 0.67, 1.0), (15.0, 20.0, 25.0, 30.0, 40.0, 60.0, 100.0)
"""Edges of the band-passes of which the best is taken, with and without notches at 50 and 60 Hz."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of one lead of one heart in noise."""

    heart: str
    snr_db: float
    clean: Array
    mixed: Array
    beats_s: Array
    """Where its QRS complexes are."""


def stretches(
    hearts: Path,
    noise: Path,
    *,
    duration_s: float,
    count: int,
    snr_db: float,
    seed: int,
    mains_hz: float | None = None,
) -> Iterator[Stretch]:
    """Stretches of each lead of each record, evenly spread, each with a noise of its own."""
    random = np.random.default_rng(seed)
    noises = {path.stem: np.load(path).astype(np.float64) for path in sorted(noise.glob("*.npy"))}
    for header in sorted(hearts.glob("*.hea")):
        record = wfdb.rdrecord(str(header.with_suffix("")))
        beats_s = _beats(header)
        for recorded in record.p_signal.T:
            lead = recorded if mains_hz is None else _without_mains(recorded, mains_hz)
            for start_s in np.linspace(30, 1740 - duration_s, count):
                clean = _cut(lead, start_s, duration_s)
                within = beats_s[(beats_s >= start_s) & (beats_s < start_s + duration_s)] - start_s
                made = _noise(noises, len(clean), random)
                gain = np.sqrt(energy(clean) / energy(made)) * 10 ** (-snr_db / 20)
                yield Stretch(header.stem, snr_db, clean, clean + gain * made, within)


def _beats(header: Path) -> Array:
    marks = wfdb.rdann(str(header.with_suffix("")), "atr")
    beats = [
        at for at, symbol in zip(marks.sample, marks.symbol, strict=True) if symbol in "NLRBAaJSVrFejnE/fQ"
    ]
    return np.array(beats) / RATE_HZ


def _cut(lead: Array, start_s: float, duration_s: float) -> Array:
    """A stretch, high-passed within its surroundings."""
    first, margin, length = (round(value * RATE_HZ) for value in (start_s, MARGIN_S, duration_s))
    wide = lead[first - margin : first + length + margin]
    return np.asarray(highpass(wide, sample_rate_hz=RATE_HZ, cutoff_hz=0.5)[margin : margin + length])


def _without_mains(lead: Array, mains_hz: float) -> Array:
    """A lead without a band of a thirtieth of the mains' frequency around it, and around its octave."""
    for hum_hz in (mains_hz, 2 * mains_hz):
        lead = dsp.filtfilt(*dsp.iirnotch(hum_hz, hum_hz / mains_hz * MAINS_Q, fs=RATE_HZ), lead)
    return np.asarray(lead)


def _noise(noises: dict[str, Array], length: int, random: np.random.Generator) -> Array:
    """Each recorded noise and hum of unit RMS, weighted by shares of a uniform Dirichlet distribution."""
    drawn = []
    for recorded in noises.values():
        start = random.integers(recorded.shape[1] - length)
        drawn.append(recorded[random.integers(len(recorded)), start : start + length])
    turns = random.choice([50, 60]) * random.uniform(0.998, 1.002) * np.arange(length) / RATE_HZ
    second = max(0.0, random.uniform(-0.5, 0.5))
    drawn.append(np.sin(2 * np.pi * turns) + second * np.sin(4 * np.pi * (turns + random.random())))
    weights = np.sqrt(random.dirichlet(np.ones(len(drawn))))
    return np.asarray(sum(w * x / np.sqrt(np.mean(x**2)) for w, x in zip(weights, drawn, strict=True)))


def bandpass(low_hz: float, high_hz: float, *, notched: bool) -> Filter:
    """A Butterworth band-pass of second order, forward and back, with notches at 50 and 60 Hz or without."""
    sections = dsp.butter(2, [low_hz, high_hz], "bandpass", fs=RATE_HZ, output="sos")

    def run(mixed: Array) -> Array:
        filtered = dsp.sosfiltfilt(sections, mixed, padlen=min(len(mixed) - 1, 1000))
        for mains_hz in (50, 60) if notched else ():
            filtered = dsp.filtfilt(*dsp.iirnotch(mains_hz, 15, fs=RATE_HZ), filtered)
        return np.asarray(filtered)

    return run


def filters() -> dict[str, Filter]:
    """The filters beside the models, by name."""
    usual = bandpass(0.5, 40.0, notched=True)
    rows = {
        "0.5-40 Hz and notch": usual,
        "wavelets, then the same": lambda mixed: usual(np.asarray(wavelet(mixed))),
    }
    tuned = {
        f"tuned {low:g}-{high:g} Hz{' and notch' if notched else ''}": bandpass(low, high, notched=notched)
        for low in LOW_HZ
        for high in HIGH_HZ
        for notched in (False, True)
    }
    return rows | tuned


def snr_db(estimate: Array, clean: Array) -> float:
    """Output SNR in dB."""
    return float(energy_ratio_db(energy(clean), energy(estimate - clean)))


def interval(values: Array, hearts: list[str]) -> tuple[float, float]:
    """95 % interval of the mean: a bootstrap over hearts."""
    means = np.array([values[[heart == name for heart in hearts]].mean() for name in sorted(set(hearts))])
    drawn = np.random.default_rng(0).integers(len(means), size=(4000, len(means)))
    low, high = np.quantile(means[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def judge(pairs: list[tuple[str, Path]], noise: Path, *, mains_hz: float | None = None) -> dict[str, object]:
    """All figures, by SNR and row."""
    rows, denoisers = filters(), {model: dan.load(model) for model, _ in pairs}
    found: dict[str, object] = {}
    for level_db in (*SNRS_DB, CLEAN_DB):
        scores: dict[str, list[float]] = {}
        hearts: list[str] = []
        for model, folder in pairs:
            drawn = stretches(
                folder,
                noise,
                duration_s=WINDOW_S,
                count=WINDOWS,
                snr_db=level_db,
                seed=1,
                mains_hz=mains_hz,
            )
            for stretch in drawn:
                hearts.append(stretch.heart)
                for name, run in rows.items():
                    scores.setdefault(name, []).append(snr_db(run(stretch.mixed), stretch.clean))
                estimate = denoisers[model](stretch.mixed, sample_rate=RATE_HZ)
                scores.setdefault("dan", []).append(snr_db(estimate, stretch.clean))
        found[f"{level_db:g}"] = _summary(scores, hearts, 0.0 if level_db == CLEAN_DB else level_db)
    return found


def _summary(scores: dict[str, list[float]], hearts: list[str], before_db: float) -> dict[str, object]:
    """Mean, interval and 5 % quantile of each row, of the tuned filters only the best's; means by heart."""
    gains = {name: np.array(values) - before_db for name, values in scores.items()}
    best = max((name for name in gains if name.startswith("tuned")), key=lambda name: gains[name].mean())
    kept = {name: values for name, values in gains.items() if name == best or not name.startswith("tuned")}
    return {
        name: {
            "mean": float(values.mean()),
            "interval": interval(values, hearts),
            "quantile_5": float(np.quantile(values, 0.05)),
            "hearts": {
                one: float(values[[heart == one for heart in hearts]].mean()) for one in sorted(set(hearts))
            },
        }
        for name, values in kept.items()
    }


def find_beats(pairs: list[tuple[str, Path]], noise: Path) -> dict[str, object]:
    """F1 of a QRS detector on the first lead at 0 dB: before and behind each row, over all beats."""
    counts: dict[str, list[tuple[int, int, int]]] = {}
    usual = filters()["0.5-40 Hz and notch"]
    for model, folder in pairs:
        denoiser = dan.load(model)
        drawn = stretches(folder, noise, duration_s=BEATS_S, count=4, snr_db=BEATS_SNR_DB, seed=2)
        for number, stretch in enumerate(drawn):
            if number % 8 >= 4:
                continue
            rows = {
                "clean": stretch.clean,
                "noisy": stretch.mixed,
                "0.5-40 Hz and notch": usual(stretch.mixed),
            }
            rows["dan"] = denoiser(stretch.mixed, sample_rate=RATE_HZ)
            for name, row in rows.items():
                counts.setdefault(name, []).append(matches(row, stretch.beats_s))
    sums = {name: np.sum(values, axis=0) for name, values in counts.items()}
    return {name: float(2 * hit / (2 * hit + missed + false)) for name, (hit, missed, false) in sums.items()}


def matches(row: Array, beats_s: Array) -> tuple[int, int, int]:
    """Beats found, missed and made up."""
    detector = wfdb.processing.XQRS(sig=np.asarray(row, np.float64), fs=RATE_HZ)
    detector.detect(verbose=False)
    if not len(detector.qrs_inds):
        return 0, len(beats_s), 0
    wanted = np.round(beats_s * RATE_HZ).astype(int)
    matched = wfdb.processing.compare_annotations(wanted, detector.qrs_inds, round(NEAR_S * RATE_HZ))
    return matched.tp, matched.fn, matched.fp


def table(found: dict[str, dict[str, dict[str, object]]]) -> str:
    """The figures as Markdown."""
    lines = [
        "| row | SNR in | gain, dB | 95 % interval | 5 % quantile |",
        "| --- | --- | ---: | --- | ---: |",
    ]
    for level, rows in found.items():
        for name, row in rows.items():
            said = "clean" if float(level) == CLEAN_DB else f"{level} dB"
            low, high = row["interval"]
            lines.append(
                f"| {name} | {said} | {row['mean']:.1f} | {low:.1f} to {high:.1f} | {row['quantile_5']:.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pairs", nargs="+", metavar="MODEL=HEARTS")
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument("--mains-hz", type=float)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    pairs = [(model, Path(hearts)) for model, _, hearts in (pair.partition("=") for pair in arguments.pairs)]
    found = judge(pairs, arguments.noise, mains_hz=arguments.mains_hz)
    sys.stdout.write(table(found) + "\n")
    beats = find_beats(pairs, arguments.noise)
    said = ", ".join(f"{name} {value:.3f}" for name, value in beats.items())
    sys.stdout.write(f"QRS F1 at {BEATS_SNR_DB:g} dB: {said}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps({"gain": found, "qrs_f1": beats}, indent=1))


if __name__ == "__main__":
    main()
