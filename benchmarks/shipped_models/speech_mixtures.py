"""Mixtures of speech and noise, made anew at every step from stretches that were prepared."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.fft
import soxr
from speech_stretches import LENGTH, active_level

from dan.data.batches import Batch, to_tensor

SEGMENT_S = 2.5
SNR_DB, SNR_SPREAD_DB = 5.0, 7.0
"""Mean and standard deviation of the SNR of a mixture, relative to the active level of speech."""
CLEAN_SHARE, GATED_SHARE, BAND_SHARE = 0.1, 0.04, 0.3
"""Shares without noise, with noise only where there is speech, and within a band."""
LATE_SHARE = 0.5
LEAD_S = 0.1, 0.7
"""Share in which noise is heard before speech, as recordings begin, and for how long."""
FULL_SCALE = 16.0
"""Level in a stretch that is the largest whole number on disk."""
HELD_BACK_SHARE = 0.03
"""Share of the stretches of each kind that no training sees; their speakers and noises are in the others."""


def opened(pool: Path, kinds: Iterable[str], *, held_back: bool = False) -> dict[str, np.ndarray]:
    """Open stretches of some kinds of speech and of noise: those to train on or those to validate on."""
    stored = {kind: np.load(pool / f"{kind}.npy", mmap_mode="r") for kind in (*kinds, "noise")}
    first = {kind: len(all_) - max(1, round(HELD_BACK_SHARE * len(all_))) for kind, all_ in stored.items()}
    return {kind: all_[first[kind] :] if held_back else all_[: first[kind]] for kind, all_ in stored.items()}


@dataclass(frozen=True)
class Mixtures:
    """A source of batches: mixtures of stretches, each step's drawn from its number alone."""

    stretches: dict[str, np.ndarray]
    """Of each kind, ``[N, 2 or 1, T]`` in whole numbers: speech as recorded and as wanted; noise."""
    shares: dict[str, float]
    """Shares of the kinds of speech."""
    rate_hz: int
    """Of the mixtures, 16000 or 8000."""
    seed: int
    """Of everything random."""
    batch_size: int
    steps_per_epoch: int

    @property
    def length(self) -> int:
        """Samples of a mixture."""
        return round(SEGMENT_S * self.rate_hz)

    @property
    def digest(self) -> str:
        """What a training that goes on must find unchanged."""
        counts = {kind: len(stored) for kind, stored in self.stretches.items()}
        return json.dumps([counts, self.shares, self.seed])

    def batch(self, step: int) -> Batch:
        """Mixtures of a step."""
        random = np.random.default_rng([self.seed, step])
        mixed, clean = np.stack([self._mixture(random) for _ in range(self.batch_size)], axis=1)
        return Batch(to_tensor(mixed), to_tensor(clean))

    def close(self) -> None:
        """Nothing runs beside a training."""

    def _mixture(self, random: np.random.Generator) -> np.ndarray:
        heard, wanted = self._late(self._speech(random), random)
        noise = self._noise(random)
        if random.random() < GATED_SHARE:
            power = np.convolve(wanted**2, np.full(self.rate_hz // 10, 10 / self.rate_hz), "same")
            noise = noise * np.convolve(power > 0.01, np.full(400, 1 / 400), "same")
        snr_db = np.clip(random.normal(SNR_DB, SNR_SPREAD_DB), -9, 24)
        gain = 0 if random.random() < CLEAN_SHARE else 10 ** (-snr_db / 20)
        spectra = scipy.fft.rfft(np.stack([heard + gain * noise, wanted])) * self._band(random)
        mixed, clean = scipy.fft.irfft(spectra, self.length)
        level = 10 ** (random.uniform(-40, -8) / 20) * random.choice([-1, 1])
        return level * np.stack([_recorded(mixed, random), clean])

    def _speech(self, random: np.random.Generator) -> np.ndarray:
        """A part of a stretch at an active level of 1; a silent one is drawn again."""
        kind = random.choice(list(self.shares), p=list(self.shares.values()))
        pair = self._part(kind, random)
        return pair / active_level(pair[1]) if np.sqrt(np.mean(pair[1] ** 2)) > 0.1 else self._speech(random)

    def _late(self, pair: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Speech that begins after a while, for some; ``[2, T]`` in and out."""
        if random.random() >= LATE_SHARE:
            return pair
        lead = round(random.uniform(*LEAD_S) * self.rate_hz)
        fade_in = np.minimum(1, np.arange(self.length - lead) / (0.02 * self.rate_hz))
        return np.pad(pair[:, : self.length - lead] * fade_in, ((0, 0), (lead, 0)))

    def _noise(self, random: np.random.Generator) -> np.ndarray:
        """Noise of variance 1: one stretch, often two, at times three, those behind up to 10 dB weaker."""
        noise = np.zeros(self.length, np.float32)
        for index in range(1 + (random.random() < 0.35) + (random.random() < 0.1)):
            part = self._part("noise", random)[0]
            weaker = 10 ** (random.uniform(-10, 0) / 20) if index else 1.0
            noise += weaker * random.choice([-1, 1]) * part / (np.sqrt(np.mean(part**2)) + 0.01)
        return noise / (np.sqrt(np.mean(noise**2)) + 1e-6)

    def _part(self, kind: str, random: np.random.Generator) -> np.ndarray:
        """A random part of a random stretch, ``[2 or 1, T]``, at the rate of the mixtures."""
        stored = self.stretches[kind]
        factor = 16000 // self.rate_hz
        start = random.integers(LENGTH - factor * self.length + 1)
        part = stored[random.integers(len(stored)), :, start : start + factor * self.length]
        part = part.astype(np.float32) * np.float32(FULL_SCALE / 32767)
        return part if factor == 1 else soxr.resample(part.T, 16000, self.rate_hz).T[:, : self.length]

    def _band(self, random: np.random.Generator) -> np.ndarray:
        """Gain of a telephone's or a codec's band in each bin; mostly 1."""
        frequency_hz = np.fft.rfftfreq(self.length, 1 / self.rate_hz).astype(np.float32)
        gain = np.ones(len(frequency_hz), np.float32)
        if random.random() >= BAND_SHARE:
            return gain
        telephone, steepness = random.random() < 0.5, random.uniform(0.03, 0.15)
        any_hz = np.exp(random.uniform(np.log(2600), np.log(0.48 * self.rate_hz)))
        high_hz = random.uniform(3200, 3700) if telephone else any_hz
        if high_hz < 0.47 * self.rate_hz:
            gain /= 1 + np.exp((frequency_hz - high_hz) / (steepness * high_hz))
        if random.random() < 0.6:
            low_hz = random.uniform(60, 400)
            gain /= 1 + np.exp((low_hz - frequency_hz) / (2 * steepness * low_hz))
        return gain


def _recorded(signal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A signal as some devices give it: clipped, in mu-law, with an offset; mostly as it is."""
    draw, largest = random.random(), np.abs(signal).max() + 1e-6
    if draw < 0.07:
        limit = np.quantile(np.abs(signal), random.uniform(0.97, 0.9999))
        return signal.clip(-limit, limit)
    if draw < 0.12:
        code = np.round(127 * np.log1p(255 * np.abs(signal) / largest) / np.log(256)) / 127
        return np.sign(signal) * largest * np.expm1(code * np.log(256)) / 255
    return signal + 0.3 * random.normal() if draw < 0.17 else signal
