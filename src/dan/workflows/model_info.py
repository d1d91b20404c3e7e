"""Metadata of the model that a training makes."""

from __future__ import annotations

from dan.config import Recipe, bounds
from dan.core.arrays import db_to_amplitude, rms
from dan.core.version import __version__
from dan.data.batches import ValidationSet
from dan.data.recordings_source import TrainingData
from dan.inference.model_file import ModelInfo
from dan.training.state import TrainingState


def model_info(state: TrainingState, signals: TrainingData) -> ModelInfo:
    """Metadata of a training's model file."""
    recipe, record = state.recipe, state.history[-1]
    return ModelInfo(
        name=recipe.name,
        version=__version__,
        recipe=recipe.name,
        generator=recipe.generator,
        signal=recipe.signal,
        parameters=sum(parameter.numel() for parameter in state.generator.parameters()),
        latency_samples=state.generator.latency_samples,
        receptive_field_samples=state.generator.receptive_field_samples,
        channels=state.generator.channels,
        trained_on=signals.words,
        seed=recipe.seed,
        val_snr_db=record["val_snr_db"],
        val_snr_gain_db=record["val_snr_gain_db"],
        level_rms=level_range(signals.validation, recipe),
    )


def level_range(validation: ValidationSet, recipe: Recipe) -> tuple[float, float] | None:
    """Lowest and highest RMS of the noisy signals, with the gains of the training; None if all are silent."""
    levels = rms(validation.mixed)
    levels = levels[levels > 0]
    if not levels.size:
        return None
    low, high = db_to_amplitude(bounds(recipe.augmentation.gain_db))
    return float(low * levels.min()), float(high * levels.max())
