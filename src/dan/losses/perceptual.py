"""Perceptual losses, after STOI and PESQ, and the models of hearing that they stand on.

Each loss takes ``estimate`` and ``reference`` of one shape ``[B, C, T]`` to a scalar, lowest where they are
equal. Both look at magnitudes alone: a flipped polarity costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from dan.losses._spectra import unit_level_spectra
from dan.losses.reconstruction import FLOOR, POWER_FLOOR
from dan.networks.processes import whole_sum

FIRST_BAND_BIN = 4.8
"""Centre of the lowest third of an octave, in bins."""

LOWEST_BARK, BELOW_HALF_RATE_BARK, BAND_BARK = 2.5, 0.75, 14 / 32
"""Critical bands go from 250 Hz to somewhat below half the rate, as telephones do, in steps of so much."""

LOUDNESS_POWER = 0.23
LOUDNESS_SCALE = 0.187
"""Exponent and scale of loudness in sone (P.862)."""

REFERENCE_POWER = 10**7.5
"""Power of a signal of RMS 1 in the loudness model: 75 dB SPL."""
MASKING_DEADZONE = 0.25
"""Share of the lesser of two loudnesses by which they may differ without being heard (P.862)."""
SYMMETRIC_WEIGHT, ASYMMETRIC_WEIGHT = 0.15, 0.012
"""Weights of the symmetric and the asymmetric disturbance (P.862), fitted to PESQ on mixtures."""

SEGMENT_FRAMES, SEGMENT_HOP_FRAMES = 24, 4
"""Length of the envelopes that are compared, and from one such segment to the next."""
QUIET_ENVELOPE = 1e-3
"""Energy of a band's envelope in a segment, relative to the strongest, below which it does not count."""
ENVELOPE_FLOOR = 1e-4
"""Added to the product of two envelopes' energies, where the signal's RMS level is 1."""


def envelope_loss(*, estimate: Tensor, reference: Tensor, n_fft: int = 256) -> Tensor:
    """1 less the correlation of the envelopes of bands, the mean over bands and segments of 24 frames.

    Bands are a third of an octave wide, from the fifth bin up. With frames of 32 ms they begin near 150 Hz
    and a segment lasts 0.4 s, as in STOI. Segments far below the signal's strongest do not count.
    A single frame has no envelope, and a loss of 0.

    Args:
        estimate: ``[B, C, T]``.
        reference: of the same shape.
        n_fft: length of the Hann-windowed frames, which overlap by half; at most the signal's.

    Source: C. Taal et al., "An algorithm for intelligibility prediction of time-frequency weighted noisy
    speech", 2011.
    """
    guess, truth = map(_envelopes, unit_level_spectra(estimate, reference, n_fft))
    energy = truth.square().sum(dim=-1)
    correlation = (guess * truth).sum(dim=-1) / (guess.square().sum(dim=-1) * energy + ENVELOPE_FLOOR).sqrt()
    counts = (energy > QUIET_ENVELOPE * energy.amax(dim=(-2, -1), keepdim=True)).to(energy.dtype)
    return whole_sum(((1 - correlation) * counts).sum()) / (whole_sum(counts.sum()) + 1)


def _envelopes(spectra: Tensor) -> Tensor:
    """Return segments of each band's envelope, ``[B, C, bands, segments, frames]``, mean 0."""
    power = spectra.square().sum(dim=-1)
    bands = third_octaves(power.shape[-1]).to(power)
    envelopes = (power @ bands + POWER_FLOOR).sqrt().transpose(-1, -2)
    segments = envelopes.unfold(-1, min(SEGMENT_FRAMES, envelopes.shape[-1]), SEGMENT_HOP_FRAMES)
    return segments - segments.mean(dim=-1, keepdim=True)


def loudness_loss(
    *, estimate: Tensor, reference: Tensor, sample_rate_hz: float = 8000.0, n_fft: int = 256
) -> Tensor:
    """Audible difference in loudness, as PESQ models it: the root mean square of its disturbance over frames.

    The symmetric disturbance of a critical band is the difference in loudness beyond a deadzone of masking;
    the asymmetric one weights it once more where the estimate adds power. The gain of a frame is partly
    compensated. Signals of RMS 1 stand for 75 dB SPL.

    Args:
        estimate: ``[B, C, T]``.
        reference: of the same shape.
        sample_rate_hz: sampling rate, from 2000 up: below, hearing has few bands.
        n_fft: length of the Hann-windowed frames, which overlap by half; at most the signal's.

    Source: ITU-T P.862, 2001 (the model); J. M. Martín-Doñas et al., "A deep learning loss function based on
    the perceptual evaluation of the speech quality", 2018 (the use). PESQ's filters, its time alignment and
    its weights of long passages are left out; the weights of the two parts are fitted to PESQ on mixtures.
    """
    spectra = unit_level_spectra(estimate, reference, n_fft)
    bins = spectra[0].shape[-2]
    bands = critical_bands(bins, sample_rate_hz)
    members, threshold = bands.members.to(estimate) * (REFERENCE_POWER / bins), bands.threshold.to(estimate)
    guess, truth = (one.square().sum(dim=-1) @ members for one in spectra)
    guess = guess * _gain_compensation(guess, truth)
    loud, wanted = loudness(guess, threshold), loudness(truth, threshold)
    disturbance = F.relu((loud - wanted).abs() - MASKING_DEADZONE * torch.minimum(loud, wanted))
    width, extent = BAND_BARK, BAND_BARK * members.shape[-1]
    symmetric = (extent * width * disturbance.square().sum(dim=-1) + FLOOR).sqrt()
    asymmetric = width * (disturbance * _asymmetry(guess, truth)).sum(dim=-1)
    frames = SYMMETRIC_WEIGHT * symmetric + ASYMMETRIC_WEIGHT * asymmetric
    return (frames.square().mean(dim=-1) + FLOOR).sqrt().mean()


def _gain_compensation(guess: Tensor, truth: Tensor) -> Tensor:
    """Return the gain that brings each frame to the reference's power, as far as PESQ compensates it."""
    guess, truth = (power.sum(dim=-1, keepdim=True) + 5e3 for power in (guess, truth))
    return (truth / guess).clamp(3e-4, 5)


def _asymmetry(guess: Tensor, truth: Tensor) -> Tensor:
    """Return PESQ's asymmetry factor of bands that hold more than the reference: 0, or from 3 to 12."""
    ratio = ((guess + 50) / (truth + 50)) ** 1.2
    return torch.where(ratio < 3, 0.0, ratio.clamp(max=12))


@dataclass(frozen=True)
class CriticalBands:
    """Bands of equal width on the Bark scale."""

    members: Tensor
    """1 for the bins of each band, ``[bins, bands]``, else 0."""
    threshold: Tensor
    """Power of the absolute threshold of hearing, ``[bands]``, where 1 is 0 dB SPL."""


@lru_cache(maxsize=8)
def third_octaves(bins: int) -> Tensor:
    """Return 1 for the bins of each third of an octave, ``[bins, bands]``, else 0; from the fifth bin up.

    Of fewer than six bins there is one band.
    """
    count = max(0, math.ceil(3 * math.log2(bins / FIRST_BAND_BIN) + 0.5))
    edges = FIRST_BAND_BIN * 2 ** ((torch.arange(count + 1) - 0.5) / 3)
    members = _members(torch.arange(bins).float(), edges)
    return members if members.shape[1] else torch.ones(bins, 1)


@lru_cache(maxsize=8)
def critical_bands(bins: int, sample_rate_hz: float) -> CriticalBands:
    """Return the critical bands over the bins from 0 to half the rate.

    Source: E. Zwicker and E. Terhardt, "Analytical expressions for critical-band rate and critical bandwidth
    as a function of frequency", 1980; the threshold: E. Terhardt, "Calculating virtual pitch", 1979.
    """
    half_hz = sample_rate_hz / 2
    frequency_hz = torch.linspace(0, 1, bins) * half_hz
    count = int((float(bark(torch.tensor(half_hz))) - BELOW_HALF_RATE_BARK - LOWEST_BARK) / BAND_BARK)
    members = _members(bark(frequency_hz), LOWEST_BARK + BAND_BARK * torch.arange(count + 1))
    centre_khz = (frequency_hz @ members) / members.sum(dim=0) / 1000
    threshold_db = (
        3.64 * centre_khz**-0.8 - 6.5 * torch.exp(-0.6 * (centre_khz - 3.3) ** 2) + 1e-3 * centre_khz**4
    )
    return CriticalBands(members, 10 ** (threshold_db / 10))


def bark(frequency_hz: Tensor) -> Tensor:
    """Return the critical-band rate of frequencies, in Bark."""
    return 13 * torch.atan(0.00076 * frequency_hz) + 3.5 * torch.atan((frequency_hz / 7500) ** 2)


def loudness(power: Tensor, threshold: Tensor) -> Tensor:
    """Return the loudness in sone of powers in critical bands ``[..., bands]``; what is not heard has 0.

    Source: E. Zwicker and R. Feldtkeller, "Das Ohr als Nachrichtenempfänger", 1967.
    """
    scale = LOUDNESS_SCALE * (threshold / 0.5) ** LOUDNESS_POWER
    return (scale * ((0.5 + 0.5 * power / threshold) ** LOUDNESS_POWER - 1)).clamp(min=0)


def _members(places: Tensor, edges: Tensor) -> Tensor:
    """Return 1 for the places in each band between two edges, ``[places, bands]``, without empty bands."""
    members = ((places[:, None] >= edges[:-1]) & (places[:, None] < edges[1:])).float()
    return members[:, members.sum(dim=0) > 0]
