"""Judging a model on a data folder: what `dan evaluate` does around the score table."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dan.config import Recipe, SignalKind
from dan.config.load import load_recipe
from dan.core.arrays import Signal
from dan.core.atomic import atomic_write, check_free
from dan.core.errors import DanError
from dan.evaluation.evaluate import Evaluation, curve, evaluate
from dan.evaluation.held_out import HeldOut, load_held_out
from dan.evaluation.table import Table
from dan.inference.denoiser import Denoiser, load
from dan.inference.model_file import find_model
from dan.metrics.registry import check_kind
from dan.report.build import Curve, write_report
from dan.training.run_folder import Run

CURVE_SIGNALS = 64
CURVE_SEED = 7919
"""Draws of the curve: unlike any that a data folder or a training makes."""


def judge(
    model: str | Path | Denoiser,
    data: Path,
    *,
    json_file: Path | None = None,
    report: Path | None = None,
    sample_rate_hz: float | None = None,
    kind: str | None = None,
    dnsmos: Path | None = None,
    by: str | None = None,
    force: bool = False,
) -> Evaluation:
    """Score a model on the validation side of a data folder.

    The figures are those of the kind of signal that `kind` says, else the folder's dataset.json, else the
    model file. Of the kind `other` they are SNR and SI-SDR alone.

    Args:
        model: a denoiser, a run folder, a model file, or a name that comes with the package.
        data: the data folder; the filters' bands and the limit come from the recipe that it records, or the
            filters are set on its training side. Its signals may be of unequal lengths.
        json_file: where to write the table as JSON.
        report: folder to write the report to, with the curve over the input SNR.
        sample_rate_hz: the rate in Hz of .npy files without a dataset.json.
        kind: what the signals are: tones, speech, ecg, eeg or other.
        dnsmos: the ONNX file of DNSMOS P.835, for its figure of speech.
        by: regular expression whose first group, in the name of a clean file without its suffix, names the
            group of signals that it belongs to, as its speaker or its noise.
        force: overwrite what is there.

    Returns:
        The table and what it was made of.

    Raises:
        DanError: if the model or the data is wrong, their rates differ, or a file exists already.
    """
    given = None if kind is None else check_kind(kind)
    check_free(json_file, report, force=force)
    denoiser, run = _opened(model)
    held_out = load_held_out(data, sample_rate_hz=sample_rate_hz)
    _check_rate(denoiser, data, held_out.sample_rate_hz)
    evaluation = _evaluated(
        denoiser,
        held_out,
        data=str(data),
        kind=given or held_out.kind,
        dnsmos=dnsmos,
        groups=_groups(held_out.names, by) if by else None,
    )
    if json_file:
        with atomic_write(json_file, force=force) as temporary:
            temporary.write_text(evaluation.table.to_json() + "\n", encoding="utf-8")
    if report:
        write_report(
            report,
            evaluation,
            clean=held_out.clean,
            recipe=load_recipe(str(run.recipe)) if run and run.recipe.is_file() else held_out.recipe,
            history=run.read_history() if run else list(denoiser.history),
            curve=_curve(denoiser, held_out.recipe),
            force=force,
        )
    return evaluation


def _evaluated(
    denoiser: Denoiser,
    held_out: HeldOut,
    *,
    data: str,
    kind: SignalKind | None,
    dnsmos: Path | None,
    groups: list[str] | None,
) -> Evaluation:
    """Score on what was held out; remarks tell of signals that are not the model's."""
    evaluation = evaluate(
        _function(denoiser),
        clean=held_out.clean,
        mixed=held_out.mixed,
        sample_rate_hz=held_out.sample_rate_hz,
        recipe=held_out.recipe,
        training=held_out.training,
        sines=held_out.sines,
        kind=kind or denoiser.info.signal.kind,
        model=denoiser.info.name,
        data=data,
        parameters=denoiser.info.parameters,
        dnsmos=dnsmos,
        groups=groups,
    )
    remarks = (*evaluation.table.remarks, *_misfits(denoiser, evaluation.table, kind))
    return replace(evaluation, table=replace(evaluation.table, remarks=remarks))


def _groups(names: Sequence[str], by: str) -> list[str]:
    """Name of the group of each file."""
    way_out = r"As in --by '^([^_]*)_', which takes what stands before the first underscore"
    try:
        found = [re.search(by, name) for name in names]
        groups = [match[1] if match and match[1] else "other" for match in found]
    except (re.error, IndexError) as error:
        rule = f"it is a regular expression with one group ({error})"
        raise DanError(f"--by {by}", rule, way_out) from error
    if not any(found):
        raise DanError(f"--by {by}", f"no name of a file fits it ({names[0]}, ...)", way_out)
    return groups


def _misfits(denoiser: Denoiser, table: Table, kind: str | None) -> Iterator[str]:
    """Sentences on signals that are not the model's: by their kind, where it is known, and by the outcome."""
    info, gain_db = denoiser.info, table.row("dan").si_sdr_gain_db
    if kind and "other" not in (kind, info.signal.kind) and kind != info.signal.kind:
        yield f"{info.name} is for signals of the kind {info.signal.kind}, and these are {kind}"
    if gain_db < -0.05:  # which is worse by 0.1 dB, rounded
        yield (
            f"{info.name} makes these signals worse, by {-gain_db:.1f} dB of SI-SDR: they, or their noise, "
            "are unlike those of its training, or they are clean already"
        )


def _opened(model: str | Path | Denoiser) -> tuple[Denoiser, Run | None]:
    """Return the denoiser, and the run folder that its file lies in, where it is that of a run."""
    if isinstance(model, Denoiser):
        return model, None
    path = find_model(model)
    run = Run(path.parent)
    return load(path), run if path == run.model else None


def _check_rate(denoiser: Denoiser, data: Path, sample_rate_hz: float) -> None:
    wanted_hz = denoiser.info.sample_rate_hz
    if sample_rate_hz != wanted_hz:
        rule = f"the model {denoiser.info.name} is for {wanted_hz:g} Hz"
        way_out = f"Fill another folder at that rate: dan data mix --sample-rate {wanted_hz:g} --out OTHER"
        raise DanError(f"{data} at {sample_rate_hz:g} Hz", rule, way_out)


def _curve(denoiser: Denoiser, recipe: Recipe | None) -> Curve | None:
    """Output against input SNR on draws of the recipe's task, where it is known."""
    if recipe is None:
        return None
    return curve(_function(denoiser), recipe, count=CURVE_SIGNALS, seed=CURVE_SEED)


def _function(denoiser: Denoiser) -> Callable[..., Signal]:
    """Return the denoiser as a function, silent on unusual levels: the table says what comes of them."""

    def denoise(noisy: Signal) -> Signal:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return denoiser(noisy, sample_rate=denoiser.info.sample_rate_hz)

    return denoise
