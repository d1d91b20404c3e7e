"""Interface of every generator."""

from __future__ import annotations

from torch import nn


class GeneratorBase(nn.Module):
    """Base of every generator.

    Shape: ``[B, C, T] -> [B, C, T]`` for any T from 1 to `segment_samples`.
    """

    segment_samples: int
    """Length of a segment: longer signals are cut into overlapping segments."""
    receptive_field_samples: int
    """Input samples that one output sample depends on."""
    latency_samples: int
    """Input samples before the first output sample."""
    channels: int
    """Channels C of the signal."""

    def matrices(self) -> list[nn.Parameter]:
        """Return the weights between hidden channels, which an optimiser for matrices trains."""
        return []
