"""State of a training: networks, optimisers, averages and the history."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from dan.config import OptimiserSettings, Recipe
from dan.core.errors import DanError
from dan.networks.base import GeneratorBase
from dan.networks.discriminators import DiscriminatorBase, build_discriminator
from dan.networks.factory import build_generator
from dan.training.history import Record, epochs_without_gain
from dan.training.muon import Muon

Losses = dict[str, float]
Optimisers = tuple[torch.optim.Optimizer, ...]


DEVICES = ("cpu", "cuda", "mps", "xpu")
"""Kinds of device that a training can run on."""


@dataclass
class TrainingState:
    """State of a training, which checkpoints hold and from which it resumes."""

    recipe: Recipe
    generator: GeneratorBase
    generator_optimisers: Optimisers
    discriminator: DiscriminatorBase | None = None
    discriminator_optimisers: Optimisers = ()
    average: GeneratorBase | None = None
    """The generator with the running average of its weights, where the recipe wants one or a model is trained
    further."""
    teacher: GeneratorBase | None = None
    """The generator as it was at the start, in evaluation mode, where a model is trained further."""
    discriminator_rate: float = 1.0
    """Factor of the discriminator's learning rate, moved by its accuracy."""
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Spent on training so far, earlier sessions included."""
    sums: Losses = field(default_factory=dict)
    """Sum of each loss over the steps of the epoch under way."""
    history: list[Record] = field(default_factory=list)
    digest: str = ""
    """Digest of the signals that lie in folders, as the source says."""

    @property
    def best(self) -> GeneratorBase:
        """The generator that is validated and shipped: the average where there is one."""
        return self.average or self.generator

    @property
    def epochs_without_gain(self) -> int:
        """Validations since the best one."""
        return epochs_without_gain(self.history)

    @property
    def snr_cost_db(self) -> float:
        """Validation SNR that the last epoch is below the best one."""
        scores = [float(record["val_snr_db"]) for record in self.history]
        return max(scores) - scores[-1] if scores else 0.0

    @property
    def is_kept(self) -> bool:
        """Return whether to keep the generator just validated: the best, or adversarial within its cost."""
        losses = self.recipe.losses
        late = losses.needs_discriminator and self.history[-1]["epoch"] > losses.adversarial_start_epochs
        return self.epochs_without_gain == 0 or (late and self.snr_cost_db <= losses.max_snr_cost_db > 0)


@dataclass(frozen=True)
class Hooks:
    """Callbacks of a training: each may be left out."""

    stepped: Callable[[Losses], None] = lambda _: None
    """After each step, with its losses."""
    validated: Callable[[Record], None] = lambda _: None
    """After each validation, with its record."""
    improved: Callable[[TrainingState], None] = lambda _: None
    """After a validation that was the best so far."""
    checkpoint: Callable[[TrainingState], None] = lambda _: None
    """After each validation, and before the training ends early."""
    should_stop: Callable[[], bool] = lambda: False
    """Asked after each step; after the last of an epoch, once it is validated."""


def new_state(recipe: Recipe, *, start: GeneratorBase | None = None, device: str = "cpu") -> TrainingState:
    """A training that has not begun, on a device of torch's.

    Args:
        recipe: of the training.
        start: the generator whose weights it starts from, and which replay holds it to; without one the
            weights are drawn from the recipe's seed.
        device: where it computes.

    Raises:
        DanError: if torch has no such device here.
    """
    _check_device(device)
    torch.manual_seed(recipe.seed)
    generator = build_generator(recipe.generator, recipe.signal).to(device)
    if start is not None:
        generator.load_state_dict(start.state_dict())
    optimisers = _optimisers(generator, recipe.generator_optimiser, generator.matrices())
    state = TrainingState(recipe, generator, optimisers)
    state.teacher = start and start.eval().to(device).requires_grad_(False)
    if recipe.losses.needs_discriminator:
        state.discriminator = build_discriminator(recipe.discriminator, recipe.signal).to(device)
        state.discriminator_optimisers = _optimisers(state.discriminator, recipe.discriminator_optimiser)
    if recipe.training.ema_decay or start is not None:
        state.average = copy.deepcopy(generator).requires_grad_(False)
    return state


def _check_device(device: str) -> None:
    try:
        if torch.device(device).type not in DEVICES:
            raise RuntimeError(f"not one of {', '.join(DEVICES)}")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0]
        raise DanError(f"device={device}", f"torch cannot use it here ({why})", "Train on cpu") from error


def _optimisers(
    network: nn.Module, settings: OptimiserSettings, matrices: Sequence[nn.Parameter] = ()
) -> Optimisers:
    """AdamW, and Muon for the matrices where it has a learning rate."""
    apart = {id(matrix) for matrix in matrices} if settings.muon_learning_rate else set()
    adam = torch.optim.AdamW(
        [parameter for parameter in network.parameters() if id(parameter) not in apart],
        lr=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    if not apart:
        return (adam,)
    muon = Muon(matrices, lr=settings.muon_learning_rate, weight_decay=settings.weight_decay)
    return adam, muon
