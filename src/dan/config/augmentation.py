"""Section `[augmentation]`: how recordings are varied in training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from dan.config.base import Db, Settings, Unit, check_rising


class AugmentationSettings(Settings):
    """Variation of recordings in training; validation takes them as they are."""

    clean_only_share: Unit = 0.0
    """Share of inputs without noise."""
    silence_share: Unit = 0.0
    """Share of inputs that are noise alone, at the level it would have had; their clean signal is zero."""
    noise_count: PositiveInt | tuple[PositiveInt, PositiveInt] = 1
    """Number of recorded noises that are summed, at levels up to 10 dB apart, or the least and the most."""
    synthetic_share: Unit = 0.0
    """Share of inputs to whose recorded noise synthesised noise is added, up to 10 dB apart."""
    synthetic_only_share: Unit = 0.0
    """Share of inputs whose noise is the synthesised alone."""
    gain_db: Db | tuple[Db, Db] = 0.0
    """Gain of clean and mixed alike, or the lowest and highest."""
    added_noise_db: Db | tuple[Db, Db] = 0.0
    """Level, where nothing is clean, of the noise that is added to the inputs, above that of the noise in the
    recordings, or the least and the most. 0 is right for any noise whose level in the recordings is told
    rightly; the higher, the less an error of it matters."""
    invert_polarity: bool = False
    """Flip the sign of clean and of noise, each at random."""
    mix_channels: bool = False
    """Sum the channels of a clean recording with random weights instead of taking one of them: where they are
    views of one source, as the leads of an ECG, that gives views that nobody recorded."""
    clean_speed: PositiveFloat | tuple[PositiveFloat, PositiveFloat] = 1.0
    """Speed at which clean recordings are played, or the slowest and fastest; pitch follows."""
    noise_speed: PositiveFloat | tuple[PositiveFloat, PositiveFloat] = 1.0
    """Speed at which noise is played, or the slowest and fastest; pitch follows."""
    clean_equaliser_db: Annotated[float, Field(ge=0, le=24)] = 0.0
    """Largest gain and loss of a random smooth equaliser over clean recordings."""
    noise_equaliser_db: Annotated[float, Field(ge=0, le=24)] = 0.0
    """Largest gain and loss of a random smooth equaliser over noise."""
    clean_phase_rad: Annotated[float, Field(ge=0, le=3.15)] = 0.0
    """Largest phase, either way, of a random smooth all-pass filter over clean recordings: it turns the
    shapes of pulses and beats into others of the same spectrum."""
    clean_warp_share: Unit = 0.0
    """Share of clean signals whose time and amplitude are warped by smooth random curves: a few hearts stand
    for many. Rhythm, durations and the sizes of waves change, their order does not."""
    hearts_share: Unit = 0.0
    """Share of clean signals that are synthesised electrocardiograms instead of recordings."""
    background_share: Unit = 0.0
    """Share of clean signals of which faint noise of the colours is made a part. Each recording has a
    background of its own: that of others is then not taken for noise."""
    background_db: Db | tuple[Db, Db] = (25.0, 60.0)
    """Level of that noise below the signal, or the least and the most."""
    band_limit_share: Unit = 0.0
    """Share of signals whose clean part and noise go through one low-pass filter, as of another device or a
    lower rate. A network that always has the whole band takes what lacks its top for clean."""
    band_limit_hz: tuple[PositiveFloat, PositiveFloat] = (30.0, 150.0)
    """Lowest and highest cutoff frequency of that filter."""
    offset_share: Unit = 0.0
    """Share of mixed signals with a constant offset, which the clean ones lack."""
    largest_offset_rms: Annotated[float, Field(ge=0, le=100)] = 3.0
    """Largest offset, either way, in RMS of the clean signal."""
    reuse: PositiveInt = 1
    """Mixtures that a prepared clean stretch and a prepared noise go into, with other partners each time; a
    multiple of speed where the preparation takes longer than the network."""

    @model_validator(mode="after")
    def _rising(self) -> AugmentationSettings:
        check_rising(noise_count=self.noise_count, gain_db=self.gain_db, background_db=self.background_db)
        check_rising(added_noise_db=self.added_noise_db)
        check_rising(band_limit_hz=self.band_limit_hz)
        check_rising(clean_speed=self.clean_speed, noise_speed=self.noise_speed)
        if self.clean_only_share + self.silence_share > 1:
            shares = f"clean_only_share={self.clean_only_share:g}, silence_share={self.silence_share:g}"
            raise ValueError(f"{shares}: they are shares of one whole, at most 1 together")
        return self
