"""The graph of a recurrent network cut in three stages, each of which keeps its own part of the state.

    before       all that does not depend on what a recurrence gives
    recurrences  from there to the last of them: their state is what has no end
    after        the rest

A graph is a message of protocol buffers (https://protobuf.dev/programming-guides/encoding/), as onnx.proto
describes it; the little that is needed of that is here, for the plain install has no onnx.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

GRAPH = 7
"""Number of the graph's field in a model."""
NODE, INPUT, OUTPUT = 1, 11, 12
"""Numbers of fields in a graph."""
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR = 1, 2, 4
NAME, TYPE = 1, 2
BYTES = 2
"""Wire type of what has a length."""
FLOATS = b"\x0a\x02\x08\x01"
"""The type of a value: a tensor of float32, of whatever shape."""
RECURRENT = frozenset(["GRU", "LSTM", "RNN"])
STATE, NEXT = "state_", "next_"
"""Before the names of the state's parts, in and out."""


@dataclass(frozen=True)
class Node:
    """An operator of a graph."""

    raw: bytes
    """Its field, whole."""
    operator: str
    inputs: frozenset[str]
    outputs: frozenset[str]


@dataclass(frozen=True)
class Part:
    """A stage as a model of its own."""

    content: bytes
    needs: list[str]
    """Values from the stages before, or the graph's input."""
    states: list[str]
    """Inputs that are its part of the state."""
    gives: list[str]
    """Values that the stages after need, or the graph's output."""


def cut(content: bytes) -> list[Part]:
    """Cut a model in three; nothing where there is no recurrence, or a part of the state is of two stages.

    Args:
        content: of an ONNX file.
    """
    model = [*fields(content)]
    graph = [*fields(next(payload for number, payload, _ in model if number == GRAPH))]
    nodes = [_node(payload, raw) for number, payload, raw in graph if number == NODE]
    inputs, outputs = (
        [_name(payload) for number, payload, _ in graph if number == kind] for kind in (INPUT, OUTPUT)
    )
    stages = _stages(nodes, inputs)
    owner = {name: place for place, stage in enumerate(stages) for node in stage for name in node.outputs}
    for name in inputs:
        takers = {place for place, stage in enumerate(stages) for node in stage if name in node.inputs}
        if not stages or (name.startswith(STATE) and takers != {owner.get(name.replace(STATE, NEXT, 1))}):
            return []
    kept = [raw for number, _, raw in graph if number not in (NODE, INPUT, OUTPUT)]
    head = b"".join(raw for number, _, raw in model if number != GRAPH)
    moving = {*owner, *inputs}
    parts = []
    for stage in stages:
        made = _names(node.outputs for node in stage)
        used = _names(node.inputs for node in stage)
        elsewhere = _names(node.inputs for other in stages if other is not stage for node in other)
        needs = sorted((used & moving) - made)
        gives = sorted(made & {*elsewhere, *outputs})
        body = [node.raw for node in nodes if node.outputs & made or not node.outputs & owner.keys()] + kept
        body += [_field(INPUT, _value(name)) for name in needs] + [
            _field(OUTPUT, _value(name)) for name in gives
        ]
        states = [name for name in needs if name.startswith(STATE)]
        parts.append(
            Part(
                head + _field(GRAPH, b"".join(body)),
                [name for name in needs if name not in states],
                states,
                [name for name in gives if not name.startswith(NEXT)],
            )
        )
    return parts


def _stages(nodes: list[Node], inputs: list[str]) -> list[list[Node]]:
    """The nodes that depend on the input, in three stages."""
    recurrences = [node for node in nodes if node.operator in RECURRENT]
    given = _names(node.outputs for node in recurrences)
    late, moving, leading = _reached(nodes, given), _reached(nodes, {*inputs}), _led_to(nodes, given)
    endless = {name for name in inputs if name in leading and name.replace(STATE, NEXT, 1) in late}
    late |= _reached(nodes, endless)
    leading |= _led_to(nodes, {name.replace(STATE, NEXT, 1) for name in endless})
    dynamic = [node for node in nodes if node.outputs & moving]
    before = [node for node in dynamic if not node.outputs & late]
    middle = [node for node in dynamic if node.outputs & late and node.outputs & leading]
    after = [node for node in dynamic if node.outputs & late and not node.outputs & leading]
    return [before, middle, after] if recurrences else []


def _reached(nodes: list[Node], names: set[str]) -> set[str]:
    """Values that depend on some values, and these."""
    reached = set(names)
    for node in nodes:  # which stand in the order of their work
        reached |= node.outputs if node.inputs & reached else set()
    return reached


def _led_to(nodes: list[Node], names: set[str]) -> set[str]:
    """Values that some values depend on, and these."""
    leading = set(names)
    for node in reversed(nodes):
        leading |= node.inputs if node.outputs & leading else set()
    return leading


def _names(groups: Iterable[frozenset[str]]) -> set[str]:
    return {name for group in groups for name in group if name}


def _node(payload: bytes, raw: bytes) -> Node:
    parts = [*fields(payload)]
    of = {
        kind: [value.decode() for number, value, _ in parts if number == kind]
        for kind in (NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR)
    }
    return Node(raw, of[NODE_OPERATOR][0], frozenset(of[NODE_INPUT]), frozenset(of[NODE_OUTPUT]))


def _name(payload: bytes) -> str:
    return next(value.decode() for number, value, _ in fields(payload) if number == NAME)


def _value(name: str) -> bytes:
    """A graph's input or output: its name, and its type."""
    return _field(NAME, name.encode()) + _field(TYPE, FLOATS)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield number, payload and the whole of each field of a message."""
    place = 0
    while place < len(message):
        start = place
        key, place = _number(message, place)
        kind = key & 7
        if kind == BYTES:
            length, place = _number(message, place)
            begin, place = place, place + length
        else:
            begin = place
            place = _number(message, place)[1] if kind == 0 else place + (8 if kind == 1 else 4)
        yield key >> 3, message[begin:place], message[start:place]


def _number(message: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value, shift = 0, 0
    while True:
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
