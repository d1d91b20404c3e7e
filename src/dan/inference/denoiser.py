"""A trained model applied to signals of any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_sample_rate, check_signal
from dan.core.errors import DanError
from dan.inference.engines import Engine, ResamplingEngine
from dan.inference.model_file import ModelInfo, find_model, is_onnx
from dan.inference.stream import Stream

ROWS_AT_ONCE = 256
"""Rows that are denoised together: bounds the memory."""


class Model(Protocol):
    """What runs a model file: torch or onnxruntime."""

    info: ModelInfo

    def engine(self, channels: int) -> Engine:
        """A new engine for so many channels."""
        ...


class Denoiser:
    """A trained denoiser: array in, array of the same shape and dtype out.

    Networks over single frames take signals up to the length that they were trained on at once; longer ones
    are cut into frames of that length, each half over its neighbour, and the outputs are joined by a weighted
    mean. Causal networks take any length as it comes. Whole, in portions or streamed, the samples are the
    same.

    Args:
        model: what runs the network, and what its file says of it.
    """

    def __init__(self, model: Model) -> None:
        self.model, self.info = model, model.info
        self.history: Sequence[Mapping[str, Any]] = ()
        """The records of its training's validations, where it comes from `dan.train`."""

    def __call__(
        self, noisy: npt.ArrayLike, *, sample_rate: float, strength: float = 1.0, resample: bool = False
    ) -> Signal:
        """Denoise a signal.

        Args:
            noisy: ``[*, T]``, any leading axes; each row by itself.
            sample_rate: its rate in Hz, which must be the model's unless `resample` is set.
            strength: 0 returns the input, 1 the denoised signal, between them their mix.
            resample: take another rate too: to the model's and back.

        Returns:
            The denoised signal, of the same shape and dtype, at the level it had in the input.

        Raises:
            DanError: if the signal is wrong, or its rate is not the model's.
        """
        signal = np.asarray(noisy)
        check_signal(signal, name="noisy")
        rows = signal.reshape(-1, signal.shape[-1])
        outputs = []
        for portion in np.array_split(rows, -(-len(rows) // ROWS_AT_ONCE)):
            stream = self.stream(
                channels=len(portion), strength=strength, sample_rate=sample_rate, resample=resample
            )
            outputs.append(self._whole(stream, portion))
        return np.concatenate(outputs).reshape(signal.shape)

    @staticmethod
    def _whole(stream: Stream, rows: Signal) -> Signal:
        return np.concatenate([stream.feed(rows), stream.flush()], axis=-1)

    def stream(
        self,
        *,
        channels: int = 1,
        strength: float = 1.0,
        sample_rate: float | None = None,
        resample: bool = False,
    ) -> Stream:
        """Open a stream: blocks of any length in, the same samples out as from the whole signal.

        Args:
            channels: of every block ``[C, n]``; each is denoised by itself.
            strength: 0 returns the input, 1 the denoised signal, between them their mix.
            sample_rate: of the blocks, in Hz; None for the model's.
            resample: take another rate too: to the model's and back. What lies above half of the lower rate
                is lost.

        Raises:
            DanError: if a setting is out of its range, or the rate is another and not to be resampled.
        """
        if channels < 1:
            raise DanError(f"channels={channels}", "a stream has at least one", "Give the blocks' channels")
        engine = self.model.engine(channels)
        rate_hz = self.info.sample_rate_hz if sample_rate is None else sample_rate
        if resample and check_sample_rate(rate_hz, name="sample_rate") != self.info.sample_rate_hz:
            engine = ResamplingEngine(
                engine, outer_hz=rate_hz, inner_hz=self.info.sample_rate_hz, channels=channels
            )
        else:
            self.check_rate(rate_hz)
        return Stream(engine, channels=channels, strength=strength)

    def check_rate(self, sample_rate: float, *, way_out: str = "") -> None:
        """Check that a signal's rate in Hz is the model's.

        Args:
            sample_rate: in Hz.
            way_out: for who cannot resample.

        Raises:
            DanError: if it is not.
        """
        wanted = self.info.sample_rate_hz
        if check_sample_rate(sample_rate, name="sample_rate") != wanted:
            raise DanError(
                f"sample_rate={sample_rate:g}",
                f"the model {self.info.name} is for {wanted:g} Hz",
                way_out
                or f"Use --resample (resample=True), which goes to {wanted:g} Hz and back, or train a model "
                f"with --set signal.sample_rate_hz={sample_rate:g}",
            )


def load(model: str | Path) -> Denoiser:
    """Load the denoiser of a run folder, of a model file, or of a name that comes with the package.

    Raises:
        DanError: if there is no such model, or torch, which runs it, is not installed.

    Examples:
        >>> denoiser = dan.load("tones-wide")
        >>> y, sr = dan.read("noisy.wav")
        >>> denoiser(y, sample_rate=sr).shape
        (2048,)
    """
    path = find_model(model)
    if is_onnx(path):
        from dan.inference.onnx_backend import open_onnx

        return Denoiser(open_onnx(path))
    try:
        import torch  # noqa: F401  (the reason of a failure)

        from dan.inference.torch_backend import open_torch
    except ImportError as error:
        raise DanError(
            path, "it takes torch to run", "pip install 'dan-denoiser[train]', or take its .onnx export"
        ) from error
    return Denoiser(open_torch(path))
