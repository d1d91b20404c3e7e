"""Reshaping whose shape an exported graph holds as a constant, without operators that find it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def reshape(input: Tensor, *shape: int) -> Tensor:
    """Reshape as ``input.reshape(shape)``, where 0 keeps the size of that axis.

    A graph that is exported then holds the shape as a constant, not the operators that would find it.
    """
    if torch.onnx.is_in_onnx_export():
        output: Tensor = _Reshape.apply(input, shape)  # type: ignore[no-untyped-call]
        return output
    return input.reshape([size or input.shape[axis] for axis, size in enumerate(shape)])


class _Reshape(torch.autograd.Function):
    """`reshape` as ONNX has it."""

    @staticmethod
    def symbolic(graph: Any, input: Any, shape: tuple[int, ...]) -> Any:
        return graph.op("Reshape", input, graph.op("Constant", value_t=torch.tensor(shape)))

    @staticmethod
    def forward(_context: Any, input: Tensor, shape: tuple[int, ...]) -> Tensor:
        return input.reshape([size or input.shape[axis] for axis, size in enumerate(shape)])
