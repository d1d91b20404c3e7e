"""Tasks on Ray: a bounded number in flight, and one that fails is tried once more, elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from dan.core.errors import DanError
from dan.core.version import __version__

LOST_WORKERS = 3
"""Restarts by Ray itself of a task whose worker or node was lost."""
AT_ONCE, LEAST_AT_ONCE = 2, 4
"""Tasks in flight for each core of the cluster, so that none waits for the next; and at least."""
LOOK_AGAIN_S = 5.0
"""After so long it is looked how many cores the cluster has: nodes come and go."""


class Result(Protocol):
    """Result of a task."""

    @property
    def failed(self) -> bool:
        """Return whether the task is to be tried elsewhere."""
        ...

    @property
    def node(self) -> str:
        """The node that it ran on, by Ray's name."""
        ...


TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT", bound=Result)


class Tasks(Generic[TaskT, ResultT]):
    """One function over many jobs, side by side on a cluster.

    Args:
        ray: connected.
        function: of a module, from a job to what comes of it; whatever may go wrong is in what it returns.
        lost: what comes of a job whose workers were lost, from the job and the reason.
        at_once: most tasks in flight; None for twice the cluster's cores.
    """

    def __init__(
        self,
        ray: Any,
        function: Callable[..., ResultT],
        *,
        lost: Callable[[TaskT, str], ResultT],
        at_once: int | None = None,
    ) -> None:
        self.ray, self.lost, self.most = ray, lost, at_once
        self.remote = ray.remote(function)
        self.flight: dict[Any, tuple[TaskT, bool]] = {}
        """Jobs in flight, and whether they have failed before."""
        self._looked, self._most = 0.0, LEAST_AT_ONCE

    def run(self, jobs: Iterable[TaskT], *arguments: Any) -> Iterator[tuple[TaskT, ResultT]]:
        """Yield each job with what came of it, as they are done.

        Args:
            jobs: taken one by one, as there is room.
            arguments: of the function, before the job.
        """
        waiting = iter(jobs)
        while True:
            while len(self.flight) < self._room() and (job := next(waiting, None)) is not None:
                self._submit(job, arguments)
            if not self.flight:
                return
            for reference in self._ready():
                job, again = self.flight.pop(reference)
                done = self._result(reference, job)
                if done.failed and not again:
                    self._submit(job, arguments, not_on=done.node, again=True)
                else:
                    yield job, done

    def _room(self) -> int:
        """Number of tasks that may be in flight."""
        if self.most is not None:
            return self.most
        if time.monotonic() - self._looked > LOOK_AGAIN_S:
            cores = int(self.ray.cluster_resources().get("CPU", 0))
            self._looked, self._most = time.monotonic(), max(LEAST_AT_ONCE, AT_ONCE * cores)
        return self._most

    def _submit(
        self, job: TaskT, arguments: tuple[Any, ...], *, not_on: str = "", again: bool = False
    ) -> None:
        options: dict[str, Any] = {"max_retries": 0 if again else LOST_WORKERS, "num_cpus": 1}
        if not_on and (other := self._other_node(not_on)):
            strategies = self.ray.util.scheduling_strategies
            options["scheduling_strategy"] = strategies.NodeAffinitySchedulingStrategy(other, soft=True)
        self.flight[self.remote.options(**options).remote(*arguments, job)] = job, again

    def _other_node(self, node: str) -> str | None:
        """A node that is alive and has cores, other than one."""
        others = (one for one in self.ray.nodes() if one["Alive"] and one["Resources"].get("CPU"))
        return next((str(one["NodeID"]) for one in others if one["NodeID"] != node), None)

    def _ready(self) -> list[Any]:
        """At least one task that is done, and all others that are."""
        flight = list(self.flight)
        self.ray.wait(flight, num_returns=1)
        ready, _ = self.ray.wait(flight, num_returns=len(flight), timeout=0)
        return list(ready)

    def _result(self, reference: Any, job: TaskT) -> ResultT:
        try:
            done: ResultT = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            return self.lost(job, f"{type(error).__name__}: {str(error).splitlines()[0]}")
        return done


def version() -> str:
    """Return the version of DAN where this runs."""
    return __version__


def check_version(ray: Any) -> None:
    """Check that a cluster has the DAN that this machine has.

    Raises:
        DanError: if it has none, or another.
    """
    way_out = f"Install dan-denoiser {__version__} with its extra [cluster] on every node"
    try:
        there = str(ray.get(ray.remote(version).options(num_cpus=0).remote()))
    except Exception as error:  # whatever keeps a worker from importing it
        why = (str(error).splitlines() or [""])[-1]
        raise DanError("the Ray cluster", f"its workers cannot run DAN ({why})", way_out) from error
    if there != __version__:
        raise DanError(
            f"the Ray cluster's DAN {there}", f"it is not that of this machine, {__version__}", way_out
        )
