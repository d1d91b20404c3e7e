"""The classical filters as their user would set them: every parameter chosen on the training side.

Each choice is the one with the highest mean of SNR and SI-SDR over signals of that side; what is judged is
never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product

import numpy as np

from dan.core.arrays import Array, Signal
from dan.core.errors import DanError
from dan.core.progress import track
from dan.core.ragged import Denoise
from dan.dsp.butterworth import bandpass, lowpass
from dan.dsp.spectral_gate import spectral_gate
from dan.dsp.wavelet import wavelet
from dan.dsp.wiener import default_n_fft, wiener
from dan.evaluation.training_side import TrainingSide

NOISE_WEIGHTS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""A band is good where the clean signals exceed the noise; mean dB and mean energy weigh them unlike."""
STOP_RATIOS = (9 / 8, 100 / 64, 3.0)
"""Stop over pass edges of a filter: sharp ones ring longer."""
HIGHEST_SHARE = 0.45
"""Highest edge of a band, relative to the sampling rate."""

OVERESTIMATES = (0.5, 1.0, 3.0)
WIENER_SHAPES = ((0.0, 0.0), (0.9, 0.2), (0.98, 0.2))
"""Memory and least gain of the Wiener filter."""
STRENGTHS = (0.5, 1.0, 2.0)
GATE_STRENGTHS = (0.5, 1.0)

Band = tuple[float, float]
Candidate = tuple[str, Denoise]
"""Settings in words, and the filter with these settings."""


@dataclass
class Fitted:
    """The classical rows as fitted."""

    rows: dict[str, Denoise] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    """Parameters in words, by the row's name."""
    notes: dict[str, str] = field(default_factory=dict)
    """Reason why a row is missing, by its name."""


def fit(training: TrainingSide) -> Fitted:
    """Choose the parameters of the classical filters on the training side of the data.

    The pass bands come from the mean spectra of clean signals and of noise; the Wiener filter, the wavelets
    and the gate are tried both on the signal as it is and behind the band-pass.

    Args:
        training: signals of the training side.

    Raises:
        DanError: if a signal is wrong, or they are unpaired.
    """
    fitted = Fitted()
    steps: list[tuple[str, Callable[[TrainingSide, Denoise], Sequence[Candidate]]]] = [
        ("lowpass", lambda training, _: list(_lowpasses(training))),
        ("bandpass", lambda training, _: list(_bandpasses(training))),
        ("wiener", _wieners),
        ("wavelet", _wavelets),
        ("spectral_gate", _gates),
    ]
    for name, offered in track(steps, "Setting filters"):
        band = fitted.rows.get("bandpass", lambda noisy: noisy)
        try:
            said, chosen = _best(offered(training, band), training)
        except DanError as error:
            fitted.notes[name] = str(error)
        else:
            fitted.settings[name], fitted.rows[name] = said, chosen
    return fitted


def _best(candidates: Sequence[Candidate], training: TrainingSide) -> Candidate:
    scores_db = [training.score_db(candidate) for _, candidate in track(candidates, "Candidates")]
    return candidates[int(np.argmax(scores_db))]


def _bands(training: TrainingSide, *, from_zero: bool) -> list[Band]:
    """Bands in which the clean power exceeds the noise by the most, one for each weight of the noise.

    Raises:
        DanError: if all of them lie above what a filter can pass.
    """
    clean, noise = training.densities
    step_hz = training.sample_rate_hz / 2 / max(1, len(clean) - 1)
    top_hz = HIGHEST_SHARE * training.sample_rate_hz
    found = set()
    for weight in NOISE_WEIGHTS:
        first, last = _best_run(clean - weight * noise, from_zero=from_zero)
        low_hz = max(0.0, (first - 0.5) * step_hz)
        high_hz = min(top_hz, (last + 0.5) * step_hz)
        if low_hz < high_hz:
            found.add((low_hz, high_hz))
    if not found:
        rule = f"none below {top_hz:g} Hz, {HIGHEST_SHARE:g} of the rate, stands out of the noise"
        raise DanError(
            "bands of the clean signals", rule, "Take signals of a higher rate, or less noisy ones"
        )
    return sorted(found)


def _best_run(worth: Array, *, from_zero: bool) -> tuple[int, int]:
    """First and last place of the run with the highest sum, which may have to begin at 0."""
    total = np.concatenate([[0.0], np.cumsum(worth)])
    lowest = np.zeros_like(total) if from_zero else np.minimum.accumulate(total)
    last = int(np.argmax(total[1:] - lowest[:-1]))
    first = 0 if from_zero else int(np.argmin(total[: last + 1]))
    return first, last


def _lowpasses(training: TrainingSide) -> Iterator[Candidate]:
    rate_hz = training.sample_rate_hz
    for (_, pass_hz), ratio in product(_bands(training, from_zero=True), STOP_RATIOS):
        stop_hz = min(pass_hz * ratio, (pass_hz + rate_hz / 2) / 2)
        edges = {"pass_hz": pass_hz, "stop_hz": stop_hz}
        said = f"passes up to {pass_hz:.4g} Hz, stops from {stop_hz:.4g} Hz"
        yield said, partial(lowpass, sample_rate_hz=rate_hz, **edges, pass_db=1.0, stop_db=20.0)


def _bandpasses(training: TrainingSide) -> Iterator[Candidate]:
    rate_hz = training.sample_rate_hz
    for (low_hz, high_hz), ratio in product(_bands(training, from_zero=False), STOP_RATIOS):
        stop_hz = low_hz / ratio, min(high_hz * ratio, (high_hz + rate_hz / 2) / 2)
        said = f"passes {low_hz:.4g} to {high_hz:.4g} Hz, stops at {stop_hz[0]:.4g} and {stop_hz[1]:.4g} Hz"
        band_hz = low_hz, high_hz
        yield said, partial(bandpass, sample_rate_hz=rate_hz, frequency_hz=band_hz, stop_hz=stop_hz)


def _both(band: Denoise, training: TrainingSide) -> list[tuple[str, Denoise, Signal]]:
    """The signal as it is and behind the band-pass, each with the noise as it is there."""
    return [
        ("", lambda noisy: noisy, training.noise),
        (", behind the band-pass", band, band(training.noise[None])[0]),
    ]


def _wieners(training: TrainingSide, band: Denoise) -> list[Candidate]:
    rate_hz = training.sample_rate_hz
    usual = default_n_fft(rate_hz)
    frames = usual, usual // 4
    settings = product(_both(band, training), frames, OVERESTIMATES, WIENER_SHAPES)
    return [
        (
            f"noise times {over:g}, memory {memory:g}, gain from {least:g}, frames of {frame}{where}",
            _chain(
                first,
                partial(
                    wiener,
                    sample_rate_hz=rate_hz,
                    noise=noise,
                    overestimate=over,
                    memory=memory,
                    least_gain=least,
                    n_fft=frame,
                ),
            ),
        )
        for (where, first, noise), frame, over, (memory, least) in settings
    ]


def _wavelets(training: TrainingSide, band: Denoise) -> list[Candidate]:
    return [
        (
            f"sym8, {'white' if white else 'coloured'} noise, threshold times {strength:g}{where}",
            _chain(first, partial(wavelet, white=white, strength=strength)),
        )
        for (where, first, _), white, strength in product(_both(band, training), (True, False), STRENGTHS)
    ]


def _gates(training: TrainingSide, band: Denoise) -> list[Candidate]:
    rate_hz = training.sample_rate_hz
    return [
        (
            f"{'training' if told else 'own'} noise, strength {strength:g}{where}",
            _chain(
                first,
                partial(
                    spectral_gate,
                    sample_rate_hz=rate_hz,
                    noise=noise if told else None,
                    strength=strength,
                ),
            ),
        )
        for (where, first, noise), told, strength in product(
            _both(band, training), (True, False), GATE_STRENGTHS
        )
    ]


def _chain(first: Denoise, then: Denoise) -> Denoise:
    return lambda noisy: then(first(noisy))
