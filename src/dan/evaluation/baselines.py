"""Baselines beside a denoiser in the table: the classical filters, the fit of sines and the limit.

What a filter may know is what its user would: the band of the clean signals and a sample of the noise, from
the recipe or from the training side, never the signals under test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from dan.config import Recipe
from dan.core.arrays import Signal
from dan.core.ragged import Denoise
from dan.dsp.butterworth import bandpass, lowpass
from dan.dsp.sinusoid_fit import fit_sinusoids
from dan.dsp.spectral_gate import spectral_gate
from dan.dsp.wavelet import wavelet
from dan.dsp.wiener import wiener
from dan.evaluation.bayes_limit import bayes_estimate
from dan.evaluation.training_side import TrainingSide
from dan.evaluation.tuning import fit
from dan.synthesis.mix import draw_pairs

NOISE_COUNT = 64
NOISE_SEED = 2_083_711
"""Signals of noise, and their seed, from which the filters learn what the recipe's noise is like."""

NOT_MADE = "how the clean signals were made is not known"
NOT_TRAINED = "neither a recipe nor a training side says the band of the clean signals"


@dataclass
class Baselines:
    """The rows beside the denoiser, in the table's order; the limit comes last."""

    rows: dict[str, Denoise] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    """Reason why a row is missing, by its name."""
    settings: dict[str, str] = field(default_factory=dict)
    """Parameters of a row chosen on the training side, by its name."""


def limit_misfit(recipe: Recipe) -> str | None:
    """Return why the Bayes-optimal estimate is not known for a recipe's task, or None where it is."""
    tones, noise = recipe.clean, recipe.noise
    white = set(noise.colours) == {"white"} and (not noise.kinds or set(noise.kinds) == {"colours"})
    reasons = {
        "the number of sines varies": not isinstance(tones.sines, int),
        "the amplitudes vary": tones.amplitude_spread > 0,
        "the phases vary": tones.phase_spread_rad > 0,
        "the noise is not white": not white or (noise.hum_hz > 0 and not noise.kinds),
        "the SNR varies": noise.snr_range_db[0] < noise.snr_range_db[1],
    }
    return next((f"the limit's prior does not fit: {why}" for why, true in reasons.items() if true), None)


def choose(
    *,
    sample_rate_hz: float,
    recipe: Recipe | None = None,
    training: TrainingSide | None = None,
    sines: npt.NDArray[np.integer] | None = None,
    limit: bool = True,
) -> Baselines:
    """Return the rows that apply, set by the first of a recipe, a training side and the filters' defaults.

    Args:
        sample_rate_hz: sampling rate of the signals.
        recipe: by which they were made.
        training: signals of the training side, on which the filters for recordings are set.
        sines: how many each signal has ``[N]``, where their number varies and is known.
        limit: whether the limit gets its row, where the recipe's prior is the one it knows.

    Raises:
        DanError: if a signal of the training side is wrong.
    """
    if recipe is not None:
        return from_recipe(recipe, sines=sines, limit=limit)
    if training is not None:
        return from_training(training)
    return with_defaults(sample_rate_hz)


def from_recipe(
    recipe: Recipe, *, sines: npt.NDArray[np.integer] | None = None, limit: bool = True
) -> Baselines:
    """Return the rows for signals that a recipe made, set by what it says.

    Args:
        recipe: by which the signals were made.
        sines: how many each signal has ``[N]``, where their number varies and is known.
        limit: whether the limit gets its row, where the recipe's prior is the one it knows.
    """
    rate_hz, band_hz = recipe.signal.sample_rate_hz, recipe.clean.frequency_hz
    known: dict[str, Any] = {"sample_rate_hz": rate_hz, "frequency_hz": band_hz}
    noise = _noise_sample(recipe)
    rows: dict[str, Denoise] = {
        "lowpass": partial(lowpass, sample_rate_hz=rate_hz, pass_hz=band_hz[1]),
        "bandpass": partial(bandpass, **known),
        "wiener": partial(wiener, **known, noise=noise),
        # A long wavelet: what leaks from octave to octave is less, and tones are as long as the signal.
        "wavelet": partial(wavelet, wavelet="db20", levels=_levels(band_hz[0], rate_hz)),
        "spectral_gate": partial(spectral_gate, sample_rate_hz=rate_hz, noise=noise),
    }
    found = Baselines(rows)
    number = recipe.clean.sines if isinstance(recipe.clean.sines, int) else sines
    if number is None:
        found.notes["nls"] = "the number of sines varies, and the data do not tell it"
    else:
        rows["nls"] = partial(fit_sinusoids, **known, sines=number)
    misfit = limit_misfit(recipe) if limit else "it was not asked for"
    if misfit is None:
        known |= {"sines": recipe.clean.sines, "snr_db": recipe.noise.snr_range_db[0]}
        rows["limit"] = partial(bayes_estimate, **known)
    else:
        found.notes["limit"] = misfit
    return found


def from_training(training: TrainingSide) -> Baselines:
    """Return the rows for recordings, every parameter chosen on the training side.

    Raises:
        DanError: if a signal of it is wrong.
    """
    fitted = fit(training)
    return Baselines(fitted.rows, fitted.notes | dict.fromkeys(("nls", "limit"), NOT_MADE), fitted.settings)


def with_defaults(sample_rate_hz: float) -> Baselines:
    """Return the rows that need neither a recipe nor a training side, with the filters' defaults."""
    rows: dict[str, Denoise] = {
        "wiener": partial(wiener, sample_rate_hz=sample_rate_hz),
        "wavelet": wavelet,
        "spectral_gate": partial(spectral_gate, sample_rate_hz=sample_rate_hz),
    }
    notes = dict.fromkeys(("lowpass", "bandpass"), NOT_TRAINED) | dict.fromkeys(("nls", "limit"), NOT_MADE)
    return Baselines(rows, notes)


def _levels(low_hz: float, sample_rate_hz: float) -> int:
    """Octaves from half the rate down to below the band."""
    return math.ceil(math.log2(sample_rate_hz / 2 / max(low_hz, sample_rate_hz / 2**9)))


def _noise_sample(recipe: Recipe) -> Signal:
    """Noise ``[N, T]`` at its level in the recipe's mixed signals, and none of the noise that is scored."""
    pairs = draw_pairs(recipe, NOISE_COUNT, random=np.random.default_rng(NOISE_SEED))
    return pairs.mixed - pairs.clean
