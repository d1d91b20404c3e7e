"""SNR of validation outputs and inputs: measured against clean signals, or estimated from two noisy takes."""

from __future__ import annotations

import numpy as np

from dan.core.arrays import Signal, energy, energy_ratio_db
from dan.data.batches import ValidationSet
from dan.data.takes import common_energy

SURELY_NOISE = 0.7
"""Share of the noise's energy that is taken off where a take was made: its level is known to 1.5 dB or so."""
MOST_DB = 30.0
"""An estimate is no more than this above the takes' own SNR: what is left of the error is then chance."""
LITTLE, MUCH = 0.03, 0.15
"""Shares of the signal that are lost up to which the residual holds hardly any, and from which much."""


def snr_db(estimate: Signal, validation: ValidationSet) -> tuple[float, float]:
    """SNR of outputs and of inputs in dB; an estimate where there are two takes and nothing clean.

    Args:
        estimate: outputs for the validation's inputs, ``[N, T]``.
        validation: the inputs, and clean signals or other takes.
    """
    if validation.takes:
        known = SURELY_NOISE if validation.takes == "made" else 1.0
        return estimated_snr_db(estimate, mixed=validation.mixed, other=validation.clean, known=known)
    clean = validation.clean
    output_db = energy_ratio_db(energy(clean), energy(estimate - clean)).mean()
    return float(output_db), float(energy_ratio_db(energy(clean), energy(validation.mixed - clean)).mean())


def estimated_snr_db(
    estimate: Signal, *, mixed: Signal, other: Signal, known: float = 1.0
) -> tuple[float, float]:
    """SNR of outputs and of inputs in dB, estimated without clean signals.

    Half of the energy of the takes' difference is that of the noise in one of them, and their product is that
    of the signal. The output's distance from the other take is its error and that take's noise; the two are
    independent, and so the noise's energy is taken off. Each signal counts alike, whatever its level.

    Args:
        estimate: outputs ``[N, T]``.
        mixed: the take that they were made of, ``[N, T]``.
        other: the other take, with noise of its own as strong, ``[N, T]``.
        known: share of that noise's energy that is surely there; below 1 the output's SNR is a lower bound.
    """
    total = np.maximum(energy(mixed) + energy(other), np.finfo(np.float64).tiny)
    signal = float((common_energy(mixed, other) / total).mean())
    noise = float((energy(mixed - other) / 2 / total).mean())
    error = float((energy(estimate - other) / total).mean()) - known * noise
    least = noise * 10 ** (-MOST_DB / 10)
    output_db, input_db = (energy_ratio_db(max(signal, 0.0), max(left, least)) for left in (error, noise))
    return float(output_db), float(input_db)


def likely_snr_db(estimate: Signal, *, mixed: Signal, other: Signal) -> tuple[float, float]:
    """The range in dB in which the SNR of the outputs lies, by chance 19 times in 20.

    Few takes tell an error far below their noise but roughly: what the two takes' noises happen to have in
    common counts as error, or as its opposite. Signals that were drawn several times count once.

    Args:
        estimate: outputs ``[N, T]``.
        mixed: the take that they were made of, ``[N, T]``.
        other: the other take, with noise of its own as strong, ``[N, T]``.
    """
    total = np.maximum(energy(mixed) + energy(other), np.finfo(np.float64).tiny)
    difference = energy(mixed - other)
    signal = max(0.0, float((common_energy(mixed, other) / total).mean()))
    errors, least = (energy(estimate - other) - difference / 2) / total, 10 ** (-MOST_DB / 10)
    reach = 2 * float(errors.std()) / np.sqrt(len(np.unique(difference)))
    noise = float((difference / 2 / total).mean())
    low_db, high_db = (
        energy_ratio_db(signal, max(float(errors.mean()) + off, least * noise)) for off in (reach, -reach)
    )
    return float(low_db), float(high_db)


def kept_shares(estimate: Signal, *, mixed: Signal, other: Signal) -> tuple[float, float]:
    """Amplitude that is kept of the signal and of the input's noise, estimated without clean signals.

    The other take shares the signal with the input and no noise, the takes' difference the noise and no
    signal: what the output has in common with either says how much of it came through. Each signal counts
    alike.

    Args:
        estimate: outputs ``[N, T]``.
        mixed: the take that they were made of, ``[N, T]``.
        other: the other take, with noise of its own as strong, ``[N, T]``.

    Returns:
        Shares of the signal and of the noise: 1 and 1 for the input itself, 1 and 0 at best.
    """
    total = np.maximum(energy(mixed) + energy(other), np.finfo(np.float64).tiny)
    shares = []
    for part in (other, mixed - other):
        came, went = ((common_energy(one, part) / total).mean() for one in (estimate, mixed))
        shares.append(float(came / went) if went > 0 else 0.0)
    return shares[0], shares[1]


def describe_range(low_db: float, high_db: float) -> str:
    """Range of SNR that two takes leave open, as the end of a sentence."""
    if high_db < -MOST_DB:
        return "these have nothing in common."
    return f"these leave it open between {low_db:.1f} and {high_db:.1f} dB."


def describe_shares(signal: float, noise: float) -> str:
    """Sentence on the residual, what is taken away: how much signal it holds."""
    lost = max(0.0, 1 - signal)
    word = "hardly any" if lost < LITTLE else "some" if lost < MUCH else "much"
    kept, left = max(0.0, signal), max(0.0, noise)
    return (
        f"The residual holds {word} signal: {kept:.0%} of it is kept and {left:.0%} of the "
        "noise is left, in amplitude. Estimated from two noisy takes of "
        "each signal; only clean ones could measure it."
    )
