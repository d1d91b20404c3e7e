"""Tones, noises and mixing: clean signals and noise drawn from a recipe.

Everything random comes from the generator handed in, so the same generator gives the same signals. Draws are
float32 and computed in float64; a recipe's `fresh` source and a data folder's files come from the same calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dan.config import NoiseSettings, Recipe, SignalSettings, ToneSettings, bounds
from dan.core.arrays import Signal, check_same_shape, check_signal, db_to_amplitude, rms
from dan.core.errors import DanError
from dan.dsp.phasors import phasors
from dan.synthesis import artefacts

POWER_EXPONENT = {"white": 0, "pink": -1, "brown": -2, "blue": 1, "violet": 2}
"""Power density of a colour as a power of frequency."""

MAINS_OFF = 0.002
"""Share by which mains may be off its frequency: grids are held within 0.1 Hz in normal operation."""

PURE_SHARE = 0.5
"""Share of signals with mains hum whose hum has no harmonics."""

CHUNK_VALUES = 2**20
"""Values of tones and of coloured noise worked on at once, whatever the number of signals."""


@dataclass(frozen=True)
class Pairs:
    """Signals ``[N, T]``, float32, with ``mixed = clean + gain * noise`` to within float32's rounding."""

    clean: Signal
    noise: Signal
    """At the level that the recipe gives it, before it is scaled."""
    mixed: Signal
    snr_db: npt.NDArray[np.float64]
    """20 log10 of the RMS of clean over the RMS of the scaled noise, ``[N]``."""
    sines: npt.NDArray[np.int64] | None = None
    """Number of sines of each clean signal, ``[N]``; None for recordings."""


def draw_pairs(recipe: Recipe, count: int, *, random: np.random.Generator) -> Pairs:
    """Draw clean signals and noise and mix them, all as the recipe says.

    Args:
        recipe: its sections signal, clean and noise are used, its seed is not.
        count: number of signals N.
        random: where everything random comes from.

    Returns:
        ``[N, T]`` of each.

    Raises:
        DanError: if the recipe asks for hum of which no harmonic lies below half the rate.
    """
    clean, sines = draw_tones(recipe.clean, recipe.signal, count, random=random)
    noise = draw_noise(recipe.noise, recipe.signal, count, random=random)
    snr_db = random.uniform(*bounds(recipe.noise.snr_db), count)
    mixed, _ = mix(clean, noise, snr_db=snr_db)
    return Pairs(clean, noise, mixed, snr_db, sines)


def draw_tones(
    tones: ToneSettings, signal: SignalSettings, count: int, *, random: np.random.Generator
) -> tuple[Signal, npt.NDArray[np.int64]]:
    """Draw clean signals, each the mean of K sines: ``[count, T]``, float32, and the K of each ``[count]``.

    Amplitudes are uniform within 1 +- spread, phases within +- spread at the first sample, and K is drawn for
    each signal where it is a range. The frequencies of a seed do not depend on the spreads.
    """
    low, high = bounds(tones.sines)
    shape = count, high
    frequency_hz = random.uniform(*tones.frequency_hz, shape)
    amplitude = 1 + tones.amplitude_spread * random.uniform(-1, 1, shape)
    phase_rad = tones.phase_spread_rad * random.uniform(-1, 1, shape)
    sines = random.integers(low, high, (count, 1), endpoint=True)
    weights = np.where(np.arange(high) < sines, amplitude / sines, 0) * np.exp(1j * phase_rad)
    clean = np.empty((count, signal.length_samples), np.float32)
    for rows in _chunks(count, values_each=high * signal.length_samples):
        waves = _waves(frequency_hz[rows], signal)  # [n, K, T]
        clean[rows] = (weights[rows, None] @ waves)[:, 0].imag
    return clean, sines[:, 0]


def draw_noise(
    noise: NoiseSettings, signal: SignalSettings, count: int, *, random: np.random.Generator
) -> Signal:
    """Draw noise ``[count, T]``, float32: Gaussian of a colour drawn for each signal, and hum.

    The standard deviation is each sample's expected one; a single signal's differs, most for brown noise. A
    coloured signal is cut from one at least twice as long, so that its end does not join its beginning; its
    lowest frequency is that of the longer one, and its density at 0 Hz is zero. Hum of `hum_level` of the
    expected energy has harmonics of amplitude 1 / order, each at a random phase. With `kinds` it is a mixture
    of these in random proportions, each signal's own RMS the standard deviation.

    Raises:
        DanError: if hum is asked for and none of its harmonics lies below half the rate.
    """
    if noise.kinds:
        return _draw_kinds(noise, signal, count, random=random)
    length = signal.length_samples
    if set(noise.colours) == {"white"}:
        drawn = random.standard_normal((count, length), dtype=np.float32)
    else:
        drawn = _draw_coloured(noise.colours, length, count, random=random)
    drawn *= np.float32(noise.standard_deviation)
    if noise.hum_hz == 0 or noise.hum_level == 0:
        return drawn
    drawn *= np.float32(np.sqrt(1 - noise.hum_level))
    level = noise.standard_deviation * np.sqrt(noise.hum_level)
    drawn += (level * _draw_hum(noise, signal, count, random=random)).astype(np.float32)
    return drawn


def mix(
    clean: npt.ArrayLike, noise: npt.ArrayLike, *, snr_db: npt.ArrayLike
) -> tuple[Signal, npt.NDArray[np.float64]]:
    """Add noise to clean at an SNR by their measured energies: ``mixed = clean + gain * noise``.

    Args:
        clean: ``[*, T]``; comes through at unity gain.
        noise: ``[*, T]``, at any level.
        snr_db: of the mixed signal in dB, 20 log10 of the RMS ratio: one for all, or ``[*]``.

    Returns:
        The mixed signal ``[*, T]``, of the dtype of `clean`, and the gain ``[*]``, at least 0. Where clean or
        noise is silent no gain gives the SNR: it is 0 there, and the mixed signal is the clean one.

    Raises:
        DanError: if a signal is wrong, the shapes differ, or the result exceeds what the dtype can hold.
    """
    clean, noise = check_signal(clean, name="clean"), check_signal(noise, name="noise")
    check_same_shape(clean=clean, noise=noise)
    above, below = rms(clean), rms(noise)
    with np.errstate(over="ignore", invalid="ignore"):
        gain = np.where(below > 0, above / np.where(below > 0, below, 1), 0) * db_to_amplitude(
            -np.asarray(snr_db)
        )
        mixed = (clean + gain[..., None] * noise).astype(clean.dtype)
    if not np.isfinite(mixed).all():
        raise DanError(
            f"mixed signal of {clean.dtype}",
            "it exceeds what the dtype can hold",
            "Scale clean and noise down",
        )
    return mixed, gain


def _draw_kinds(
    noise: NoiseSettings, signal: SignalSettings, count: int, *, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Kinds of equal energy, weighted by shares of the whole that a Dirichlet distribution draws."""
    shares = np.array(noise.shares or [1.0] * len(noise.kinds))
    weights = np.sqrt(random.dirichlet(noise.concentration * len(shares) * shares / shares.sum(), count))
    mixture = np.zeros((count, signal.length_samples))
    for kind, weight in zip(noise.kinds, weights.T, strict=True):
        drawn = _draw_kind(kind, noise, signal, count, random=random)
        mixture += (weight / np.maximum(rms(drawn), np.finfo(np.float32).tiny))[:, None] * drawn
    level = noise.standard_deviation / np.maximum(rms(mixture), np.finfo(np.float32).tiny)
    return (level[:, None] * mixture).astype(np.float32)


def _draw_kind(
    kind: str, noise: NoiseSettings, signal: SignalSettings, count: int, *, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    length, rate_hz = signal.length_samples, signal.sample_rate_hz
    if kind == "colours":
        return _draw_coloured(noise.colours, length, count, random=random).astype(np.float64)
    if kind != "hum":
        return artefacts.DRAW[kind](count, length_samples=length, sample_rate_hz=rate_hz, random=random)
    return _draw_mains(noise, signal, count, random=random)


def _draw_mains(
    noise: NoiseSettings, signal: SignalSettings, count: int, *, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Hum near one of the mains' frequencies, ``[count, T]``: in half of the signals a pure sine.

    The others have harmonics of random size. If all had some, a network would know hum by them alone.
    """
    order = np.arange(1, noise.hum_harmonics + 1)
    off = random.uniform(1 - MAINS_OFF, 1 + MAINS_OFF, (count, 1))
    frequency_hz = random.choice(noise.mains_hz, (count, 1)) * off * order
    amplitude = np.where(order == 1, 1, random.uniform(0, 1, frequency_hz.shape) / order)
    amplitude[random.random(count) < PURE_SHARE, 1:] = 0
    amplitude[frequency_hz >= signal.sample_rate_hz / 2] = 0
    phasor = amplitude * np.exp(1j * random.uniform(0, 2 * np.pi, frequency_hz.shape))
    return np.asarray((phasor[:, None] @ _waves(frequency_hz, signal))[:, 0].imag)


def _waves(frequency_hz: npt.ArrayLike, signal: SignalSettings) -> npt.NDArray[np.complex128]:
    return phasors(frequency_hz, length_samples=signal.length_samples, sample_rate_hz=signal.sample_rate_hz)


def _chunks(count: int, *, values_each: int) -> Iterator[slice]:
    rows = max(1, CHUNK_VALUES // values_each)
    return (slice(first, first + rows) for first in range(0, count, rows))


def _draw_coloured(
    colours: tuple[str, ...], length: int, count: int, *, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Unit variance in expectation, ``[count, T]``: white noise shaped in the frequency domain."""
    size = 1 << (2 * length - 1).bit_length()
    gains, colour = _colour_gains(colours, size), random.integers(len(colours), size=count)
    drawn = np.empty((count, length), np.float32)
    for rows in _chunks(count, values_each=size):
        white = random.standard_normal((len(colour[rows]), size))
        drawn[rows] = np.fft.irfft(gains[colour[rows]] * np.fft.rfft(white), size)[:, :length]
    return drawn


@lru_cache(maxsize=8)
def _colour_gains(colours: tuple[str, ...], size: int) -> npt.NDArray[np.float64]:
    """Gains ``[colours, size // 2 + 1]`` that leave the variance of white noise as it is.

    Each sample's variance is the mean of the squared gain over all `size` bins, of which the real transform
    holds those within the ends once for two.
    """
    bins = np.arange(size // 2 + 1)
    exponent = np.array([[POWER_EXPONENT[colour]] for colour in colours])
    gains = np.where(bins > 0, np.maximum(bins, 1) ** (exponent / 2), exponent == 0)
    power = (np.where((bins > 0) & (bins < size // 2), 2, 1) * gains**2).sum(axis=-1, keepdims=True)
    return np.asarray(gains / np.sqrt(power / size))


def _draw_hum(
    noise: NoiseSettings, signal: SignalSettings, count: int, *, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Unit variance in expectation, ``[count, T]``."""
    order = np.arange(1, noise.hum_harmonics + 1)
    order = order[order * noise.hum_hz < signal.sample_rate_hz / 2]
    if not len(order):
        raise DanError(
            f"noise.hum_hz={noise.hum_hz:g}",
            f"hum lies below half of signal.sample_rate_hz, {signal.sample_rate_hz / 2:g} Hz",
            "Give a lower frequency, or 0 for no hum",
        )
    amplitude = np.sqrt(2 / (1 / order**2).sum()) / order  # a sine's power is half its amplitude squared
    phasor = np.exp(1j * random.uniform(0, 2 * np.pi, (count, len(order))))
    return np.asarray((amplitude * phasor @ _waves(order * noise.hum_hz, signal)).imag)
