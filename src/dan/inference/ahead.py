"""Steps of a network computed ahead by several cores, for the one loop that takes them in order.

    loop      step of portion 0, 1, 2, ...     unchanged, but that it finds each step done
    scout     the same blocks through the same conditioning, some pieces ahead: the portions that will come
    crew      piece 0 | piece 1 | ...          each from as far before it as the network remembers

The loop gets what it would have computed: each piece is made of the same portions, and what one leaves behind
is compared with what the next began with; should they differ in one bit, the next is computed again. Where a
memory has no end there are no pieces, but stages of the graph (`dan.inference.pipeline`), if it has some.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import chain
from weakref import WeakSet

import numpy as np

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.inference.engines import Block, Engine, FrameEngine, HopEngine, NetworkState, Stage, StatedStep
from dan.inference.pipeline import ComputedStep, Crew, Pipeline, give_the_same, same
from dan.inference.resampling import ResamplingEngine
from dan.inference.stream import Stream, check_size

PIECE_MEMORIES = 4, 48
"""Shortest and longest piece, in memories of the network: a memory is computed in vain before each."""
PIECES_EACH = 3
"""Pieces that each core gets of a recording that is not too long for that."""


def compute_ahead(
    stream: Stream,
    scout: Stream,
    blocks: Iterable[Signal],
    *,
    memory: int | None,
    crew: Crew,
    length_samples: int | None = None,
) -> None:
    """Let a crew compute the steps of a stream's network before the stream comes to them.

    Args:
        stream: nothing was fed to it yet.
        scout: another one like it.
        blocks: that will be fed to the stream; they are taken some pieces before.
        memory: samples, at the network's rate, that it remembers; None for no end.
        crew: who computes.
        length_samples: at the network's rate, if it is known: pieces are then no longer than must be.
    """
    engine, ahead = _innermost(stream.engine), _innermost(scout.engine)
    portions = _portions(scout, ahead, blocks)
    if isinstance(engine, FrameEngine) and isinstance(ahead, FrameEngine):
        network = engine.network
        steps = Steps(lambda frames, state: (network(frames), state), {}, portions, memory=0, crew=crew)
        engine.network = steps
    elif isinstance(engine, HopEngine) and isinstance(step := engine.step, StatedStep):
        if memory is None:
            engine.step = _in_stages(engine.stages(), step, portions, crew)
            return
        engine.step = Steps(
            step.after, step.state(), portions, memory=memory, crew=crew, length_samples=length_samples
        )


def _in_stages(
    stages: Sequence[Stage], step: StatedStep, portions: Iterator[Block], crew: Crew
) -> Callable[[Block], Block]:
    """The steps of a network whose memory has no end: in stages, if these give the first portion's bits."""
    first = next(portions, None) if stages else None
    if first is None or not give_the_same(stages, step, first):
        return step
    return Pipeline(stages, step.state(), chain([first], portions), crew=crew)


def _innermost(engine: Engine) -> Engine:
    return engine.inner if isinstance(engine, ResamplingEngine) else engine


def _portions(scout: Stream, engine: Engine, blocks: Iterable[Signal]) -> Iterator[Block]:
    """Yield what the network will get; what the scout makes of it is nothing, and goes nowhere."""
    seen: list[Block] = []

    def note(portion: Block) -> Block:
        seen.append(portion)
        return np.zeros_like(portion)

    if isinstance(engine, FrameEngine):
        engine.network = note
    elif isinstance(engine, HopEngine):
        engine.step = note
    for block in blocks:
        try:
            check_size(block)
        except DanError:  # which the loop will meet
            return
        scout.engine.feed(scout.conditioner.feed(block))
        yield from seen
        seen.clear()
    scout.engine.feed(scout.conditioner.flush())
    scout.engine.flush()
    yield from seen


def doubled(blocks: Iterable[Signal]) -> tuple[Iterator[Signal], Iterator[Signal]]:
    """Return two iterators over blocks; an error is raised in the first, and is the end of the second."""
    branches = WeakSet[_Branch]()
    source = _caught(blocks)
    first, second = _Branch(source, branches), _Branch(source, branches)
    return _raising(first), (block for block in second if not isinstance(block, Exception))


class _Branch:
    """One of several iterators over one: a block is kept as long as another has not come to it, no longer.

    (`itertools.tee` keeps dozens that all have passed.)

    Args:
        source: what all go over.
        branches: those that still are.
    """

    def __init__(self, source: Iterator[Signal | Exception], branches: WeakSet[_Branch]) -> None:
        self.source, self.branches = source, branches
        self.queue: deque[Signal | Exception] = deque()
        branches.add(self)

    def __iter__(self) -> Iterator[Signal | Exception]:
        return self

    def __next__(self) -> Signal | Exception:
        if not self.queue:
            item = next(self.source)
            for branch in self.branches:
                branch.queue.append(item)
        return self.queue.popleft()


def _caught(blocks: Iterable[Signal]) -> Iterator[Signal | Exception]:
    try:
        yield from blocks
    except Exception as error:
        yield error


def _raising(blocks: Iterable[Signal | Exception]) -> Iterator[Signal]:
    for block in blocks:
        if isinstance(block, Exception):
            raise block
        yield block


After = Callable[[Block, NetworkState], tuple[Block, NetworkState]]
"""A step from a state, and the state that it leaves."""
Computed = tuple[NetworkState, list[Block], NetworkState]
"""The state before a piece, its outputs, and the state after it."""


class Steps(ComputedStep):
    """A step that is computed in pieces side by side.

    Args:
        step: the network's.
        state: before the first portion.
        portions: all that it will be asked for, in order.
        memory: samples that the network remembers; 0 for none.
        crew: who computes.
        length_samples: of all portions, where that is known.
    """

    def __init__(
        self,
        step: After,
        state: NetworkState,
        portions: Iterator[Block],
        *,
        memory: int,
        crew: Crew,
        length_samples: int | None = None,
    ) -> None:
        super().__init__()
        self.step, self.first, self.state, self.portions = step, state, state, portions
        self.memory, self.crew, self.length = memory, crew, length_samples
        self.pieces: deque[tuple[list[Block], Future[Computed]]] = deque()
        self.before: list[Block] = []
        """Samples before the next piece, as far as the network remembers."""

    def _take(self) -> None:
        """Take what came of the next piece, and see that it began where the last one ended."""
        while len(self.pieces) <= self.crew.count and (piece := self._cut()):
            self.pieces.append((piece, self._submit(piece)))
        portions, future = self.pieces.popleft()
        start, outputs, end = future.result()
        if not same(start, self.state):
            _, outputs, end = self._compute([], portions, self.state)
        self.state = end
        self.ready.extend(zip(portions, outputs, strict=True))

    def _cut(self) -> list[Block]:
        """The next portions, as many as make a piece; fewer at the end."""
        piece: list[Block] = []
        while not piece or _samples(piece) < self._piece_samples(piece[0].shape[-1]):
            if (portion := next(self.portions, None)) is None:
                break
            piece.append(portion)
        return piece

    def _piece_samples(self, portion_samples: int) -> int:
        """Length of a piece, of which the part that is computed in vain is to be small."""
        if not self.memory:
            return portion_samples
        in_vain = max(self.memory, portion_samples)
        least, most = (number * in_vain for number in PIECE_MEMORIES)
        fair = most if self.length is None else self.length // (PIECES_EACH * self.crew.count)
        return max(least, min(most, fair))

    def _submit(self, piece: list[Block]) -> Future[Computed]:
        before, self.before = self.before, self._tail([*self.before, *piece])
        return self.crew.pool.submit(self._compute, before, piece, self.first)

    def _tail(self, portions: list[Block]) -> list[Block]:
        """The last portions, as far as the network remembers."""
        count = 0
        while count < len(portions) and _samples(portions[len(portions) - count :]) < self.memory:
            count += 1
        return portions[len(portions) - count :]

    def _compute(self, before: list[Block], piece: list[Block], state: NetworkState) -> Computed:
        for portion in before:
            _, state = self.step(portion, state)
        start, outputs = state, []
        for portion in piece:
            output, state = self.step(portion, state)
            outputs.append(output)
        return start, outputs, state


def _samples(portions: list[Block]) -> int:
    return sum(portion.shape[-1] for portion in portions)
