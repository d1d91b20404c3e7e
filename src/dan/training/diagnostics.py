"""Training diagnostics: findings on the history and the outputs of a training, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dan.core.arrays import Signal, energy, energy_ratio_db
from dan.dsp.alignment import Alignment, align
from dan.training.history import Record

WATCHED_EPOCHS = 10
"""A discriminator is called collapsed or victorious after so many epochs in a row."""

WON, LOST = 0.98, 0.52
"""Accuracy from which the discriminator has won outright, and up to which it cannot tell at all."""

FEW_EPOCHS = 4
"""Epochs below which nothing is said of where validation is heading."""

ALIVE = (0.55, 0.9)
"""Accuracy of a discriminator that the generator can learn from."""

ALL_BUT_PERFECT_DB = 15.0
"""Output SNR from which it is no wonder that a discriminator cannot tell."""

NEAR_SILENT_DB = -30.0
"""Output level against the clean level under which an output is near-silent."""

LEVEL_MISMATCH_DB = 1.0
"""Difference in level between the output's clean part and the clean signal that is worth a warning."""

NEARLY_CLEAN_DB = 40.0
"""Input SNR from which there is nothing left to learn."""

FOUND = 0.3
"""Gain of clean in noisy below which the two do not belong together, where the figure is that precise."""
FEW = 0.2
"""Share of the pairs below which odd ones stand out from the others."""
UNRELATED = 0.25
"""Correlation up to which a pair among sound ones is called odd: that of clean in noise at -12 dB."""


def data_warnings(*, clean: Signal, mixed: Signal) -> list[str]:
    """The traps of own data that can be seen before training: ``[N, T]`` each."""
    input_snr_db = energy_ratio_db(energy(clean), energy(mixed - clean))
    warnings = []
    if np.mean(input_snr_db > NEARLY_CLEAN_DB) > 0.5:
        warnings.append(
            f"most noisy signals equal the clean ones (input SNR above {NEARLY_CLEAN_DB:g} dB): there is "
            "nothing to learn. Check that noise was mixed in"
        )
    if np.mean(energy(clean) == 0) > 0.5:
        return [*warnings, "most clean signals are silent: there is nothing to keep. Check the clean folder"]
    return warnings + pair_warnings(clean=clean, mixed=mixed)


def pair_warnings(*, clean: Signal, mixed: Signal) -> list[str]:
    """Pairs ``[N, T]`` that are late, flipped in polarity, at another level, or no pairs at all."""
    found = align(clean, mixed)
    if not len(found.gains):
        return []
    warnings = [f"{warning}: align it with clean" for warning in lag_warnings(found, "noisy")]
    level_db = _level_db(found)
    if _is_lost(found):
        within = clean.shape[-1] // 2
        return [
            f"clean is not found in noisy (gain {found.gain:.2f}): the pairs do not belong together, or are "
            f"more than {within} samples apart. Check their names"
        ]
    if found.gain < 0 and found.gain_error < abs(found.gain) / 3:
        warnings.append(
            f"clean is contained in noisy with its polarity flipped (gain {found.gain:.2f}): the denoiser "
            "will learn to flip it. Multiply noisy by -1"
        )
    elif level_db is not None:
        warnings.append(
            f"clean is contained in noisy at {level_db:+.1f} dB, not at its own level: the denoiser will "
            "learn to change the level. Mix as clean + g * noise"
        )
    return warnings + odd_pairs(found, "clean is hardly found in noisy")


def output_warnings(*, estimate: Signal, clean: Signal) -> list[str]:
    """Near-silent, late or flipped output and level mismatch, from denoised validation ``[N, T]``."""
    heard = energy(clean) > 0
    if not heard.any():
        return []
    output_db = float(np.median(energy_ratio_db(energy(estimate), energy(clean))[heard]))
    if output_db < NEAR_SILENT_DB:
        return [f"the output is near-silent ({output_db:.0f} dB against clean): nothing is learned yet"]
    found = align(clean, estimate)
    warnings, mismatch_db = lag_warnings(found, "the output"), _level_db(found)
    if found.gain < 0:
        warnings.append(f"the polarity of the output is flipped (gain {found.gain:.2f})")
    elif mismatch_db is not None:
        warnings.append(f"the clean part of the output is {mismatch_db:+.1f} dB off its level")
    return warnings


def lag_warnings(found: Alignment, what: str) -> list[str]:
    """Warning of a lag or lead, in samples, if there is one."""
    lag = abs(found.lag_samples)
    if not lag:
        return []
    way = "late" if found.lag_samples > 0 else "early"
    return [f"{what} is {lag} sample{'s' if lag > 1 else ''} {way}"]


def _is_lost(found: Alignment) -> bool:
    """Return whether a gain of 1 would have shown, and there is none near it of either sign."""
    return abs(found.gain) < FOUND and found.gain_error < FOUND / 3 and abs(found.gain) < 3 * found.gain_error


def odd_pairs(found: Alignment, finding: str) -> list[str]:
    """Warning of a few unrelated pairs, in which one is not found in the other, among related ones."""
    correlations = np.abs(found.correlations)
    odd = np.count_nonzero(correlations < UNRELATED)
    if not odd or np.quantile(correlations, FEW) < 2 * UNRELATED:  # noisy ones, as mixtures of a wide range
        return []
    return [
        f"in {odd} of {len(found.gains)} pairs {finding} (correlation below {UNRELATED}): they are "
        "noisier than -12 dB, or no pairs. Check their names"
    ]


def _level_db(found: Alignment) -> float | None:
    """Gain of clean in dB, if it is off 0 by more than chance and worth a word."""
    if abs(found.gain - 1) < 3 * found.gain_error:
        return None
    level_db = 20 * math.log10(max(abs(found.gain), 1e-10))
    return level_db if abs(level_db) > LEVEL_MISMATCH_DB else None


def discriminator_warning(history: Sequence[Record]) -> str | None:
    """Warning of a discriminator that has won outright of late, or sleeps where it should not."""
    accuracies = _accuracies(history[-WATCHED_EPOCHS:])
    if len(accuracies) < WATCHED_EPOCHS:
        return None
    if min(accuracies) >= WON:
        return (
            f"the discriminator has won outright (accuracy {accuracies[-1]:.2f}, {WATCHED_EPOCHS} epochs): "
            'its gradient says little. Set discriminator.kind="conditional", which keeps itself from winning'
        )
    if max(accuracies) <= LOST and history[-1]["val_snr_db"] < ALL_BUT_PERFECT_DB:
        return (
            f"the discriminator cannot tell denoised from clean (accuracy {accuracies[-1]:.2f}, "
            f"{WATCHED_EPOCHS} epochs), and so teaches nothing. Set "
            'discriminator.kind="conditional", which sees the noisy input as well'
        )
    return None


def _accuracies(history: Sequence[Record]) -> list[float]:
    """Return the discriminator's accuracy in each epoch in which it took part."""
    accuracies = [record.get("discriminator_accuracy") for record in history]
    return [accuracy for accuracy in accuracies if accuracy is not None]


def discriminator_health(history: Sequence[Record]) -> str | None:
    """Return how the discriminator fared, in a sentence; None where it took no part."""
    if warning := discriminator_warning(history):
        return f"Note: {warning}."
    accuracies = _accuracies(history)[-WATCHED_EPOCHS:]
    if not accuracies:
        return None
    low, high = min(accuracies), max(accuracies)
    if high <= LOST and history[-1]["val_snr_db"] >= ALL_BUT_PERFECT_DB:
        return (
            f"Outputs are all but perfect ({history[-1]['val_snr_db']:.1f} dB): the discriminator finds "
            "nothing that tells them from clean signals, and the adversarial part has nothing left to teach."
        )
    state = "alive" if ALIVE[0] <= low and high <= ALIVE[1] else "not between 55% and 90% throughout"
    return f"Discriminator: {state}, right in {low:.0%} to {high:.0%} over the last epochs (50% is guessing)."


def verdict(history: Sequence[Record], *, snr_cost_db: float = 0.0, doubt: str = "") -> list[str]:
    """The last lines of a training: is it all right, and what to do if not.

    Args:
        history: of the training.
        snr_cost_db: what the adversarial part may cost, for which a generator below the best one is kept.
        doubt: why it is not all right although the figures rise, in a sentence; empty for no reason.
    """
    if not history:
        return ["Stopped within the first epoch: the model is that of the last step, not the best of many."]
    best = max(history, key=lambda record: float(record["val_snr_db"]))
    gain_db, last = best["val_snr_gain_db"], history[-1]
    lines = [
        f"Best: {best['val_snr_db']:.2f} dB at epoch {best['epoch']}, {gain_db:+.2f} dB over the noisy input."
    ]
    if gain_db < 0.5:
        how = "worse" if gain_db <= -0.5 else "hardly better"
        lines.append(f"Not all right: the output is {how} than the input.")
    elif doubt:
        lines.append(doubt)
    elif last["val_snr_db"] < best["val_snr_db"] - 1:
        lines.append(
            "Past its best: validation fell by over 1 dB. The best generator was kept; stop earlier."
        )
    elif len(history) < FEW_EPOCHS:
        lines.append("All right, but after so few epochs none can tell whether more would help.")
    elif _still_rising(history):
        lines.append("All right, and still rising: more epochs would help.")
    else:
        lines.append("All right: validation has levelled off.")
    health = discriminator_health(history)
    lines += _kept(history, float(best["val_snr_db"]) - snr_cost_db) if snr_cost_db else []
    return [*lines, health] if health else lines


def _kept(history: Sequence[Record], least_db: float) -> list[str]:
    """Return which generator was kept for its likeness, where that is another than the best one."""
    kept = [record for record in history if record["val_snr_db"] >= least_db and _accuracies([record])]
    return [
        f"Kept for its likeness: {record['val_snr_db']:.2f} dB, epoch {record['epoch']}."
        for record in kept[-1:]
    ]


def _still_rising(history: Sequence[Record]) -> bool:
    """Return whether the last tenth of the epochs gained 0.1 dB or more on the tenth before."""
    span = max(1, len(history) // 10)
    scores = [float(record["val_snr_db"]) for record in history]
    return max(scores[-span:]) - max(scores[-2 * span : -span]) > 0.1
