"""Graphs cut in stages: together they give what the whole gives, bit for bit."""

import threading

import numpy as np
import pytest

from dan.inference.denoiser import load
from dan.inference.model_file import WEIGHTS
from dan.inference.onnx_stages import _field, _number, _varint, cut, fields
from dan.inference.pipeline import Pipeline, crew_of, give_the_same


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32 + 5])
def test_a_number_is_read_as_it_was_written(value):
    assert _number(b"x" + _varint(value) + b"y", 1) == (value, 1 + len(_varint(value)))


def test_the_fields_of_a_message_are_all_of_it():
    message = (
        _field(3, b"abc") + _varint(4 << 3) + _varint(300) + _varint(5 << 3 | 1) + bytes(8) + _field(3, b"")
    )
    assert [(number, payload) for number, payload, _ in fields(message)] == [
        (3, b"abc"), (4, _varint(300)), (5, bytes(8)), (3, b""),
    ]  # fmt: skip
    assert b"".join(raw for _, _, raw in fields(message)) == message


@pytest.mark.parametrize("name", ["tones", "ecg-360"])
def test_what_does_not_recur_is_not_cut(name):
    assert cut((WEIGHTS / f"{name}.onnx").read_bytes()) == []


@pytest.mark.parametrize("name", ["speech-8k", "speech-16k"])
def test_the_stages_of_a_recurrent_network(name):
    parts = cut((WEIGHTS / f"{name}.onnx").read_bytes())
    assert [part.states for part in parts] == [
        ["state_input", "state_level"], ["state_memory_0", "state_memory_1"], ["state_output_1"],
    ]  # fmt: skip
    assert parts[0].needs == ["input"] and parts[-1].gives == ["output"]
    assert set(parts[1].needs) <= set(parts[0].gives)


def portions(engine, count, hops=9):
    random = np.random.default_rng(0)
    lengths = [*[hops * engine.hop] * (count - 1), 2 * engine.hop]  # the last one is shorter
    return [(0.1 * random.standard_normal((2, length))).astype(np.float32) for length in lengths]


@pytest.mark.parametrize("name", ["speech-8k", "speech-16k"])
@pytest.mark.parametrize("cores", [1, 2, 5])
def test_a_pipeline_gives_what_the_step_gives(name, cores):
    engine = load(name).model.engine(2)
    given, state = portions(engine, 30), engine.step.state()
    assert give_the_same(engine.stages(), engine.step, given[0])
    with crew_of(cores) as crew:
        pipeline = Pipeline(engine.stages(), state, iter(given), crew=crew)
        for portion in given:
            assert np.array_equal(pipeline(portion), engine.step(portion))


def test_stages_that_give_something_else_are_seen():
    engine = load("speech-8k").model.engine(2)
    (portion,) = portions(engine, 1)

    step = engine.step
    assert give_the_same(engine.stages(), step, portion)

    class Other:
        def state(self):
            return step.state()

        def after(self, block, state):
            output, state = step.after(block, state)
            return np.nextafter(output, np.float32(1)), state

    assert not give_the_same(engine.stages(), Other(), portion)


class Counting:
    """A stage that gives the number of the portion, and fails at one."""

    def __init__(self, fails_at=None):
        self.states, self.fails_at = ["number"], fails_at

    def __call__(self, values, state):
        if state["number"] == self.fails_at:
            raise ZeroDivisionError("by chance")
        return {**values, "output": state["number"]}, {"number": state["number"] + 1}


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_a_pipeline_ends_with_its_portions(cores):
    given = [*np.random.default_rng(0).standard_normal((100, 1, 4))]
    with crew_of(cores) as crew:
        pipeline = Pipeline([Counting(), Counting()], {"number": np.array(0)}, iter(given), crew=crew)
        assert [int(pipeline(portion)) for portion in given] == [*range(100)]
        assert not pipeline.flight


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_an_error_in_a_stage_is_raised_and_leaves_nobody_waiting(cores):
    given = [*np.random.default_rng(0).standard_normal((100, 1, 4))]
    with crew_of(cores) as crew:
        stages = [Counting(), Counting(fails_at=40)]
        pipeline = Pipeline(stages, {"number": np.array(0)}, iter(given), crew=crew)
        with pytest.raises(ZeroDivisionError):
            for portion in given:
                pipeline(portion)


def test_recordings_that_are_fewer_than_cores_share_them_all():
    with crew_of(3, recordings=2) as crew:
        together = threading.Barrier(3)
        for future in [crew.pool.submit(together.wait, 20) for _ in range(3)]:
            future.result()
        assert crew.count == 2
