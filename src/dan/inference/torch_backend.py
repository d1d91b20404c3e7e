"""Model files run by torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dan.inference.engines import Block, Engine, FrameEngine, HopEngine, State
from dan.inference.model_file import ModelInfo, load_model
from dan.networks.base import GeneratorBase
from dan.networks.short_time import ShortTimeGenerator


class TorchModel:
    """A generator as what a denoiser runs.

    Args:
        generator: in evaluation mode.
        info: what the model file says of it.
    """

    def __init__(self, generator: GeneratorBase, info: ModelInfo) -> None:
        self.generator, self.info = generator.eval(), info

    def engine(self, channels: int) -> Engine:
        """A new engine for so many channels."""
        if not isinstance(self.generator, ShortTimeGenerator):
            segment_samples = self.generator.segment_samples
            return FrameEngine(self._frames, segment_samples=segment_samples, channels=channels)
        state = {name: value.numpy() for name, value in self.generator.initial_state(channels).items()}
        return HopEngine(
            self._step,
            state,
            hop_length=self.generator.hop_length,
            latency_samples=self.generator.latency_samples,
            channels=channels,
        )

    def _frames(self, frames: Block) -> Block:
        with torch.inference_mode():
            return np.asarray(self.generator(torch.tensor(frames)[:, None])[:, 0].numpy())

    def _step(self, block: Block, state: State) -> tuple[Block, State]:
        assert isinstance(self.generator, ShortTimeGenerator)
        tensors = {name: torch.from_numpy(value) for name, value in state.items()}
        with torch.inference_mode():
            output, new = self.generator.step(torch.tensor(block), tensors)
        return output.numpy(), {name: value.numpy() for name, value in new.items()}


def open_torch(path: Path) -> TorchModel:
    """The model of a safetensors file.

    Raises:
        DanError: if it is no model file of DAN.
    """
    return TorchModel(*load_model(path))
