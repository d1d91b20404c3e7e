"""The generator that settings describe."""

from __future__ import annotations

from dan.config import (
    CausalGeneratorSettings,
    Generator,
    RecurrentGeneratorSettings,
    SignalSettings,
    SpectralGeneratorSettings,
)
from dan.networks.base import GeneratorBase
from dan.networks.causal import CausalGenerator
from dan.networks.classic import ClassicGenerator
from dan.networks.recurrent import RecurrentGenerator
from dan.networks.spectral import SpectralGenerator


def build_generator(settings: Generator, signal: SignalSettings) -> GeneratorBase:
    """The generator that the settings describe, with fresh weights."""
    if isinstance(settings, CausalGeneratorSettings):
        return CausalGenerator(settings, signal)
    if isinstance(settings, RecurrentGeneratorSettings):
        return RecurrentGenerator(settings, signal)
    if isinstance(settings, SpectralGeneratorSettings):
        return SpectralGenerator(settings, signal)
    return ClassicGenerator(settings, signal)
