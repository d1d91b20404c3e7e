"""Speed of training: steps and epochs beside what they are measured against, and the race of recipes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from benchmarks.founding_loop import FoundingLoop, Prototype

from dan.benchmark.timing import Timing, take_turns
from dan.config import Recipe
from dan.config.load import load_recipe
from dan.core.progress import Progress, portion
from dan.data.folder.load import create
from dan.data.sources import FreshSource, Source, open_source, open_validation
from dan.training.loop import Hooks, State, new_state, train, training_step
from dan.training.loop import Progress as Training


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads of torch, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def bench_founding(*, turns: int = 7, progress: Progress | None = None) -> list[Timing]:
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
    return take_turns(alternatives, turns=turns, progress=progress)


def _epoch(state: State, source: Source) -> None:
    for _ in range(source.steps_per_epoch):
        training_step(state, source.batch(state.step))
        state.step += 1


def bench_step(*, turns: int = 15, progress: Progress | None = None) -> list[Timing]:
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
    timings = []
    share = 1 / len(groups)
    for index, group in enumerate(groups):
        timings += take_turns(group, turns=turns, progress=portion(progress, index * share, share))
    return timings


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


@dataclass(frozen=True)
class Race:
    """How soon `tones` is as good as `classic` in the end."""

    classic_snr_db: float
    classic_seconds: float
    tones_seconds: float


def bench_race(*, progress: Progress | None = None) -> Race:
    """Train `classic` to its end and `tones` until its validation passes it, one after the other."""
    classic = load_recipe("classic")
    with TemporaryDirectory() as folder:
        data = create(classic, Path(folder) / "data")
        state = _train_until(classic, data, float("inf"), portion(progress, 0, 0.9))
    best_db = max(float(record["val_snr_db"]) for record in state.history)
    tones = load_recipe("tones", overrides=["training.steps_per_epoch=10", "training.epochs=200"])
    quick = _train_until(tones, None, best_db, portion(progress, 0.9, 0.1))
    return Race(best_db, state.seconds, quick.seconds)


def _train_until(recipe: Recipe, data: Path | None, snr_db: float, tell: Progress) -> State:
    """Train until a validation passes an SNR, or to the end; seconds count the steps alone."""
    state = new_state(recipe)
    source, validation = open_source(recipe, data), open_validation(recipe, data)

    def progress(event: Training) -> None:
        tell(event.step / event.steps)

    def passed() -> bool:
        return any(float(record["val_snr_db"]) >= snr_db for record in state.history)

    train(state, source, validation, Hooks(progress=progress, should_stop=passed))
    return state
