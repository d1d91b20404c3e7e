"""Model files run by torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dan.core.errors import DanError
from dan.inference.engines import Block, Engine, FrameEngine, HopEngine, NetworkState
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
        return HopEngine(
            _TorchStep(self.generator, channels, device=self.device),
            hop_length=self.generator.hop_length,
            latency_samples=self.generator.latency_samples,
            channels=channels,
        )

    def _frames(self, frames: Block) -> Block:
        with torch.inference_mode():
            given = torch.tensor(frames, device=self.device)
            return np.asarray(self.generator(given[:, None])[:, 0].cpu().numpy())


class _TorchStep:
    """Whole hops through a causal generator, whose state stays on its device."""

    def __init__(self, generator: ShortTimeGenerator, channels: int, *, device: str) -> None:
        self.generator, self.device = generator, device
        self.past = generator.initial_state(channels)

    def __call__(self, block: Block) -> Block:
        output, self.past = self._after(block, self.past)
        return output

    def _after(self, block: Block, past: dict[str, Tensor]) -> tuple[Block, dict[str, Tensor]]:
        with torch.inference_mode():
            output, new = self.generator.step(torch.tensor(block, device=self.device), past)
        return np.asarray(output.cpu().numpy()), new

    def state(self) -> NetworkState:
        """Return a copy of the state."""
        return {name: value.cpu().numpy().copy() for name, value in self.past.items()}

    def after(self, block: Block, state: NetworkState) -> tuple[Block, NetworkState]:
        """Return the output after another past, and the state that it leaves."""
        past = {name: torch.from_numpy(value).to(self.device) for name, value in state.items()}
        output, new = self._after(block, past)
        return output, {name: value.cpu().numpy() for name, value in new.items()}


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
