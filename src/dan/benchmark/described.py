"""Streaming ONNX denoisers of others, described in TOML: what a hop takes and gives, and the state.

docs/examples/peers holds two such files.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from dan.config.base import Settings
from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.inference.onnx_session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

EXAMPLE = "See docs/examples/peers for two that work"


class Description(Settings):
    """Description of a graph that takes a hop at a time, as a TOML file has it."""

    file: str
    """The ONNX file, from the folder of the description."""
    sample_rate_hz: PositiveFloat
    """Rate of its signals, in Hz."""
    input: str
    """Name of the graph's input of the signal."""
    output: str
    """Name of its output."""
    shape: list[int | Literal["samples", "bins", "parts"]]
    """Shape of both: with samples, or with bins and their real and imaginary parts."""
    n_fft: Annotated[int, Field(ge=2, multiple_of=2)]
    """Samples that it takes at once: those of a frame; the hop's alone, where n_fft is hop_length."""
    hop_length: PositiveInt
    """Samples from one call to the next."""
    latency_samples: PositiveInt
    """Samples that must have come in before the first can go out; at least a hop."""
    window: Literal["none", "hann", "hann_sqrt"] = "none"
    """Window before a transform and after its inverse; its squares at the hops are brought to a sum of 1."""
    state: dict[str, str] = Field(default_factory=dict)
    """Output that each further input is next time, by the input's name; zeros at first."""

    @model_validator(mode="after")
    def _agree(self) -> Description:
        axes = sorted(axis for axis in self.shape if isinstance(axis, str))
        if axes not in (["samples"], ["bins", "parts"]):
            raise ValueError('shape has "samples", or "bins" and "parts", and 1 elsewhere')
        if self.n_fft % self.hop_length:
            raise ValueError(f"hop_length={self.hop_length} does not divide n_fft={self.n_fft}")
        if self.latency_samples < self.hop_length:
            shorter = f"latency_samples={self.latency_samples} is less than hop_length={self.hop_length}"
            raise ValueError(shorter)
        return self


def read_description(path: Path) -> Description:
    """Read a description of a peer.

    Raises:
        DanError: if the file is none.
    """
    try:
        return Description.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        why = f"{place}: {first['msg'].removeprefix('Value error, ')}"
        raise DanError(path, f"it describes no streaming denoiser ({why})", EXAMPLE) from error
    except OSError as error:
        raise DanError(path, f"it cannot be read ({error.strerror})", EXAMPLE) from error
    except ValueError as error:
        raise DanError(path, f"it is no TOML ({str(error).splitlines()[0]})", EXAMPLE) from error


def open_graph(description: Description, folder: Path) -> InferenceSession:
    """Open the graph of a description that lies in a folder.

    Raises:
        DanError: if there is no such graph, or it is not as described.
    """
    path = folder / description.file
    if not path.is_file():
        raise DanError(path, "there is no such file", "Put it beside its description, or name it there")
    try:
        session = open_session(path)
    except ValueError as error:
        why = str(error).splitlines()[0]
        raise DanError(path, f"onnxruntime cannot run it ({why})", "Give an ONNX denoiser") from error
    inputs = {node.name: node.shape for node in session.get_inputs()}
    outputs = [node.name for node in session.get_outputs()]
    named = {description.output, *description.state.values()}
    strange = ({description.input, *description.state} ^ set(inputs)) | (named - set(outputs))
    if strange:
        has = f"it takes {sorted(inputs)} and gives {sorted(outputs)}: {sorted(strange)} is on one side alone"
        raise DanError(path, has, "Name its input, its output and its state in the description")
    for name in description.state:
        if not all(isinstance(size, int) for size in inputs[name]):
            raise DanError(path, f"{name} has the shape {inputs[name]}", "Export it with fixed shapes")
    _check_hop(GraphStep(description, session), path)
    return session


def _check_hop(step: GraphStep, path: Path) -> None:
    """Run a hop of silence.

    Raises:
        DanError: if the graph does not take it, gives no hop, or its state is another afterwards.
    """
    try:
        why = _fault(step)
    except Exception as error:  # onnxruntime's errors have no other base
        why = " ".join(str(error).split())
    if why:
        way_out = f"Mend shape, n_fft, hop_length or state. {EXAMPLE}"
        raise DanError(path, f"it is not as described ({why})", way_out)


def _fault(step: GraphStep) -> str:
    """Fault in the output for a hop of silence, in words; empty for none."""
    hop, before = step.spec.hop_length, step.shapes()
    given, after = step(np.zeros((1, hop), np.float32)).shape[-1], step.shapes()
    if given != hop:
        return f"a hop of {hop} samples gives {given}"
    changed = [f"{name} comes back as {after[name]}" for name in before if after[name] != before[name]]
    return changed[0] if changed else ""


class GraphStep:
    """A described graph, a hop in and a hop out, as one of its users would call it.

    Args:
        description: of the graph.
        session: of the graph.
    """

    def __init__(self, description: Description, session: InferenceSession) -> None:
        self.spec, self.session = description, session
        self.outputs = [description.output, *description.state.values()]
        shapes = {node.name: node.shape for node in session.get_inputs()}
        self.state = {name: np.zeros(shapes[name], np.float32) for name in description.state}
        self.frame = np.zeros((1, description.n_fft), np.float32)
        self.window, self.sum = _window(description), np.zeros(description.n_fft, np.float32)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the state, by its names."""
        return {name: np.shape(value) for name, value in self.state.items()}

    def __call__(self, block: Signal) -> Signal:
        """Denoise whole hops ``[1, n hops]``."""
        hop = self.spec.hop_length
        return np.concatenate(
            [self._hop(block[:, first : first + hop]) for first in range(0, block.shape[-1], hop)], axis=-1
        )

    def _hop(self, block: Signal) -> Signal:
        hop = self.spec.hop_length
        self.frame = np.concatenate([self.frame[:, hop:], block], axis=-1)
        given = self.frame if "samples" in self.spec.shape else self._spectrum()
        feeds = {self.spec.input: given.reshape(self._sizes()), **self.state}
        output, *new = self.session.run(self.outputs, feeds)
        self.state = dict(zip(self.state, new, strict=True))
        return np.asarray(output).reshape(1, -1) if "samples" in self.spec.shape else self._added(output)

    def _sizes(self) -> list[int]:
        known = {"samples": self.spec.n_fft, "bins": self.spec.n_fft // 2 + 1, "parts": 2}
        return [known[axis] if isinstance(axis, str) else axis for axis in self.spec.shape]

    def _spectrum(self) -> Signal:
        bins = np.fft.rfft(self.frame[0] * self.window)
        parts = np.stack([bins.real, bins.imag]).astype(np.float32)
        return parts if self._parts_first() else parts.T

    def _parts_first(self) -> bool:
        return self.spec.shape.index("parts") < self.spec.shape.index("bins")

    def _added(self, output: npt.NDArray[Any]) -> Signal:
        """Overlap-add the frame of a spectrum, and return the hop that is full."""
        hop = self.spec.hop_length
        rows = output.reshape(2, -1) if self._parts_first() else output.reshape(-1, 2).T
        self.sum += np.fft.irfft(rows[0] + 1j * rows[1], self.spec.n_fft).astype(np.float32) * self.window
        full = self.sum[None, :hop].copy()
        self.sum = np.concatenate([self.sum[hop:], np.zeros(hop, np.float32)])
        return full


def _window(description: Description) -> Signal:
    """The window, whose squares at the hops add to 1."""
    turn = np.arange(description.n_fft) / description.n_fft
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * turn)
    window = {"none": np.ones_like(hann), "hann": hann, "hann_sqrt": np.sqrt(hann)}[description.window]
    total = np.square(window).reshape(-1, description.hop_length).sum(axis=0)
    if not np.allclose(total, total[0]):
        given = f"window={description.window}, hop_length={description.hop_length}"
        raise DanError(given, "its squares at the hops do not add up to a constant", EXAMPLE)
    return np.asarray(window / np.sqrt(total[0]), np.float32)
