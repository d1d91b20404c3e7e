"""Muon: gradient descent with momentum for matrices, each step made orthogonal."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

ITERATIONS = 5
"""Steps of the orthogonalisation: singular values end between about 0.7 and 1.2."""


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal: all directions of a matrix learn at one rate.

    `torch.optim.Muon` takes one matrix at a time, in half precision; for the many small matrices of a small
    network on a CPU that is over ten times slower than this, which takes all matrices of one shape at once.

    Args:
        matrices: parameters of rank 2.
        lr: learning rate, on the scale of Adam's.
        momentum: decay of the average of the gradient; the step looks ahead by as much (Nesterov).
        weight_decay: decoupled from the gradient.

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; the scale after
    J. Liu et al., "Muon is scalable for LLM training", 2025.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for matrix in matrices:
            shapes[matrix.shape].append(matrix)
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__([{"params": alike} for alike in shapes.values()], defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # noqa: ARG002
        """One update of every matrix; the closure is not called."""
        for group in self.param_groups:
            matrices, momentum = group["params"], group["momentum"]
            gradient = torch.stack([matrix.grad for matrix in matrices])
            state = self.state[matrices[0]]
            if not state:
                state["mean"] = torch.zeros_like(gradient)
            mean = state["mean"].lerp_(gradient, 1 - momentum)
            updates = orthogonalise(torch.lerp(gradient, mean, momentum))
            rate = group["lr"] * 0.2 * math.sqrt(max(gradient.shape[1:]))  # the RMS of an Adam step
            for matrix, update in zip(matrices, updates, strict=True):
                matrix.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=rate)


def orthogonalise(matrices: Tensor) -> Tensor:
    """Nearly ``U V'`` of the singular value decomposition of each matrix: ``[N, rows, columns]`` in and out.

    Newton-Schulz iteration, quintic, with coefficients that trade accuracy for speed.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = 3.4445 * x + (2.0315 * gram @ gram - 4.7750 * gram) @ x
    return torch.as_tensor(x.mT if tall else x)
