"""Section `[generator]`: one class of settings for each kind of denoising network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from dan.config._strides import check_strides
from dan.config.base import NonNegative, Settings, Unit


class ClassicGeneratorSettings(Settings):
    """The founding convolutional autoencoder."""

    kind: Literal["classic"] = "classic"
    """Kind of generator."""
    encoder_channels: PositiveInt = 6
    """Channels of each encoder layer."""
    decoder_channels: PositiveInt = 16
    """Channels of each decoder layer."""
    kernel_size: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    """Samples that a filter spans, an even number."""
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Layers of the encoder, and of the decoder."""
    stride: Annotated[int, Field(ge=1, le=8)] = 2
    """Samples from one output of an encoder layer to the next."""
    channels: PositiveInt = 1
    """Channels of the signal, in and out."""
    negative_slope: Unit = 0.05
    """Slope of the leaky ReLU for negative values."""

    @model_validator(mode="after")
    def _no_gaps(self) -> ClassicGeneratorSettings:
        check_strides(kernel_size=self.kernel_size, stride=self.stride, depth=self.depth)
        return self


class SpectralGeneratorSettings(Settings):
    """A network along the frequency axis of one frame: the whole signal."""

    kind: Literal["spectral"]
    """Kind of generator."""
    padding_factor: Annotated[float, Field(ge=1, le=8)] = 2.0
    """Length of the zero-padded transform over that of the signal."""
    band_hz: tuple[NonNegative, NonNegative] = (7.0, 67.0)
    """Band that the network sees: the signals' and three periods of the frame (3 / duration) beyond it."""
    residual_channels: PositiveInt = 24
    """Channels between blocks."""
    hidden_channels: PositiveInt = 24
    """Channels within a block."""
    kernel_bins: Annotated[int, Field(ge=1, le=63)] = 5
    """Frequency bins that a filter spans, an odd number."""
    dilations: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 2, 4, 8, 4, 2, 1)
    """Frequency bins from one tap of a block's filters to the next; one block for each."""
    activation: Literal["relu", "gelu"] = "relu"
    """Activation between the convolutions; the smooth one costs a quarter more time and is more precise in
    the end."""
    normalise_level: bool = False
    """Bring each frame to an RMS of 1 on the way in and back on the way out: any level comes out alike."""

    @model_validator(mode="after")
    def _centred(self) -> SpectralGeneratorSettings:
        if self.kernel_bins % 2 == 0 or self.band_hz[0] >= self.band_hz[1]:
            raise ValueError(f"kernel_bins={self.kernel_bins} is odd, band_hz={list(self.band_hz)} rises")
        return self


class ShortTimeSettings(Settings):
    """Settings of all networks over short frames, whose latency and cost the recipe chooses."""

    n_fft: Annotated[int, Field(ge=4, multiple_of=2)] = 256
    """Length of a frame in samples, which is the latency where nothing is looked ahead."""
    hop_length: PositiveInt = 128
    """Samples from one frame to the next, a divisor of n_fft and less than it."""
    lookahead_frames: Annotated[int, Field(ge=0, le=64)] = 0
    """Further frames that the network sees before it decides on one; each adds a hop to the latency."""
    compression: Annotated[float, Field(gt=0, le=1)] = 0.4
    """Exponent of the magnitudes on the way in (power-law compression)."""
    level_frames: Annotated[int, Field(ge=2)] = 100
    """Frames over which the level is averaged, the present one and those before."""

    @model_validator(mode="after")
    def _overlapping(self) -> ShortTimeSettings:
        if self.n_fft % self.hop_length or self.hop_length == self.n_fft:
            raise ValueError(
                f"hop_length={self.hop_length} is a divisor of n_fft={self.n_fft}, and less than it"
            )
        return self


class CausalGeneratorSettings(ShortTimeSettings):
    """Convolutions over past frames and over bands of neighbouring bins."""

    kind: Literal["causal"]
    """Kind of generator."""
    bins_per_band: PositiveInt = 4
    """Neighbouring frequency bins folded into the channels (space-to-depth), so that the network runs over
    n_fft / 2 / bins_per_band bands; a divisor of n_fft / 2."""
    residual_channels: PositiveInt = 24
    """Channels between blocks."""
    hidden_channels: PositiveInt = 20
    """Channels within a block."""
    kernel_frames: Annotated[int, Field(ge=1, le=15)] = 2
    """Frames that a filter spans, the present one included."""
    kernel_bands: Annotated[int, Field(ge=1, le=63)] = 3
    """Bands that a filter spans, an odd number."""
    dilations: Annotated[tuple[tuple[PositiveInt, PositiveInt], ...], Field(min_length=1)] = (
        (1, 1),
        (2, 2),
        (4, 4),
        (8, 8),
        (16, 1),
        (32, 2),
    )
    """Frames and bands from one tap of a block's filters to the next; one block for each pair."""

    @model_validator(mode="after")
    def _fits(self) -> CausalGeneratorSettings:
        if self.n_fft % (2 * self.bins_per_band):
            raise ValueError(f"bins_per_band={self.bins_per_band} divides n_fft / 2 = {self.n_fft // 2}")
        if self.kernel_bands % 2 == 0:
            raise ValueError(f"kernel_bands={self.kernel_bands} is an odd number")
        return self


class RecurrentGeneratorSettings(ShortTimeSettings):
    """A GRU over time at each of few bands of the spectrum, and attention over the bands."""

    kind: Literal["recurrent"]
    """Kind of generator."""
    stride_bins: Annotated[int, Field(ge=2, multiple_of=2)] = 4
    """Frequency bins from one position of the outer, convolutional network to the next; a divisor of
    n_fft / 2."""
    filters: PositiveInt = 24
    """Channels of the outer network."""
    depth: PositiveInt = 2
    """Residual convolutions of the outer network on the way in, and as many on the way out."""
    bands: PositiveInt = 24
    """Bands of the inner, recurrent network: at most the positions of the outer one."""
    hidden_channels: PositiveInt = 20
    """Channels of the inner network."""
    blocks: PositiveInt = 2
    """GRUs, each with attention after it."""

    @model_validator(mode="after")
    def _fits(self) -> RecurrentGeneratorSettings:
        if self.n_fft % (2 * self.stride_bins):
            raise ValueError(f"stride_bins={self.stride_bins} divides n_fft / 2 = {self.n_fft // 2}")
        positions = self.n_fft // (2 * self.stride_bins)
        if self.bands > positions:
            raise ValueError(f"bands={self.bands} is at most n_fft / 2 / stride_bins = {positions}")
        return self


Generator = Annotated[
    ClassicGeneratorSettings
    | SpectralGeneratorSettings
    | CausalGeneratorSettings
    | RecurrentGeneratorSettings,
    Field(discriminator="kind"),
]
