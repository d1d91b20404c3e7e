"""Losses of the generator and the discriminator.

Reconstruction, perceptual and adversarial losses on batches ``[B, C, T]``, and their weighted sum.
"""

from dan.losses._spectra import check_batch
from dan.losses.adversarial import adversarial_loss, discriminator_loss, feature_matching_loss
from dan.losses.perceptual import envelope_loss, loudness_loss
from dan.losses.reconstruction import compressed_loss, l1_loss, l2_loss, multi_resolution_stft_loss, snr_loss
from dan.losses.total import RECONSTRUCTION, balanced_gradient, generator_losses, judged_weights

__all__ = [
    "RECONSTRUCTION",
    "adversarial_loss",
    "balanced_gradient",
    "check_batch",
    "compressed_loss",
    "discriminator_loss",
    "envelope_loss",
    "feature_matching_loss",
    "generator_losses",
    "judged_weights",
    "l1_loss",
    "l2_loss",
    "loudness_loss",
    "multi_resolution_stft_loss",
    "snr_loss",
]
