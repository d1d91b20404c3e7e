"""Signals of unequal length: worked on in stacks ``[N, T]`` of one length each, and put back in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_same_shape, check_signal
from dan.core.errors import DanError

Signals = Signal | Sequence[Signal]
"""Signals as a stack ``[N, T]``, or one by one, each ``[T]`` of its own length."""

Denoise = Callable[[Signal], Signal]
"""A denoiser or a filter on a stack ``[N, T]``, which keeps the shape."""

Indices = npt.NDArray[np.intp]


def check_signals(signals: Signals, *, name: str) -> list[Signal]:
    """Check signals at the door, and return them one by one, each ``[T]``.

    Raises:
        DanError: if there is none, or one is not ``[T]``, is empty, or holds what is not finite.
    """
    if isinstance(signals, np.ndarray):
        return list(check_signal(signals, name=name, rank=2))
    if not signals:
        raise DanError(f"{name} of 0 signals", "there is nothing to work on", "Give at least one")
    return [check_signal(signal, name=f"{name}[{row}]", rank=1) for row, signal in enumerate(signals)]


def check_pairs(**named: Sequence[Signal]) -> None:
    """Check that lists of signals by name are of one number, and of one length at each place.

    Raises:
        DanError: if they are not.
    """
    counts = {name: len(signals) for name, signals in named.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise DanError(listed, "there is one of each for every signal", "Pair them again")
    for row, signals in enumerate(zip(*named.values(), strict=True)):
        names = (f"{name}[{row}]" for name in named)
        check_same_shape(**dict(zip(names, signals, strict=True)))


def stacked(signals: Sequence[Signal]) -> Signals:
    """The signals as one stack ``[N, T]`` where all are of one length, else as they are."""
    alike = len({len(signal) for signal in signals}) == 1
    return np.stack(list(signals)) if alike else list(signals)


def by_length(*lists: Sequence[Signal]) -> Iterator[tuple[Indices, tuple[Signal, ...]]]:
    """Places of the signals of one length, and these as a stack ``[n, T]`` from each of the lists."""
    lengths = np.array([len(signal) for signal in lists[0]])
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        yield places, tuple(np.stack([signals[place] for place in places.tolist()]) for signals in lists)


def each(function: Denoise, signals: Sequence[Signal], *, name: str) -> list[Signal]:
    """Apply a function on stacks ``[n, T] -> [n, T]`` to signals of any lengths.

    Raises:
        DanError: if the function changes the shape, or raises it.
    """
    results: list[Signal] = [signal[:0] for signal in signals]
    for places, (stack,) in by_length(signals):
        result = function(stack)
        check_same_shape(**{"input": stack, name: result})
        for place, row in zip(places, result, strict=True):
            results[place] = row
    return results
