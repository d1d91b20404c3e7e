"""A trained model applied to signals of any length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dan.models import ModelInfo, find_model, load_model
from dan.signals import DanError, Signal, check_sample_rate, check_signal

FRAMES_AT_ONCE = 256
"""Frames that go through the network together: bounds the memory."""

Network = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Frames ``[N, T]`` to frames of the same shape."""


class Denoiser:
    """A trained denoiser: array in, array of the same shape and dtype out.

    Signals up to the length that it was trained on go through its network at once. Longer ones are cut into
    frames of that length, each half over its neighbour, and the outputs are joined by a weighted mean.

    Args:
        network: the generator, on frames ``[N, T]``.
        info: what the model file says of it.
    """

    def __init__(self, network: Network, info: ModelInfo) -> None:
        self.network, self.info = network, info

    def __call__(self, noisy: npt.ArrayLike, *, sample_rate: float, strength: float = 1.0) -> Signal:
        """Denoise a signal.

        Args:
            noisy: ``[*, T]``, any leading axes; each row by itself.
            sample_rate: its rate in Hz, which must be the model's.
            strength: 0 returns the input, 1 the denoised signal, between them their mix.

        Returns:
            The denoised signal, of the same shape and dtype, at the level it had in the input.

        Raises:
            DanError: if the signal is wrong, or its rate is not the model's.
        """
        signal = check_signal(noisy, name="noisy")
        self.check_rate(sample_rate)
        if not 0 <= strength <= 1:
            raise DanError(f"strength={strength}", "it is from 0 to 1", "0 is the input, 1 all of the effect")
        rows = signal.reshape(-1, signal.shape[-1])
        denoised = np.stack([self._row(row) for row in rows]) if self._is_long(rows) else self._network(rows)
        mixed = strength * denoised.reshape(signal.shape) + (1 - strength) * signal
        return mixed.astype(signal.dtype)

    def check_rate(self, sample_rate: float) -> None:
        """Check that a signal's rate in Hz is the model's.

        Raises:
            DanError: if it is not.
        """
        wanted = self.info.sample_rate_hz
        if check_sample_rate(sample_rate, name="sample_rate") != wanted:
            raise DanError(
                f"sample_rate={sample_rate:g}",
                f"the model {self.info.name} is for {wanted:g} Hz",
                f"Resample the signal to {wanted:g} Hz, or train a model at {sample_rate:g} Hz with "
                f"--set signal.sample_rate_hz={sample_rate:g}",
            )

    def _is_long(self, rows: Signal) -> bool:
        return int(rows.shape[-1]) > self.info.signal.length_samples

    def _network(self, rows: Signal) -> Signal:
        """``[N, T]``, a portion at a time."""
        wide = rows.astype(np.float32)
        portions = [wide[start : start + FRAMES_AT_ONCE] for start in range(0, len(wide), FRAMES_AT_ONCE)]
        return np.concatenate([self.network(portion) for portion in portions])

    def _row(self, row: Signal) -> Signal:
        """One long signal ``[T]``: the mean of its overlapping frames, weighted towards each one's middle.

        starts     0      h      2h           T - L
        frames     [------------]
                          [------------]
                                 [------ ... -]      the last one ends with the signal

        The weights are divided out, so that frames that come back as they were add up to the signal itself.
        """
        length = self.info.signal.length_samples
        hop = max(1, length // 2)
        starts = np.unique(np.minimum(np.arange(0, len(row) - length + hop, hop), len(row) - length))
        window = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2  # above 0 everywhere
        output, weight = np.zeros(len(row)), np.zeros(len(row))
        for portion in np.array_split(starts, -(-len(starts) // FRAMES_AT_ONCE)):
            frames = self._network(np.stack([row[start : start + length] for start in portion]))
            for start, frame in zip(portion, frames, strict=True):
                output[start : start + length] += window * frame
                weight[start : start + length] += window
        return np.asarray(output / weight)


def load(model: str | Path) -> Denoiser:
    """The denoiser of a run folder, of a model file, or of a name that comes with the package.

    Raises:
        DanError: if there is no such model, or torch, which runs it, is not installed.
    """
    path = find_model(model)
    try:
        import torch
    except ImportError as error:
        raise DanError(path, "it takes torch to run", "pip install 'dan-denoiser[train]'") from error
    generator, info = load_model(path)

    def network(frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(generator(torch.from_numpy(frames)[:, None])[:, 0].numpy())

    return Denoiser(network, info)
