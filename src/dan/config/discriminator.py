"""Section `[discriminator]`: one class of settings for each kind of judging network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from dan.config._strides import check_strides
from dan.config.base import Settings, Unit, check_rising


class ClassicDiscriminatorSettings(Settings):
    """The founding discriminator."""

    kind: Literal["classic"] = "classic"
    """Kind of discriminator."""
    hidden_channels: PositiveInt = 2
    """Channels of each convolutional layer."""
    kernel_size: Annotated[int, Field(ge=2, multiple_of=2)] = 32
    """Samples that a filter spans, an even number."""
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Number of convolutional layers."""
    stride: Annotated[int, Field(ge=1, le=8)] = 2
    """Samples from one output of a layer to the next."""
    hidden_units: PositiveInt = 8
    """Units of the linear layer before the last."""
    channels: PositiveInt = 1
    """Channels of the signal."""
    negative_slope: Unit = 0.01
    """Slope of the leaky ReLU for negative values."""

    @model_validator(mode="after")
    def _no_gaps(self) -> ClassicDiscriminatorSettings:
        check_strides(kernel_size=self.kernel_size, stride=self.stride, depth=self.depth)
        return self


class SpectralDiscriminatorSettings(Settings):
    """Small networks over log-magnitude spectra of several resolutions, which judge every patch."""

    kind: Literal["spectral"]
    """Kind of discriminator."""
    fft_sizes: Annotated[tuple[Annotated[int, Field(ge=4)], ...], Field(min_length=1)] = (64, 256)
    """Frame length in samples of each resolution; frames overlap by half."""
    hidden_channels: PositiveInt = 6
    """Channels of each layer."""
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Convolutional layers before the last, each of 3 frames by 5 bins, with a stride of 2 bins."""
    negative_slope: Unit = 0.1
    """Slope of the leaky ReLU for negative values."""


class BesideSettings(Settings):
    """Networks over log spectra of a signal beside another one: what both kinds below have in common."""

    fft_sizes: Annotated[tuple[Annotated[int, Field(ge=8)], ...], Field(min_length=1)] = (64, 128, 256)
    """Frame length in samples of each resolution; frames overlap by half."""
    hidden_channels: PositiveInt = 8
    """Channels of the first layer; the others have twice as many."""
    depth: Annotated[int, Field(ge=1, le=8)] = 3
    """Convolutional layers before the last, of 3 frames by 5 bins, with a stride of 2 along both, and in
    the first along bins alone."""
    floor_db: Annotated[float, Field(ge=-120, le=-10)] = -70.0
    """Power in a bin, relative to that of the noisy signal, below which nothing is told apart."""
    negative_slope: Unit = 0.1
    """Slope of the leaky ReLU for negative values."""


class ConditionalDiscriminatorSettings(BesideSettings):
    """Judges a signal beside the noisy input that it comes of, and is kept from winning and from sleeping."""

    kind: Literal["conditional"]
    """Kind of discriminator."""
    accuracy: tuple[Unit, Unit] = (0.65, 0.8)
    """Accuracy below which its learning rate rises and above which it falls, a little at each step."""

    @model_validator(mode="after")
    def _a_range(self) -> ConditionalDiscriminatorSettings:
        check_rising(accuracy=self.accuracy)
        return self


class MetricDiscriminatorSettings(BesideSettings):
    """Predicts how good speech is, from output and clean; the generator raises what it predicts."""

    kind: Literal["metric"]
    """Kind of discriminator."""
    metric: Literal["pesq", "stoi"] = "pesq"
    """Figure that is predicted: PESQ, less 1 and over 3.6, at 8000 or 16000 Hz, or STOI."""
    scored_signals: PositiveInt = 3
    """Outputs of each batch whose figure is taken: about 0.1 s each for PESQ."""


Discriminator = Annotated[
    ClassicDiscriminatorSettings
    | SpectralDiscriminatorSettings
    | ConditionalDiscriminatorSettings
    | MetricDiscriminatorSettings,
    Field(discriminator="kind"),
]
