"""A judge trained afresh on a generator's outputs, of another architecture than its discriminator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dan.config import ClassicDiscriminatorSettings, SignalSettings
from dan.core.arrays import Signal
from dan.data.batches import to_tensor
from dan.losses import discriminator_loss
from dan.networks.discriminators import DiscriminatorBase, build_discriminator

LONGEST = 512
"""Samples that are judged at once; longer signals are cut."""
STEPS, BATCH = 240, 64
SETTINGS = ClassicDiscriminatorSettings(hidden_channels=12, depth=3, hidden_units=16)
"""Convolutions over samples, where the discriminator that trains looks at log spectra."""


def rightly_judged(
    *, training: tuple[Signal, Signal], judged: tuple[Signal, Signal], seed: int
) -> np.ndarray:
    """Return the share of pieces of each judged pair that a judge tells rightly: 0.5 is guessing.

    Args:
        training: clean signals and outputs ``[N, T]`` that the judge learns from.
        judged: clean signals and outputs ``[M, T]`` that it is asked about.
        seed: of the judge's weights and batches.
    """
    real, fake = (_pieces(each) for each in training)
    torch.manual_seed(seed)
    length = real.shape[-1]
    judge = build_discriminator(SETTINGS, SignalSettings(sample_rate_hz=1, duration_s=length))
    adam = torch.optim.Adam(judge.parameters(), lr=2e-3)
    random = np.random.default_rng(seed)
    for _ in range(STEPS):
        rows = random.integers(len(real), size=BATCH)
        loss = discriminator_loss("bce", clean=_said(judge, real[rows]), denoised=_said(judge, fake[rows]))
        adam.zero_grad()
        torch.autograd.backward(loss)
        adam.step()
    judge.eval()
    with torch.inference_mode():
        right = [(sign * _said(judge, _pieces(each)) > 0) for sign, each in zip((1, -1), judged, strict=True)]
    shares = torch.stack(right).float().mean(dim=0)
    return shares.reshape(len(judged[0]), -1).mean(dim=-1).double().numpy()


def _pieces(signals: Signal) -> Tensor:
    """Cut ``[N, T]`` into whole pieces ``[*, 1, T]`` of an RMS of 1 together with their neighbours."""
    level = np.sqrt(np.mean(signals**2, axis=-1, keepdims=True)) + 1e-9
    length = min(LONGEST, signals.shape[-1])
    count = signals.shape[-1] // length
    return to_tensor((signals / level)[:, : count * length].reshape(-1, length))


def _said(judge: DiscriminatorBase, pieces: Tensor) -> Tensor:
    return judge(pieces, pieces).logits[:, 0]
