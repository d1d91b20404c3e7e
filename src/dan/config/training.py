"""Sections of the optimisers, `[schedule]` and `[training]`: how and for how long is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from dan.config.base import Decay, NonNegative, Settings, Unit


class OptimiserSettings(Settings):
    """Adam for one network, with Muon for the matrices of those that have some."""

    learning_rate: PositiveFloat = 1e-3
    """Peak learning rate of the schedule."""
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay of the averages of gradient and squared gradient."""
    weight_decay: NonNegative = 0.0
    """Decoupled weight decay (AdamW); 0 is plain Adam."""
    muon_learning_rate: NonNegative = 0.0
    """Peak learning rate of Muon, for the weights between hidden channels; 0 leaves them to Adam."""
    max_grad_norm: NonNegative = 0.0
    """Norm to which the gradient is clipped; 0 leaves it as it is."""


class ScheduleSettings(Settings):
    """The learning rate over time, as a share of its peak; the same for both networks."""

    kind: Literal["constant", "step", "cosine", "one_cycle"] = "constant"
    """`step` multiplies by `gamma` each `step_epochs`; `cosine` falls to 0; `one_cycle` rises and falls."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps over which the rate rises linearly from 0, before any kind."""
    step_epochs: PositiveInt = 50
    """Epochs between two drops (`step`)."""
    gamma: Unit = 0.5
    """Factor of a drop (`step`)."""
    pct_start: Unit = 0.3
    """Share of all steps in which the rate rises (`one_cycle`)."""


class TrainingSettings(Settings):
    """Length of a training, and its portions."""

    epochs: PositiveInt = 300
    """Number of epochs: one is a pass over the folder, or `steps_per_epoch` fresh batches, and ends in a
    validation."""
    steps_per_epoch: PositiveInt = 100
    """Steps of an epoch where the signals are drawn afresh."""
    batch_size: PositiveInt = 50
    """Signals of one step."""
    ema_decay: Decay = 0.0
    """Decay of a running average of the generator's weights, which is then what is validated; 0 for none."""
    patience_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs without a better validation after which training stops; 0 never stops early."""


class RefinementSettings(Settings):
    """Rounds of refinement where nothing is clean (`--noisy`), as `--rounds` has them."""

    rounds: Annotated[int, Field(ge=0)] = 0
    """Rounds in which two models, of one half of the recordings each, denoise the other half; the next model
    learns from these outputs, with what was taken away from other recordings as noise. 0 for none."""
    epochs_share: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Share of `training.epochs` for which each model of a half is trained."""


class FineTuningSettings(Settings):
    """Training from a model that is there, as `--from` has it."""

    model: str = ""
    """Run folder, model file or name of the model to start from; empty for fresh weights."""
    replay_weight: NonNegative = 1.0
    """Weight of the loss that holds the model, on synthesised mixtures, to what it gave at the start."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the way from the weights of the start to the trained ones, at which the model is taken: the
    more, the better on the new recordings and the worse on all others."""
