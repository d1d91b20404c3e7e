"""A recurrent generator over short frames: a GRU over time at each position of the spectrum, and attention.

It is causal and streams as `dan.networks.causal` does, and computes less: no filter spans several frames, and
the recurrence runs over few positions, fine below 2 kHz and coarse above.

Source of the layout: S. Ahn et al., "FastEnhancer: speed-optimized streaming neural speech enhancement",
2026.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dan.config import RecurrentGeneratorSettings, SignalSettings
from dan.networks.normalisation import batch_norm
from dan.networks.short_time import ShortTimeGenerator, reshape

FINE_HZ = 2000.0
"""Frequency up to which each position of the spectrum is a band of its own at the start."""
TINY = 1e-5
"""Added to variances and magnitudes before a division."""
MOMENTUM = 0.05
"""Share of each batch in the running mean and variance."""


class NormalisedLayer(nn.Module):
    """A linear map or a convolution over positions, with batch normalisation that is folded into its weights.

    Args:
        inputs: channels in.
        outputs: channels out.
        taps: positions that a filter spans; 0 for a linear map of the last axis.
        stride: positions from one output to the next.
        scale: of the output at the start.

    Source: S. Ioffe and C. Szegedy, "Batch normalization", 2015.
    """

    mean: Tensor
    variance: Tensor

    def __init__(
        self, inputs: int, outputs: int, *, taps: int = 0, stride: int = 1, scale: float = 1.0
    ) -> None:
        super().__init__()
        shape = (outputs, inputs, 1, taps) if taps else (outputs, inputs)
        self.weight = nn.Parameter(torch.randn(shape) * (inputs * max(1, taps)) ** -0.5)
        self.scale = nn.Parameter(torch.full((outputs,), scale))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("variance", torch.ones(outputs))
        self.taps, self.stride = taps, stride

    def forward(self, input: Tensor) -> Tensor:
        """Map channels: ``[B, C, frames, positions]`` with taps, ``[*, C]`` without."""
        if self.training:
            output = self._map(input, self.weight, None)
            rows = output if self.taps else output.flatten(0, -2)
            normal = batch_norm(
                rows,
                mean=self.mean,
                variance=self.variance,
                scale=self.scale,
                bias=self.bias,
                momentum=MOMENTUM,
                eps=TINY,
            )
            return normal.view_as(output)
        return self._map(input, *self.folded())

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the layer as one map, with the normalisation in them."""
        factor = self.scale * (self.variance + TINY).rsqrt()
        weight = self.weight * factor.view(-1, *[1] * (self.weight.ndim - 1))
        return weight, self.bias - self.mean * factor

    def _map(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not self.taps:
            return F.linear(input, weight, bias)
        padding = (self.taps - self.stride) // 2
        return F.conv2d(input, weight, bias, stride=(1, self.stride), padding=(0, padding))


class PlaceAttention(nn.Module):
    """Attention of each position to all positions of its frame, ``[frames, B, positions, width]`` in and out.

    It has one head: more take more operators than they are worth in a stream.

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.project_in = NormalisedLayer(width, 3 * width)
        self.project_out = NormalisedLayer(width, width, scale=0.3)

    def forward(self, input: Tensor) -> Tensor:
        """Attend: ``[frames, B, positions, width]`` in and out."""
        query, key, value = torch.split(self.project_in(input), self.width, dim=-1)
        return torch.as_tensor(self.project_out(self._weight(query, key) @ value))

    def _weight(self, query: Tensor, key: Tensor) -> Tensor:
        return torch.softmax(query @ key.transpose(-1, -2) * self.width**-0.5, dim=-1)

    def joined(self, input: Tensor, offset: Tensor) -> Tensor:
        """Attend to ``input + offset``, once trained, and add the offset: by as few operators as may be.

        Maps between which nothing stands are one: query and key, value and output. Of the keys neither bias
        nor offset counts, for they move all weights of a position alike; those of the values go to the end,
        for the weights add to 1.

        Args:
            input: ``[frames, B, positions, width]``.
            offset: ``[positions, width]``, the same at each position.
        """
        weights, biases = (torch.split(part, self.width) for part in self.project_in.folded())
        out, out_bias = self.project_out.folded()
        query_bias = F.linear(F.linear(offset, weights[0], biases[0]), weights[1].T)
        query = F.linear(input, weights[1].T @ weights[0]) + query_bias
        attended = self._weight(query, input) @ input
        bias = F.linear(F.linear(offset, weights[2], biases[2]), out, out_bias) + offset
        return F.linear(attended, out @ weights[2]) + bias


class RecurrentBlock(nn.Module):
    """A GRU over time at each position, the weights shared, and attention over the positions; both are added.

    Source of the GRU: K. Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    """

    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.positions, self.width = positions, width
        self.gru = nn.GRU(width, width)
        self.project = NormalisedLayer(width, width, scale=0.3)
        self.attention = PlaceAttention(width)

    def forward(self, input: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Transform ``[frames, B, positions, width]``, with the past ``[B, positions, width]``."""
        past = reshape(past, 1, -1, self.width)
        hidden, last = self.gru(reshape(input, 0, -1, self.width), past)
        hidden = reshape(hidden, 0, -1, self.positions, self.width)
        return self._added(input, hidden), reshape(last, -1, self.positions, self.width)

    def _added(self, input: Tensor, hidden: Tensor) -> Tensor:
        """Add what the GRU found, and then what attention finds."""
        if self.training:
            input = input + self.project(hidden)
            return torch.as_tensor(input + self.attention(input))
        weight, bias = self.project.folded()
        input = input + F.linear(hidden, weight)
        return input + self.attention.joined(input, at_positions(bias, self.positions))


class RecurrentGenerator(ShortTimeGenerator):
    """Short frames filtered by a network of strided convolutions over bins, GRUs over time and attention.

        bins       256   real, imaginary part and magnitude
        positions   64   a convolution, and residual ones: `filters` channels
        bands       24   a learnt matrix: `hidden_channels`, GRU and attention
        positions   64   the matrix back, beside what was there before
        bins       256   a transposed convolution: a complex factor of magnitude 1 at most

    What it remembers has no end, so `receptive_field_samples` says the length that it was trained on.
    """

    def __init__(self, settings: RecurrentGeneratorSettings, signal: SignalSettings) -> None:
        super().__init__(settings, signal)
        self.settings, self.receptive_field_samples = settings, signal.length_samples
        filters, width, stride = settings.filters, settings.hidden_channels, settings.stride_bins
        positions = self.bins // stride
        layer = NormalisedLayer
        self.stem = layer(3, filters, taps=2 * stride, stride=stride)
        self.encoder = nn.ModuleList(layer(filters, filters, taps=3) for _ in range(settings.depth))
        matrix = bands(positions, settings.bands, FINE_HZ / signal.sample_rate_hz * 2)
        self.to_bands = nn.Parameter(matrix)
        self.from_bands = nn.Parameter(matrix.sign().T.contiguous())
        self.enter = layer(filters, width)
        self.position = nn.Parameter(0.1 * torch.randn(settings.bands, width))
        self.blocks = nn.ModuleList(RecurrentBlock(settings.bands, width) for _ in range(settings.blocks))
        self.leave = layer(width, filters)
        self.join = nn.ModuleList(layer(2 * filters, filters, taps=1) for _ in range(settings.depth))
        self.decoder = nn.ModuleList(layer(filters, filters, taps=3) for _ in range(settings.depth))
        self.head = nn.ConvTranspose2d(
            filters, 2, (1, 2 * stride), stride=(1, stride), padding=(0, stride // 2)
        )
        self.head.weight.data *= 0.3
        self.head.bias = nn.Parameter(torch.tensor([1.0, 0.0]))  # near the identity at the start

    def memory_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each block's memory."""
        shape = (self.settings.bands, self.settings.hidden_channels)
        return {f"memory_{index}": shape for index in range(self.settings.blocks)}

    def mask(self, features: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return the complex mask of each bin, ``[B, 2, frames, bins]``; the state moves on."""
        # Channels last in memory, which is quicker to train on; it means nothing to a graph.
        features = features.contiguous(memory_format=torch.channels_last)
        hidden, before = F.relu(self.stem(features)), []
        for layer in self.encoder:
            hidden = hidden + F.relu(layer(hidden))
            before.append(hidden)
        hidden = F.relu(self._back(self._over_bands(hidden, state), before.pop()))
        hidden = hidden + F.relu(self.decoder[0](hidden))
        for join, layer in zip(self.join[1:], self.decoder[1:], strict=True):
            hidden = F.relu(join(torch.cat([hidden, before.pop()], dim=1)))
            hidden = hidden + F.relu(layer(hidden))
        return bounded(self.head(hidden))

    def _over_bands(self, hidden: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Take ``[B, C, frames, positions]`` to bands ``[B, frames, bands, width]``; the state moves on."""
        # Axes change places one at a time, and where there are bands, which are fewer than positions: so it
        # is quick.
        inner = self._entered((hidden @ self.to_bands.T).permute(0, 2, 3, 1))
        inner = inner.transpose(0, 1)  # [frames, B, bands, width]
        for index, block in enumerate(self.blocks):
            inner, state[f"memory_{index}"] = block(inner, state[f"memory_{index}"])
        return inner.transpose(0, 1)

    def _entered(self, hidden: Tensor) -> Tensor:
        """`enter`, and the position added: once trained, position and bias are one."""
        if self.training:
            return torch.as_tensor(self.enter(hidden) + self.position)
        weight, bias = self.enter.folded()
        return F.linear(hidden, weight) + (bias + self.position)

    def _back(self, inner: Tensor, before: Tensor) -> Tensor:
        """Take the bands back to the positions and join them with what was there before.

        Once trained, `leave` and that half of the first of `join` which sees the bands are one map.
        """
        join = self.join[0]
        assert isinstance(join, NormalisedLayer)
        if self.training:
            hidden = self.leave(inner).permute(0, 3, 1, 2) @ self.from_bands.T
            return torch.as_tensor(join(torch.cat([hidden, before], dim=1)))
        weight, bias = join.folded()
        first, second = torch.split(weight, self.settings.filters, dim=1)
        first = first[:, :, 0, 0]
        leave, leave_bias = self.leave.folded()
        hidden = F.linear(inner, first @ leave) + at_positions(first @ leave_bias, self.settings.bands)
        return hidden.permute(0, 3, 1, 2) @ self.from_bands.T + F.conv2d(before, second, bias)


def at_positions(bias: Tensor, positions: int) -> Tensor:
    """A bias ``[width]`` for each position, ``[positions, width]``: a graph adds that thrice as fast."""
    return bias + bias.new_zeros(positions, 1)


def bounded(factor: Tensor) -> Tensor:
    """Complex factors ``[B, 2, ...]`` brought to a magnitude below 1, their phases kept."""
    real, imag = torch.split(factor, 1, dim=1)  # a graph runs this more quickly than a sum over an axis
    magnitude = (real * real + imag * imag + TINY).sqrt()
    return factor * (magnitude.tanh() / magnitude)


def bands(positions: int, count: int, fine_share: float) -> Tensor:
    """The mean over the positions of each band, ``[count, positions]``: fine below a share of the spectrum.

    Args:
        positions: of the spectrum.
        count: bands, at most the positions.
        fine_share: share of the spectrum, from 0 Hz, where a position is a band of its own, if bands suffice.
    """
    fine = min(round(positions * min(1.0, fine_share)), count - 1, positions - 1)
    edges = torch.cat([torch.arange(fine), torch.linspace(fine, positions, count - fine + 1).round()])
    position = torch.arange(positions)
    members = ((position >= edges[:-1, None]) & (position < edges[1:, None])).float()
    return members / members.sum(dim=1, keepdim=True).clamp(min=1)
