"""Many trainings of one plan on Ray: each a task of its own, with its cores or its share of a GPU."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from dan.cluster.session import connected
from dan.cluster.tasks import check_version
from dan.core.progress import report
from dan.core.stopping import Stopped, awaited
from dan.workflows.plan import PlannedTraining
from dan.workflows.train_many import Trained, lost, train_one

log = logging.getLogger(__name__)

AGAIN = 1
"""Restarts of a training whose worker or node was lost: it goes on from its checkpoint."""
LOOKS_EVERY_S = 1.0
"""So often it is looked whether Ctrl-C or SIGTERM has come."""
LEAVES_WITHIN_S = 10.0
"""Time for trainings that are cancelled to leave a checkpoint, a step or so; then they are ended."""


def train_many(
    trainings: Sequence[PlannedTraining], *, address: str, cores: int | None = None
) -> Iterator[Trained]:
    """Train all on a cluster whose nodes see the same folders, and yield what came of each as it is done.

    Args:
        trainings: of a plan.
        address: of the cluster, as `connected` takes it.
        cores: of a local cluster; None for all.

    Raises:
        DanError: if Ray is not installed, or no cluster answers.
    """
    with connected(address, cores=cores) as ray, awaited() as asked:
        check_version(ray)
        _tell_if_none_can(ray, trainings)
        remote = ray.remote(train_one)
        running = {_submitted(remote, training): training for training in trainings}
        try:
            while running:
                ready, _ = ray.wait(list(running), timeout=LOOKS_EVERY_S)
                if number := asked():  # a signal that unwinds Ray's own waiting would be lost in it
                    raise Stopped(128 + number)
                if not ready:
                    continue
                trained = _result(ray, ready[0], running.pop(ready[0]))
                report("Training many", 1 - len(running) / len(trainings), f"{len(running)} left")
                yield trained
        finally:
            _cancel(ray, list(running))


def _submitted(remote: Any, training: PlannedTraining) -> Any:
    resources = {"num_cpus": training.cores, "num_gpus": training.gpus}
    return remote.options(**resources, max_retries=AGAIN, name=training.name).remote(training)


def _result(ray: Any, reference: Any, training: PlannedTraining) -> Trained:
    try:
        trained: Trained = ray.get(reference)
    except ray.exceptions.RayError as error:
        return lost(training, f"{type(error).__name__}: {str(error).splitlines()[0]}")
    return trained


def _tell_if_none_can(ray: Any, trainings: Sequence[PlannedTraining]) -> None:
    """Say where no node is large enough now; a cluster that grows may have one later."""
    for resource, key in (("CPU", "cores"), ("GPU", "gpus")):
        largest = max(node["Resources"].get(resource, 0) for node in ray.nodes())
        wait = [training for training in trainings if getattr(training, key) > largest]
        if wait:
            wanted = f"{key}={getattr(wait[0], key):g} of {wait[0].name}"
            log.warning("%s waits for a larger node: none of the cluster has more than %g.", wanted, largest)


def _cancel(ray: Any, references: list[Any]) -> None:
    """End trainings that are under way, at first with a request."""
    for force in (False, True):
        for reference in references:
            ray.cancel(reference, force=force)
        if references:
            _, references = ray.wait(references, num_returns=len(references), timeout=LEAVES_WITHIN_S)
