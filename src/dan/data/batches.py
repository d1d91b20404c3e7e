"""Input of a training: batches, their source, and what it is validated on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from dan.core.arrays import Signal


@dataclass(frozen=True)
class Batch:
    """Signals ``[B, 1, T]`` in float32."""

    noisy: Tensor
    clean: Tensor


@dataclass(frozen=True)
class ValidationSet:
    """Signals ``[N, T]`` that no training step sees."""

    clean: Signal
    mixed: Signal
    takes: Literal["recorded", "made"] | None = None
    """Origin of the two takes where nothing is clean: `clean` is then one, `mixed` the other, as noisy."""
    distinct: float | None = None
    """Number of signals that recordings would hold if none overlapped; None for all."""


class Source(Protocol):
    """Source of the batches of a training."""

    steps_per_epoch: int
    digest: str
    """Digest of the signals that lie in folders: a training goes on only with the same. Empty for draws."""

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0 over the whole training."""
        ...

    def close(self) -> None:
        """Let go of what runs beside the training; no batch follows."""
        ...


def to_tensor(signal: Signal) -> Tensor:
    """``[N, T]`` to a float32 tensor ``[N, 1, T]``."""
    return torch.from_numpy(np.ascontiguousarray(signal, dtype=np.float32))[:, None]


def batch_of(*, noisy: Signal, clean: Signal) -> Batch:
    """Make a batch of signals ``[B, T]``."""
    return Batch(noisy=to_tensor(noisy), clean=to_tensor(clean))
