"""Stages of a network that work at once, and the crew that does such work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from dan.inference.engines import Block, Stage, State, StatedStep, Values


@dataclass(frozen=True)
class Crew:
    """Threads that compute: networks run outside of Python's lock.

    Args:
        pool: the threads.
        count: how many they are.
    """

    pool: ThreadPoolExecutor
    count: int


@contextmanager
def crew_of(count: int) -> Iterator[Crew]:
    """Yield a crew of so many threads."""
    with ThreadPoolExecutor(count) as pool:
        try:
            yield Crew(pool, count)
        finally:
            pool.shutdown(cancel_futures=True)


PORTIONS_AT_ONCE = 8
"""Portions that go from stage to stage together."""
Passed = tuple[list[Values], Values]
"""What a stage hands on with each portion, and the state that it is left in."""


@dataclass
class _Row:
    """Some portions on their way through the stages."""

    portions: list[Block]
    """None of them behind the last."""
    results: list[Future[Passed]] = field(default_factory=list)


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
    """A step whose stages work at once, each on a portion behind that of the stage before.

        stage 0    3  4  5
        stage 1       3  4  5
        stage 2          3  4  5

    Args:
        stages: of the network.
        state: before the first portion.
        portions: all that it will be asked for, in order.
        crew: who computes.
    """

    def __init__(
        self, stages: Sequence[Stage], state: State, portions: Iterator[Block], *, crew: Crew
    ) -> None:
        super().__init__()
        self.stages, self.portions, self.crew = stages, portions, crew
        self.states: list[Values] = [{name: state[name] for name in stage.states} for stage in stages]
        self.last: list[Future[Passed] | None] = [None] * len(stages)
        """What each stage has done last, or is to do."""
        self.rows: deque[_Row] = deque()

    def _take(self) -> None:
        """Take the next portions that have gone through all stages."""
        while len(self.rows) < 2 * len(self.stages) + self.crew.count:
            self._advance()
        row = self.rows.popleft()
        outputs = (np.asarray(values["output"]) for values in row.results[-1].result()[0])
        self.ready.extend(zip(row.portions, outputs, strict=True))

    def _advance(self) -> None:
        """Take more portions in, and give those before them their next stage."""
        self.rows.append(_Row([*islice(self.portions, PORTIONS_AT_ONCE)]))
        for number, row in zip(range(len(self.stages)), reversed(self.rows), strict=False):
            if row.portions:
                row.results.append(self.crew.pool.submit(self._run, number, row, self.last[number]))
                self.last[number] = row.results[-1]

    def _run(self, number: int, row: _Row, last: Future[Passed] | None) -> Passed:
        state = last.result()[1] if last else self.states[number]
        given = row.results[number - 1].result()[0] if number else [{"input": one} for one in row.portions]
        gives = []
        for values in given:
            passed, state = self.stages[number](values, state)
            gives.append(passed)
        return gives, state


def give_the_same(stages: Sequence[Stage], step: StatedStep, portion: Block) -> bool:
    """Whether stages give what the whole step gives for a portion, output and state, bit for bit."""
    state = step.state()
    values: Values = {"input": portion}
    arrays: State = {}
    for stage in stages:
        values, own = stage(values, {name: state[name] for name in stage.states})
        arrays |= {name: value.numpy() for name, value in own.items()}
    output, after = step.after(portion, state)
    return same({"output": output, **after}, {"output": values["output"], **arrays})


def same(one: State, other: State) -> bool:
    """Whether two states are the same, bit for bit."""
    return all(value.tobytes() == other[name].tobytes() for name, value in one.items())
