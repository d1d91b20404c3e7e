"""Stages of a network that work at once, and the crew that does such work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np

from dan.inference.engines import Block, NetworkState, Stage, StatedStep, Values


@dataclass(frozen=True)
class Crew:
    """Threads that compute: networks run outside of Python's lock.

    Args:
        pool: the threads.
        count: how many of them work for one recording.
    """

    pool: ThreadPoolExecutor
    count: int


@contextmanager
def crew_of(cores: int, *, recordings: int = 1) -> Iterator[Crew]:
    """Yield a crew of a thread for each core.

    Args:
        cores: to work on.
        recordings: that share the crew.
    """
    with ThreadPoolExecutor(cores) as pool:
        try:
            yield Crew(pool, -(-cores // recordings))
        finally:
            pool.shutdown(cancel_futures=True)


PORTIONS_EACH = 16
"""Portions in work for each core, half of them while a block is written and the next is read."""


class ComputedStep:
    """A step of a network whose outputs are computed before they are asked for; how, `_take` says."""

    def __init__(self) -> None:
        self.ready: deque[tuple[Block, Block]] = deque()
        """Portions and their outputs."""

    def __call__(self, portion: Block) -> Block:
        """Return the output of the next portion; the state is kept here."""
        if not self.ready:
            self._take()
        given, output = self.ready.popleft()
        assert np.array_equal(given, portion), "the scout has seen what comes"
        return output

    def _take(self) -> None:
        """Make more portions and their outputs ready."""
        raise NotImplementedError


class Pipeline(ComputedStep):
    """A step in stages: each stage of a portion follows the same stage of the portion before.

        core 0    0a 0b 0c 2a 2b 2c
        core 1       1a 1b 1c 3a 3b 3c

    What a portion becomes stays in the cache of one core; from one to the next goes the state alone.

    Args:
        stages: of the network.
        state: before the first portion.
        portions: all that it will be asked for, in order.
        crew: who computes.
    """

    def __init__(
        self, stages: Sequence[Stage], state: NetworkState, portions: Iterator[Block], *, crew: Crew
    ) -> None:
        super().__init__()
        self.stages, self.portions, self.crew = stages, portions, crew
        self.states = [_settled({name: state[name] for name in stage.states}) for stage in stages]
        """States that the stages are to begin the next portion with."""
        self.flight: deque[tuple[Block, Future[Block]]] = deque()

    def _take(self) -> None:
        """Take the next portions that have gone through all stages: half of them, to wait but once."""
        most = PORTIONS_EACH * self.crew.count
        for portion in islice(self.portions, most - len(self.flight)):
            self.flight.append((portion, self._submit(portion)))
        self.flight[min(len(self.flight), most // 2) - 1][1].result()
        while self.flight and self.flight[0][1].done():
            portion, output = self.flight.popleft()
            self.ready.append((portion, output.result()))

    def _submit(self, portion: Block) -> Future[Block]:
        before, self.states = self.states, [Future() for _ in self.stages]
        return self.crew.pool.submit(self._run, portion, before, self.states)

    def _run(
        self, portion: Block, before: list[Future[NetworkState]], after: list[Future[NetworkState]]
    ) -> Block:
        """Take a portion through the stages, each as soon as the portion before has left it."""
        values: Values = {"input": portion}
        try:
            for stage, state, left in zip(self.stages, before, after, strict=True):
                values, own = stage(values, state.result())
                left.set_result(own)
        except BaseException as error:  # those behind would wait for ever
            for left in after:
                if not left.done():
                    left.set_exception(error)
            raise
        return values["output"]


def _settled(state: NetworkState) -> Future[NetworkState]:
    future: Future[NetworkState] = Future()
    future.set_result(state)
    return future


def give_the_same(stages: Sequence[Stage], step: StatedStep, portion: Block) -> bool:
    """Return whether stages and the whole step agree on a portion, output and state, bit for bit."""
    state = step.state()
    values, left = {"input": portion}, NetworkState()
    for stage in stages:
        values, own = stage(values, {name: state[name] for name in stage.states})
        left |= own
    output, after = step.after(portion, state)
    return same({"output": output, **after}, {"output": values["output"], **left})


def same(one: Values, other: Values) -> bool:
    """Return whether arrays of the same names are equal, bit for bit."""
    return all(value.tobytes() == other[name].tobytes() for name, value in one.items())
