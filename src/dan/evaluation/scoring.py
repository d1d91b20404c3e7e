"""Scoring outputs: every figure of every signal, their means as rows, and the means by the input's SNR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dan.config import SignalKind
from dan.core.arrays import Array, Signal
from dan.core.progress import track
from dan.core.ragged import Signals, check_pairs, check_signals
from dan.evaluation.table import FIGURES, Group, Row, SnrClass
from dan.metrics.general import bootstrap_interval
from dan.metrics.registry import Figures, mean, open_figures

CLASS_SPREAD_DB = 0.25
"""Inputs mixed at one SNR measure within this of each other, also where they are of 16 bits."""
MOST_CLASSES = 8
BIN_DB = 5.0


def score(
    name: str,
    estimate: Signals,
    *,
    clean: Signals,
    mixed: Signals,
    kind: SignalKind = "other",
    sample_rate_hz: float = 1.0,
) -> Row:
    """Score one set of outputs: the mean over signals of each figure of a signal.

    Args:
        name: of the row.
        estimate: outputs ``[N, T]``, or one by one, each of its own length.
        clean: the references, likewise.
        mixed: the inputs, likewise.
        kind: what the signals are, for the figures of their field.
        sample_rate_hz: their rate in Hz, for those that need it.

    Returns:
        The row; all of it is finite.

    Raises:
        DanError: if a signal is wrong or the shapes differ.
    """
    figures = open_figures(kind, sample_rate_hz=sample_rate_hz)
    lists = {"estimate": estimate, "clean": clean, "mixed": mixed}
    checked = {key: check_signals(signals, name=key) for key, signals in lists.items()}
    check_pairs(**checked)
    noisy = figures.take(checked["mixed"], clean=checked["clean"])
    return row_of(name, _with_gains(figures.take(checked["estimate"], clean=checked["clean"]), noisy))


def take_all(
    outputs: Mapping[str, Sequence[Signal]],
    *,
    clean: Sequence[Signal],
    figures: Figures,
) -> dict[str, dict[str, Array]]:
    """Every figure of every signal ``[N]``, by the row's name and the figure's."""
    values: dict[str, dict[str, Array]] = {}
    for name, output in track(outputs.items(), "Scoring"):
        taken = figures.take(output, clean=clean)
        values[name] = _with_gains(taken, values["noisy"] if values else taken)
    return values


def _with_gains(values: dict[str, Array], noisy: dict[str, Array]) -> dict[str, Array]:
    gains = {key.replace("_db", "_gain_db"): values[key] - noisy[key] for key in ("snr_db", "si_sdr_db")}
    return values | gains


def row_of(name: str, values: dict[str, Array]) -> Row:
    """The row of the figures of every signal ``[N]``, by their names."""
    means = {key: mean(each_signal) for key, each_signal in values.items()}
    intervals = {
        key: bootstrap_interval(there)
        for key, each_signal in values.items()
        if len(there := each_signal[np.isfinite(each_signal)])
    }
    extra = {key: value for key, value in means.items() if key not in FIGURES and key in intervals}
    return Row(name, **{key: means[key] for key in FIGURES}, interval_db=intervals, figures=extra)


def by_snr(values: dict[str, dict[str, Array]]) -> tuple[SnrClass, ...]:
    """The means by the SNR of the input: exact classes where there are few, else ranges of 5 dB."""
    return tuple(
        SnrClass(
            low_db,
            high_db,
            int(chosen.sum()),
            {
                name: {
                    key: mean(figure[chosen])
                    for key, figure in row.items()
                    if np.isfinite(figure[chosen]).any()
                }
                for name, row in values.items()
            },
        )
        for low_db, high_db, chosen in _snr_classes(values["noisy"]["snr_db"])
    )


def by_group(values: dict[str, dict[str, Array]], groups: Sequence[str]) -> tuple[Group, ...]:
    """The rows of each group of signals, by the group's name of each signal."""
    names = np.array(groups)
    return tuple(
        Group(
            str(name),
            int((names == name).sum()),
            tuple(
                row_of(row, {key: figure[names == name] for key, figure in taken.items()})
                for row, taken in values.items()
            ),
        )
        for name in sorted(set(groups))
    )


def _snr_classes(snr_db: Array) -> list[tuple[float, float, npt.NDArray[np.bool_]]]:
    """Lower and upper end of each class, and which signals ``[N]`` are in it."""
    order = np.sort(snr_db)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(order) > CLASS_SPREAD_DB) + 1, [len(order)]])
    ends = [(order[a], order[b - 1]) for a, b in pairwise(starts)]
    if len(ends) <= MOST_CLASSES and all(high - low <= CLASS_SPREAD_DB for low, high in ends):
        exact = [(round(float(low + high) / 2, 1), (snr_db >= low) & (snr_db <= high)) for low, high in ends]
        return [(level, level, chosen) for level, chosen in exact]
    bins = np.floor(snr_db / BIN_DB) * BIN_DB
    return [(float(low), float(low + BIN_DB), bins == low) for low in np.unique(bins)]
