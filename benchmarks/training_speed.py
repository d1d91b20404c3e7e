"""Speed of training: steps and epochs beside what they are measured against.

python benchmarks/training_speed.py [--turns 7] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from founding_loop import FoundingLoop, Prototype
from tables import show

from dan.benchmark.timing import in_turns, seconds_of, spread
from dan.cli.console import progress
from dan.config.load import load_recipe
from dan.data.batches import Source
from dan.data.folder.load import create
from dan.data.sources import FreshSource, open_source
from dan.training.loop import training_step
from dan.training.state import TrainingState, new_state


@dataclass(frozen=True)
class Timing:
    """Time that one alternative takes, beside the one that it is measured against."""

    what: str
    seconds: float
    """Median over the turns."""
    fastest: float
    slowest: float
    speedup: float
    """How many times quicker than the first alternative of its group."""


def take_turns(
    alternatives: Mapping[str, Callable[[], object]], *, turns: int, label: str = "Timing"
) -> list[Timing]:
    """Time alternatives turn by turn, after one turn each that does not count."""
    clocks = {name: partial(seconds_of, run) for name, run in alternatives.items()}
    taken = {name: spread(values) for name, values in in_turns(clocks, turns=turns, label=label).items()}
    first = next(iter(taken.values())).median
    return [Timing(name, of.median, of.low, of.high, first / of.median) for name, of in taken.items()]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads of torch, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def bench_founding(*, turns: int = 7) -> list[Timing]:
    """An epoch of the founding loop, on one thread as it was, beside one of ours on all threads."""
    recipe = load_recipe("classic")
    with TemporaryDirectory() as folder:
        data = create(recipe, Path(folder) / "data")
        source = open_source(recipe, data)
    loop, state = FoundingLoop(source), new_state(recipe)
    epochs = iter(range(turns + 1))

    def founding() -> None:
        with threads(1):
            loop.epoch(next(epochs))

    alternatives = {
        "epoch, founding loop": founding,
        "epoch, dan train classic": lambda: _epoch(state, source),
    }
    return take_turns(alternatives, turns=turns, label="Epochs")


def _epoch(state: TrainingState, source: Source) -> None:
    for _ in range(source.steps_per_epoch):
        training_step(state, source.batch(state.step))
        state.step += 1


def bench_step(*, turns: int = 15) -> list[Timing]:
    """A generator's step and its forward pass, without a discriminator: prototype and recipe `tones`."""
    recipe = load_recipe(
        "tones", overrides=["losses.weights.adversarial=0", "losses.weights.feature_matching=0"]
    )
    ours, prototype = new_state(recipe), Prototype()
    adam = torch.optim.AdamW(prototype.parameters(), lr=3e-3)
    batch = FreshSource(recipe).batch(0)

    def prototype_step() -> None:
        adam.zero_grad()
        torch.autograd.backward((prototype(batch.noisy) - batch.clean).abs().mean())
        adam.step()

    groups: list[dict[str, Callable[[], object]]] = [
        {"step, prototype": prototype_step, "step, tones": lambda: training_step(ours, batch)},
        *(_forward(prototype, ours.generator, batch.noisy[:count]) for count in (len(batch.noisy), 1)),
    ]
    return [timing for group in groups for timing in take_turns(group, turns=turns, label="Steps")]


def _forward(
    prototype: torch.nn.Module, generator: torch.nn.Module, noisy: torch.Tensor
) -> dict[str, Callable[[], object]]:
    return {
        f"forward of {len(noisy)}, prototype": lambda: _infer(prototype, noisy),
        f"forward of {len(noisy)}, tones": lambda: _infer(generator, noisy),
    }


def _infer(network: torch.nn.Module, noisy: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return torch.as_tensor(network.eval()(noisy))


def main() -> None:
    """Measure, and print a line an alternative."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7, help="measurements of each that count")
    parser.add_argument("--json", type=Path, help="write the figures there")
    given = parser.parse_args()
    with progress():
        rows = [*bench_step(turns=given.turns), *bench_founding(turns=given.turns)]
    show(rows, json_file=given.json)


if __name__ == "__main__":
    main()
