"""Tasks on a stand-in for Ray: how many are in flight, and what becomes of those that fail."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from dan.cluster.tasks import Tasks


@dataclass
class Done:
    failed: bool = False
    node: str = "a"


class RayError(Exception):
    pass


class StandIn:
    """Runs a task when it is waited for, the latest first, and notes how many there were."""

    exceptions = SimpleNamespace(RayError=RayError)
    util = SimpleNamespace(
        scheduling_strategies=SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: (node, soft))
    )

    def __init__(self, cores=3, nodes="ab"):
        self.cores, self.names, self.tasks, self.most, self.placed = cores, nodes, {}, 0, []

    def remote(self, function):
        def options(**chosen):
            self.placed.append(chosen.get("scheduling_strategy"))
            return SimpleNamespace(remote=lambda *arguments: self._submit(function, arguments))

        return SimpleNamespace(options=options)

    def _submit(self, function, arguments):
        reference = object()
        self.tasks[reference] = (function, arguments)
        self.most = max(self.most, len(self.tasks))
        return reference

    def wait(self, flight, num_returns, timeout=None):
        assert set(flight) == set(self.tasks)
        return (flight[-1:], flight[:-1])

    def get(self, reference):
        function, arguments = self.tasks.pop(reference)
        return function(*arguments)

    def nodes(self):
        return [{"NodeID": name, "Alive": True, "Resources": {"CPU": 1}} for name in self.names]

    def cluster_resources(self):
        return {"CPU": self.cores}


def lost(job, why):
    return Done(failed=True, node="")


@pytest.mark.parametrize(("cores", "at_once", "most"), [(3, None, 6), (1, None, 4), (3, 1, 1), (100, 5, 5)])
def test_a_bounded_number_is_in_flight(cores, at_once, most):
    ray, taken = StandIn(cores), []

    def jobs():
        for number in range(1, 50):
            taken.append(number)
            yield number

    seen = []
    for job, _ in Tasks(ray, lambda job: Done(), lost=lost, at_once=at_once).run(jobs()):
        seen.append(job)
        assert len(taken) <= len(seen) + most  # jobs are not made ahead of their turn
    assert sorted(seen) == list(range(1, 50)) and ray.most == most


def test_one_that_fails_is_tried_once_more_on_another_node():
    ray, tries = StandIn(), []

    def work(job):
        tries.append(job)
        return Done(failed=job == 2 or (job == 3 and tries.count(3) == 1))

    done = dict(Tasks(ray, work, lost=lost).run([1, 2, 3, 4]))
    assert {job: one.failed for job, one in done.items()} == {1: False, 2: True, 3: False, 4: False}
    assert sorted(tries) == [1, 2, 2, 3, 3, 4]
    assert [place for place in ray.placed if place] == [("b", True)] * 2


def test_where_there_is_one_node_it_is_tried_there():
    ray, tries = StandIn(nodes="a"), []
    work = lambda job: tries.append(job) or Done(failed=True)  # noqa: E731
    assert [done.failed for _, done in Tasks(ray, work, lost=lost).run([1])] == [True]
    assert tries == [1, 1] and ray.placed == [None, None]


def test_a_lost_worker_does_not_stop_the_rest():
    def work(job):
        if job == 1:
            raise RayError("a worker died\nand more")
        return Done()

    reasons = []

    def why_lost(job, why):
        reasons.append((job, why))
        return Done(failed=True, node="")

    done = dict(Tasks(StandIn(), work, lost=why_lost).run([1, 2]))
    assert done[1].failed and not done[2].failed
    assert reasons == [(1, "RayError: a worker died")] * 2


def test_arguments_come_before_the_job():
    assert dict(Tasks(StandIn(), lambda *given: Done(node=str(given)), lost=lost).run([7], "x", "y"))[
        7
    ] == Done(node="('x', 'y', 7)")
