"""The score table made: a denoiser beside the noisy input, the classical filters and the theoretical limit.

Every figure is of held-out signals.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.config import Recipe, SignalKind
from dan.core.arrays import Signal, check_sample_rate
from dan.core.errors import DanError
from dan.core.progress import track
from dan.core.ragged import Denoise, Signals, check_pairs, check_signals, each, stacked
from dan.evaluation import baselines
from dan.evaluation.baselines import limit_misfit
from dan.evaluation.scoring import by_group, by_snr, row_of, score, take_all
from dan.evaluation.table import CleanInput, Row, SnrClass, Table
from dan.evaluation.training_side import TrainingSide
from dan.metrics import general as metrics
from dan.metrics.registry import at_the_ends, left_out, mean, open_figures
from dan.synthesis.mix import draw_pairs

__all__ = [
    "CleanInput",
    "Denoise",
    "Evaluation",
    "Row",
    "SnrClass",
    "Table",
    "TrainingSide",
    "curve",
    "evaluate",
    "limit_misfit",
    "score",
]


@dataclass(frozen=True)
class Evaluation:
    """The score table and what it was made of."""

    table: Table
    outputs: dict[str, Signals]
    """The signals of each row, by its name; `noisy` is the input. ``[N, T]``, or one by one where their
    lengths differ."""


def evaluate(
    denoise: Denoise,
    *,
    clean: Signals,
    mixed: Signals,
    sample_rate_hz: float,
    recipe: Recipe | None,
    model: str,
    data: str,
    parameters: int,
    training: TrainingSide | None = None,
    sines: npt.NDArray[np.integer] | None = None,
    kind: SignalKind = "other",
    limit: bool = True,
    dnsmos: Path | None = None,
    groups: Sequence[str] | None = None,
) -> Evaluation:
    """Score a denoiser beside every baseline that applies.

    Args:
        denoise: ``[N, T]`` noisy to ``[N, T]`` denoised.
        clean: held-out references ``[N, T]``, or one by one, each ``[T]`` of its own length.
        mixed: the same with noise.
        sample_rate_hz: their rate in Hz.
        recipe: the recipe by which these signals were made; None for recordings.
        model: what was scored, for the table.
        data: on what, for the table.
        parameters: of the generator.
        training: signals of the training side, on which the filters for recordings are set; without one they
            keep their defaults, and those that need a band have no row. Not used where there is a recipe.
        sines: number of sines of each signal ``[N]``, where the recipe varies it and the data tell it.
        kind: what the signals are, for the figures of their field; `other` for SNR and SI-SDR alone.
        limit: whether the limit, which takes by far the longest, gets its row.
        dnsmos: the ONNX file of DNSMOS P.835, for its figure of speech.
        groups: name of the group of each signal, as its speaker or its noise, for the means by group.

    Returns:
        The table and the outputs.

    Raises:
        DanError: if a signal is wrong, the shapes or the rates differ, or a denoiser changes the shape.
    """
    references, inputs = check_signals(clean, name="clean"), check_signals(mixed, name="mixed")
    check_pairs(clean=references, mixed=inputs)
    rate_hz = _check_rate(sample_rate_hz, recipe)
    figures = open_figures(kind, sample_rate_hz=rate_hz, dnsmos=dnsmos)
    beside = baselines.choose(
        sample_rate_hz=rate_hz, recipe=recipe, training=training, sines=sines, limit=limit
    )
    candidates = {"dan": denoise, **beside.rows}
    outputs, notes = _outputs(candidates, inputs)
    values = take_all(outputs, clean=references, figures=figures)
    harm = _harm(candidates, references, list(outputs))
    table = Table(
        model,
        data,
        rate_hz,
        len(inputs),
        parameters,
        rows=tuple(row_of(name, each_figure) for name, each_figure in values.items()),
        clean_input=harm,
        notes=beside.notes | notes,
        kind=kind,
        by_snr=by_snr(values),
        by_group=by_group(values, groups or ()),
        settings=beside.settings,
        remarks=(*figures.remarks, *left_out(values["noisy"]), *at_the_ends(values["noisy"])),
    )
    return Evaluation(table, {name: stacked(output) for name, output in outputs.items()})


def curve(
    denoise: Denoise,
    recipe: Recipe,
    *,
    snr_db: Sequence[float] = (-15, -10, -5, 0, 5, 10, 15, 20),
    count: int = 100,
    seed: int = 0,
    limit: bool = True,
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

    Returns:
        For each SNR the mean output SNR in dB by the row's name, as in the table.

    Raises:
        DanError: if a setting is wrong or a denoiser changes the shape.
    """
    points = []
    for level_db in track(snr_db, "SNR curve"):
        noise = recipe.noise.model_copy(update={"snr_db": float(level_db)})
        task = recipe.model_copy(update={"noise": noise})
        pairs = draw_pairs(task, count, random=np.random.default_rng(seed))
        beside = baselines.from_recipe(task, sines=pairs.sines, limit=limit)
        outputs, _ = _outputs({"dan": denoise, **beside.rows}, list(pairs.mixed))
        means = {
            name: float(metrics.snr_db(estimate=np.stack(output), reference=pairs.clean).mean())
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


def _outputs(
    candidates: dict[str, Denoise], mixed: list[Signal]
) -> tuple[dict[str, list[Signal]], dict[str, str]]:
    """Outputs by name, the noisy input's first, and for each baseline that does not apply why."""
    outputs, notes = {"noisy": mixed}, {}
    for name, candidate in _tracked(candidates):
        try:
            outputs[name] = each(candidate, mixed, name=name)
        except DanError as error:
            if name == "dan":
                raise
            notes[name] = str(error)
    return outputs, notes


def _tracked(candidates: dict[str, Denoise]) -> Iterator[tuple[str, Denoise]]:
    """Yield the candidates, the limit last: it takes by far the longest, and tells its own progress."""
    quick = {name: candidate for name, candidate in candidates.items() if name != "limit"}
    yield from track(quick.items(), "Denoising")
    if "limit" in candidates:
        yield "limit", candidates["limit"]


def _harm(candidates: dict[str, Denoise], clean: list[Signal], names: list[str]) -> tuple[CleanInput, ...]:
    """Score each row on clean input; not the limit, which is told another SNR."""
    rows = []
    chosen = [name for name in names if name in candidates and name != "limit"]
    figures = open_figures("other", sample_rate_hz=1.0)
    for name in track(chosen, "Clean input"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # without its noise a signal has another level
            outputs = each(candidates[name], clean, name=name)
        values = figures.take(outputs, clean=clean)
        rows.append(CleanInput(name, mean(values["snr_db"]), mean(values["si_sdr_db"])))
    return tuple(rows)
