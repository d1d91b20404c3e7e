"""Checks of two recorded takes: whether they hold one signal, in step, of one polarity and at one level."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.data.batches import ValidationSet
from dan.data.takes import taking_turns
from dan.dsp.alignment import Alignment, align
from dan.training.diagnostics import LEVEL_MISMATCH_DB, UNRELATED, lag_warnings, odd_pairs
from dan.training.score import kept_shares, likely_snr_db, snr_db

CERTAIN = 4.0
"""Standard errors by which the common part of two takes must lie above nothing."""
BEST_SHARE = 0.25
"""Share of the pairs, those that correlate best, that tells the level."""
LOUDER_DB = 3.0
"""Difference in level that is worth a word even if noise may be all of it."""
SAME = 1 - 1e-6
"""Correlation from which two takes are one."""
SILENCE = "Not all right: the output is hardly better than silence, whose SNR is 0 dB."
BETTER_DB = 0.5
"""SNR up to which an output is hardly better than silence."""
WORSE_DB = -3.0
"""Lower bound of the SNR under which nothing is known of an output."""
OFFSET = 0.3
"""Difference between the takes' means, over the first's RMS, that is worth a word."""
LEAST_KEPT = 0.1
"""Share of the signal's amplitude below which hardly anything comes through."""


def compare_takes(first: Signal, second: Signal, *, distinct: float | None = None) -> tuple[str, list[str]]:
    """Compare two takes ``[N, T]``: a sentence on what they have in common, and warnings.

    The second holds the first's signal at some gain g. Of g nothing is known but bounds: the first take's
    noise makes the regression of the second on it too small, and the second's noise the reverse one. If
    takes overlap, `distinct` says how many of them would hold as much without.
    """
    first, second, offset = _about_their_means(first, second)
    found = align(first, second, distinct=distinct)
    if not len(found.gains):
        return "", []
    correlation = float(np.median(np.abs(found.correlations)))
    if abs(found.gain) <= CERTAIN * found.gain_error or (
        # of all lags the best is chosen, and stretches of few recordings agree on it by chance
        found.lag_samples and correlation < min(UNRELATED, _by_chance(first, second))
    ):
        return "", [_without_common(first, second, found)]
    low_db, high_db = _gain_range_db(found)
    middle_db = (low_db + high_db) / 2
    level = f"{middle_db:+.1f} dB (its gain lies between {low_db:.1f} and {high_db:.1f} dB)"
    multiply = f"multiply it by {10 ** (-middle_db / 20):.2g}"
    warnings = [f"{warning}: align it with the first" for warning in lag_warnings(found, "the second take")]
    if found.gain < 0:
        warnings.append(f"the second take is flipped in polarity (gain {found.gain:.2f}): multiply it by -1")
    if low_db > LEVEL_MISMATCH_DB or high_db < -LEVEL_MISMATCH_DB:
        warnings.append(f"the second take stands at {level}: their difference holds signal; {multiply}")
    elif abs(middle_db) > LOUDER_DB:
        level += f": by its noise, which is no fault, or by its gain: then {multiply}"
    if correlation > SAME:
        warnings.append(
            "the takes are alike, noise and all: what noise they hold is kept. Give two recordings"
        )
    warnings += offset
    common = f"The two takes: correlation {correlation:.2f}, the second at {level}."
    return common, [*warnings, *odd_pairs(found, "one take is hardly found in the other")]


def _about_their_means(first: Signal, second: Signal) -> tuple[Signal, Signal, list[str]]:
    """Both takes without their means, and what is said of a difference between these."""
    means = [take.mean(axis=-1, keepdims=True, dtype=np.float64) for take in (first, second)]
    without = [take - mean for take, mean in zip((first, second), means, strict=True)]
    offset, level = float(np.median(means[1] - means[0])), float(np.sqrt(np.mean(without[0] ** 2)))
    if abs(offset) <= OFFSET * level:
        return without[0], without[1], []
    note = f"the second take lies {offset:+.2g} above the first: take both means off (recordings.remove_mean)"
    return without[0], without[1], [note]


def _gain_range_db(found: Alignment) -> tuple[float, float]:
    """Least and largest gain of the second take against the first, by the pairs that correlate best."""
    correlations = np.abs(found.correlations)
    best = np.argsort(-correlations)[: math.ceil(BEST_SHARE * len(correlations))]
    least = np.abs(found.gains[best])
    low, high = np.median(least), np.median(least / np.maximum(correlations[best] ** 2, 1e-10))
    return 20 * math.log10(max(low, 1e-10)), 20 * math.log10(max(high, 1e-10))


def _without_common(first: Signal, second: Signal, found: Alignment) -> str:
    """Reason why takes have nothing in common at any one lag of all pairs."""
    lags, own = _each_at_its_lag(first, second)
    if len(first) > 1 and np.median(own) > _by_chance(first, second):
        between = f"between {lags.min()} and {lags.max()} samples"
        return f"each second take is late by a time of its own, {between}: cut both to begin together"
    most = min(0.5, abs(found.gain) + CERTAIN * found.gain_error)
    below_db = round(10 * math.log10(max(most, 1e-10) / (1 - most)))
    return (
        f"the takes have nothing surely in common (gain {found.gain:.2f}): they are of other signals, or "
        f"these lie below {below_db} dB SNR. Check their names"
    )


def _by_chance(first: Signal, second: Signal) -> float:
    """Correlation that takes of other signals do not reach 19 times in 20, each at the lag that fits best."""
    _, correlations = _each_at_its_lag(first, np.roll(second, 1, axis=0))
    return float(np.quantile(correlations, 0.95))


def _each_at_its_lag(first: Signal, second: Signal) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.float64]]:
    """Lag and correlation at which each pair fits best: ``[N]`` of both."""
    found = [
        align(one[None], other[None], sure=0) for one, other in zip(first, second, strict=True) if one.any()
    ]
    lags, correlations = ([one.lag_samples for one in found], [abs(one.correlations[0]) for one in found])
    return np.array(lags), np.array(correlations)


def doubt_of(estimate: Signal, validation: ValidationSet) -> str:
    """Doubt of a training whose figures rise, in a sentence; empty for none.

    Args:
        estimate: outputs for the validation's inputs, ``[N, T]``.
        validation: the inputs, and clean signals or other takes.
    """
    if validation.takes == "made":
        return _doubt_of_made(estimate, validation)
    if validation.takes == "recorded":
        return _doubt_of_recorded(estimate, validation)
    return SILENCE if snr_db(estimate, validation)[0] < BETTER_DB else ""


def _doubt_of_made(estimate: Signal, validation: ValidationSet) -> str:
    kept, _ = kept_shares(estimate, mixed=validation.mixed, other=validation.clean)
    if kept < LEAST_KEPT:
        return "Not all right: hardly anything of the signal comes through."
    if snr_db(estimate, validation)[0] < WORSE_DB:
        return "Not known to be all right: what was held out is mostly noise, and tells little."
    return ""


def _doubt_of_recorded(estimate: Signal, validation: ValidationSet) -> str:
    takes = taking_turns(validation.clean, validation.mixed)
    _, wrong = compare_takes(*takes, distinct=validation.distinct)
    if wrong:
        return f"Not all right: {wrong[0]}."
    low_db, high_db = likely_snr_db(estimate, mixed=validation.mixed, other=validation.clean)
    if high_db < BETTER_DB:
        return SILENCE
    open_to = "Not known to be all right: the takes leave open whether the output is better than silence."
    return open_to if low_db < BETTER_DB else ""
