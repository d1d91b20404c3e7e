"""What every generator promises, whatever is inside."""

from __future__ import annotations

from torch import nn


class GeneratorBase(nn.Module):
    """What every generator offers beside ``forward``.

    Shape: ``[B, C, T] -> [B, C, T]`` for any T from 1 to `segment_samples`.
    """

    segment_samples: int
    """Length of signal that it was made for: longer ones are cut into overlapping frames of it."""
    receptive_field_samples: int
    """Input samples that one output sample depends on."""
    latency_samples: int
    """Samples that must have come in before the first can go out."""
    channels: int
    """Channels C of the signal."""

    def matrices(self) -> list[nn.Parameter]:
        """The weights that an optimiser for matrices is for: those between hidden channels."""
        return []
