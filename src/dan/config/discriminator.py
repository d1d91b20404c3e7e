"""Section `[discriminator]`: one class of settings for each kind of judging network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from dan.config._strides import check_strides
from dan.config.base import Settings, Unit


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


Discriminator = Annotated[
    ClassicDiscriminatorSettings | SpectralDiscriminatorSettings, Field(discriminator="kind")
]
