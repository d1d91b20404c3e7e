"""The adversarial part of a training: when it takes part, what it sees, and how fast it learns."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dan.config import ConditionalDiscriminatorSettings, MetricDiscriminatorSettings, Recipe
from dan.losses import discriminator_loss
from dan.metrics.speech import pesq_mos, stoi
from dan.networks import processes
from dan.networks.discriminators import DiscriminatorBase
from dan.training.state import Losses, TrainingState

RATE_STEP = 0.05
"""Natural logarithm of the factor by which the discriminator's learning rate changes at a step."""
LEAST_RATE, MOST_RATE = 0.02, 5.0
"""Factors of the recipe's learning rate within which the discriminator's own is held."""


def is_judged(state: TrainingState, epoch: float) -> bool:
    """Return whether the discriminator learns by now."""
    return state.discriminator is not None and epoch >= state.recipe.losses.adversarial_start_epochs


def adversarial_share(state: TrainingState, epoch: float) -> float:
    """Share of the adversarial weights at this point: 0 before their start and where they cost too much."""
    settings = state.recipe.losses
    since = epoch - settings.adversarial_start_epochs
    if since < 0 or state.snr_cost_db > settings.max_snr_cost_db > 0:
        return 0.0
    warmup_epochs = settings.adversarial_warmup_epochs
    return min(1.0, since / warmup_epochs) if warmup_epochs else 1.0


def beside(recipe: Recipe, *, noisy: Tensor, clean: Tensor) -> Tensor:
    """Signals that the discriminator compares with: clean ones to predict a figure, else the inputs."""
    return clean if isinstance(recipe.discriminator, MetricDiscriminatorSettings) else noisy


def judge(state: TrainingState, *, noisy: Tensor, clean: Tensor, estimate: Tensor) -> tuple[Tensor, Losses]:
    """Return the discriminator's loss on a batch ``[B, C, T]``, and its health."""
    assert state.discriminator is not None
    settings = state.recipe.discriminator
    if isinstance(settings, MetricDiscriminatorSettings):
        rate_hz = state.recipe.signal.sample_rate_hz
        return metric_loss(
            state.discriminator, settings, noisy=noisy, clean=clean, estimate=estimate, sample_rate_hz=rate_hz
        ), {}
    real, fake = (state.discriminator(signal, noisy).logits for signal in (clean, estimate))
    kind = state.recipe.losses.adversarial_kind
    threshold = 0.5 if kind == "least_squares" else 0.0
    right = ((real > threshold).float().mean() + (fake <= threshold).float().mean()) / 2
    figures = processes.mean_figures({"discriminator_accuracy": right.item()})
    return discriminator_loss(kind, clean=real, denoised=fake), figures


def adapt_rate(state: TrainingState, figures: Losses) -> Losses:
    """Move a conditional discriminator's learning rate so that its accuracy stays within the recipe's range.

    One that wins outright has a gradient that says little, and one that guesses has none.
    """
    settings = state.recipe.discriminator
    if not isinstance(settings, ConditionalDiscriminatorSettings):
        return {}
    low, high = settings.accuracy
    accuracy = figures["discriminator_accuracy"]
    moved = state.discriminator_rate * math.exp(RATE_STEP * ((accuracy < low) - (accuracy > high)))
    state.discriminator_rate = min(MOST_RATE, max(LEAST_RATE, moved))
    return {"discriminator_rate": state.discriminator_rate}


def metric_loss(
    discriminator: DiscriminatorBase,
    settings: MetricDiscriminatorSettings,
    *,
    noisy: Tensor,
    clean: Tensor,
    estimate: Tensor,
    sample_rate_hz: float,
) -> Tensor:
    """Mean squared error of the predicted figure, over outputs, an input and a clean signal of a batch.

    Source: S. Fu et al., "MetricGAN: generative adversarial networks based black-box metric scores
    optimization for speech enhancement", 2019.
    """
    count = settings.scored_signals
    signals = torch.cat([estimate[:count], noisy[:1], clean[:1]])
    truths = torch.cat([clean[:count], clean[:1], clean[:1]])
    figures = scaled_figure(settings.metric, signals, truths, sample_rate_hz)
    figures[-1] = 1.0  # of a clean signal, spoken or silent
    known = torch.isfinite(figures)
    predicted: Tensor = discriminator(signals, truths).logits[:, 0]
    return (predicted[known] - figures[known]).square().mean()  # an unknown one has no gradient either


def scaled_figure(metric: str, signals: Tensor, truths: Tensor, sample_rate_hz: float) -> Tensor:
    """PESQ, less 1 and over 3.6, or STOI of ``[B, 1, T]``: 1 at best; NaN where there is no speech."""
    guess, truth = (each.detach()[:, 0].cpu().numpy() for each in (signals, truths))
    measure = pesq_mos if metric == "pesq" else stoi
    values = torch.from_numpy(measure(estimate=guess, reference=truth, sample_rate_hz=sample_rate_hz))
    values = (values - 1) / 3.6 if metric == "pesq" else values
    return values.to(signals)
