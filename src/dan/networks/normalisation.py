"""Batch normalisation of a batch that lies in one process or in several."""

from __future__ import annotations

from typing import Any

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
    batch_mean, batch_variance = _moments(input)
    with torch.no_grad():
        values = count() * input.numel() // input.shape[1]
        mean.lerp_(batch_mean, momentum)
        variance.lerp_(batch_variance * values / (values - 1), momentum)
    normal: Tensor = _Normalisation.apply(  # type: ignore[no-untyped-call]
        input, scale, bias, batch_mean, batch_variance, eps
    )
    return normal


@torch.no_grad()
def _moments(input: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over all processes, which have as many values each.

    They are put together in double precision, in which the difference between a mean square and a squared
    mean is exact enough.
    """
    own_mean, own_variance = (part.double() for part in torch.batch_norm_update_stats(input, None, None, 0.0))
    sums = whole_sum(torch.stack([own_mean, own_variance + own_mean.square()])) / count()
    return sums[0].to(input), (sums[1] - sums[0].square()).to(input)


class _Normalisation(torch.autograd.Function):
    """Normalisation by the moments of the whole batch, of which each value of it has its part.

    With z = (x - mean) / deviation and y = scale z + bias, the gradient at x is that at y times scale /
    deviation, less its mean over the batch, less z times the mean of its product with z.
    """

    @staticmethod
    def forward(  # noqa: PLR0917
        context: Any, input: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Tensor:
        context.save_for_backward(input, scale, mean, variance)
        context.eps = eps
        return F.batch_norm(input, mean, variance, scale, bias, training=False, eps=eps)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        input, scale, mean, variance = context.saved_tensors
        at_input, at_scale, at_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, input, scale, mean, variance, None, None, False, context.eps, [True, True, True]
        )
        values = count() * input.numel() // input.shape[1]
        by_z, by_one = whole_sum(torch.stack([at_scale, at_bias])) / values
        inverse = (variance + context.eps).rsqrt()
        slope = scale * inverse.square() * by_z
        offset = scale * inverse * by_one - slope * mean
        along = (1, -1, *[1] * (input.ndim - 2))
        at_input = at_input.sub_(offset.view(along)).addcmul_(input, slope.view(along), value=-1)
        return at_input, at_scale, at_bias, None, None, None
