"""Weights of an ONNX graph stored in fewer bits; what is computed with them stays float32.

The runtime turns them back when it loads the graph, once: the file is smaller and the speed the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Precision = Literal["float32", "float16", "int8"]

SMALL = 128
"""Tensors of fewer numbers than this, and those of one axis, stay as they are."""


def stored_in(graph: ModelProto, precision: Precision) -> ModelProto:
    """A copy of the graph with its weights in 16 bits, or in 8 with a scale for each row (the first axis)."""
    from onnx import TensorProto, numpy_helper

    small = type(graph)()
    small.CopyFrom(graph)
    kept, nodes = [], []
    for tensor in small.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or np.prod(tensor.dims) < SMALL:
            kept.append(tensor)
            continue
        weight = numpy_helper.to_array(tensor)
        parts, steps = (_halved if precision == "float16" else _in_bytes)(weight, tensor.name)
        kept += [numpy_helper.from_array(part, name) for name, part in parts.items()]
        nodes += steps
    nodes += small.graph.node
    del small.graph.initializer[:], small.graph.node[:]
    small.graph.initializer.extend(kept)
    small.graph.node.extend(nodes)
    return small


Parts = dict[str, npt.NDArray[np.generic]]


def _halved(weight: npt.NDArray[np.float32], name: str) -> tuple[Parts, list[NodeProto]]:
    from onnx import TensorProto, helper

    cast = helper.make_node("Cast", [f"{name}_stored"], [name], to=TensorProto.FLOAT)
    return {f"{name}_stored": weight.astype(np.float16)}, [cast]


def _in_bytes(weight: npt.NDArray[np.float32], name: str) -> tuple[Parts, list[NodeProto]]:
    from onnx import TensorProto, helper

    largest = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    stored, scales = f"{name}_stored", f"{name}_scale"
    cast = helper.make_node("Cast", [stored], [f"{name}_cast"], to=TensorProto.FLOAT)
    scaled = helper.make_node("Mul", [f"{name}_cast", scales], [name])
    return {stored: np.rint(weight / scale).astype(np.int8), scales: scale}, [cast, scaled]
