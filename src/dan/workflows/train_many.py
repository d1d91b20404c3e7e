"""Many trainings side by side, each in a process of its own: none of them stops the others."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch

from dan.core.errors import DanError
from dan.core.progress import listening, report
from dan.core.stopping import Stopped
from dan.training.history import Record
from dan.training.run_folder import Run
from dan.workflows.plan import PlannedTraining
from dan.workflows.train import is_finished, train_run

log = logging.getLogger(__name__)

TELLS_EVERY_S = 1.0
"""A training tells how far it is no more often than this."""


@dataclass(frozen=True)
class Trained:
    """Result of one training of a plan."""

    name: str
    folder: Path
    state: Literal["finished", "skipped", "stopped", "failed"]
    """`skipped` was finished before; `stopped` goes on when the plan is started again."""
    best: Record | None = None
    """The best validation."""
    epochs: int = 0
    """Epochs done, earlier sessions included."""
    seconds: float = 0.0
    """Spent on training, earlier sessions included."""
    notes: tuple[str, ...] = ()
    """Notes on it, in a sentence each."""
    error: str = ""
    """Reason why it failed."""


def train_one(training: PlannedTraining) -> Trained:
    """Train one of many by as many threads as it has cores; whatever goes wrong is in what it returns."""
    try:
        if finished := finished_before(training):
            return finished
        torch.set_num_threads(math.ceil(training.cores))
        with _warnings() as notes:
            outcome = train_run(
                training.recipe,
                training.out,
                folders=training.folders,
                force=training.force,
                max_minutes=training.max_minutes,
                device="cuda" if training.gpus else "cpu",
            )
        lines = [line.removeprefix("Note: ") for line in outcome.verdict[1:]]
        notes += [line for line in lines if not line.startswith("All right")]
        return _result(training, "finished" if outcome.complete else "stopped", notes=tuple(notes))
    except DanError as error:
        return _result(training, "failed", error=str(error))
    except Exception as error:
        log.exception("%s", training.name)
        return _result(training, "failed", error=f"{type(error).__name__}: {error}")


def finished_before(training: PlannedTraining) -> Trained | None:
    """Return what a run folder says of a training that has come to its end there; None where it is to do."""
    try:
        if training.force or not is_finished(training.recipe, training.out, folders=training.folders):
            return None
    except DanError:  # a run folder that cannot be read: whoever trains in it says why
        return None
    return _result(training, "skipped")


def _result(
    training: PlannedTraining, state: Any, *, notes: tuple[str, ...] = (), error: str = ""
) -> Trained:
    """Result of a training, with the history of its run folder."""
    try:
        history = Run(training.out).read_history()
    except DanError:
        history = []
    return Trained(
        training.name,
        training.out,
        state,
        best=max(history, key=lambda record: record["val_snr_db"]) if history else None,
        epochs=history[-1]["epoch"] if history else 0,
        seconds=history[-1]["seconds"] if history else 0.0,
        notes=notes,
        error=error,
    )


def lost(training: PlannedTraining, why: str) -> Trained:
    """Return what is said of a training whose process has ended in the middle."""
    return _result(training, "failed", error=f"its process was lost ({why}). Start the plan again to go on")


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect the warnings of the block."""
    heard, logger = _Heard(), logging.getLogger("dan")
    logger.addHandler(heard)
    try:
        yield heard.sentences
    finally:
        logger.removeHandler(heard)


def train_many(trainings: Sequence[PlannedTraining], *, jobs: int = 1) -> Iterator[Trained]:
    """Train all, so many at once, and yield what came of each as it is done.

    Where this ends early, as on Ctrl-C, the trainings that are under way leave checkpoints first.

    Args:
        trainings: of a plan.
        jobs: trainings at once.
    """
    waiting, running = list(reversed(trainings)), dict[Connection, _Child]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                child = _Child(waiting.pop())
                running[child.pipe] = child
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                if trained := running[pipe].heard():
                    del running[pipe]
                    yield trained
            done = (
                len(trainings) - len(waiting) - len(running) + sum(child.done for child in running.values())
            )
            report("Training many", done / len(trainings), f"{len(waiting)} waiting")
    finally:
        for child in running.values():
            child.process.terminate()
        for child in running.values():
            child.process.join()


class _Child:
    """A training in a process of its own, and what it tells."""

    def __init__(self, training: PlannedTraining) -> None:
        context = multiprocessing.get_context("spawn")
        self.training, self.done = training, 0.0
        self.pipe, end = context.Pipe(duplex=False)
        self.process: BaseProcess = context.Process(target=_work, args=(training, end))
        self.process.start()
        end.close()

    def heard(self) -> Trained | None:
        """Take what it tells: how far it is, or what came of it, also where it says no more."""
        try:
            message = self.pipe.recv()
        except (EOFError, OSError):  # killed between two messages, or within one
            self.process.join()
            return lost(self.training, f"exit code {self.process.exitcode}")
        if isinstance(message, Trained):
            self.process.join()
            return message
        self.done = message
        return None


def _work(training: PlannedTraining, pipe: Connection) -> None:
    """Train one in this process, until it is done or asked to stop, or the process that started it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first passes it on
    signal.signal(signal.SIGTERM, _stop_once)
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    logging.getLogger("dan").addHandler(logging.NullHandler())
    with listening(_Teller(pipe)):
        pipe.send(train_one(training))


def _stop_once(number: int, _: FrameType | None) -> None:
    """Unwind, and let nothing disturb that: a scheduler asks every process, and so does the first one."""
    signal.signal(number, signal.SIG_IGN)
    raise Stopped(128 + number)


def _end_with_the_first() -> None:
    first = multiprocessing.parent_process()
    assert first is not None
    first.join()
    os.kill(os.getpid(), signal.SIGTERM)


class _Teller:
    """Tells the first process how far the training is."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._reported = pipe, 0.0

    def __call__(self, label: str, done: float, _: str) -> None:
        now = time.monotonic()
        if label == "Training" and now - self._reported >= TELLS_EVERY_S:
            self._reported = now
            self._pipe.send(done)
