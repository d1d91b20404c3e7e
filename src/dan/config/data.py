"""Sections `[data]` and `[recordings]`: where training signals come from, and how recordings are split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from dan.config.base import NonNegative, Settings, check_rising

SplitBy = Literal["auto", "file", "folder", "time"]


class DataSettings(Settings):
    """Source of the training signals; validation signals never change."""

    source: Literal["folder", "fresh", "recordings"] = "folder"
    """`folder`: the data folder's training side, shuffled each epoch; `fresh`: new draws at every step;
    `recordings`: new mixtures of the recordings in `--clean` and `--noise` at every step."""
    fresh_noise: bool = False
    """With a folder: keep its clean signals and draw new noise over them at every step."""
    train_count: PositiveInt = 1600
    """Signals to train on in a data folder."""
    validation_count: PositiveInt = 200
    """Signals to validate on."""


class RecordingsSettings(Settings):
    """Folders of recordings (`--clean`, `--noise`): what is held out, and how short ones are concatenated."""

    clean_split: SplitBy = "auto"
    """Unit that is never on both sides, training and validation: a folder (a speaker, a subject), a file, or
    a stretch of time, of which the last is held out. `auto` takes the first that there are two of."""
    noise_split: SplitBy = "auto"
    """Unit of noise that is never on both sides."""
    held_out_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the folders, files or time that is held out for validation; where that lasts less than three
    validation signals, as much as that, up to a third."""
    held_out_count: NonNegativeInt = 0
    """Number of folders or files that are held out, instead of a share; 0 for the share."""
    gap_s: NonNegative = 1.0
    """Gap between the two sides where time is split."""
    validation_duration_s: NonNegative = 0.0
    """Length of a validation signal; 0 for `signal.duration_s`."""
    remove_mean: bool = False
    """Take the mean off each clean signal: an amplifier's offset is no signal, but would count in the SNR."""
    highpass_hz: NonNegative = 0.0
    """Cutoff of a high-pass filter, forward and back, over each clean recording; 0 for none. A wandering
    baseline in the clean signals would be learnt as a part of them, and then left in."""
    pause_s: tuple[NonNegative, NonNegative] = (0.05, 0.4)
    """Shortest and longest pause between clean recordings that are concatenated to fill a signal."""

    @model_validator(mode="after")
    def _rising(self) -> RecordingsSettings:
        check_rising(pause_s=self.pause_s)
        return self
