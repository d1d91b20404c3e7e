"""The history of a training: one record a validation, a line of history.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class Record(TypedDict):
    """One validation. Beside these keys it holds the mean of each loss over the epoch, as ``train_NAME``."""

    step: int
    """Steps done."""
    epoch: int
    """Epochs done."""
    seconds: float
    """Spent on training, without validations."""
    val_snr_db: float
    """Mean SNR of the outputs over the validation signals; an estimate where none of them is clean."""
    val_snr_gain_db: float
    """The same less that of the inputs."""
    discriminator_accuracy: float | None
    """Share of signals it told rightly over the epoch; None without a discriminator."""
    discriminator_rate: float | None
    """Mean factor over the epoch by which its learning rate was changed; None where its accuracy does not."""


def epochs_without_gain(history: Sequence[Record]) -> int:
    """Return the number of validations since the best one."""
    scores = [float(record["val_snr_db"]) for record in history]
    return len(scores) - 1 - scores.index(max(scores)) if scores else 0
