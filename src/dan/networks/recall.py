"""Recall: the output of a causal network, averaged with what it put out before wherever that was alike.

A heart repeats itself, and noise does not: beats that look alike are one beat, heard several times. The
latency stays as it is, and what is remembered has a fixed size.

Source: A. Buades, B. Coll and J.-M. Morel, "A non-local algorithm for image denoising", 2005; for hearts
B. Tracey and E. Miller, "Nonlocal means denoising of ECG signals", 2012. Here only the past is looked at.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dan.networks.reshaping import reshape

BLOCKS = 16
"""Blocks of a hop: the steps in which likes are looked for."""
BEFORE, AFTER = 2, 1
"""Hops before and after its own by which a block is known."""
LIKE, LIKE_SIGNAL, LIKE_NOISE = 0.03, 0.002, 0.01
"""Mean squared difference of likes: shares of the power around a block, the signal's and the noise's."""
OWN, OWN_CLEAN, NO_NOISE = -0.5, -1.0, 0.01
"""Logit of a block itself at 0 dB, its slope over the logarithm of the noise, the noise that is none."""
SILENCE = 1e-14
"""Power at which a hop is silent."""
NEVER = -1e9
"""Logit of what is not looked at."""


class Recall(nn.Module):
    """Attention of each block of the output to those before, by how alike their surroundings are.

        hops           0  1  2  3  4  5      (5: as far as it is known yet)
        a key          <     x  >
        a query              <     x  >

    The less noise is taken away, the more a block keeps to itself: what is clean stays as it is. Nothing is
    learnt: on hearts varied for training it would learn that beats differ.

    Args:
        hop_length: samples of a hop, a multiple of 16.
        hops: among which likes are looked for.
        delay_hops: by which the output is late.
    """

    def __init__(self, hop_length: int, hops: int, delay_hops: int) -> None:
        super().__init__()
        self.hop_length, self.hops, self.delay_hops = hop_length, hops, delay_hops
        self.kept = hops + BEFORE + AFTER
        """Hops that are remembered."""

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each part of the state behind the rows, by name."""
        return {
            "recall_input": (self.delay_hops, self.hop_length),
            "recall_output": (self.kept, self.hop_length),
            "recall_removed": (self.kept, 1),
        }

    def forward(self, output: Tensor, heard: Tensor, ahead: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Average hops of the output ``[B, hops, hop_length]`` with those before; the state moves on.

        Args:
            output: the next hops.
            heard: the input as it came with them, of the same shape.
            ahead: behind each hop of the output the one after it, as far as it is known by then.
            state: of the names that `state_shapes` has.
        """
        whole, removed = self._remember(output, heard, state)
        means = _blocks(whole)
        power = means.square().mean(dim=-1, keepdim=True)  # [B, hops, 1]
        sounds = (power > SILENCE).to(power.dtype)  # not so before the first hop
        near = self._window(whole, last=0)
        signal = _mean(power, sounds, near) + SILENCE
        noise = _mean(removed, sounds, near) / signal
        # Silence recalls nothing and is not recalled.
        known = self._window(whole, last=-BEFORE) * sounds[:, self.kept :] * sounds.transpose(1, 2)
        alike = self._alike(means, _blocks(ahead), signal, noise)  # [B, hops, blocks, hops, blocks]
        alike = torch.where(known[:, :, None, BEFORE:-AFTER, None] > 0, alike, NEVER)
        own = (OWN + OWN_CLEAN * (NO_NOISE + noise).log())[..., None].expand(-1, -1, BLOCKS, -1)
        share = torch.softmax(torch.cat([own, reshape(alike, 0, 0, 0, -1)], dim=-1), dim=-1)
        before = reshape(whole[:, BEFORE:-AFTER], 0, -1, self.hop_length // BLOCKS)
        recalled = share[..., 1:] @ before[:, None]
        return reshape(share[..., :1] * reshape(output, 0, 0, BLOCKS, -1) + recalled, 0, 0, -1)

    def _remember(self, output: Tensor, heard: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The output and the power of what was taken away, behind those before."""
        inputs = torch.cat([state["recall_input"], heard], dim=1)
        state["recall_input"] = inputs[:, -self.delay_hops :]
        taken = _blocks(inputs[:, : -self.delay_hops] - output).square().mean(dim=-1, keepdim=True)
        whole = torch.cat([state["recall_output"], output], dim=1)
        removed = torch.cat([state["recall_removed"], taken], dim=1)
        state["recall_output"], state["recall_removed"] = whole[:, -self.kept :], removed[:, -self.kept :]
        return whole, removed

    def _window(self, whole: Tensor, *, last: int) -> Tensor:
        """Which hops each new one looks at, up to so many after it, ``[new hops, hops]``, 1 or 0."""
        number = torch.arange(whole.shape[1], device=whole.device)
        apart = number - number[self.kept :, None]
        return ((apart >= -self.hops - 1) & (apart <= last)).to(whole.dtype)

    def _alike(self, means: Tensor, ahead: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
        """Less the mean squared difference of queries and keys, over what it may be."""
        key = _surroundings(reshape(means, 0, -1))
        first = self.kept - BEFORE
        parts = [means[:, first:-BEFORE], means[:, first + 1 : -1], means[:, self.kept :], ahead]
        query = _surroundings(torch.cat(parts, dim=-1))  # [B, hops, blocks, taps]
        power, key_power = (part.square().mean(dim=-1, keepdim=True) for part in (query, key))
        width = LIKE * power + ((LIKE_SIGNAL + LIKE_NOISE * noise) * signal)[..., None]
        # One product for |q - k|^2 = |q|^2 - 2 q k + |k|^2.
        left = torch.cat([query * (2 / query.shape[-1]), -power, -torch.ones_like(power)], dim=-1) / width
        right = torch.cat([key, torch.ones_like(key_power), key_power], dim=-1)
        return reshape(left @ right[:, None].transpose(-1, -2), 0, 0, 0, -1, BLOCKS)


def _surroundings(means: Tensor) -> Tensor:
    """Means of blocks ``[*, T]`` to what surrounds each, centred, ``[*, blocks, taps]``."""
    taps = torch.arange((BEFORE + AFTER) * BLOCKS + 1, device=means.device)
    first = torch.arange(means.shape[-1] - len(taps) + 1, device=means.device)
    around = means[..., first[:, None] + taps]
    return around - around.mean(dim=-1, keepdim=True)


def _blocks(hops: Tensor) -> Tensor:
    """Means of the blocks of hops, ``[B, hops, blocks]``."""
    return reshape(hops, 0, 0, BLOCKS, -1).mean(dim=-1)


def _mean(value: Tensor, sounds: Tensor, window: Tensor) -> Tensor:
    """Mean over those hops of a window that are not silent."""
    return (window @ (sounds * value)) / (window @ sounds).clamp(min=1)
