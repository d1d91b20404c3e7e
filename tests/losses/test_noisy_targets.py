"""What noisy targets would mislead is left out, and no more."""

import torch

from dan.losses.noisy_targets import for_noisy_targets
from dan.losses.reconstruction import snr_loss


def test_the_snr_is_the_only_loss_and_noise_is_varied_alike(tiny):
    recipe = tiny({
        "losses.weights.adversarial": 1.0,
        "augmentation.clean_speed": [0.8, 1.2],
        "augmentation.gain_db": [-20.0, 10.0],
        "augmentation.invert_polarity": True,
        "augmentation.clean_only_share": 0.1,
    })  # fmt: skip
    reported = for_noisy_targets(recipe)
    weights = reported.losses.weights.model_dump()
    assert {name for name, weight in weights.items() if weight} == {"snr"}
    assert not reported.losses.needs_discriminator
    varied = reported.augmentation
    assert varied.gain_db == (-20.0, 10.0) and varied.invert_polarity
    assert varied.clean_speed == 1.0 and varied.clean_only_share == 0.0
    assert reported.training == recipe.training and reported.generator == recipe.generator


def test_the_snr_of_noisy_targets_is_best_at_the_clean_signal():
    """Over gains of the clean signal, targets with noise of their own have their least loss at 1."""
    torch.manual_seed(0)
    clean, noise = torch.randn(2, 400, 1, 500)
    losses = {gain: snr_loss(estimate=gain * clean, reference=clean + 2 * noise) for gain in (0.9, 1.0, 1.1)}
    assert min(losses, key=lambda gain: losses[gain].item()) == 1.0
