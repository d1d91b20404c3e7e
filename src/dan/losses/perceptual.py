"""Models of hearing: bands over the bins of a spectrum, the threshold in quiet, and loudness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

FIRST_BAND_BIN = 4.8
"""Centre of the lowest third of an octave, in bins."""

LOWEST_BARK, BELOW_HALF_RATE_BARK, BAND_BARK = 2.5, 0.75, 14 / 32
"""Critical bands go from 250 Hz to somewhat below half the rate, as telephones do, in steps of so much."""

LOUDNESS_POWER = 0.23
LOUDNESS_SCALE = 0.187
"""Of loudness in sone, as PESQ has it."""


@dataclass(frozen=True)
class CriticalBands:
    """Bands of equal width on the Bark scale."""

    held: Tensor
    """Which bins each band holds, ``[bins, bands]``: 0 or 1."""
    threshold: Tensor
    """Power that is just heard in quiet, ``[bands]``, where 1 is 0 dB of sound pressure."""


@lru_cache(maxsize=8)
def third_octaves(bins: int) -> Tensor:
    """Which bins each third of an octave holds, ``[bins, bands]``: 0 or 1, from the fifth bin up.

    Of fewer than six bins there is one band.
    """
    count = max(0, math.ceil(3 * math.log2(bins / FIRST_BAND_BIN) + 0.5))
    edges = FIRST_BAND_BIN * 2 ** ((torch.arange(count + 1) - 0.5) / 3)
    held = _held(torch.arange(bins).float(), edges)
    return held if held.shape[1] else torch.ones(bins, 1)


@lru_cache(maxsize=8)
def critical_bands(bins: int, sample_rate_hz: float) -> CriticalBands:
    """The critical bands over the bins from 0 to half the rate.

    Source: E. Zwicker and E. Terhardt, "Analytical expressions for critical-band rate and critical bandwidth
    as a function of frequency", 1980; the threshold: E. Terhardt, "Calculating virtual pitch", 1979.
    """
    half_hz = sample_rate_hz / 2
    frequency_hz = torch.linspace(0, 1, bins) * half_hz
    count = int((float(bark(torch.tensor(half_hz))) - BELOW_HALF_RATE_BARK - LOWEST_BARK) / BAND_BARK)
    held = _held(bark(frequency_hz), LOWEST_BARK + BAND_BARK * torch.arange(count + 1))
    centre_khz = (frequency_hz @ held) / held.sum(dim=0) / 1000
    threshold_db = (
        3.64 * centre_khz**-0.8 - 6.5 * torch.exp(-0.6 * (centre_khz - 3.3) ** 2) + 1e-3 * centre_khz**4
    )
    return CriticalBands(held, 10 ** (threshold_db / 10))


def bark(frequency_hz: Tensor) -> Tensor:
    """Critical-band rate of frequencies, in Bark."""
    return 13 * torch.atan(0.00076 * frequency_hz) + 3.5 * torch.atan((frequency_hz / 7500) ** 2)


def loudness(power: Tensor, threshold: Tensor) -> Tensor:
    """Loudness in sone of powers in critical bands ``[..., bands]``; what is not heard has 0.

    Source: E. Zwicker and R. Feldtkeller, "Das Ohr als Nachrichtenempfänger", 1967.
    """
    scale = LOUDNESS_SCALE * (threshold / 0.5) ** LOUDNESS_POWER
    return (scale * ((0.5 + 0.5 * power / threshold) ** LOUDNESS_POWER - 1)).clamp(min=0)


def _held(places: Tensor, edges: Tensor) -> Tensor:
    """Which places lie in each band between two edges, ``[places, bands]``; no band is without any."""
    held = ((places[:, None] >= edges[:-1]) & (places[:, None] < edges[1:])).float()
    return held[:, held.sum(dim=0) > 0]
