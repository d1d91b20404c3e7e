"""Section `[noise]`: synthesised noise, and the SNR at which noise is mixed in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from dan.config.base import Db, NonNegative, Settings, Unit, bounds, check_rising

Colour = Literal["white", "pink", "brown", "blue", "violet"]
NoiseKind = Literal["colours", "hum", "wander", "muscle", "motion", "blinks"]


class NoiseSettings(Settings):
    """Synthesised noise, and the SNR at which it is mixed in."""

    colours: Annotated[tuple[Colour, ...], Field(min_length=1)] = ("white",)
    """Colours of the noise, one drawn for each signal: power density as 1, 1/f, 1/f2, f or f2."""
    standard_deviation: PositiveFloat = 0.5
    """Standard deviation of the noise in a data folder's `noise`; in the mixture `snr_db` sets it."""
    hum_hz: NonNegative = 0.0
    """Frequency of mains hum; 0 for none."""
    hum_harmonics: PositiveInt = 5
    """Number of harmonics of the hum, the fundamental included; those from half the rate up are left out."""
    hum_level: Unit = 0.5
    """Share of the noise's energy that is hum, where there is any."""
    kinds: tuple[NoiseKind, ...] = ()
    """Mixed at random proportions for each signal, instead of the above: the colours, hum, the artefacts
    baseline wander, muscle, electrode motion and eye blinks. Empty for the colours and hum as said above."""
    shares: tuple[PositiveFloat, ...] = ()
    """Mean proportion of each kind in the noise's energy; empty for all alike."""
    concentration: PositiveFloat = 1.0
    """Concentration of the Dirichlet distribution of the proportions: 1 makes all alike likely, less lets one
    kind dominate, more keeps to the shares."""
    mains_hz: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (50.0, 60.0)
    """Frequencies of the kind `hum`, one drawn for each signal and off by up to 0.2 %; half of the signals
    have no harmonics of it."""
    snr_db: Db | tuple[Db, Db] = -2.0
    """SNR of the mixed signal, or the lowest and highest, drawn uniformly in dB."""

    @property
    def snr_range_db(self) -> tuple[float, float]:
        """The lowest and the highest SNR."""
        return bounds(self.snr_db)

    @model_validator(mode="after")
    def _rising(self) -> NoiseSettings:
        check_rising(snr_db=self.snr_db)
        return self

    @model_validator(mode="after")
    def _a_share_a_kind(self) -> NoiseSettings:
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"kinds={list(self.kinds)}: each kind is named once")
        if self.shares and len(self.shares) != len(self.kinds):
            rule = f"one for each of the {len(self.kinds)} kinds, or none"
            raise ValueError(f"shares={list(self.shares)}: {rule}")
        return self
