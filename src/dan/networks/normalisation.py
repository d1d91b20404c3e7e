"""Batch normalisation of a batch that lies in one process or in several."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dan.networks.processes import count, whole_sum


class BatchNorm1d(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` whose statistics are those of the whole batch, in however many processes.

    Shape: ``[B, C]`` or ``[B, C, T]`` in and out.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel."""
        if count() == 1 or not self.training:
            return super().forward(input)
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked.add_(1)
        return batch_norm(
            input,
            mean=self.running_mean,
            variance=self.running_var,
            scale=self.weight,
            bias=self.bias,
            momentum=self.momentum,
            eps=self.eps,
        )


def batch_norm(
    input: Tensor, *, mean: Tensor, variance: Tensor, scale: Tensor, bias: Tensor, momentum: float, eps: float
) -> Tensor:
    """Normalise each channel of ``[B, C, *]`` by its mean and variance over the batch of all processes.

    Args:
        input: this process's part of the batch.
        mean: running mean ``[C]``, which moves on.
        variance: running variance ``[C]``, which moves on.
        scale: of each channel, ``[C]``.
        bias: of each channel, ``[C]``.
        momentum: share of this batch in the running mean and variance.
        eps: added to the variance.

    Source: S. Ioffe and C. Szegedy, "Batch normalization", 2015.
    """
    if count() == 1:
        return F.batch_norm(input, mean, variance, scale, bias, training=True, momentum=momentum, eps=eps)
    batch_variance, batch_mean = _moments(input)
    with torch.no_grad():
        values = count() * input.numel() // input.shape[1]
        mean.lerp_(batch_mean, momentum)
        variance.lerp_(batch_variance * values / (values - 1), momentum)
    along = (1, -1, *[1] * (input.ndim - 2))
    factor = scale * (batch_variance + eps).rsqrt()
    return input * factor.view(along) + (bias - batch_mean * factor).view(along)


def _moments(input: Tensor) -> tuple[Tensor, Tensor]:
    """Variance and mean of each channel over all processes, which have as many values each.

    In double precision, in which the difference between a mean square and a squared mean is exact enough.
    """
    axes = [axis for axis in range(input.ndim) if axis != 1]
    own_variance, own_mean = (part.double() for part in torch.var_mean(input, axes, correction=0))
    sums = whole_sum(torch.stack([own_mean, own_variance + own_mean.square()])) / count()
    return (sums[1] - sums[0].square()).to(input), sums[0].to(input)
