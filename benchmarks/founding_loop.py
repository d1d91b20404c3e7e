"""What DAN's speed is measured against: the founding system's loop, and the first spectral prototype.

Both in straightforward PyTorch, as one would write them first. Only the benchmarks use them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from dan.data.batches import Source


def founding_generator() -> nn.Sequential:
    """The founding generator in torch's own layers; its output has one sample too many."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 6), (6, 6)):
        layers += [nn.Conv1d(inputs, outputs, 64, 2, 31), nn.BatchNorm1d(outputs), nn.LeakyReLU(0.05)]
    for inputs, outputs in ((6, 16), (16, 16)):
        layers += [
            nn.ConvTranspose1d(inputs, outputs, 64, 2, 31),
            nn.BatchNorm1d(outputs),
            nn.LeakyReLU(0.05),
        ]
    return nn.Sequential(*layers, nn.Conv1d(16, 1, 64, padding=32))


def founding_discriminator() -> nn.Sequential:
    """The founding discriminator in torch's own layers, for signals of 256 samples."""
    layers: list[nn.Module] = []
    for inputs in (1, 2):
        layers += [nn.Conv1d(inputs, 2, 32, 2, 15), nn.BatchNorm1d(2), nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, 8), nn.ReLU(), nn.Linear(8, 1))


class FoundingLoop:
    """The founding system's training: an epoch of generator steps, then one of discriminator steps.

    Each makes its own forward passes.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.generator, self.discriminator = founding_generator(), founding_discriminator()
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), lr=1e-3)
        self.discriminator_adam = torch.optim.Adam(self.discriminator.parameters(), lr=1e-4)
        self.judge = nn.BCEWithLogitsLoss()

    def epoch(self, index: int) -> None:
        """One epoch of each, counted from 0."""
        for noisy, clean in self._batches(index):
            denoised = self.generator(noisy)[..., :-1]
            logits = self.discriminator(denoised)
            loss = 3 * self.judge(logits, torch.ones_like(logits)) + 9 * (denoised - clean).abs().mean()
            _step(self.generator_adam, loss)
        for noisy, clean in self._batches(index):
            with torch.no_grad():
                denoised = self.generator(noisy)[..., :-1]
            real, fake = self.discriminator(clean), self.discriminator(denoised)
            loss = self.judge(real, torch.ones_like(real)) + self.judge(fake, torch.zeros_like(fake))
            _step(self.discriminator_adam, loss)

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for step in range(self.source.steps_per_epoch):
            batch = self.source.batch(epoch * self.source.steps_per_epoch + step)
            yield batch.noisy, batch.clean


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()


class PrototypeBlock(nn.Module):
    """Depthwise convolution, normalisation, two pointwise convolutions, and the way past them."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 9, padding=4 * dilation, dilation=dilation, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.expand = nn.Conv1d(width, 2 * width, 1)
        self.shrink = nn.Conv1d(2 * width, width, 1)
        self.scale = nn.Parameter(torch.ones(width, 1))

    def forward(self, input: Tensor) -> Tensor:
        """``[B, width, bins]`` in and out."""
        hidden = nn.functional.gelu(self.expand(self.norm(self.depthwise(input))))
        return torch.as_tensor(input + self.scale * self.shrink(hidden))


class Prototype(nn.Module):
    """The first spectral generator: ``[B, 1, 256]`` in and out, 20,402 parameters.

    All 257 bins of a 512-point spectrum, plain and Hann-windowed, the time origin in the middle of the frame,
    and the bin's position, through seven residual blocks along frequency.
    """

    window: Tensor
    to_middle: Tensor
    position: Tensor

    def __init__(self, *, width: int = 24, dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4, 8)) -> None:
        super().__init__()
        bins = torch.arange(257)
        self.register_buffer("window", torch.hann_window(256), persistent=False)
        self.register_buffer("to_middle", torch.exp(2j * math.pi * bins * 128 / 512), persistent=False)
        self.register_buffer("position", bins / 128 - 1, persistent=False)
        self.head = nn.Conv1d(5, width, 9, padding=4)
        self.blocks = nn.Sequential(*(PrototypeBlock(width, dilation) for dilation in dilations))
        self.norm = nn.GroupNorm(1, width)
        self.tail = nn.Conv1d(width, 2, 9, padding=4)

    def forward(self, noisy: Tensor) -> Tensor:
        """Spectrum, blocks along frequency, complex spectrum, back."""
        signal = noisy[:, 0]
        spectra = [torch.fft.rfft(x, 512) * self.to_middle / 8 for x in (signal, signal * self.window)]
        parts = [part for spectrum in spectra for part in (spectrum.real, spectrum.imag)]
        parts.append(self.position.expand(len(signal), -1))
        real, imag = self.tail(self.norm(self.blocks(self.head(torch.stack(parts, dim=1))))).unbind(dim=1)
        spectrum = torch.complex(real, imag) * self.to_middle.conj() * 8
        return torch.as_tensor(torch.fft.irfft(spectrum, 512)[:, None, :256])
