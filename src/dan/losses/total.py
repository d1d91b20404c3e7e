"""The weighted sum that a generator minimises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dan.config import LossSettings
from dan.core.errors import DanError
from dan.losses._spectra import check_batch
from dan.losses.adversarial import adversarial_loss, feature_matching_loss
from dan.losses.perceptual import envelope_loss, loudness_loss
from dan.losses.reconstruction import (
    FLOOR,
    compressed_loss,
    l1_loss,
    l2_loss,
    multi_resolution_stft_loss,
    snr_loss,
)
from dan.networks import processes
from dan.networks.discriminators import DiscriminatorBase

RECONSTRUCTION: dict[str, Callable[..., Tensor]] = {
    "l1": l1_loss,
    "l2": l2_loss,
    "snr": snr_loss,
    "multi_resolution_stft": multi_resolution_stft_loss,
    "compressed": compressed_loss,
    "envelope": envelope_loss,
    "loudness": loudness_loss,
}


def reconstruction_options(settings: LossSettings, sample_rate_hz: float) -> dict[str, dict[str, Any]]:
    """Return the options of the reconstruction losses, by name."""
    frame = {"n_fft": settings.n_fft}
    return {
        "snr": {"ceiling_db": settings.snr_ceiling_db},
        "multi_resolution_stft": {"fft_sizes": settings.fft_sizes},
        "compressed": {"oversuppression_weight": settings.oversuppression_weight, **frame},
        "envelope": frame,
        "loudness": {"sample_rate_hz": sample_rate_hz, **frame},
    }


def generator_losses(
    settings: LossSettings,
    *,
    estimate: Tensor,
    reference: Tensor,
    sample_rate_hz: float,
    discriminator: DiscriminatorBase | None = None,
    beside: Tensor | None = None,
    adversarial_share: float = 1.0,
) -> dict[str, Tensor]:
    """Return the weighted terms of the generator's loss by name; their sum is what it minimises.

    A term of weight zero is not computed. The discriminator's own weights must not require gradients here,
    or they collect some that the discriminator's step has to clear.

    Args:
        settings: the weights.
        estimate: the generator's output ``[B, C, T]``.
        reference: the clean signals ``[B, C, T]``.
        sample_rate_hz: of both.
        discriminator: needed where the adversarial or the feature matching weight is above zero.
        beside: what the discriminator judges the signals beside, ``[B, C, T]``; the reference if left out.
        adversarial_share: factor of those two weights, from 0 to 1, while they are warmed up.

    Raises:
        DanError: if the shapes differ, are not ``[B, C, T]``, or no discriminator was given where one is
            needed.
    """
    check_batch(estimate=estimate, reference=reference)
    weights = {name: getattr(settings.weights, name) for name in RECONSTRUCTION}
    options = reconstruction_options(settings, sample_rate_hz)
    terms = {
        name: weight * RECONSTRUCTION[name](estimate=estimate, reference=reference, **options.get(name, {}))
        for name, weight in weights.items()
        if weight > 0
    }
    if settings.needs_discriminator and adversarial_share > 0:
        beside = reference if beside is None else beside
        weights = judged_weights(settings, adversarial_share)
        losses = _judged(settings, estimate, reference, beside, discriminator)
        terms |= {name: weights[name] * loss for name, loss in losses.items()}
    return terms


def judged_weights(settings: LossSettings, share: float = 1.0) -> dict[str, float]:
    """Return the weights of the terms that a discriminator gives, where they are warmed up to a share."""
    weights = settings.weights
    pairs = {"adversarial": weights.adversarial, "feature_matching": weights.feature_matching}
    return {name: share * weight for name, weight in pairs.items() if share * weight > 0}


def balanced_gradient(
    terms: dict[str, Tensor], *, estimate: Tensor, judged: dict[str, float]
) -> tuple[Tensor, dict[str, float]]:
    """Return the gradient at the generator's output in which the judged terms have stated shares.

    Source: A. Defossez et al., "High fidelity neural audio compression", 2022 (a balancer of losses), after
    P. Esser et al., "Taming transformers for high-resolution image synthesis", 2021 (an adaptive weight).

    Args:
        terms: of the generator's loss, by name, which depend on the estimate.
        estimate: the generator's output ``[B, C, T]``.
        judged: the terms to rescale, each with the norm that its gradient should have, relative to that
            of all others together.

    Returns:
        The gradient, and by which factor each judged term was multiplied.
    """
    rest = torch.stack([term for name, term in terms.items() if name not in judged]).sum()
    (total,) = torch.autograd.grad(rest, estimate)
    norm, factors = processes.whole_norm(total), {}
    for name, share in judged.items():
        (gradient,) = torch.autograd.grad(terms[name], estimate, retain_graph=True)
        factors[name] = float(share * norm / (processes.whole_norm(gradient) + FLOOR))
        total = total + factors[name] * gradient
    return total, factors


def _judged(
    settings: LossSettings,
    estimate: Tensor,
    reference: Tensor,
    beside: Tensor,
    discriminator: DiscriminatorBase | None,
) -> dict[str, Tensor]:
    if discriminator is None:
        raise DanError(
            "losses.weights.adversarial", "it needs a discriminator", "Give one, or set the weight to 0"
        )
    judgement = discriminator(estimate, beside)
    losses = {}
    if settings.weights.adversarial > 0:
        losses["adversarial"] = adversarial_loss(settings.adversarial_kind, denoised=judgement.logits)
    if settings.weights.feature_matching > 0:
        with torch.no_grad():
            truth = discriminator(reference, beside)
        losses["feature_matching"] = feature_matching_loss(estimate=judgement, reference=truth)
    return losses
