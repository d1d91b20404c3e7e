"""DNSMOS: the overall quality that listeners would give, told from the output alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

from dan.core.arrays import Signal

LENGTH = 144_160
"""Samples at 16 kHz that it hears; shorter signals are repeated."""
OVERALL = (-0.06766283, 1.11546468, 0.04602535)
"""Coefficients of the square, the value and 1 that its overall figure is mapped with."""


def open_dnsmos(path: Path | None) -> Callable[[Signal], float] | None:
    """Return the function that scores a signal ``[T]`` at 16 kHz; None without the network's file.

    Source: C. Reddy, V. Gopal and R. Cutler, "DNSMOS P.835: a non-intrusive perceptual objective speech
    quality metric to evaluate noise suppressors", 2022.
    """
    if path is None:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def score(signal: Signal) -> float:
        heard = np.resize(np.asarray(signal, np.float32), LENGTH)
        overall = float(session.run(None, {name: heard[None]})[0][0][2])
        return float(np.polyval(OVERALL, overall))

    return score
