"""Replay: what a model that is trained further is held to, so that it keeps what it knew.

The recordings that a model was first trained on are not at hand when it is fine-tuned. In their place stand
mixtures that are synthesised from the clean signals of the batch, played backwards and equalised so that they
are other voices, and noise of random colours; the target is what the model gave for them at the start.

Source: Z. Li and D. Hoiem, "Learning without forgetting", 2016.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SNR_DB = (-5.0, 20.0)
"""Lowest and highest SNR of a replayed mixture."""
SLOPE_DB = (-6.0, 1.0)
"""Steepest fall and rise of the noise's spectrum, per octave."""
EQUALISER_DB = 4.0
"""Standard deviation of the equaliser's gain at each of its points."""
POINTS = 9
"""Points of the equaliser, evenly from 0 Hz to half the rate."""
FLOOR = 1e-8
"""Added to energies before a division."""


def replayed(clean: Tensor, *, random: torch.Generator) -> Tensor:
    """Synthesise mixtures in the manner of the training from clean signals of a batch.

    Args:
        clean: ``[B, 1, T]``.
        random: source of the equalisers, noises and SNRs.

    Returns:
        As many mixtures of the same shape; silence where the clean signal is silent.
    """
    length = clean.shape[-1]
    spectrum = torch.fft.rfft(clean.flip(-1)) * _equaliser(len(clean), length // 2 + 1, random).to(clean)
    voice = torch.fft.irfft(spectrum, length)
    noise = _coloured(clean.shape, random).to(clean)
    snr_db = torch.empty(len(clean), 1, 1).uniform_(*SNR_DB, generator=random).to(clean)
    ratio = voice.square().mean(dim=-1, keepdim=True) / (noise.square().mean(dim=-1, keepdim=True) + FLOOR)
    return torch.as_tensor(voice + (ratio * 10 ** (-snr_db / 10)).sqrt() * noise)


def _equaliser(count: int, bins: int, random: torch.Generator) -> Tensor:
    """Gains of random smooth equalisers, ``[count, 1, bins]``."""
    gain_db = EQUALISER_DB * torch.randn(count, 1, POINTS, generator=random)
    gain_db = torch.nn.functional.interpolate(gain_db, size=bins, mode="linear", align_corners=True)
    return torch.as_tensor(10 ** (gain_db / 20))


def _coloured(shape: torch.Size, random: torch.Generator) -> Tensor:
    """Noise whose spectrum rises or falls by a random slope."""
    white = torch.fft.rfft(torch.randn(shape, generator=random))
    slope = torch.empty(shape[0], 1, 1).uniform_(*SLOPE_DB, generator=random) / (20 * math.log10(2))
    octaves_from_dc = torch.arange(white.shape[-1]).clamp(min=1) / white.shape[-1]
    return torch.as_tensor(torch.fft.irfft(white * octaves_from_dc**slope, shape[-1]))
