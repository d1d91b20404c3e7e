"""What the generator and the discriminator minimise.

Reconstruction, perceptual and adversarial losses on batches ``[B, C, T]``.
"""
