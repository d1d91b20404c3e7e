"""DNSMOS P.835: opinion scores of speech, predicted by a network without the clean speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Array, check_sample_rate, check_signal
from dan.core.errors import DanError
from dan.inference.onnx_session import open_session

RATE_HZ = 16000.0
WINDOW_SAMPLES, STEP_SAMPLES = 144_160, 16_000
"""Length of what the network takes at once, 9.01 s, and step between such stretches of a longer signal."""
OVERALL = (-0.06766283, 1.11546468, 0.04602535)
"""Polynomial that brings the network's overall figure to the scale of the listeners, highest power first."""
WAY_OUT = "Give the ONNX file of DNSMOS P.835, which takes 9.01 s at 16 kHz and gives three figures"


class Dnsmos:
    """DNSMOS P.835, overall quality: a mean opinion score from 1 to 5, higher is better.

    It knows no clean speech, so that it does not see words that are lost.

    Args:
        path: the network's ONNX file, which does not come with this package.

    Raises:
        DanError: if it is none, or onnxruntime is not installed.

    Source: C. Reddy, V. Gopal and R. Cutler, "DNSMOS P.835: a non-intrusive perceptual objective speech
    quality metric to evaluate noise suppressors", 2022.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DanError(path, "there is no such file", WAY_OUT)
        try:
            self.session = open_session(path)
        except ImportError as error:
            raise DanError(path, "it takes onnxruntime to run", "pip install onnxruntime") from error
        except ValueError as error:
            raise DanError(
                path, f"onnxruntime cannot run it ({str(error).splitlines()[0]})", WAY_OUT
            ) from error
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or inputs[0].shape[1:] != [WINDOW_SAMPLES] or outputs[0].shape[1:] != [3]:
            raise DanError(path, f"it takes {[node.shape for node in inputs]}", WAY_OUT)
        self.name = inputs[0].name

    def __call__(
        self,
        *,
        estimate: npt.ArrayLike,
        reference: npt.ArrayLike | None = None,  # noqa: ARG002 (as every figure takes it)
        sample_rate_hz: float,
    ) -> Array:
        """Score speech.

        Args:
            estimate: ``[*, T]``, of full scale 1; shorter than 9.01 s it is repeated, longer it is scored
                every second.
            reference: not looked at.
            sample_rate_hz: 16000.

        Returns:
            ``[*]``, the mean over the stretches.

        Raises:
            DanError: if the signal or the rate is wrong.
        """
        if check_sample_rate(sample_rate_hz) != RATE_HZ:
            raise DanError(
                f"sample_rate_hz={sample_rate_hz:g}", "DNSMOS is defined at 16000 Hz only", "Resample to it"
            )
        rows = check_signal(estimate, name="estimate")
        scores = [self._score(row) for row in rows.reshape(-1, rows.shape[-1])]
        return np.array(scores).reshape(rows.shape[:-1])

    def _score(self, row: npt.NDArray[np.floating]) -> float:
        length = max(WINDOW_SAMPLES, len(row))
        whole = np.resize(row, length).astype(np.float32)
        starts = range(0, length - WINDOW_SAMPLES + 1, STEP_SAMPLES)
        figures = [
            self.session.run(None, {self.name: whole[None, start : start + WINDOW_SAMPLES]})[0][0, 2]
            for start in starts
        ]
        return float(np.polyval(OVERALL, np.array(figures, np.float64)).mean())
