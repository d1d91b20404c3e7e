"""Adversarial losses, of logits ``[B, *]`` that are above 0 for clean, and feature matching."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dan.losses.reconstruction import FLOOR
from dan.networks.discriminators import Judgement
from dan.networks.processes import whole_mean


def discriminator_loss(kind: str, *, clean: Tensor, denoised: Tensor) -> Tensor:
    """Discriminator's loss: how badly its logits tell clean from denoised signals, the mean of both.

    Args:
        kind: `bce` (Goodfellow et al., 2014), `least_squares` (Mao et al., 2017), `hinge` (Lim and Ye, 2017).
        clean: logits of clean signals.
        denoised: logits of the generator's outputs.
    """
    if kind == "bce":
        return (F.softplus(-clean).mean() + F.softplus(denoised).mean()) / 2
    if kind == "least_squares":
        return ((clean - 1).square().mean() + denoised.square().mean()) / 2
    return (F.relu(1 - clean).mean() + F.relu(1 + denoised).mean()) / 2


def adversarial_loss(kind: str, *, denoised: Tensor) -> Tensor:
    """Adversarial loss of the generator: how badly its outputs pass for clean, from their logits."""
    if kind == "bce":
        return F.softplus(-denoised).mean()
    if kind == "least_squares":
        return (denoised - 1).square().mean()
    return -denoised.mean()


def feature_matching_loss(*, estimate: Judgement, reference: Judgement) -> Tensor:
    """L1 between the discriminator's features of outputs and of clean signals, each relative to clean.

    Source: A. Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016.
    """
    pairs = zip(estimate.features, reference.features, strict=True)
    terms = [(a - b.detach()).abs().mean() / (whole_mean(b.detach().abs().mean()) + FLOOR) for a, b in pairs]
    return torch.stack(terms).mean()
