"""Lag of a peer's outputs: one that is late would be scored as if it were bad."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dan.benchmark.described import read_description
from dan.benchmark.peers import Peer
from dan.benchmark.trials import Trial
from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.dsp.alignment import align

FEW = 16
"""Signals of which a lag is told."""


def check_lag(peer: Peer, denoised: Sequence[Signal], trial: Trial) -> None:
    """Check that the outputs of a peer that was given as a file lie where the clean signals do.

    Args:
        peer: whose outputs these are; DAN's models and the peers that come along are not looked at.
        denoised: what it made of each signal, ``[T]``.
        trial: the signals.

    Raises:
        DanError: if another lag is surely better than none.
    """
    if peer.kind not in ("described", "onnx"):
        return
    late = align(_stack(trial.clean[:FEW]), _stack(denoised[:FEW])).lag_samples
    if late:
        fault = f"its output is {abs(late)} samples too {'late' if late > 0 else 'early'}"
        cure = _cure(peer, late / trial.sample_rate_hz)
        raise DanError(f"{peer.name} at {trial.sample_rate_hz:g} Hz", f"{fault}: {cure}", "Compare then")


def _cure(peer: Peer, late_s: float) -> str:
    if peer.kind != "described":
        return "export it with its output in step with its input"
    description = read_description(Path(peer.file))
    fits = description.latency_samples + round(late_s * description.sample_rate_hz)
    return f"latency_samples = {description.latency_samples} does not fit, {fits} does"


def _stack(signals: Sequence[Signal]) -> Signal:
    """Signals of any lengths as a stack ``[N, T]``, silent after their ends."""
    longest = max(map(len, signals))
    return np.stack([np.pad(signal, (0, longest - len(signal))) for signal in signals])
