"""Section `[losses]`: what the generator minimises."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dan.config.base import NonNegative, Settings

SIGNED = ("l1", "l2", "snr", "compressed")
"""Reconstruction losses that tell a signal from its polarity-flipped copy."""
SIGN_BLIND = ("multi_resolution_stft", "envelope", "loudness")
"""Reconstruction losses that look at magnitudes alone: the flipped signal is as good to them."""


class LossWeights(Settings):
    """Weights of the sum that the generator minimises; a loss of weight 0 is not computed."""

    l1: NonNegative = 1.0
    """Mean absolute error."""
    l2: NonNegative = 0.0
    """Mean squared error."""
    snr: NonNegative = 0.0
    """Negative output SNR in dB, the mean over signals."""
    multi_resolution_stft: NonNegative = 0.0
    """Spectral convergence plus log-magnitude error, the mean over several frame lengths."""
    compressed: NonNegative = 0.0
    """Squared error of short-time spectra with compressed magnitudes: of magnitudes twice, complex once."""
    envelope: NonNegative = 0.0
    """1 less the correlation of the envelopes of third-octave bands, after STOI (intelligibility); levels do
    not matter to it, so it stands beside another."""
    loudness: NonNegative = 0.0
    """Audible difference in loudness, after PESQ (quality); for rates from 2000 Hz up."""
    adversarial: NonNegative = 0.0
    """Adversarial loss: how badly the output passes for clean."""
    feature_matching: NonNegative = 0.0
    """L1 between the discriminator's features of output and clean."""


class LossSettings(Settings):
    """Loss of the generator: a weighted sum."""

    weights: LossWeights = LossWeights()
    """Weight of each loss."""
    n_fft: Annotated[int, Field(ge=8)] = 256
    """Frame length in samples of `compressed`, `envelope` and `loudness`; 32 ms for what is to be heard."""
    fft_sizes: Annotated[tuple[Annotated[int, Field(ge=4)], ...], Field(min_length=1)] = (32, 64, 128)
    """Frame lengths in samples of `multi_resolution_stft`; those above the signal's length are left out."""
    oversuppression_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight in `compressed` of a magnitude below clean, where one above has 1: the more, the less is taken
    away that should stay."""
    snr_ceiling_db: Annotated[float, Field(gt=0, le=100)] = 80.0
    """SNR at which `snr` levels off: signals that are nearly clean already do not outweigh the others."""
    adversarial_kind: Literal["bce", "least_squares", "hinge"] = "bce"
    """Form of the adversarial loss: binary cross-entropy with logits, least squares, hinge."""
    adversarial_warmup_epochs: NonNegative = 0.0
    """Epochs over which the adversarial and feature matching weights rise from 0."""
    adversarial_start_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs of reconstruction alone before the adversarial part begins: it works best on what has settled,
    and costs no time before."""
    adversarial_balance: Literal["fixed", "gradient"] = "fixed"
    """`gradient` takes both weights as shares of the norm of the reconstruction's gradient at the output."""
    max_snr_cost_db: NonNegative = 0.0
    """Validation SNR that the adversarial part may cost: beyond it, it pauses, and the generator kept is the
    latest within it; 0 for no limit, and the generator of the best SNR."""

    @model_validator(mode="after")
    def _something_to_minimise(self) -> LossSettings:
        weights = self.weights.model_dump()
        if self.reconstructs_sign:
            return self
        blind = [name for name in SIGN_BLIND if weights[name]]
        if blind and not self.needs_discriminator:
            raise ValueError(
                f"weights: {', '.join(blind)} cannot tell a signal from its polarity-flipped copy; "
                f"give one of {', '.join(SIGNED)} a weight as well"
            )
        late = self.adversarial_warmup_epochs or self.adversarial_start_epochs
        if not self.needs_discriminator or late or self.adversarial_balance == "gradient":
            raise ValueError(
                "weights: one is above 0, of a reconstruction loss while the adversarial one warms up or is "
                "held against it"
            )
        return self

    @property
    def reconstructs_sign(self) -> bool:
        """Return whether a reconstruction loss tells a signal from its polarity-flipped copy."""
        return any(getattr(self.weights, name) for name in SIGNED)

    @property
    def needs_discriminator(self) -> bool:
        """Return whether a discriminator is trained at all."""
        return self.weights.adversarial > 0 or self.weights.feature_matching > 0
