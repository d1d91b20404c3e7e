"""The whole recipe, and what its sections must agree on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from dan.config.augmentation import AugmentationSettings
from dan.config.base import Settings
from dan.config.data import DataSettings, RecordingsSettings
from dan.config.discriminator import (
    ClassicDiscriminatorSettings,
    Discriminator,
    MetricDiscriminatorSettings,
)
from dan.config.generator import ClassicGeneratorSettings, Generator, SpectralGeneratorSettings
from dan.config.losses import SIGNED, LossSettings
from dan.config.noise import NoiseSettings
from dan.config.signal import SignalSettings, ToneSettings
from dan.config.training import (
    FineTuningSettings,
    OptimiserSettings,
    RefinementSettings,
    ScheduleSettings,
    TrainingSettings,
)

LOUDNESS_MIN_HZ = 2000
"""Lowest sampling rate of the loudness loss: below it hearing has few bands."""
PESQ_RATES_HZ = (8000, 16000)


class Recipe(Settings):
    """A whole training run."""

    name: str
    """Name of the recipe."""
    summary: str
    """Purpose in one line."""
    expected: str = "not measured"
    """Result to expect, measured on held-out signals, with hardware and time."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of everything random."""
    signal: SignalSettings = SignalSettings()
    clean: ToneSettings = ToneSettings()
    noise: NoiseSettings = NoiseSettings()
    data: DataSettings = DataSettings()
    recordings: RecordingsSettings = RecordingsSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    generator: Generator = ClassicGeneratorSettings()
    discriminator: Discriminator = ClassicDiscriminatorSettings()
    losses: LossSettings = LossSettings()
    generator_optimiser: OptimiserSettings = OptimiserSettings()
    discriminator_optimiser: OptimiserSettings = OptimiserSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    training: TrainingSettings = TrainingSettings()
    fine_tuning: FineTuningSettings = FineTuningSettings()
    refinement: RefinementSettings = RefinementSettings()

    @model_validator(mode="after")
    def _below_half_the_rate(self) -> Recipe:
        rate_hz = self.signal.sample_rate_hz
        if self.losses.weights.loudness and rate_hz < LOUDNESS_MIN_HZ:
            raise ValueError(
                f"losses.weights.loudness needs a signal.sample_rate_hz from {LOUDNESS_MIN_HZ} up"
            )
        wrong = [key for key, value_hz in self._at_most_half_the_rate().items() if value_hz > rate_hz / 2]
        wrong += [key for key, value_hz in self._below_half().items() if value_hz >= rate_hz / 2]
        if wrong:
            raise ValueError(
                f"{wrong[0]} reaches too far: half of signal.sample_rate_hz is {rate_hz / 2:g} Hz"
            )
        return self

    def _at_most_half_the_rate(self) -> dict[str, float]:
        highest_hz = {}
        if self.data.source != "recordings":
            highest_hz["clean.frequency_hz"] = self.clean.frequency_hz[1]
        if isinstance(self.generator, SpectralGeneratorSettings):
            highest_hz["generator.band_hz"] = self.generator.band_hz[1]
        return highest_hz

    def _below_half(self) -> dict[str, float]:
        below_hz = {"noise.hum_hz": self.noise.hum_hz}
        if "hum" in self.noise.kinds:
            below_hz["noise.mains_hz"] = max(self.noise.mains_hz)
        return below_hz

    @model_validator(mode="after")
    def _tells_the_sign(self) -> Recipe:
        if self.losses.reconstructs_sign or self.discriminator.kind == "classic":
            return self
        raise ValueError(
            f"losses.weights: a {self.discriminator.kind} discriminator judges magnitudes, and cannot "
            f"tell a signal from its polarity-flipped copy; give one of {', '.join(SIGNED)} a weight as well"
        )

    @model_validator(mode="after")
    def _a_metric_is_regressed(self) -> Recipe:
        judge = self.discriminator
        if not (self.losses.needs_discriminator and isinstance(judge, MetricDiscriminatorSettings)):
            return self
        if self.losses.adversarial_kind != "least_squares":
            raise ValueError("losses.adversarial_kind: the discriminator metric needs least_squares")
        if judge.metric == "pesq" and self.signal.sample_rate_hz not in PESQ_RATES_HZ:
            raise ValueError("discriminator.metric=pesq needs a signal.sample_rate_hz of 8000 or 16000")
        return self

    @model_validator(mode="after")
    def _networks_fit(self) -> Recipe:
        for name, network in (("generator", self.generator), ("discriminator", self.discriminator)):
            if not isinstance(network, ClassicGeneratorSettings | ClassicDiscriminatorSettings):
                continue
            if network.channels != 1:
                raise ValueError(f"{name}.channels={network.channels}: the signals have one channel")
            if self.training.batch_size < 2:  # batch normalisation needs more than one value
                raise ValueError(
                    f"training.batch_size={self.training.batch_size}: the {name} classic needs 2 or more"
                )
        return self
