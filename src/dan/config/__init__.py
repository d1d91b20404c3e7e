"""Settings and recipes: the typed, strict description of a whole training run, a file for each section.

The recipes that come with the package lie in `recipes/`.
"""

from dan.config.augmentation import AugmentationSettings
from dan.config.base import Settings, bounds
from dan.config.data import DataSettings, RecordingsSettings, SplitBy
from dan.config.discriminator import (
    BesideSettings,
    ClassicDiscriminatorSettings,
    ConditionalDiscriminatorSettings,
    Discriminator,
    MetricDiscriminatorSettings,
    SpectralDiscriminatorSettings,
)
from dan.config.generator import (
    CausalGeneratorSettings,
    ClassicGeneratorSettings,
    Generator,
    RecurrentGeneratorSettings,
    ShortTimeSettings,
    SpectralGeneratorSettings,
)
from dan.config.losses import LossSettings, LossWeights
from dan.config.noise import NoiseSettings
from dan.config.recipe import Recipe
from dan.config.signal import SignalKind, SignalSettings, ToneSettings
from dan.config.training import (
    FineTuningSettings,
    OptimiserSettings,
    RefinementSettings,
    ScheduleSettings,
    TrainingSettings,
)

__all__ = [
    "AugmentationSettings",
    "BesideSettings",
    "CausalGeneratorSettings",
    "ClassicDiscriminatorSettings",
    "ClassicGeneratorSettings",
    "ConditionalDiscriminatorSettings",
    "DataSettings",
    "Discriminator",
    "FineTuningSettings",
    "Generator",
    "LossSettings",
    "LossWeights",
    "MetricDiscriminatorSettings",
    "NoiseSettings",
    "OptimiserSettings",
    "Recipe",
    "RecordingsSettings",
    "RecurrentGeneratorSettings",
    "RefinementSettings",
    "ScheduleSettings",
    "Settings",
    "ShortTimeSettings",
    "SignalKind",
    "SignalSettings",
    "SpectralDiscriminatorSettings",
    "SpectralGeneratorSettings",
    "SplitBy",
    "ToneSettings",
    "TrainingSettings",
    "bounds",
]
