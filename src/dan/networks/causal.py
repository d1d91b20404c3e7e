"""A causal generator over short frames: for speech and whatever else changes in time, whole or as a stream.

Whole, chunked and streamed signals are one and the same computation: all that a frame needs of the past is a
state of fixed size, and nothing looks into the future beyond the frame itself and the few frames of lookahead
that the settings allow.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dan.config import CausalGeneratorSettings, SignalSettings
from dan.networks.base import GeneratorBase

TINY_POWER = 1e-14
"""Added to the power of every bin: silence stays finite."""
TINY_VARIANCE = 1e-3
"""Added to the variance of hidden values before it is brought to 1."""


class CausalConvolution(nn.Module):
    """Convolution over past frames and over bins: ``[B, frames, bins, C_in] -> [B, frames, bins, C_out]``.

    The weight is stored as the matrix that it is, ``[C_out, frames * bins * C_in]``.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel_frames: taps over frames; the last is the present one.
        kernel_bands: taps over bins, an odd number, centred.
        dilation: frames and bins from one tap to the next.
        gain: standard deviation of the output for inputs of standard deviation 1, at the start.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel_frames: int = 1,
        kernel_bands: int = 1,
        dilation: tuple[int, int] = (1, 1),
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        fan_in = inputs * kernel_frames * kernel_bands
        self.weight = nn.Parameter(torch.randn(outputs, fan_in) * gain * fan_in**-0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.inputs, self.taps, self.dilation = inputs, (kernel_frames, kernel_bands), dilation
        self.past_frames = (kernel_frames - 1) * dilation[0]

    def forward(self, input: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve behind the past ``[B, past_frames, bins, C_in]``; returns the output and the new past."""
        if self.taps == (1, 1):
            return F.linear(input, self.weight, self.bias), past
        whole = torch.cat([past, input], dim=1) if self.past_frames else input
        # Channels last in memory, as the rows of the weight are: what oneDNN computes quickest.
        weight = self.weight.view(len(self.bias), *self.taps, self.inputs).permute(0, 3, 1, 2)
        output = F.conv2d(
            whole.permute(0, 3, 1, 2),
            weight,
            self.bias,
            padding=(0, self.dilation[1] * (self.taps[1] // 2)),
            dilation=self.dilation,
        )
        return output.permute(0, 2, 3, 1), whole[:, -self.past_frames :] if self.past_frames else past


class CausalBlock(nn.Module):
    """``x + project(silu(convolve(y) + context(mean of y)))``, where y is x normalised in each frame.

    The mean goes over the places: what fills the whole band, as a voice or a hiss does, is known at each of
    them at once. Normalised are places and channels together, which takes nothing but the level.

    Source of the normalisation: J. Ba, J. Kiros and G. Hinton, "Layer normalization", 2016.
    """

    def __init__(self, settings: CausalGeneratorSettings, dilation: tuple[int, int]) -> None:
        super().__init__()
        self.convolve = CausalConvolution(
            settings.residual_channels,
            settings.hidden_channels,
            kernel_frames=settings.kernel_frames,
            kernel_bands=settings.kernel_bands,
            dilation=dilation,
            gain=math.sqrt(2),
        )
        self.context = CausalConvolution(settings.residual_channels, settings.hidden_channels, gain=0.5)
        self.project = CausalConvolution(settings.hidden_channels, settings.residual_channels, gain=0.3)

    def forward(self, input: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, frames, bins, width]`` in and out, with the past as in `CausalConvolution`."""
        scaled = F.layer_norm(input, input.shape[2:], eps=TINY_VARIANCE)
        hidden, past = self.convolve(scaled, past)
        context, _ = self.context(scaled.mean(dim=2, keepdim=True), past)
        change, _ = self.project(F.silu(hidden + context), past)
        return input + change, past


class CausalGenerator(GeneratorBase):
    """Multiplies each bin of a short-time spectrum by a complex factor found from the present and the past.

    Bins are compressed (``|X|^p``) and divided by the mean over the frames before, so that a loud input gives
    the same output, louder. Neighbouring bins are folded into channels, which makes the network cheap and
    tells it the parity of a bin, on which the phase's advance from frame to frame depends. The filter starts
    as the identity.

    With a lookahead of L frames the factors of a frame are found when the L-th frame after it has come in:

        frames seen        0  1  2  3  4  5      (L = 2)
        frames filtered          0  1  2  3

    Latency: one frame and L hops. Source of the windows' condition: D. Griffin and J. Lim, "Signal estimation
    from modified short-time Fourier transform", 1984.
    """

    analysis: Tensor
    synthesis: Tensor
    place: Tensor

    def __init__(self, settings: CausalGeneratorSettings, signal: SignalSettings) -> None:
        super().__init__()
        self.settings, self.channels = settings, 1
        self.hop_length, self.lookahead_frames = settings.hop_length, settings.lookahead_frames
        self.latency_samples = settings.n_fft + self.lookahead_frames * self.hop_length
        self.overlap_samples = settings.n_fft - settings.hop_length
        self.segment_samples = signal.length_samples
        self.bins, self.places = settings.n_fft // 2, settings.n_fft // 2 // settings.bins_per_band
        analysis, synthesis = transforms(settings.n_fft, settings.hop_length)
        self.register_buffer("analysis", analysis, persistent=False)
        self.register_buffer("synthesis", synthesis, persistent=False)
        ramp = torch.linspace(-1, 1, self.places)
        self.register_buffer("place", torch.stack([ramp, 2 * ramp**2 - 1], dim=-1), persistent=False)
        self.stem = CausalConvolution(
            3 * settings.bins_per_band + 2, settings.residual_channels, kernel_frames=2, kernel_bands=3
        )
        blocks = [CausalBlock(settings, dilation) for dilation in settings.dilations]
        self.blocks = nn.ModuleList(blocks)
        self.head = CausalConvolution(
            settings.residual_channels, 2 * settings.bins_per_band, kernel_bands=3, gain=0.1
        )
        remembering = [self.stem, *(block.convolve for block in blocks)]
        self.memories = [(layer.past_frames, layer.inputs) for layer in remembering]
        """Past frames and channels that each convolution keeps."""
        past = sum(frames for frames, _ in self.memories) + settings.level_frames - 1
        reach = max(past, self.lookahead_frames)
        self.receptive_field_samples = reach * settings.hop_length + 2 * settings.n_fft - 1

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the blocks."""
        return [weight for weight in self.blocks.parameters() if weight.ndim == 2]

    def forward(self, noisy: Tensor) -> Tensor:
        """Denoise ``[B, 1, T]``, any T from 1 up, without delay."""
        length, delay = noisy.shape[-1], self.latency_samples - self.hop_length
        hops = -(-(length + delay) // self.hop_length)
        padded = F.pad(noisy[:, 0], (0, hops * self.hop_length - length))
        denoised, _ = self.step(padded, self.initial_state(len(noisy)))
        return denoised[:, None, delay : delay + length]

    def initial_state(self, rows: int) -> dict[str, Tensor]:
        """What a past of silence leaves, by name; the first axis is the rows'."""
        like = self.place
        state = {name: like.new_zeros(rows, self.overlap_samples) for name in ("input", "output")}
        state["level"] = like.new_zeros(rows, 2, self.settings.level_frames - 1)
        for index, (frames, channels) in enumerate(self.memories):
            state[f"past_{index}"] = like.new_zeros(rows, frames, self.places, channels)
        if self.lookahead_frames:
            state["ahead"] = like.new_zeros(rows, self.lookahead_frames, 2 * (self.bins + 1))
        return state

    def step(self, block: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Denoise the next whole hops ``[B, n hops]``; what comes out is late by the latency less a hop.

        Args:
            block: the input, a whole number of hops, at least one.
            state: from `initial_state` or the step before.

        Returns:
            As many samples as went in, and the new state.
        """
        new, overlap = dict(state), self.overlap_samples
        samples = torch.cat([state["input"], block], dim=-1)
        new["input"] = samples[:, -overlap:]
        spectrum = self._frames(samples) @ self.analysis
        gain, turn = self._factors(*self._parts(spectrum), new)
        real, imag = self._parts(self._delayed(spectrum, new))
        filtered = torch.cat([real * gain - imag * turn, real * turn + imag * gain], dim=-1)
        added = self._overlap_add(filtered @ self.synthesis)
        added = added + F.pad(state["output"], (0, block.shape[-1]))
        new["output"] = added[:, -overlap:]
        return added[:, :-overlap], new

    def _parts(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of spectra ``[B, frames, 2 (bins + 1)]``."""
        return spectrum[..., : self.bins + 1], spectrum[..., self.bins + 1 :]

    def _delayed(self, spectrum: Tensor, state: dict[str, Tensor]) -> Tensor:
        """The spectra of as many frames, each the lookahead earlier; the state moves on."""
        if not self.lookahead_frames:
            return spectrum
        whole = torch.cat([state["ahead"], spectrum], dim=1)
        state["ahead"] = whole[:, -self.lookahead_frames :]
        return whole[:, : -self.lookahead_frames]

    def _frames(self, samples: Tensor) -> Tensor:
        """Overlapping frames ``[B, frames, frame]`` of samples that are whole hops."""
        hops = samples.reshape(samples.shape[0], -1, self.hop_length)
        parts = self.settings.n_fft // self.hop_length
        return torch.cat([hops[:, part : part - parts + 1 or None] for part in range(parts)], dim=-1)

    def _factors(self, real: Tensor, imag: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The complex factor of each bin, ``[B, frames, bins + 1]`` each; the state moves on."""
        hidden, state["past_0"] = self.stem(self._features(real, imag, state), state["past_0"])
        for index, block in enumerate(self.blocks, start=1):
            hidden, state[f"past_{index}"] = block(hidden, state[f"past_{index}"])
        return self._unfold(self.head(hidden, hidden)[0])

    def _unfold(self, factors: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, frames, places, 2 fold]`` to real and imaginary part, ``[B, frames, bins + 1]`` each."""
        parts = [part.flatten(2) for part in torch.tensor_split(factors, 2, dim=-1)]
        # The last bin is treated as the one below it.
        gain, turn = (torch.cat([part, part[..., -1:]], dim=-1) for part in parts)
        return 1 + gain, turn

    def _features(self, real: Tensor, imag: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Compressed real and imaginary part and magnitude, folded: ``[B, frames, places, 3 fold + 2]``."""
        real, imag = real[..., :-1], imag[..., :-1]
        power = real.square() + imag.square() + TINY_POWER
        magnitude = power ** (self.settings.compression / 2)
        level, state["level"] = self._level(magnitude.mean(dim=-1), state["level"])
        magnitude = magnitude / level[..., None]
        scale = magnitude * power.rsqrt()
        parts = [real * scale, imag * scale, magnitude]
        folded = [part.reshape(*part.shape[:2], self.places, -1) for part in parts]
        return torch.cat([*folded, self.place.expand(*folded[0].shape[:2], -1, -1)], dim=-1)

    def _level(self, magnitude: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the last frames ``[B, frames]``, of those that there have been; and the new past."""
        pair = torch.stack([magnitude, torch.ones_like(magnitude)], dim=1)
        whole = torch.cat([past, pair], dim=-1)
        total, count = F.avg_pool1d(whole, self.settings.level_frames, 1).unbind(dim=1)
        return total / count, whole[:, :, 1 - self.settings.level_frames :]

    def _overlap_add(self, frames: Tensor) -> Tensor:
        """``[B, frames, frame]`` to ``[B, (frames - 1) hop + frame]``."""
        parts = self.settings.n_fft // self.hop_length
        hops = frames.reshape(*frames.shape[:-1], parts, self.hop_length)
        padded = [F.pad(hops[:, :, part], (0, 0, part, parts - 1 - part)) for part in range(parts)]
        return torch.stack(padded).sum(dim=0).flatten(1)


def transforms(n_fft: int, hop_length: int) -> tuple[Tensor, Tensor]:
    """Windowed Fourier transform and its inverse, as matrices.

    Returns:
        Frames ``[frame]`` to real and imaginary parts ``[2 (frame / 2 + 1)]``, and back to frames that add up
        to the signal. Both go through the square root of a Hann window, whose copies at the hop add to 1.
    """
    scale = math.sqrt(2 * hop_length / n_fft)
    window = torch.hann_window(n_fft, dtype=torch.float64).sqrt() * scale
    spectra = torch.fft.rfft(torch.eye(n_fft, dtype=torch.float64))
    analysis = window[:, None] * torch.cat([spectra.real, spectra.imag], dim=-1)
    units = torch.eye(n_fft // 2 + 1, dtype=torch.complex128)
    frames = torch.cat([torch.fft.irfft(units, n_fft), torch.fft.irfft(1j * units, n_fft)])
    return analysis.float(), (frames * window).float()
