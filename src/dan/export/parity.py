"""Parity: how far what an exported file computes is from what its generator computes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dan.config import ShortTimeSettings
from dan.core.errors import DanError
from dan.inference.denoiser import Model
from dan.inference.engines import Block, Engine
from dan.inference.model_file import ModelInfo
from dan.networks.base import GeneratorBase

LIMIT = 1e-4
"""Largest difference from the torch model, of full scale."""
LEVELS = (1.0, 0.3, 0.01)
"""Levels of the signals that are compared on, relative to full scale."""


@dataclass(frozen=True)
class Difference:
    """Difference of an exported model from the torch model, over all samples compared, full scale being 1."""

    largest: float
    """Largest absolute difference."""
    median: float
    """Median absolute difference."""


def compare(generator: GeneratorBase, model: Model) -> Difference:
    """Run both over signals of several lengths, levels, numbers of channels and sizes of blocks.

    Args:
        generator: in evaluation mode, which takes the signals whole.
        model: of the exported file, fed block by block.
    """
    random = np.random.default_rng(0)
    wanted, got = [], []
    for signal in _signals(model.info, random):
        with torch.inference_mode():
            wanted.append(generator(torch.from_numpy(signal)[:, None])[:, 0].numpy().ravel())
        got.append(_streamed(model.engine(len(signal)), signal, random).ravel())
    error = np.abs(np.concatenate(got).astype(np.float64) - np.concatenate(wanted))
    return Difference(float(error.max()), float(np.median(error)))


def _signals(info: ModelInfo, random: np.random.Generator) -> Iterator[Block]:
    """Yield tones in noise ``[C, T]`` with a pause within, at each level, and silence."""
    if isinstance(info.generator, ShortTimeSettings):
        frame, hop = info.generator.n_fft, info.generator.hop_length
        lengths = {1, hop - 1, frame + 1, 7 * hop, 150 * hop + hop // 3}
        levels: tuple[float, ...] = (*LEVELS, 0.0)
    else:
        frame = info.signal.length_samples
        # An engine leaves silent frames silent, whatever its network has for them.
        lengths, levels = {1, frame // 3, frame - 1, frame}, LEVELS
    for channels in (1, 3, 5):
        for length in sorted(lengths - {0}):
            tones = np.sin(random.uniform(0, math.pi, (channels, 1)) * np.arange(length))
            signal = (tones + random.standard_normal((channels, length))) / 4
            signal[:, length // 3 : length // 2] = 0
            for level in levels:
                yield (level * signal.clip(-1, 1)).astype(np.float32)


def _streamed(engine: Engine, signal: Block, random: np.random.Generator) -> Block:
    """Block by block, each of random length."""
    cuts = np.sort(random.integers(0, signal.shape[-1] + 1, size=random.integers(0, 6)))
    blocks = np.split(signal, cuts, axis=-1)
    return np.concatenate([*(engine.feed(block) for block in blocks), engine.flush()], axis=-1)


def check_parity(difference: Difference, out: Path) -> None:
    """Check that an export is the torch model.

    Raises:
        DanError: if it differs by more than it may, or is not finite.
    """
    if not difference.largest <= LIMIT:
        raise DanError(
            out,
            f"the export differs from the model by {difference.largest:.2g} of full scale; at most {LIMIT:g}",
            "Report it with the recipe: nothing has been written",
        )
