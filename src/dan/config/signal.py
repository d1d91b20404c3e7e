"""Sections `[signal]` and `[clean]`: what a signal is, and the sines that synthetic ones are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from dan.config.base import NonNegative, Settings, Unit, check_rising

SignalKind = Literal["other", "tones", "speech", "ecg", "eeg"]
"""Kinds of signal, each scored by the metrics of its field; `other` by those of any signal."""

MAX_LENGTH_SAMPLES = 2**24
"""Longest signal to train on."""


class SignalSettings(Settings):
    """Sampling and kind of the signals."""

    kind: SignalKind = "other"
    """Kind of signal, which says the metrics that score it, such as PESQ and STOI for speech."""
    sample_rate_hz: PositiveFloat = 256.0
    """Sampling rate."""
    duration_s: PositiveFloat = 1.0
    """Length of a training signal."""

    @model_validator(mode="after")
    def _holdable(self) -> SignalSettings:
        if self.duration_s * self.sample_rate_hz > MAX_LENGTH_SAMPLES:
            raise ValueError(f"duration_s={self.duration_s:g} is over {MAX_LENGTH_SAMPLES} samples")
        return self

    @property
    def length_samples(self) -> int:
        """Samples of one signal, at least 1."""
        return max(1, round(self.duration_s * self.sample_rate_hz))


class ToneSettings(Settings):
    """Synthetic clean signals: each is the mean of a number of sines."""

    sines: PositiveInt | tuple[PositiveInt, PositiveInt] = 3
    """Number of sines, or the least and the most, drawn anew for each signal."""
    frequency_hz: tuple[NonNegative, NonNegative] = (10.0, 64.0)
    """Lowest and highest frequency; each sine's is drawn uniformly between them."""
    amplitude_spread: Unit = 0.0
    """Each sine's amplitude is drawn uniformly from 1 - spread to 1 + spread."""
    phase_spread_rad: Annotated[float, Field(ge=0, le=3.1416)] = 0.0
    """Each sine's phase at the first sample is drawn uniformly from -spread to +spread."""

    @model_validator(mode="after")
    def _rising(self) -> ToneSettings:
        check_rising(sines=self.sines)
        if self.frequency_hz[0] >= self.frequency_hz[1]:
            raise ValueError(f"frequency_hz={list(self.frequency_hz)}: the first is below the second")
        return self
