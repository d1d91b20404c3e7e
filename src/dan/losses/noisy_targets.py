"""Losses that noisy targets do not mislead.

A target with noise of its own is right on the mean, and so a squared error leads where a clean target would
lead. Magnitudes, envelopes and loudness of a noisy target are too large on the mean, and a discriminator that
is shown noisy targets asks for noise.
"""

from __future__ import annotations

from dan.config import LossSettings, LossWeights, Recipe


def for_noisy_targets(recipe: Recipe) -> Recipe:
    """The recipe with the SNR as its only loss: the logarithm of the squared error of each signal.

    The logarithm weighs a signal by one over its error, which is even in the target's noise: what is
    symmetric about the clean signal stays so. What would vary a recording's noise unlike the noise that is
    added is set back: speeds, equalisers, pauses and shares without noise.
    """
    losses = LossSettings(weights=LossWeights(l1=0.0, snr=1.0))
    names = ("gain_db", "added_noise_db", "invert_polarity")
    kept = {name: getattr(recipe.augmentation, name) for name in names}
    augmentation = type(recipe.augmentation)(**kept)
    return recipe.model_copy(update={"losses": losses, "augmentation": augmentation})
