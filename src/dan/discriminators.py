"""Discriminators: networks that tell clean signals from denoised ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from dan.settings import ClassicDiscriminatorSettings, Discriminator, SignalSettings
from dan.signals import DanError


@dataclass(frozen=True)
class Judgement:
    """What a discriminator says of signals ``[B, C, T]``."""

    logits: Tensor
    """Above 0 for clean, below for denoised: ``[B, *]``."""
    features: list[Tensor]
    """The output of each layer before the last, for feature matching."""


class DiscriminatorBase(nn.Module):
    """Shape: ``[B, C, T] ->`` `Judgement`."""

    def forward(self, signal: Tensor) -> Judgement:
        """Judge ``[B, C, T]``."""
        raise NotImplementedError


def build_discriminator(settings: Discriminator, signal: SignalSettings) -> DiscriminatorBase:
    """The discriminator that the settings describe, with fresh weights."""
    return ClassicDiscriminator(settings, signal)


class ClassicDiscriminator(DiscriminatorBase):
    """The founding discriminator: strided convolutions, then two linear layers over all that is left.

    1,245 parameters at its defaults for signals of 256 samples. It is built for one length; shorter signals
    are padded with zeros to it.
    """

    def __init__(self, settings: ClassicDiscriminatorSettings, signal: SignalSettings) -> None:
        super().__init__()
        stride, pad = settings.stride, max(0, -(-(settings.kernel - settings.stride) // 2))
        unit = stride**settings.depth
        self.length_samples = -(-signal.length_samples // unit) * unit
        widths = [settings.channels, *[settings.filters] * settings.depth]
        length = self.length_samples
        self.layers = nn.ModuleList()
        for inputs, outputs in pairwise(widths):
            convolution = nn.Conv1d(inputs, outputs, settings.kernel, stride, pad)
            nn.init.normal_(convolution.weight, std=(inputs * settings.kernel) ** -0.5)
            normalisation = nn.BatchNorm1d(outputs)
            self.layers.append(nn.Sequential(convolution, normalisation, nn.LeakyReLU(settings.slope)))
            length = (length + 2 * pad - settings.kernel) // stride + 1
        self.hidden = nn.Linear(settings.filters * length, settings.hidden)
        self.output = nn.Linear(settings.hidden, 1)
        for linear in (self.hidden, self.output):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)

    def forward(self, signal: Tensor) -> Judgement:
        """Judge ``[B, C, T]``, T up to the length that it was built for."""
        if signal.shape[-1] > self.length_samples:
            raise DanError(
                f"a signal of {signal.shape[-1]} samples",
                f"this discriminator was built for {self.length_samples} at most",
                "Set signal.duration_s to the longest signal",
            )
        out = nn.functional.pad(signal, (0, self.length_samples - signal.shape[-1]))
        features = []
        for layer in self.layers:
            out = layer(out)
            features.append(out)
        out = self.hidden(out.flatten(1)).relu()
        return Judgement(logits=self.output(out), features=[*features, out])
