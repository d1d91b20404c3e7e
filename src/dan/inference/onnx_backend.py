"""Model files run by onnxruntime: no torch is needed.

Of a network over frames the graph is ``frames [N, T] -> denoised [N, T]``, T up to the frame. Of a causal one
it is ``input [C, n hops] -> output [C, n hops]``, and for each part of the state ``state_NAME -> next_NAME``,
the channels first. docs/embedding.md tells it to those who run the file elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dan.config import ShortTimeSettings
from dan.core.errors import DanError
from dan.inference._onnx_session import open_session, read_metadata
from dan.inference.engines import Block, Engine, FrameEngine, HopEngine, State
from dan.inference.model_file import ModelInfo, no_model, parse_info

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

STATE, NEXT = "state_", "next_"
"""Before the names of the state's parts, in and out."""


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
        self.state_shapes = {name: shape for name, shape in shapes.items() if name.startswith(STATE)}
        """Shape of each part of the state behind the channels, by the name of its input."""

    def __reduce__(self) -> tuple[Callable[..., OnnxModel], tuple[Any, ...]]:
        """Pickle what it is opened from: a session cannot be."""
        return OnnxModel, (self.content, self.info)

    def __copy__(self) -> OnnxModel:
        """Itself."""
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> OnnxModel:
        """Itself."""
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
        silence = {
            name: np.zeros((channels, *shape), np.float32) for name, shape in self.state_shapes.items()
        }
        return HopEngine(
            self._step,
            silence,
            hop_length=settings.hop_length,
            latency_samples=self.info.latency_samples,
            channels=channels,
        )

    def _frames(self, frames: Block) -> Block:
        return np.asarray(self.session.run(None, {"frames": frames})[0])

    def _step(self, block: Block, state: State) -> tuple[Block, State]:
        output, *new = self.session.run(None, {"input": block, **state})
        return output, dict(zip(self.state_shapes, new, strict=True))


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
