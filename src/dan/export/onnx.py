"""Export: a model as one ONNX file that runs without torch, compared with the model before it is left."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dan.core.atomic import atomic_write, check_free
from dan.core.errors import DanError
from dan.core.extras import require
from dan.core.progress import report
from dan.export.exportable import ExportableShortTimeGenerator, build_exportable
from dan.export.parity import Difference, check_loss, check_parity, compare
from dan.export.precisions import Precision, stored_in
from dan.inference.model_file import FORMAT, ModelInfo, is_onnx
from dan.inference.onnx_backend import NEXT, STATE, open_onnx
from dan.networks.base import GeneratorBase

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
"""Version of the operators: known to onnxruntime from 1.12 on."""


@dataclass(frozen=True)
class Export:
    """An ONNX file that has been written."""

    path: Path
    """The file."""
    precision: Precision
    """In which its weights are stored."""
    size_bytes: int
    """Of the file."""
    difference: Difference
    """From the torch model that it is of."""


def export_onnx(
    generator: GeneratorBase,
    info: ModelInfo,
    out: Path,
    *,
    force: bool = False,
    precision: Precision = "float32",
) -> Export:
    """Export a generator to one ONNX file.

    The graph is compared with the generator on signals of several lengths, levels, numbers of channels and
    sizes of blocks, none of them those that it was traced with.

    Args:
        generator: of one channel, in evaluation mode.
        info: what its model file says of it.
        out: the file to write, NAME.onnx.
        force: overwrite a file of that name.
        precision: in which the weights are stored; what is computed with is float32 all the same.

    Returns:
        The file and how it compares; of lower precisions, what they cost.

    Raises:
        DanError: if the file differs from the generator by more than it may, or cannot be written.
    """
    if not is_onnx(out):
        raise DanError(out, "the name of an export ends in .onnx", "Give OUT.onnx")
    if generator.channels != 1:
        raise DanError(
            f"channels={generator.channels}",
            "a network is exported that takes each channel by itself",
            "Train with --set generator.channels=1",
        )
    check_free(out, force=force)
    report("Exporting", 0.0)
    with atomic_write(out, force=force) as temporary:
        graph = trace(generator, info, temporary)
        report("Exporting", 0.4)
        temporary.write_bytes(graph.SerializeToString())
        difference = compare(generator, open_onnx(temporary))
        check_parity(difference, out)
        report("Exporting", 0.8)
        if precision != "float32":
            temporary.write_bytes(stored_in(graph, precision).SerializeToString())
            difference = compare(generator, open_onnx(temporary))
            check_loss(difference, out)
        size_bytes = temporary.stat().st_size
    report("Exporting", 1.0)
    return Export(out, precision, size_bytes, difference)


def trace(generator: GeneratorBase, info: ModelInfo, path: Path) -> ModelProto:
    """The graph of a generator, with what its model file says of it as metadata; a file of it is left.

    Raises:
        DanError: if the package `onnx` is not installed.
    """
    onnx = require("onnx", extra="train")
    network = build_exportable(info.generator, info.signal).eval()
    network.load_state_dict(generator.state_dict(), strict=False)  # it has tables of its own beside them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the trace takes as constant: the comparison shows if it is
        torch.onnx.export(
            **_signature(network), f=path, opset_version=OPSET, dynamo=False, do_constant_folding=False
        )  # folding would store the transforms
    graph: ModelProto = onnx.load(path)
    shorten_names(graph)
    onnx.helper.set_model_props(graph, metadata(network, info))
    return graph


def shorten_names(graph: ModelProto) -> None:
    """Give what lies between inputs and outputs short names: the long ones are a sixth of the file."""
    inner = graph.graph
    short = {value.name: value.name for value in (*inner.input, *inner.output, *inner.initializer)} | {"": ""}
    for node in inner.node:
        node.name = ""
        for names in (node.input, node.output):
            names[:] = [short.setdefault(name, f"v{len(short)}") for name in names]


def _signature(network: GeneratorBase) -> dict[str, Any]:
    """The module to trace, an example of its inputs, and the names of inputs, outputs and axes."""
    if not isinstance(network, ExportableShortTimeGenerator):
        example = torch.zeros(2, network.segment_samples)
        axes = {0: "rows", 1: "samples"}
        names = {"input_names": ["frames"], "output_names": ["denoised"]}
        dynamic = {"frames": axes, "denoised": axes}
        return {"model": _Frames(network), "args": (example,), "dynamic_axes": dynamic, **names}
    state = network.initial_state(2)
    block = torch.zeros(2, 3 * network.hop_length)
    inputs, outputs = (
        ["input", *(STATE + name for name in state)],
        ["output", *(NEXT + name for name in state)],
    )
    dynamic = {name: {0: "channels"} for name in inputs + outputs}
    dynamic["input"] = dynamic["output"] = {0: "channels", 1: "samples"}
    return {
        "model": network,
        "args": (block, *state.values()),
        "dynamic_axes": dynamic,
        "input_names": inputs,
        "output_names": outputs,
    }


class _Frames(nn.Module):
    """A network over one frame, ``[N, T] -> [N, T]``."""

    def __init__(self, generator: GeneratorBase) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, frames: Tensor) -> Tensor:
        return torch.as_tensor(self.generator(frames[:, None])[:, 0])


def metadata(network: GeneratorBase, info: ModelInfo) -> dict[str, str]:
    """What the file says of itself: the model file's own words, and what it takes to run it."""
    geometry: dict[str, Any] = {"latency_samples": info.latency_samples}
    if isinstance(network, ExportableShortTimeGenerator):
        shapes = {STATE + name: list(part.shape[1:]) for name, part in network.initial_state(1).items()}
        geometry |= {"hop_length": network.hop_length, "state": shapes}
    else:
        geometry |= {"segment_samples": network.segment_samples}
    return {
        "format": FORMAT,
        "info": info.model_dump_json(),
        "geometry": json.dumps(geometry),
    }
