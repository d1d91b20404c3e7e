"""Discriminators: networks that tell clean signals from denoised ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from dan.config import (
    BesideSettings,
    ClassicDiscriminatorSettings,
    Discriminator,
    MetricDiscriminatorSettings,
    SignalSettings,
    SpectralDiscriminatorSettings,
)
from dan.core.errors import DanError
from dan.networks.normalisation import BatchNorm1d
from dan.networks.stft import stft


@dataclass(frozen=True)
class Judgement:
    """Output of a discriminator for signals ``[B, C, T]``."""

    logits: Tensor
    """Logits ``[B, *]``, above 0 for clean and below for denoised."""
    features: list[Tensor]
    """Output of each layer before the last, for feature matching."""


class DiscriminatorBase(nn.Module):
    """Shape: ``[B, C, T] ->`` `Judgement`."""

    def forward(self, signal: Tensor, beside: Tensor) -> Judgement:
        """Judge ``[B, C, T]`` beside another signal of that shape, which not every kind looks at."""
        raise NotImplementedError


def build_discriminator(settings: Discriminator, signal: SignalSettings) -> DiscriminatorBase:
    """Return the discriminator that the settings describe, with fresh weights."""
    if isinstance(settings, SpectralDiscriminatorSettings):
        return SpectralDiscriminator(settings)
    if isinstance(settings, BesideSettings):
        return BesideDiscriminator(settings, pooled=isinstance(settings, MetricDiscriminatorSettings))
    return ClassicDiscriminator(settings, signal)


class ClassicDiscriminator(DiscriminatorBase):
    """The founding discriminator: strided convolutions, then two linear layers over all that is left.

    1,245 parameters at its defaults for signals of 256 samples. It is built for one length; shorter signals
    are padded with zeros to it.
    """

    def __init__(self, settings: ClassicDiscriminatorSettings, signal: SignalSettings) -> None:
        super().__init__()
        stride, pad = settings.stride, max(0, -(-(settings.kernel_size - settings.stride) // 2))
        unit = stride**settings.depth
        self.length_samples = -(-signal.length_samples // unit) * unit
        widths = [settings.channels, *[settings.hidden_channels] * settings.depth]
        length = self.length_samples
        self.layers = nn.ModuleList()
        for inputs, outputs in pairwise(widths):
            convolution = nn.Conv1d(inputs, outputs, settings.kernel_size, stride, pad)
            nn.init.normal_(convolution.weight, std=(inputs * settings.kernel_size) ** -0.5)
            normalisation = BatchNorm1d(outputs)
            self.layers.append(
                nn.Sequential(convolution, normalisation, nn.LeakyReLU(settings.negative_slope))
            )
            length = (length + 2 * pad - settings.kernel_size) // stride + 1
        self.hidden = nn.Linear(settings.hidden_channels * length, settings.hidden_units)
        self.output = nn.Linear(settings.hidden_units, 1)
        for linear in (self.hidden, self.output):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)

    def forward(self, signal: Tensor, beside: Tensor | None = None) -> Judgement:  # noqa: ARG002
        """Judge ``[B, C, T]`` by itself, T up to the length that it was built for."""
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


class SpectralDiscriminator(DiscriminatorBase):
    """One small network for each resolution, over log magnitudes: it hears what remains of the noise.

    A logarithm makes a faint residue beside a strong tone as plain as the tone. Signals of any length and any
    number of channels; shorter ones than a frame are padded with zeros to it.

    Source: W. Jang et al., "UnivNet: a neural vocoder with multi-resolution spectrogram discriminators for
    high-fidelity waveform generation", 2021.
    """

    def __init__(self, settings: SpectralDiscriminatorSettings) -> None:
        super().__init__()
        self.fft_sizes, self.slope = settings.fft_sizes, settings.negative_slope
        widths = [1, *[settings.hidden_channels] * settings.depth]
        self.networks = nn.ModuleList()
        for _ in self.fft_sizes:
            layers = [nn.Conv2d(a, b, (3, 5), (1, 2), (1, 2)) for a, b in pairwise(widths)]
            self.networks.append(nn.ModuleList([*layers, nn.Conv2d(widths[-1], 1, 3, padding=1)]))

    def forward(self, signal: Tensor, beside: Tensor | None = None) -> Judgement:  # noqa: ARG002
        """Judge ``[B, C, T]`` by itself: one logit for each patch of each resolution."""
        logits, features = [], []
        for size, network in zip(self.fft_sizes, self.networks, strict=True):
            *layers, last = list(network.children())
            out = log_magnitudes(signal, size).contiguous(memory_format=torch.channels_last)
            for layer in layers:
                out = nn.functional.leaky_relu(layer(out), self.slope)
                features.append(out)
            logits.append(last(out).reshape(len(signal), -1))
        return Judgement(logits=torch.cat(logits, dim=-1), features=features)


class BesideDiscriminator(DiscriminatorBase):
    """One small network for each resolution, over log spectra of a signal beside those of another.

    Beside the noisy input it sees where noise was, and whether the output is what clean would be there;
    beside the clean signal, how far off an output is. Levels are relative to the other signal's. Spectral
    normalisation bounds how steep its judgement gets. Signals of any length and number of channels, each
    judged by itself.

    Source: T. Miyato et al., "Spectral normalization for generative adversarial networks", 2018.

    Args:
        settings: sizes.
        pooled: whether there is one logit for each signal, the mean, and not one for each patch.
    """

    def __init__(self, settings: BesideSettings, *, pooled: bool) -> None:
        super().__init__()
        self.fft_sizes, self.slope, self.pooled = settings.fft_sizes, settings.negative_slope, pooled
        self.floor_db = settings.floor_db
        widths = [3, settings.hidden_channels, *[2 * settings.hidden_channels] * (settings.depth - 1)]
        self.networks = nn.ModuleList()
        self.scales = nn.Parameter(torch.full((len(self.fft_sizes),), 2.0))
        for _ in self.fft_sizes:
            layers = [
                nn.Conv2d(a, b, (3, 5), (2 if place else 1, 2), (1, 2))
                for place, (a, b) in enumerate(pairwise(widths))
            ]
            layers.append(nn.Conv2d(widths[-1], 1, 3, padding=1))
            self.networks.append(nn.ModuleList(spectral_norm(layer) for layer in layers))

    def forward(self, signal: Tensor, beside: Tensor) -> Judgement:
        """Judge ``[B, C, T]``: one logit for each patch of each resolution, or for each signal."""
        level = beside.square().mean(dim=-1, keepdim=True).sqrt() + LEAST_LEVEL
        logits, features = [], []
        for size, network, scale in zip(self.fft_sizes, self.networks, self.scales, strict=True):
            *layers, last = list(network.children())
            out = self._seen(signal / level, beside / level, size)
            for layer in layers:
                out = nn.functional.leaky_relu(layer(out), self.slope)
                features.append(out.reshape(*signal.shape[:2], *out.shape[1:]))
            patches = (scale * last(out)).reshape(len(signal), -1)
            logits.append(patches.mean(dim=-1, keepdim=True) if self.pooled else patches)
        joined = torch.cat(logits, dim=-1)
        return Judgement(joined.mean(dim=-1, keepdim=True) if self.pooled else joined, features)

    def _seen(self, signal: Tensor, beside: Tensor, size: int) -> Tensor:
        """Log spectra of both, 1 at 0 dB and -1 at the floor, and the place of each bin: ``[B C, 3, *]``."""
        spectra = [self._log_spectra(each, size) for each in (signal, beside)]
        place = torch.linspace(-1, 1, spectra[0].shape[-1], device=signal.device, dtype=signal.dtype)
        seen = torch.cat([*spectra, place.expand_as(spectra[0])], dim=1)
        return seen.contiguous(memory_format=torch.channels_last)

    def _log_spectra(self, signal: Tensor, size: int) -> Tensor:
        """Return ``[B C, 1, frames, bins]``; white noise of RMS 1 has 0 dB in each bin."""
        window = torch.hann_window(size, device=signal.device, dtype=signal.dtype)
        spectrum = stft(_padded(signal, size), window, hop_length=size // 2)
        power = spectrum.square().sum(dim=-1).flatten(0, 1)[:, None] / window.square().sum()
        return 1 + 2 * (10 * (power + 10 ** (self.floor_db / 10)).log10()) / -self.floor_db


LEAST_LEVEL = 1e-5
"""Added to the RMS that signals are divided by."""

MAGNITUDE_FLOOR = 1e-2
"""Magnitude relative to a unit tone's, -40 dB, below which nothing is told apart."""


def log_magnitudes(signal: Tensor, size: int) -> Tensor:
    """Return log magnitudes ``[B C, 1, frames, bins]`` of Hann windows that overlap by half."""
    window = torch.hann_window(size, device=signal.device, dtype=signal.dtype)
    spectrum = stft(_padded(signal, size), window, hop_length=size // 2)
    power = spectrum.square().sum(dim=-1) / (size / 4) ** 2  # 1 for a unit tone in the middle of a bin
    return (power + MAGNITUDE_FLOOR**2).log().flatten(0, 1)[:, None] / 2


def _padded(signal: Tensor, size: int) -> Tensor:
    """Return the signal with zeros up to a whole number of half frames, one frame at least."""
    length = signal.shape[-1]
    return nn.functional.pad(signal, (0, max(0, size - length) or -(length - size) % (size // 2)))
