"""The score table: a denoiser beside the noisy input, the classical filters and the theoretical limit.

Every figure is of held-back signals. What a filter may know is what its user would: the band of the clean
signals and a sample of the noise, both from the recipe, never the signals under test.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from dan import filters, metrics
from dan.limits import bayes_estimate
from dan.progress import Progress, portion
from dan.settings import Recipe
from dan.signals import DanError, Signal, check_same_shape, check_sample_rate, check_signal
from dan.sinusoids import fit_sinusoids
from dan.synthesis import draw_pairs

Denoise = Callable[[Signal], Signal]

FIGURES = ("snr_db", "snr_gain_db", "si_sdr_db", "si_sdr_gain_db")

NOISE_COUNT = 64
NOISE_SEED = 2_083_711
"""Signals of noise, and their seed, from which the filters learn what the recipe's noise is like."""

LIMIT_SHARE = 0.95
"""Of the whole time, where the limit is among the rows."""


@dataclass(frozen=True)
class Row:
    """Means over the signals, in dB, each with its 95 % bootstrap interval."""

    name: str
    snr_db: float
    snr_gain_db: float
    si_sdr_db: float
    si_sdr_gain_db: float
    interval_db: dict[str, tuple[float, float]]
    """Lower and upper end by the figure's name."""


@dataclass(frozen=True)
class CleanInput:
    """What a denoiser does to signals that are clean already: the higher, the less harm."""

    name: str
    snr_db: float
    si_sdr_db: float


@dataclass(frozen=True)
class Table:
    """Scores of one model on one set of data."""

    model: str
    data: str
    sample_rate_hz: float
    count: int
    """Signals."""
    parameters: int
    rows: tuple[Row, ...]
    """The noisy input first, then dan, the filters, and last the limit."""
    clean_input: tuple[CleanInput, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    """Why a row is missing, by its name."""

    def row(self, name: str) -> Row:
        """The row of that name.

        Raises:
            DanError: if there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        said = self.notes.get(name, "the table has no such row")
        raise DanError(f"row {name}", said, f"There are {', '.join(row.name for row in self.rows)}")

    def to_json(self) -> str:
        """The table as JSON text, in the form that the command's ``--json`` promises."""
        facts = {"model": self.model, "data": self.data, "sample_rate_hz": self.sample_rate_hz}
        facts |= {
            "count": self.count,
            "parameters": self.parameters,
            "rows": [vars(row) for row in self.rows],
        }
        facts |= {"clean_input": [vars(row) for row in self.clean_input], "notes": self.notes}
        return json.dumps(facts, indent=2, allow_nan=False)

    def to_markdown(self) -> str:
        """The table in Markdown, with the interval of the SNR, followed by the notes."""
        head = ["", "SNR (dB)", "95 % interval", "SNR gain (dB)", "SI-SDR (dB)", "SI-SDR gain (dB)"]
        lines = [head, ["---", *["---:"] * 5], *(_cells(row) for row in self.rows)]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        said = [f"- {row.name} on clean input: SI-SDR {row.si_sdr_db:.1f} dB" for row in self.clean_input]
        said += [f"- no row {name}: {why}" for name, why in self.notes.items()]
        return "\n".join([text, "", *said, ""])


@dataclass(frozen=True)
class Evaluation:
    """The score table and what it was made of."""

    table: Table
    outputs: dict[str, Signal]
    """The signals ``[N, T]`` of each row, by its name; `noisy` is the input."""


def _cells(row: Row) -> list[str]:
    low, high = row.interval_db["snr_db"]
    figures = [f"{getattr(row, name):.2f}" for name in FIGURES]
    return [row.name, figures[0], f"{low:.2f} to {high:.2f}", *figures[1:]]


def score(name: str, estimate: Signal, *, clean: Signal, mixed: Signal) -> Row:
    """Score one set of outputs: the mean over signals of each figure of a signal.

    Args:
        name: of the row.
        estimate: outputs ``[N, T]``.
        clean: the references ``[N, T]``.
        mixed: the inputs ``[N, T]``.

    Returns:
        The row; all of it is finite.

    Raises:
        DanError: if a signal is wrong or the shapes differ.
    """
    output = {"snr_db": metrics.snr_db, "si_sdr_db": metrics.si_sdr_db}
    values = {key: figure(estimate=estimate, reference=clean) for key, figure in output.items()}
    for key, figure in output.items():
        gain = key.replace("_db", "_gain_db")
        values[gain] = values[key] - figure(estimate=mixed, reference=clean)
    means = {key: float(values[key].mean()) for key in FIGURES}
    return Row(name, **means, interval_db={key: metrics.bootstrap_interval(values[key]) for key in FIGURES})


def limit_misfit(recipe: Recipe) -> str | None:
    """Why the Bayes-optimal estimate is not known for a recipe's task, or None where it is."""
    tones, noise = recipe.clean, recipe.noise
    reasons = {
        "the number of sines varies": not isinstance(tones.sines, int),
        "the amplitudes vary": tones.amplitude_spread > 0,
        "the phases vary": tones.phase_spread_rad > 0,
        "the noise is not white": set(noise.colours) != {"white"} or noise.hum_hz > 0,
        "the SNR varies": not isinstance(noise.snr_db, (int, float)),
    }
    return next((f"the limit's prior does not fit: {why}" for why, true in reasons.items() if true), None)


def evaluate(
    denoise: Denoise,
    *,
    clean: Signal,
    mixed: Signal,
    sample_rate_hz: float,
    recipe: Recipe | None,
    model: str,
    data: str,
    parameters: int,
    noise: Signal | None = None,
    progress: Progress | None = None,
    limit: bool = True,
) -> Evaluation:
    """Score a denoiser beside every baseline that applies.

    Args:
        denoise: ``[N, T]`` noisy to ``[N, T]`` denoised.
        clean: held-back references ``[N, T]``.
        mixed: the same with noise ``[N, T]``.
        sample_rate_hz: their rate in Hz.
        recipe: the recipe by which these signals were made; None for recordings: then the filters that need
            a band, the fit of sines and the limit have no row.
        model: what was scored, for the table.
        data: on what, for the table.
        parameters: of the generator.
        noise: a sample of the noise ``[*, T]``, as strong as in `mixed` but from the training side, for the
            filters that use one; None draws it by the recipe, and lets them do without where there is none.
        progress: called with the fraction done, in (0, 1].
        limit: whether the limit, which takes by far the longest, gets its row.

    Returns:
        The table and the outputs.

    Raises:
        DanError: if a signal is wrong, the shapes or the rates differ, or a denoiser changes the shape.
    """
    clean = check_signal(clean, name="clean", rank=2)
    mixed = check_signal(mixed, name="mixed", rank=2)
    check_same_shape(clean=clean, mixed=mixed)
    rate_hz = _check_rate(sample_rate_hz, recipe)
    report = portion(progress, 0, 1)
    options: dict[str, Any] = {"sample_rate_hz": rate_hz, "limit": limit, "report": report}
    candidates = {"dan": denoise, **_baselines(recipe, noise=noise, **options)}
    outputs, notes = _outputs(candidates, mixed, report=report)
    notes = _not_known(recipe, limit=limit) | notes
    rows = tuple(score(name, output, clean=clean, mixed=mixed) for name, output in outputs.items())
    harm = (_clean_input("dan", denoise(clean), clean=clean),)
    table = Table(model, data, rate_hz, len(mixed), parameters, rows, clean_input=harm, notes=notes)
    return Evaluation(table, outputs)


def curve(
    denoise: Denoise,
    recipe: Recipe,
    *,
    snr_db: Sequence[float] = (-15, -10, -5, 0, 5, 10, 15, 20),
    count: int = 100,
    seed: int = 0,
    limit: bool = True,
    progress: Progress | None = None,
) -> list[tuple[float, dict[str, float]]]:
    """Output SNR against input SNR, on fresh draws of a recipe's task.

    The clean signals are the same at every SNR, and so is the noise but for its level: a curve shows the SNR
    alone.

    Args:
        denoise: ``[N, T]`` noisy to ``[N, T]`` denoised.
        recipe: its own SNR is replaced.
        snr_db: SNRs of the input.
        count: signals at each, at least 1.
        seed: of the draws: one that no training used.
        limit: whether the limit is drawn, where the recipe's prior is the one it knows.
        progress: called with the fraction done, in (0, 1].

    Returns:
        For each SNR the mean output SNR in dB by the row's name, as in the table.

    Raises:
        DanError: if a setting is wrong or a denoiser changes the shape.
    """
    points = []
    for index, level_db in enumerate(snr_db):
        noise = recipe.noise.model_copy(update={"snr_db": float(level_db)})
        task = recipe.model_copy(update={"noise": noise})
        pairs = draw_pairs(task, count, random=np.random.default_rng(seed))
        report = portion(progress, index / len(snr_db), 1 / len(snr_db))
        rate_hz = task.signal.sample_rate_hz
        options: dict[str, Any] = {"sample_rate_hz": rate_hz, "limit": limit, "report": report}
        candidates = {"dan": denoise, **_baselines(task, noise=None, **options)}
        outputs, _ = _outputs(candidates, pairs.mixed, report=report)
        means = {
            name: float(metrics.snr_db(estimate=output, reference=pairs.clean).mean())
            for name, output in outputs.items()
        }
        points.append((float(level_db), means))
    return points


def _check_rate(sample_rate_hz: float, recipe: Recipe | None) -> float:
    rate_hz = check_sample_rate(sample_rate_hz)
    if recipe is not None and rate_hz != recipe.signal.sample_rate_hz:
        raise DanError(
            f"sample_rate_hz={rate_hz:g}",
            f"the recipe {recipe.name} is for {recipe.signal.sample_rate_hz:g} Hz",
            "Evaluate on data of that rate",
        )
    return rate_hz


def _clean_input(name: str, output: Signal, *, clean: Signal) -> CleanInput:
    snr = metrics.snr_db(estimate=output, reference=clean)
    si_sdr = metrics.si_sdr_db(estimate=output, reference=clean)
    return CleanInput(name, float(snr.mean()), float(si_sdr.mean()))


def _not_known(recipe: Recipe | None, *, limit: bool) -> dict[str, str]:
    """Why there is no row of what needs the recipe's prior, by the row's name."""
    if recipe is None:
        unknown = ("lowpass", "bandpass", "nls", "limit")
        return dict.fromkeys(unknown, "how the clean signals were made is not known")
    notes = {} if isinstance(recipe.clean.sines, int) else {"nls": "the number of sines varies"}
    why = limit_misfit(recipe) if limit else "it was not asked for"
    return notes if why is None else {**notes, "limit": why}


def _baselines(
    recipe: Recipe | None, *, noise: Signal | None, sample_rate_hz: float, limit: bool, report: Progress
) -> dict[str, Denoise]:
    """What is held against the denoiser, by the row's name and in the table's order; the limit comes last."""
    if recipe is None:
        return {
            "wiener": partial(filters.wiener, sample_rate_hz=sample_rate_hz, noise=noise),
            "wavelet": filters.wavelet,
            "spectral_gate": partial(filters.spectral_gate, sample_rate_hz=sample_rate_hz, noise=noise),
        }
    band_hz, sines = recipe.clean.frequency_hz, recipe.clean.sines
    known: dict[str, Any] = {"sample_rate_hz": sample_rate_hz, "frequency_hz": band_hz}
    noise = _noise_sample(recipe) if noise is None else noise
    rows: dict[str, Denoise] = {
        "lowpass": partial(filters.lowpass, sample_rate_hz=sample_rate_hz, pass_hz=band_hz[1]),
        "bandpass": partial(filters.bandpass, **known),
        "wiener": partial(filters.wiener, **known, noise=noise),
        # A long wavelet: what leaks from octave to octave is less, and tones are as long as the signal.
        "wavelet": partial(filters.wavelet, wavelet="db20", levels=_levels(band_hz[0], sample_rate_hz)),
        "spectral_gate": partial(filters.spectral_gate, sample_rate_hz=sample_rate_hz, noise=noise),
    }
    if isinstance(sines, int):
        rows["nls"] = partial(fit_sinusoids, **known, sines=sines)
    if limit and limit_misfit(recipe) is None:
        known |= {"sines": sines, "snr_db": recipe.noise.snr_range_db[0]}
        rows["limit"] = partial(
            bayes_estimate, **known, progress=portion(report, 1 - LIMIT_SHARE, LIMIT_SHARE)
        )
    return rows


def _levels(low_hz: float, sample_rate_hz: float) -> int:
    """Octaves from half the rate down to below the band."""
    return math.ceil(math.log2(sample_rate_hz / 2 / max(low_hz, sample_rate_hz / 2**9)))


def _noise_sample(recipe: Recipe) -> Signal:
    """Noise ``[N, T]`` at its level in the recipe's mixed signals, and none of the noise that is scored."""
    pairs = draw_pairs(recipe, NOISE_COUNT, random=np.random.default_rng(NOISE_SEED))
    return pairs.mixed - pairs.clean


def _outputs(
    candidates: dict[str, Denoise], mixed: Signal, *, report: Progress
) -> tuple[dict[str, Signal], dict[str, str]]:
    """Outputs by name, the noisy input's first, and for each baseline that does not apply why."""
    outputs, notes = {"noisy": mixed}, {}
    share = (1 - LIMIT_SHARE if "limit" in candidates else 1.0) / len(candidates)
    for done, (name, candidate) in enumerate(candidates.items()):
        try:
            output = candidate(mixed)
            check_same_shape(mixed=mixed, **{name: output})
            outputs[name] = output
        except DanError as error:
            if name == "dan":
                raise
            notes[name] = str(error)
        report(1.0 if done + 1 == len(candidates) else share * (done + 1))
    return outputs, notes
