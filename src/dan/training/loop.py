"""Training: alternating steps of generator and discriminator over one typed state.

Read from `train` downwards: it is a loop over epochs, an epoch is a loop over steps, a step is one update of
the discriminator and one of the generator.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from dan.config import OptimiserSettings
from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.core.progress import report
from dan.core.stopping import undivided
from dan.data.batches import Batch, Source, ValidationSet, to_tensor
from dan.losses import balanced_gradient, check_batch, compressed_loss, generator_losses, judged_weights
from dan.networks import processes
from dan.networks.base import GeneratorBase
from dan.training.adversary import adapt_rate, adversarial_share, beside, is_judged, judge
from dan.training.history import Record
from dan.training.replay import replayed
from dan.training.schedule import schedule_share
from dan.training.score import snr_db
from dan.training.state import Hooks, Losses, Optimisers, TrainingState

NO_HOOKS = Hooks()

Sources = dict[Tensor, Tensor | None]
"""Sources of a gradient: losses, or tensors with their own gradients."""


def train(state: TrainingState, source: Source, validation: ValidationSet, hooks: Hooks = NO_HOOKS) -> bool:
    """Train until the recipe's last epoch, its patience, or a request to stop.

    Ctrl-C ends it between two steps or within a validation, with a checkpoint that resumes exactly there.

    Args:
        state: new, or as it was left by an earlier call: it goes on from there.
        source: of the batches.
        validation: signals that decide which generator is the best.
        hooks: what is called on the way.

    Returns:
        Whether the training is complete; False if it was stopped before.

    Raises:
        DanError: if a loss or an output is no longer finite. The state is then not passed to the hooks
            `improved` and `checkpoint`.
    """
    try:
        return _train(state, source, validation, hooks)
    except (KeyboardInterrupt, SystemExit):
        with undivided():
            hooks.checkpoint(state)
        raise


def _train(state: TrainingState, source: Source, validation: ValidationSet, hooks: Hooks) -> bool:
    steps = state.recipe.training.epochs * source.steps_per_epoch
    if _awaits_validation(state, source):  # it was stopped there
        _validate(state, source, validation, hooks)
    while not _is_complete(state, steps):
        _step(state, source, steps, hooks)
        if _awaits_validation(state, source):
            _validate(state, source, validation, hooks)
        if hooks.should_stop():
            _stop(state, source, validation, hooks)
            break
    return _is_complete(state, steps)


def _stop(state: TrainingState, source: Source, validation: ValidationSet, hooks: Hooks) -> None:
    """Checkpoint, and within the first epoch leave the model as it is; its score does not count later."""
    hooks.checkpoint(state)
    if not state.history:
        record = validate(state, validation, steps_per_epoch=source.steps_per_epoch)
        hooks.improved(replace(state, history=[record]))


def _is_complete(state: TrainingState, steps: int) -> bool:
    patience = state.recipe.training.patience_epochs
    return state.step >= steps or 0 < patience <= state.epochs_without_gain


def _awaits_validation(state: TrainingState, source: Source) -> bool:
    """Return whether the step just done was the last of an epoch."""
    validated = state.history[-1]["step"] if state.history else 0
    return bool(state.step % source.steps_per_epoch == 0 and state.step > validated)


def _step(state: TrainingState, source: Source, steps: int, hooks: Hooks) -> None:
    """Draw a batch and train on it."""
    started = time.perf_counter()
    share = schedule_share(
        state.recipe.schedule, step=state.step, steps=steps, steps_per_epoch=source.steps_per_epoch
    )
    epoch = state.step / source.steps_per_epoch
    batch = source.batch(state.step)
    with undivided():
        losses = training_step(state, batch, rate_share=share, epoch=epoch)
        state.step += 1
        state.sums = {name: state.sums.get(name, 0.0) + loss for name, loss in losses.items()}
        state.seconds += time.perf_counter() - started
    hooks.stepped(losses)
    report("Training", state.step / steps, _note(state, losses))


def _note(state: TrainingState, losses: Losses) -> str:
    """Return what stands beside the bar: the last loss and the best validation."""
    best = (
        [f"validation {max(record['val_snr_db'] for record in state.history):.2f} dB"]
        if state.history
        else []
    )
    return "  ".join([f"loss {losses['generator']:.3f}", *best])


def _validate(state: TrainingState, source: Source, validation: ValidationSet, hooks: Hooks) -> None:
    """Validate at the end of an epoch, and keep what came of it."""
    record = validate(state, validation, steps_per_epoch=source.steps_per_epoch)
    with undivided():
        state.history.append(record)
        state.sums = {}
        if state.is_kept:
            hooks.improved(state)
        hooks.checkpoint(state)
    hooks.validated(record)


def training_step(
    state: TrainingState, batch: Batch, *, rate_share: float = 1.0, epoch: float = 0.0
) -> Losses:
    """One update of the discriminator, where there is one, and one of the generator.

    The generator's output is computed once and serves both.

    Args:
        state: is updated.
        batch: signals ``[B, 1, T]``.
        rate_share: share of the peak learning rates.
        epoch: epochs done, for the warm-up of the adversarial weight.

    Returns:
        Each loss by name, weighted, and the discriminator's loss and accuracy.

    Raises:
        DanError: if a loss is not finite.
    """
    check_batch(estimate=batch.noisy, reference=batch.clean)
    device = next(state.generator.parameters()).device
    noisy, clean = batch.noisy.to(device), batch.clean.to(device)
    state.generator.train()
    own = Batch(noisy=processes.part(noisy), clean=processes.part(clean))
    estimate, losses = state.generator(own.noisy), {}
    if is_judged(state, epoch):
        losses = _discriminator_step(state, own, estimate.detach(), rate_share)
    losses |= _generator_step(state, own, estimate, rate_share, epoch, whole=clean)
    losses = processes.mean_figures(losses)
    _check_finite(losses, state.step)
    _follow(state)
    return losses


def _check_finite(figures: Losses, step: int) -> None:
    for name, figure in figures.items():
        if not math.isfinite(figure):
            raise DanError(
                f"{name}={figure} at step {step}",
                "losses and outputs must stay finite",
                "Lower generator_optimiser.learning_rate or set generator_optimiser.max_grad_norm",
            )


def _discriminator_step(state: TrainingState, own: Batch, estimate: Tensor, rate_share: float) -> Losses:
    assert state.discriminator is not None
    state.discriminator.requires_grad_(True).train()
    loss, figures = judge(state, noisy=own.noisy, clean=own.clean, estimate=estimate)
    rate = rate_share * state.discriminator_rate
    settings = state.recipe.discriminator_optimiser
    _update(state.discriminator, state.discriminator_optimisers, settings, {loss: None}, rate)
    return {"discriminator": loss.item(), **figures, **adapt_rate(state, figures)}


def _generator_step(
    state: TrainingState, own: Batch, estimate: Tensor, rate_share: float, epoch: float, *, whole: Tensor
) -> Losses:
    if state.discriminator is not None:
        state.discriminator.requires_grad_(False)
    losses, share = state.recipe.losses, adversarial_share(state, epoch)
    terms = generator_losses(
        losses,
        estimate=estimate,
        reference=own.clean,
        sample_rate_hz=state.recipe.signal.sample_rate_hz,
        discriminator=state.discriminator,
        beside=beside(state.recipe, noisy=own.noisy, clean=own.clean),
        adversarial_share=share,
    )
    judged = judged_weights(losses, share) if losses.adversarial_balance == "gradient" else {}
    gradient = _balance(terms, estimate, judged) if judged else None
    if state.teacher is not None and state.recipe.fine_tuning.replay_weight:
        terms["replay"] = state.recipe.fine_tuning.replay_weight * _replay_loss(state, whole)
    loss = torch.stack(list(terms.values())).sum()
    sources: Sources = {loss: None} if gradient is None else {estimate: gradient}
    if gradient is not None and "replay" in terms:
        sources[terms["replay"]] = None
    settings = state.recipe.generator_optimiser
    _update(state.generator, state.generator_optimisers, settings, sources, rate_share)
    return {name: term.item() for name, term in terms.items()} | {"generator": loss.item()}


def _balance(terms: dict[str, Tensor], estimate: Tensor, judged: dict[str, float]) -> Tensor:
    """Gradient at the output with the judged terms at their shares, by which the terms are rescaled too."""
    gradient, factors = balanced_gradient(terms, estimate=estimate, judged=judged)
    terms |= {name: factor * terms[name] for name, factor in factors.items()}
    return gradient


def _replay_loss(state: TrainingState, clean: Tensor) -> Tensor:
    """Distance of the generator's outputs from those at the start, on mixtures synthesised for it."""
    assert state.teacher is not None
    random = torch.Generator().manual_seed(state.recipe.seed + state.step)
    noisy = processes.part(replayed(clean, random=random))
    with torch.no_grad():
        before = state.teacher(noisy)
    n_fft = state.recipe.losses.n_fft
    return compressed_loss(estimate=state.generator(noisy), reference=before, n_fft=n_fft)


def _update(
    network: nn.Module,
    optimisers: Optimisers,
    settings: OptimiserSettings,
    sources: Sources,
    rate_share: float,
) -> None:
    """Make a step along the gradient of all sources: losses, or tensors with their own gradients."""
    network.zero_grad()
    torch.autograd.backward(list(sources), list(sources.values()))
    processes.average_gradients(network)
    if settings.max_grad_norm:
        nn.utils.clip_grad_norm_(network.parameters(), settings.max_grad_norm)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = optimiser.defaults["lr"] * rate_share
        optimiser.step()


@torch.no_grad()
def _follow(state: TrainingState) -> None:
    """Move the average towards the generator; early on it follows quickly, so that it forgets the start.

    Where a model is trained further, it is moved towards a point on the way from the start's weights.

    Source: M. Wortsman et al., "Robust fine-tuning of zero-shot models", 2022.
    """
    if state.average is None:
        return
    decay = min(state.recipe.training.ema_decay, (1 + state.step) / (10 + state.step))
    start, share = state.teacher or state.generator, state.recipe.fine_tuning.share
    parameters = (network.parameters() for network in (state.average, start, state.generator))
    for mean, first, value in zip(*parameters, strict=True):
        mean.lerp_(_between(first, value, share), 1 - decay)
    buffers = (network.buffers() for network in (state.average, start, state.generator))
    for kept, first, latest in zip(*buffers, strict=True):
        kept.copy_(_between(first, latest, share))


def _between(first: Tensor, last: Tensor, share: float) -> Tensor:
    """Return the point at a share of the way; the end where both are one, or are whole numbers."""
    if first is last or not first.is_floating_point():
        return last
    return torch.lerp(first, last, share)


def validate(state: TrainingState, validation: ValidationSet, *, steps_per_epoch: int) -> Record:
    """Score the generator on the validation signals: the record that goes into the history.

    Raises:
        DanError: if an output is not finite. Its SNR would be: decibels are held within limits.
    """
    own = processes.stretch(len(validation.mixed))
    estimate = processes.gathered(apply(state.best, validation.mixed[own]), total=len(validation.mixed))
    _check_finite({"output": float(np.abs(estimate).max())}, state.step)
    output_db, input_db = snr_db(estimate, validation)
    epoch_steps = (state.step - 1) % steps_per_epoch + 1
    means = {name: total / epoch_steps for name, total in state.sums.items()}
    health = {name: means.pop(name, None) for name in ("discriminator_accuracy", "discriminator_rate")}
    record = {
        "step": state.step,
        "epoch": state.step // steps_per_epoch,
        "seconds": round(state.seconds, 3),
        **{f"train_{name}": mean for name, mean in means.items()},
        "val_snr_db": output_db,
        "val_snr_gain_db": output_db - input_db,
        **health,
    }
    return cast(Record, record)


def apply(generator: GeneratorBase, noisy: Signal, *, portion: int = 200) -> Signal:
    """The generator's outputs for signals ``[N, T]``, in evaluation mode."""
    generator.eval()
    device = next(generator.parameters()).device
    with torch.inference_mode():
        outputs = [
            generator(to_tensor(noisy[start : start + portion]).to(device))[:, 0].cpu().numpy()
            for start in range(0, len(noisy), portion)
        ]
    return np.concatenate(outputs or [noisy])
