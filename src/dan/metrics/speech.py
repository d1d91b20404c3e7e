"""Metrics of speech as a listener takes it: PESQ and STOI, ``[*, T] -> [*]``, in float64.

Both compare with the clean speech. Where the clean signal holds too little speech there is no figure, and NaN
says so; that depends on the clean signal alone, so that no method gets a figure by silencing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Array, check_sample_rate
from dan.core.errors import DanError
from dan.core.extras import require
from dan.core.progress import track
from dan.metrics.general import at_unit_peak, check_pair

PESQ_MODES = {8000.0: "nb", 16000.0: "wb"}
"""Narrow band by P.862.1 and wide band by P.862.2: the rates, in Hz, for which there is a PESQ."""

LOWEST_MOS = 1.0
"""Bottom of the scale of opinions: silence instead of speech, which the algorithm cannot compare."""

STOI_LEAST_S = 0.0256
"""One frame of STOI."""


def pesq_mos(
    *,
    estimate: npt.ArrayLike,
    reference: npt.ArrayLike,
    sample_rate_hz: float,
) -> Array:
    """PESQ: the mean opinion score that listeners would give; higher is better.

    Args:
        estimate: ``[*, T]``; its level and sign do not matter.
        reference: clean speech ``[*, T]``, a few seconds of it.
        sample_rate_hz: 8000 for narrow band, 16000 for wide band; their scores do not compare.

    Returns:
        ``[*]`` from 1 to about 4.6; a silent estimate has 1. NaN where the reference is shorter than a
        quarter of a second or holds no utterance.

    Raises:
        DanError: if a signal or the rate is wrong, the shapes differ, or the package is not installed.

    Source: ITU-T recommendations P.862, 2001, P.862.1, 2003, and P.862.2, 2007.
    """
    rate_hz = check_sample_rate(sample_rate_hz)
    if rate_hz not in PESQ_MODES:
        raise DanError(
            f"sample_rate_hz={rate_hz:g}", "PESQ is defined at 8000 and 16000 Hz only", "Resample to these"
        )
    pesq = require("pesq", extra="speech")

    def score(guess: Array, truth: Array) -> float:
        try:
            return float(pesq.pesq(int(rate_hz), truth, guess, PESQ_MODES[rate_hz]))
        except (pesq.NoUtterancesError, pesq.BufferTooShortError):
            return float("nan")

    return _each(score, estimate, reference, silent=LOWEST_MOS)


def stoi(
    *,
    estimate: npt.ArrayLike,
    reference: npt.ArrayLike,
    sample_rate_hz: float,
) -> Array:
    """Short-time objective intelligibility, which rises with the share of words understood.

    Args:
        estimate: ``[*, T]``; its level does not matter.
        reference: clean speech ``[*, T]``.
        sample_rate_hz: any whole number of Hz; it is resampled to 10 kHz.

    Returns:
        ``[*]``, 1 at best and about 0 at worst; a silent estimate has 0. NaN where less than 0.4 s of the
        reference is within 40 dB of its loudest frame.

    Raises:
        DanError: if a signal or the rate is wrong, the shapes differ, or the package is not installed.

    Source: C. H. Taal, R. C. Hendriks, R. Heusdens and J. Jensen, "An algorithm for intelligibility
    prediction of time-frequency weighted noisy speech", 2011.
    """
    rate_hz = check_sample_rate(sample_rate_hz)
    if not rate_hz.is_integer():
        raise DanError(f"sample_rate_hz={rate_hz:g}", "STOI takes a whole number of Hz", "Resample it")
    pystoi = require("pystoi", extra="speech")

    def score(guess: Array, truth: Array) -> float:
        if len(truth) <= STOI_LEAST_S * rate_hz + 1:
            return float("nan")
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Not enough STFT frames")
            try:
                return float(pystoi.stoi(truth, guess, int(rate_hz)))
            except RuntimeWarning:
                return float("nan")

    return _each(score, estimate, reference, silent=0.0)


def _each(
    score: Callable[[Array, Array], float],
    estimate: npt.ArrayLike,
    reference: npt.ArrayLike,
    *,
    silent: float,
) -> Array:
    """The score of each signal ``[*]``; `silent` where the estimate is silent and the reference has one."""
    # Level does not matter to either figure, and at their own peaks neither signal is lost in float32.
    guesses, truths = (at_unit_peak(signal) for signal in check_pair(estimate, reference))
    scores = np.empty(truths.shape[:-1])
    for place in track(np.ndindex(scores.shape), "Signals", total=scores.size):
        guess, truth = guesses[place], truths[place]
        if not truth.any():
            scores[place] = np.nan
        elif guess.any():
            scores[place] = score(guess, truth)
        else:
            scores[place] = silent if np.isfinite(score(truth, truth)) else np.nan
    return scores
