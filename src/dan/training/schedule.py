"""The learning rate over time, as a share of its peak."""

from __future__ import annotations

import math

from dan.config import ScheduleSettings


def schedule_share(settings: ScheduleSettings, *, step: int, steps: int, steps_per_epoch: int) -> float:
    """Share of the peak learning rate at a step.

    Args:
        settings: the kind of schedule and its parameters.
        step: the step that is about to be made, from 0.
        steps: all steps of the training.
        steps_per_epoch: steps of one epoch.

    Returns:
        A factor from 0 to 1.
    """
    warmth = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    done = step / steps
    if settings.kind == "step":
        return warmth * float(settings.gamma ** (step // steps_per_epoch // settings.step_epochs))
    if settings.kind == "cosine":
        return warmth * _falling(done)
    if settings.kind == "one_cycle":
        return warmth * _one_cycle(done, settings.pct_start)
    return warmth


def _one_cycle(done: float, pct_start: float) -> float:
    """Share that rises from 1/25, then falls to 0, along a half cosine (L. N. Smith and N. Topin, 2017)."""
    if done < pct_start:
        return 1 - (1 - 1 / 25) * _falling(done / pct_start)
    return _falling((done - pct_start) / max(1 - pct_start, 1e-9))


def _falling(done: float) -> float:
    return (1 + math.cos(math.pi * min(1.0, done))) / 2
