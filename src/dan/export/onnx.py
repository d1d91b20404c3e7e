"""Export of a model to one ONNX file that runs without torch, compared with the model before it is left."""

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
from dan.export.parity import Difference, check_parity, compare
from dan.inference.model_file import FORMAT, ModelInfo, is_onnx
from dan.inference.onnx_backend import open_onnx
from dan.inference.onnx_stages import NEXT, STATE
from dan.networks.base import GeneratorBase
from dan.networks.short_time import ShortTimeGenerator

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
"""Version of the operators: known to onnxruntime from 1.12 on."""


@dataclass(frozen=True)
class Export:
    """An ONNX file that has been written."""

    path: Path
    """The file."""
    size_bytes: int
    """Its size."""
    difference: Difference
    """Difference from the torch model that it is of."""


def export_onnx(generator: GeneratorBase, info: ModelInfo, out: Path, *, force: bool = False) -> Export:
    """Export a generator to one ONNX file.

    The graph is compared with the generator on signals of several lengths, levels, numbers of channels and
    sizes of blocks, none of them those that it was traced with.

    Args:
        generator: of one channel, in evaluation mode.
        info: what its model file says of it.
        out: the file to write, NAME.onnx.
        force: overwrite a file of that name.

    Returns:
        The file and how it compares.

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
    with atomic_write(out, force=force) as temporary:
        report("Exporting", 0.0)
        temporary.write_bytes(trace(generator, info, temporary).SerializeToString())
        report("Exporting", 0.5)
        difference = compare(generator, open_onnx(temporary))
        check_parity(difference, out)
        size_bytes = temporary.stat().st_size
    report("Exporting", 1.0)
    return Export(out, size_bytes, difference)


def trace(generator: GeneratorBase, info: ModelInfo, path: Path) -> ModelProto:
    """Return the graph of a generator, with what its model file says of it as metadata; a file of it is left.

    Raises:
        DanError: if the package `onnx` is not installed.
    """
    onnx = require("onnx", extra="train")
    with warnings.catch_warnings():
        # Of what the trace takes as constant: the comparison shows if it is.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        # That the exporter from traces is an old one: the new one takes `onnxscript`, and stores transforms.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.onnx|dan\.export")
        # That a GRU of other rows needs its first state as an input: it is one.
        warnings.filterwarnings("ignore", message="Exporting a model to ONNX with a batch_size other than 1")
        # That a slice in steps is not folded: nothing is to be.
        warnings.filterwarnings("ignore", message="Constant folding - Only steps=1")
        # Folding would store the transforms, which the graph makes when it is loaded.
        torch.onnx.export(
            **_signature(generator),
            f=path,
            opset_version=OPSET,
            dynamo=False,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,  # in EVAL, weights of one value become one, wrongly
        )
    graph: ModelProto = onnx.load(path)
    onnx.helper.set_model_props(graph, metadata(generator, info))
    return graph


def _signature(generator: GeneratorBase) -> dict[str, Any]:
    """Return the module to trace, an example of its inputs, and the names of inputs, outputs and axes."""
    if not isinstance(generator, ShortTimeGenerator):
        axes = {0: "rows", 1: "samples"}
        return {
            "model": _Frames(generator),
            "args": (torch.zeros(2, generator.segment_samples),),
            "dynamic_axes": {"frames": axes, "denoised": axes},
            "input_names": ["frames"],
            "output_names": ["denoised"],
        }
    state = generator.initial_state(2)
    inputs = ["input", *(STATE + name for name in state)]
    outputs = ["output", *(NEXT + name for name in state)]
    dynamic = {name: {0: "channels"} for name in inputs + outputs}
    dynamic["input"] = dynamic["output"] = {0: "channels", 1: "samples"}
    return {
        "model": _Step(generator),
        "args": (torch.zeros(2, 3 * generator.hop_length), *state.values()),
        "dynamic_axes": dynamic,
        "input_names": inputs,
        "output_names": outputs,
    }


class _Traced(nn.Module):
    """A generator with its tables as part of the state.

    A trace takes what is no part of it for a constant, and stores what follows from it: whole transforms.
    """

    def __init__(self, generator: GeneratorBase) -> None:
        super().__init__()
        self.generator = generator
        for number, table in enumerate(generator.buffers()):
            self.register_buffer(f"table_{number}", table)


class _Frames(_Traced):
    """A network over one frame, ``[N, T] -> [N, T]``."""

    def forward(self, frames: Tensor) -> Tensor:
        return torch.as_tensor(self.generator(frames[:, None])[:, 0])


class _Step(_Traced):
    """A step over whole hops ``[B, n hops]`` and the state in its order, to the output and the new state."""

    generator: ShortTimeGenerator

    def forward(self, block: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        names = list(self.generator.initial_state(1))
        output, new = self.generator.step(block, dict(zip(names, state, strict=True)))
        return (output, *(new[name] for name in names))


def metadata(generator: GeneratorBase, info: ModelInfo) -> dict[str, str]:
    """Return what the file says of itself: the model file's own words, and what it takes to run it."""
    geometry: dict[str, Any] = {"latency_samples": info.latency_samples}
    if isinstance(generator, ShortTimeGenerator):
        shapes = {STATE + name: list(part.shape[1:]) for name, part in generator.initial_state(1).items()}
        geometry |= {"hop_length": generator.hop_length, "state": shapes}
    else:
        geometry |= {"segment_samples": generator.segment_samples}
    return {"format": FORMAT, "info": info.model_dump_json(), "geometry": json.dumps(geometry)}
