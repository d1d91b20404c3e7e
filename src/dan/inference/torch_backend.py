"""Model files run by torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dan.core.errors import DanError
from dan.inference.engines import Block, Engine, FrameEngine, HopEngine, State
from dan.inference.model_file import ModelInfo, load_model
from dan.networks.base import GeneratorBase
from dan.networks.short_time import ShortTimeGenerator


class TorchModel:
    """A generator as what a denoiser runs.

    Args:
        generator: in evaluation mode.
        info: what the model file says of it.
        device: where it computes, as torch calls it.
    """

    def __init__(self, generator: GeneratorBase, info: ModelInfo, *, device: str = "cpu") -> None:
        self.generator, self.info, self.device = generator.eval().to(device), info, device

    def engine(self, channels: int) -> Engine:
        """A new engine for so many channels."""
        if not isinstance(self.generator, ShortTimeGenerator):
            segment_samples = self.generator.segment_samples
            return FrameEngine(
                self._frames, segment_samples=segment_samples, channels=channels, scaled=self.info.any_level
            )
        state = {name: value.cpu().numpy() for name, value in self.generator.initial_state(channels).items()}
        return HopEngine(
            self._step,
            state,
            hop_length=self.generator.hop_length,
            latency_samples=self.generator.latency_samples,
            channels=channels,
        )

    def _frames(self, frames: Block) -> Block:
        with torch.inference_mode():
            given = torch.tensor(frames, device=self.device)
            return np.asarray(self.generator(given[:, None])[:, 0].cpu().numpy())

    def _step(self, block: Block, state: State) -> tuple[Block, State]:
        assert isinstance(self.generator, ShortTimeGenerator)
        tensors = {name: torch.from_numpy(value).to(self.device) for name, value in state.items()}
        with torch.inference_mode():
            output, new = self.generator.step(torch.tensor(block, device=self.device), tensors)
        return output.cpu().numpy(), {name: value.cpu().numpy() for name, value in new.items()}


def open_torch(path: Path, *, device: str = "cpu") -> TorchModel:
    """The model of a safetensors file, on a device of torch's.

    Raises:
        DanError: if it is no model file of DAN, or torch has no such device here.
    """
    _check_device(device)
    return TorchModel(*load_model(path), device=device)


def _check_device(device: str) -> None:
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0]
        raise DanError(f"device={device}", f"torch cannot use it here ({why})", "Take cpu") from error
