"""Sessions of onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(file: Path | bytes) -> InferenceSession:
    """Return a session for one core: threads would cost more than they gain with networks of this size.

    Args:
        file: an ONNX file, or its content.

    Raises:
        ImportError: if onnxruntime is not installed.
        ValueError: if it cannot run the file.
    """
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # The level above pads channels to whole vectors: the causal networks, of 24, lose a sixth of their speed.
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 4  # nothing: errors are raised
    try:
        return InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no other base
        raise ValueError(str(error)) from error


def read_metadata(session: InferenceSession) -> dict[str, str]:
    """Return what the file of a session says of itself."""
    return dict(session.get_modelmeta().custom_metadata_map)
