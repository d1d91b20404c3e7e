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
from dan.losses.reconstruction import compressed_loss, l1_loss, l2_loss, multi_resolution_stft_loss, snr_loss
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
        terms |= _judged(settings, estimate, reference, discriminator, adversarial_share)
    return terms


def _judged(
    settings: LossSettings,
    estimate: Tensor,
    reference: Tensor,
    discriminator: DiscriminatorBase | None,
    share: float,
) -> dict[str, Tensor]:
    if discriminator is None:
        raise DanError(
            "losses.weights.adversarial", "it needs a discriminator", "Give one, or set the weight to 0"
        )
    judgement = discriminator(estimate)
    terms = {}
    if settings.weights.adversarial > 0:
        loss = adversarial_loss(settings.adversarial_kind, denoised=judgement.logits)
        terms["adversarial"] = share * settings.weights.adversarial * loss
    if settings.weights.feature_matching > 0:
        with torch.no_grad():
            truth = discriminator(reference)
        loss = feature_matching_loss(estimate=judgement, reference=truth)
        terms["feature_matching"] = share * settings.weights.feature_matching * loss
    return terms
