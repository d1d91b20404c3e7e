"""Quality and cost of DAN's models beside what people use today, in one run on one core of one machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from dan.benchmark.lag import check_lag
from dan.benchmark.peers import LoadedPeer, Peer, named_peer, open_peer, size_bytes, usual_peers
from dan.benchmark.results import NOISY, Benchmark, Comparison, Cost, PeerResult, Quality, machine
from dan.benchmark.startup import Start, start
from dan.benchmark.timing import MeasuredT, Spread, in_turns, one_core, seconds_of, spread
from dan.benchmark.trials import Trial, check_count, drawn, from_folder, from_recordings, is_drawn, kind_of
from dan.config.load import load_recipe
from dan.core.arrays import Array, Signal, check_same_shape
from dan.core.errors import DanError
from dan.core.progress import track
from dan.core.ragged import Denoise
from dan.evaluation.scoring import row_of, take_all
from dan.inference.model_file import ModelInfo, find_model, is_onnx, model_names, read_info
from dan.metrics.dnsmos import Dnsmos
from dan.metrics.registry import open_figures

FILE_S = 10.0
"""Length of the signal on which speed is measured."""


def benchmark(
    models: Sequence[str] = (),
    *,
    peers: Sequence[str] = (),
    data: Path | None = None,
    clean: Path | None = None,
    noise: Path | None = None,
    count: int = 100,
    turns: int = 7,
    dnsmos: Path | None = None,
    command: str = "",
) -> Benchmark:
    """Compare models and peers: on a folder's signals, on mixtures, or each model on draws of its own recipe.

    Args:
        models: run folders, model files or names; none for those that come with the package.
        peers: ONNX denoisers, each as ``NAME=FILE``, on signals of the data's rate; or TOML files that
            describe streaming ones.
        data: a data folder, whose validation side is taken.
        clean: instead, a folder of clean recordings to be mixed with noise at the first model's rate.
        noise: the folder of noise for these.
        count: signals, at least 1.
        turns: measurements of each time that count, at least 1.
        dnsmos: the ONNX file of DNSMOS P.835, for its figure of speech.
        command: which made it.

    Raises:
        DanError: if a model, a peer, a folder or a setting is wrong.
    """
    check_count(count)
    if turns < 1:
        raise DanError(f"turns={turns}", "something is measured at least once", "Give 1 or more")
    known = _models(models)
    given = [named_peer(peer) for peer in peers]
    others = [*usual_peers(), *given]
    _check_names([*known, *others])
    opening = cache(open_peer)
    rate_hz = next(iter(known.values())).sample_rate_hz
    for peer in given:  # before the work on the signals: it takes minutes
        opening(peer, sample_rate_hz=rate_hz)
    if dnsmos:
        Dnsmos(dnsmos)
    trials = _trials(list(known.values()), data=data, clean=clean, noise=noise, count=count)
    compared = []
    for trial, recipe in trials:
        chosen = [peer for peer, info in known.items() if recipe in (None, info.recipe)]
        compared.append(compare([*chosen, *others], trial, turns=turns, dnsmos=dnsmos, opening=opening))
    missing = _not_drawn(known) if data is None and clean is None else {}
    compared = [replace(one, notes=one.notes | missing) for one in compared]
    return Benchmark(tuple(compared), machine(), turns, command)


def _models(given: Sequence[str]) -> dict[Peer, ModelInfo]:
    """The models as peers, and what each says of itself."""
    known = {}
    for model in given or model_names():
        path = find_model(model)
        info = read_info(path)
        name = info.name if is_onnx(path) else f"{info.name} (torch)"
        peer = Peer(name, "dan", str(model))
        if peer in known:
            raise _twice(name)
        known[peer] = info
    if not known:
        raise DanError("0 models", "none comes with this package", "Give --models")
    return known


def _check_names(peers: Sequence[Peer]) -> None:
    names = [peer.name for peer in peers] + [NOISY]
    for name in names:
        if names.count(name) > 1:
            raise _twice(name)


def _twice(name: str) -> DanError:
    return DanError(f"{name}, twice", "each row has a name of its own", "Give another name")


def _trials(
    infos: list[ModelInfo],
    *,
    data: Path | None,
    clean: Path | None,
    noise: Path | None,
    count: int,
) -> list[tuple[Trial, str | None]]:
    """The signals, each with the recipe whose models are compared on them; None for all."""
    kind = kind_of(infos)
    if (clean is None) != (noise is None) or (clean and data):
        raise DanError(
            "--data, --clean, --noise", "it is --data, or --clean with --noise", "Give one of these"
        )
    if data:
        return [(from_folder(data, count=count, kind=kind), None)]
    if clean and noise:
        rate_hz = infos[0].sample_rate_hz
        return [
            (
                from_recordings(clean, noise, sample_rate_hz=rate_hz, count=count, kind=kind),
                None,
            )
        ]
    recipes = dict.fromkeys(info.recipe for info in infos if is_drawn(info))
    if not recipes:
        raise DanError(
            "the models given", "their signals are recordings", "Give --data, or --clean and --noise"
        )
    return [(drawn(load_recipe(name), count=count), name) for name in recipes]


def _not_drawn(known: dict[Peer, ModelInfo]) -> dict[str, str]:
    why = "its signals are recordings: give --data, or --clean and --noise"
    return {peer.name: why for peer, info in known.items() if not is_drawn(info)}


def compare(
    peers: Sequence[Peer],
    trial: Trial,
    *,
    turns: int = 7,
    dnsmos: Path | None = None,
    opening: Callable[..., LoadedPeer] = open_peer,
) -> Comparison:
    """Compare peers on one set of signals; one that fails is left out, and the notes say why.

    Args:
        peers: with names of their own.
        trial: the signals.
        turns: measurements of each time that count.
        dnsmos: the ONNX file of DNSMOS P.835, for its figure of speech.
        opening: loads a peer at a rate.
    """
    figures = open_figures(trial.kind, sample_rate_hz=trial.sample_rate_hz, dnsmos=dnsmos)
    rate_hz, noisy = trial.sample_rate_hz, Peer(NOISY, NOISY)
    opened, notes = {}, {}
    outputs: dict[str, list[Signal]] = {}
    block = _file(trial)[: _frame_samples(rate_hz)]
    for peer in track([noisy, *peers], "Denoising"):
        try:
            ready = _with_row(opening(peer, sample_rate_hz=rate_hz), trial.filters.rows.get(peer.kind))
            denoised = [_output(ready, signal, peer.name) for signal in trial.mixed]
            check_lag(peer, denoised, trial)
            outputs[peer.name] = denoised
            opened[peer] = ready
        except Exception as error:  # a peer may raise anything
            notes[peer.name] = _reason(error)
    values = take_all(outputs, clean=trial.clean, figures=figures)
    with one_core():
        costs, failed = _costs(opened, trial, samples=len(block), turns=turns)
    entries = [
        PeerResult(peer.name, peer.kind == "dan", _quality(peer.name, values[peer.name]), costs[peer.name])
        for peer in opened
        if peer.name in costs
    ]
    return Comparison(trial.words, rate_hz, trial.kind, tuple(entries), notes | failed, figures.remarks)


def _with_row(opened: LoadedPeer, row: Denoise | None) -> LoadedPeer:
    """A filter set for the signals, where there is one."""
    return opened if row is None else replace(opened, whole=lambda signal: row(signal[None])[0])


def _output(opened: LoadedPeer, signal: Signal, name: str) -> Signal:
    output = np.asarray(opened.whole(signal))
    check_same_shape(**{"input": signal, name: output})
    if not np.isfinite(output).all():
        raise DanError(name, "its output is not finite", "Leave it out")
    return output


def _reason(error: Exception) -> str:
    if isinstance(error, DanError):
        return f"{error.what}: {error.rule}"
    return f"it failed with {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _quality(name: str, values: dict[str, Array]) -> Quality:
    row = row_of(name, values)
    bounds = row.interval_db
    intervals = {key: bounds[key] for key in row.figures}
    return Quality(row.snr_gain_db, row.si_sdr_gain_db, bounds["si_sdr_gain_db"], row.figures, intervals)


def _frame_samples(rate_hz: float) -> int:
    """Length of the signal of a fresh process: a tenth of a second, or 256 samples at low rates."""
    return max(256, round(rate_hz / 10))


def _file(trial: Trial) -> Signal:
    """The signals one after the other, for ten seconds."""
    whole = np.concatenate(trial.mixed)
    return np.resize(whole, max(_frame_samples(trial.sample_rate_hz), round(FILE_S * trial.sample_rate_hz)))


def _costs(
    opened: dict[Peer, LoadedPeer], trial: Trial, *, samples: int, turns: int
) -> tuple[dict[str, Cost], dict[str, str]]:
    """Cost of each peer, by its name, measured in turns; and why those fail that have none."""
    failed: dict[str, str] = {}
    rate_hz = trial.sample_rate_hz
    rtf = _speeds(opened, _file(trial), rate_hz, turns, failed)
    runs = {peer.name: partial(start, peer, sample_rate_hz=rate_hz, samples=samples) for peer in opened}
    attempts = {name: partial(_attempt, name, failed, run) for name, run in runs.items()}
    starts = _whole(in_turns(attempts, turns=turns, label="Starts"))
    ready = {peer: one for peer, one in opened.items() if peer.name not in failed}
    costs = {peer.name: _cost(peer, one, starts[peer.name], rtf, rate_hz) for peer, one in ready.items()}
    return costs, failed


def _speeds(
    opened: dict[Peer, LoadedPeer], file: Signal, rate_hz: float, turns: int, failed: dict[str, str]
) -> dict[str, Spread]:
    """Time over duration of each peer, whole and streamed; those that fail are noted."""
    runs: dict[str, Callable[[], float | None]] = {}
    for peer, one in opened.items():
        attempt = partial(_attempt, peer.name, failed)
        if peer.kind != NOISY:
            runs[f"whole {peer.name}"] = partial(attempt, partial(seconds_of, partial(one.whole, file)))
        if one.stream:
            runs[f"streamed {peer.name}"] = partial(attempt, partial(seconds_of, partial(_stream, one, file)))
    seconds = _whole(in_turns(runs, turns=turns, label="Speed"))
    return {name: spread([value * rate_hz / len(file) for value in taken]) for name, taken in seconds.items()}


def _attempt(name: str, failed: dict[str, str], measure: Callable[[], MeasuredT]) -> MeasuredT | None:
    """Take a measurement of a peer; None once one has failed, and then why is noted."""
    if name in failed:
        return None
    try:
        return measure()
    except Exception as error:  # a peer may raise anything
        failed[name] = _reason(error)
        return None


def _whole(measured: dict[str, list[MeasuredT | None]]) -> dict[str, list[MeasuredT]]:
    """The measurements of those that never failed."""
    made = {name: [one for one in values if one is not None] for name, values in measured.items()}
    return {name: values for name, values in made.items() if len(values) == len(measured[name])}


def _cost(
    peer: Peer, opened: LoadedPeer, starts: list[Start], rtf: dict[str, Spread], rate_hz: float
) -> Cost:
    return Cost(
        first_sample_s=spread([one.seconds for one in starts]),
        memory_bytes=spread([one.memory_bytes for one in starts]),
        whole_rtf=rtf.get(f"whole {peer.name}"),
        streamed_rtf=rtf.get(f"streamed {peer.name}"),
        hop_ms=1000 * opened.hop_length / rate_hz if opened.stream else None,
        latency_ms=1000 * opened.latency_samples / rate_hz if opened.stream else None,
        size_bytes=size_bytes(peer),
    )


def _stream(opened: LoadedPeer, file: Signal) -> None:
    assert opened.stream is not None
    feed = opened.stream()
    for first in range(0, len(file), opened.hop_length):
        feed(file[first : first + opened.hop_length])
