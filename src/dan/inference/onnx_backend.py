"""Model files run by onnxruntime: no torch is needed.

Of a network over frames the graph is ``frames [N, T] -> denoised [N, T]``, T up to the frame. Of a causal one
it is ``input [C, n hops] -> output [C, n hops]``, and for each part of the state ``state_NAME -> next_NAME``,
the channels first. docs/embedding.md tells it to those who run the file elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dan.config import ShortTimeSettings
from dan.core.errors import DanError
from dan.inference.engines import Block, Engine, FrameEngine, HopEngine, NetworkState, Values
from dan.inference.model_file import ModelInfo, no_model, parse_info
from dan.inference.onnx_session import open_session, read_metadata
from dan.inference.onnx_stages import NEXT, STATE, Part, cut

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, IOBinding


class OnnxModel:
    """An ONNX graph as what a denoiser runs.

    It has no state, so copies share it, and threads may; it is pickled with the file's content.

    Args:
        content: of the file.
        info: what it says of itself.
        session: of onnxruntime, over the graph; None opens one.
    """

    def __init__(self, content: bytes, info: ModelInfo, session: InferenceSession | None = None) -> None:
        self.content, self.info = content, info
        self.session = session or open_session(content)
        shapes = {node.name: node.shape[1:] for node in self.session.get_inputs()}
        self.input_names = list(shapes)
        self.output_names = [node.name for node in self.session.get_outputs()]
        self.state_shapes = {name: shape for name, shape in shapes.items() if name.startswith(STATE)}
        """Shape of each part of the state behind the channels, by the name of its input."""

    def __reduce__(self) -> tuple[Callable[..., OnnxModel], tuple[Any, ...]]:
        """Pickle what it is opened from: a session cannot be."""
        return OnnxModel, (self.content, self.info)

    def __copy__(self) -> OnnxModel:
        """Return the model itself."""
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> OnnxModel:
        """Return the model itself."""
        return self

    def check_inputs(self, path: Path) -> None:
        """Check that the graph takes what its metadata says.

        Raises:
            DanError: if it does not.
        """
        causal = isinstance(self.info.generator, ShortTimeSettings)
        wanted = ["input", *self.state_shapes] if causal else ["frames"]
        if self.input_names != wanted or causal != bool(self.state_shapes):
            raise DanError(
                path, f"its graph takes {self.input_names}, no model of its kind", "Export the model again"
            )

    def engine(self, channels: int) -> Engine:
        """A new engine for so many channels."""
        settings = self.info.generator
        if not isinstance(settings, ShortTimeSettings):
            segment_samples = self.info.signal.length_samples
            return FrameEngine(
                self._frames, segment_samples=segment_samples, channels=channels, scaled=self.info.any_level
            )
        return HopEngine(
            _OnnxStep(self, channels, settings.hop_length),
            hop_length=settings.hop_length,
            latency_samples=self.info.latency_samples,
            channels=channels,
            stages=self.stages,
        )

    def stages(self) -> list[OnnxStage]:
        """The graph in stages; none where nothing in it recurs."""
        return [OnnxStage(part) for part in cut(self.content)]

    def _frames(self, frames: Block) -> Block:
        return np.asarray(self.session.run(None, {"frames": frames})[0])


class _OnnxStep:
    """Whole hops through a causal graph; a hop by itself goes through arrays that stay bound to the graph.

    There are two sets of these: the state that is read and the state that is written change places.

    Args:
        model: the graph's.
        channels: channels C.
        hop_length: samples of a hop.
        state: of the past, in the order of the graph's inputs; None for silence.
    """

    def __init__(
        self, model: OnnxModel, channels: int, hop_length: int, state: list[Block] | None = None
    ) -> None:
        self.model, self.hop = model, np.zeros((channels, hop_length), np.float32)
        shapes = [(channels, *shape) for shape in model.state_shapes.values()]
        self.states = [[np.zeros(shape, np.float32) for shape in shapes] for _ in range(2)]
        self.output = np.zeros_like(self.hop)
        self.bindings: list[IOBinding] = []
        """Made for the first hop that comes by itself."""
        self._keep(state or self.states[0])

    def _bind(self, state: list[Block], new: list[Block]) -> IOBinding:
        binding = self.model.session.io_binding()
        for name, array in zip(self.model.input_names, [self.hop, *state], strict=True):
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in zip(self.model.output_names, [self.output, *new], strict=True):
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding

    def _keep(self, state: Iterable[Block]) -> None:
        for kept, array in zip(self.states[0], state, strict=True):
            kept[:] = array

    def __reduce__(self) -> tuple[Callable[..., _OnnxStep], tuple[Any, ...]]:
        """Copy it as it stands: bindings cannot be."""
        return _OnnxStep, (self.model, *self.hop.shape, self.states[0])

    def __call__(self, block: Block) -> Block:
        if block.shape != self.hop.shape:
            output, new = self.after(block, dict(zip(self.model.state_shapes, self.states[0], strict=True)))
            self._keep(new.values())
            return output
        self.bindings = self.bindings or [self._bind(*self.states), self._bind(*self.states[::-1])]
        self.hop[:] = block
        self.model.session.run_with_iobinding(self.bindings[0])
        self.bindings.reverse()
        self.states.reverse()
        return self.output.copy()

    def state(self) -> NetworkState:
        """Return a copy of the state."""
        return {
            name: array.copy() for name, array in zip(self.model.state_shapes, self.states[0], strict=True)
        }

    def after(self, block: Block, state: NetworkState) -> tuple[Block, NetworkState]:
        """Return the output after another past, and the state that it leaves."""
        output, *new = self.model.session.run(None, {"input": block, **state})
        return np.asarray(output), dict(zip(state, new, strict=True))


class OnnxStage:
    """A stage of a graph as an engine's crew runs it.

    Args:
        part: of the graph.
    """

    def __init__(self, part: Part) -> None:
        self.part, self.states, self.session = part, part.states, open_session(part.content)
        self.names = [*part.gives, *(name.replace(STATE, NEXT, 1) for name in part.states)]

    def __call__(self, values: Values, state: NetworkState) -> tuple[Values, NetworkState]:
        """Add to the values what the stage gives, and move its state on."""
        given = {name: values[name] for name in self.part.needs}
        outputs = self.session.run(self.names, {**given, **state})
        count = len(self.part.gives)
        gives = dict(zip(self.part.gives, outputs[:count], strict=True))
        return {**values, **gives}, dict(zip(self.states, outputs[count:], strict=True))


def open_onnx(path: Path) -> OnnxModel:
    """Return the model of an ONNX file.

    Raises:
        DanError: if it is no model file of DAN, or onnxruntime cannot run it or is not installed.
    """
    try:
        content = path.read_bytes()
        session = open_session(content)
    except ImportError as error:
        raise DanError(path, "it takes onnxruntime to run", "pip install onnxruntime") from error
    except (OSError, ValueError) as error:
        raise no_model(path, str(error)) from error
    model = OnnxModel(content, parse_info(path, read_metadata(session)), session)
    model.check_inputs(path)
    return model
