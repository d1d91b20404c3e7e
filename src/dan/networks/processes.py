"""Processes that train one network together, as `torchrun` starts them: what they share, what each has.

Every process draws the same batch and works on its own part of it. Statistics, losses and gradients are
summed over all processes, and so every process makes the step that one process would have made of the whole
batch. With one process nothing here computes anything.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, distributed, nn

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.core.launch import launched
from dan.core.progress import listening

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
"""Backend that carries the sums, by the kind of device."""
LONGEST_WAIT = timedelta(days=1)
"""The first process may read a large archive while the others wait; one that dies is noticed at once."""


def count() -> int:
    """Return the number of processes that train together."""
    return distributed.get_world_size() if _are_several() else 1


def rank() -> int:
    """Return the number of this process, from 0: the first one alone writes and speaks."""
    return distributed.get_rank() if _are_several() else 0


def _are_several() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Join the other processes for the block, where there are any; all but the first are silent within it.

    Args:
        device: of torch; `cuda` is a GPU of its own for each process of a machine.

    Yields:
        The device of this process.

    Raises:
        DanError: if the processes cannot reach each other, or cannot share the device.
    """
    number, processes = launched()
    if processes == 1 or _are_several():
        yield device
        return
    device = _own_device(device)
    # Its functions take the group of the time of their import as a default, and would keep it: the group's
    # threads must end before Python does, since what they still hold aborts the process afterwards.
    import_module("torch.distributed.nn")
    try:
        distributed.init_process_group(BACKENDS[device.partition(":")[0]], timeout=LONGEST_WAIT)
    except (RuntimeError, ValueError) as error:
        raise _gone(error) from error
    try:
        with _silent() if number else _as_it_is():
            yield device
    finally:
        distributed.destroy_process_group()


def _own_device(device: str) -> str:
    if device not in BACKENDS:
        raise DanError(
            f"--device {device} in several processes",
            "they compute on cpu, or on a GPU of its own each",
            "Give --device cpu or --device cuda",
        )
    if device == "cpu":
        return device
    place, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if place >= there:
        raise DanError(
            f"--device cuda for process {place + 1} of this machine",
            f"each needs a GPU of its own, and torch finds {there}",
            "Start as many processes as there are GPUs, or give --device cpu",
        )
    torch.cuda.set_device(place)
    return f"cuda:{place}"


@contextmanager
def _silent() -> Iterator[None]:
    logger = logging.getLogger("dan")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with listening(lambda *_: None):
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


@contextmanager
def first_alone() -> Iterator[None]:
    """Let the first process through the block before the others: it makes the files that they read."""
    if rank():
        _all_wait()
    yield
    if _are_several() and not rank():
        _all_wait()


def _all_wait() -> None:
    _reduce(torch.zeros(1), distributed.ReduceOp.SUM)


def largest(number: int) -> int:
    """Return the largest of the processes' numbers."""
    if not _are_several():
        return number
    return int(_reduce(torch.tensor([number]), distributed.ReduceOp.MAX))


def check_alike(**facts: object) -> None:
    """Check that all processes agree on the facts of a training.

    Raises:
        DanError: if they do not; it names the first fact that differs.
    """
    if not _are_several():
        return
    for name, fact in facts.items():
        digest = zlib.crc32(repr(fact).encode())
        if largest(digest) != -largest(-digest):
            raise DanError(
                f"{name.replace('_', ' ')} of {count()} processes",
                "it is not the same in all of them",
                "Give every process the same recipe and recordings, and a run folder that all of them see",
            )


def check_shareable(signals: int) -> None:
    """Check that a batch of so many signals has a part of one size for every process.

    Raises:
        DanError: if it has not.
    """
    if signals % count():
        fitting = ", ".join(str(number) for number in range(1, signals + 1) if signals % number == 0)
        raise DanError(
            f"training.batch_size={signals} in {count()} processes",
            "each takes as many signals of a batch as the others",
            f"Start as many processes as one of {fitting}, or set another training.batch_size",
        )


def part(batch: Tensor) -> Tensor:
    """Return the part of a batch ``[B, ...]`` that this process works on."""
    if not _are_several():
        return batch
    check_shareable(len(batch))
    return batch.narrow(0, rank() * len(batch) // count(), len(batch) // count())


def whole_sum(value: Tensor) -> Tensor:
    """Return the sum of a value over the processes; gradients flow back into all of them."""
    if not _are_several():
        return value
    summed: Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return summed


def whole_mean(value: Tensor) -> Tensor:
    """Return the mean of a value over the processes."""
    return whole_sum(value) / count() if _are_several() else value


def whole_norm(value: Tensor) -> Tensor:
    """Return the Euclidean norm of what lies in all processes together."""
    if not _are_several():
        return torch.as_tensor(value.norm())
    squares = whole_sum(value.square().sum())
    return squares.clamp(min=torch.finfo(squares.dtype).tiny).sqrt()  # no gradient at 0, as a norm has none


def mean_figures(figures: Mapping[str, float]) -> dict[str, float]:
    """Return the mean of each figure over the processes."""
    if not _are_several():
        return dict(figures)
    sums = _reduce(torch.tensor(list(figures.values()), dtype=torch.float64), distributed.ReduceOp.SUM)
    return dict(zip(figures, (sums / count()).tolist(), strict=True))


def average_gradients(network: nn.Module) -> None:
    """Replace each gradient by its mean over the processes, in one message."""
    if not _are_several():
        return
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    message = torch.cat([gradient.flatten() for gradient in gradients])
    means = _reduce(message, distributed.ReduceOp.SUM) / count()
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, mean in zip(gradients, torch.split(means, sizes), strict=True):
        gradient.copy_(mean.view(gradient.shape))


def gathered(own: Signal, *, total: int) -> Signal:
    """Return the signals ``[total, T]`` of all processes, of which each has those from `stretch` on."""
    if not _are_several():
        return own
    whole = torch.zeros(total, *own.shape[1:])
    whole[stretch(total)] = torch.from_numpy(own)
    return _reduce(whole, distributed.ReduceOp.SUM).numpy()


def stretch(total: int) -> slice:
    """Return which of so many signals are this process's: all but equally many."""
    return slice(total * rank() // count(), total * (rank() + 1) // count())


class _Sum(torch.autograd.Function):
    """Sum over the processes; the gradient of what it adds up is the sum of all processes' gradients."""

    @staticmethod
    def forward(_context: Any, value: Tensor) -> Tensor:
        return _reduce(value.clone(memory_format=torch.contiguous_format), distributed.ReduceOp.SUM)

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        return _reduce(gradient.clone(memory_format=torch.contiguous_format), distributed.ReduceOp.SUM)


def _reduce(value: Tensor, by: Any) -> Tensor:
    """Combine a tensor over the processes, in its place.

    Raises:
        DanError: if one of them has gone.
    """
    try:
        distributed.all_reduce(value, by)
    except RuntimeError as error:
        raise _gone(error) from error.with_traceback(None)  # whose frames hold the group
    return value


def _gone(error: Exception) -> DanError:
    why = str(error).strip().splitlines()[-1]
    return DanError(
        "the other processes of this training",
        f"one of them cannot be reached, or has ended ({why})",
        "See what it said; the same command resumes from the last validation",
    )
