"""Steps computed ahead: the samples are those of one core, bit for bit."""

import weakref

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.inference import ahead, engines
from dan.inference.ahead import Steps, compute_ahead, doubled
from dan.inference.denoiser import load
from dan.inference.pipeline import crew_of

SECONDS = {"tones": 100, "tones-wide": 60, "ecg-360": 300, "speech-8k": 20, "speech-16k": 20}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Many pieces in a short signal."""
    monkeypatch.setattr(ahead, "PIECE_MEMORIES", (2, 2))
    monkeypatch.setattr(engines, "HOPS_AT_ONCE", 64)
    monkeypatch.setattr(engines, "FRAMES_AT_ONCE", 16)


def blocks_of(signal, *, most):
    """Blocks of any length."""
    random, start, blocks = np.random.default_rng(1), 0, []
    while start < signal.shape[-1]:
        blocks.append(signal[:, start : start + int(random.integers(0, most))])
        start += blocks[-1].shape[-1]
    return blocks


def noisy(denoiser, seconds, rate, channels):
    """With an offset that moves, a silence, and a level that changes."""
    random, count = np.random.default_rng(0), round(seconds * rate)
    signal = random.standard_normal((channels, count)).astype(np.float32) * np.linspace(0.01, 0.1, count)
    signal[:, count // 3 : count // 2] = 0
    return (signal + np.linspace(1, 5, count)).astype(np.float32)


def denoised(denoiser, blocks, crew=None, **settings):
    stream = denoiser.stream(**settings)
    if crew:
        blocks, before = doubled(iter(blocks))
        memory = denoiser.info.memory_samples
        compute_ahead(stream, denoiser.stream(**settings), before, memory=memory, crew=crew)
    return np.concatenate([*(stream.feed(block) for block in blocks), stream.flush()], axis=-1)


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors"])
@pytest.mark.parametrize("name", SECONDS)
def test_the_samples_are_those_of_one_core(name, suffix):
    from dan.inference.model_file import WEIGHTS

    denoiser, channels = load(WEIGHTS / f"{name}{suffix}"), 1 + (suffix == ".onnx")
    signal = noisy(denoiser, SECONDS[name], denoiser.sample_rate_hz, channels)
    for most in (50_000, 500):
        blocks = blocks_of(signal[:, : 100 * most], most=most)
        settings = {"channels": channels, "length_samples": signal.shape[-1], "strength": 0.7}
        with crew_of(3) as crew:
            assert np.array_equal(
                denoised(denoiser, blocks, crew, **settings), denoised(denoiser, blocks, **settings)
            )


@pytest.mark.parametrize("name", ["tones-wide", "ecg-360", "speech-8k"])
def test_the_samples_are_those_of_one_core_at_another_rate(name):
    denoiser = load(name)
    rate = 1.37 * denoiser.sample_rate_hz
    signal = noisy(denoiser, SECONDS[name] / 4, rate, 1)
    settings = {"sample_rate": rate, "resample": True, "length_samples": signal.shape[-1]}
    blocks = blocks_of(signal, most=20_000)
    with crew_of(2) as crew:
        assert np.array_equal(
            denoised(denoiser, blocks, crew, **settings), denoised(denoiser, blocks, **settings)
        )


def counting(memory, calls):
    """A step that adds the last samples, `memory` of them, to each."""

    def step(portion, state):
        calls.append(portion.shape[-1])
        whole = np.concatenate([state["past"], portion], axis=-1)
        sums = sum(whole[:, lag : lag + portion.shape[-1]] for lag in range(memory + 1))
        return sums, {"past": whole[:, -memory:]}

    return step, {"past": np.zeros((1, memory), np.float32)}


@pytest.mark.parametrize(("message", "again"), [(8, False), (24, False), (4, True)])
def test_a_memory_longer_than_is_said_costs_time_and_no_sample(message, again):
    portions = [*np.random.default_rng(0).standard_normal((50, 1, 4)).astype(np.float32)]
    calls = []
    step, state = counting(8, calls)
    expected, now = [], state
    for portion in portions:
        output, now = step(portion, now)
        expected.append(output)
    calls.clear()
    with crew_of(2) as crew:
        steps = Steps(step, state, iter(portions), memory=message, crew=crew)
        got = [steps(portion) for portion in portions]
    assert np.array_equal(got, expected)
    in_vain = (-(-50 // (2 * message // 4)) - 1) * message // 4
    assert (len(calls) > 50 + in_vain) == again and len(calls) >= 50 + in_vain


@pytest.mark.parametrize("count", [1, 3])
def test_no_more_is_read_than_pieces_are_computed_at_once(count):
    read = []

    def portions():
        for number in range(100):
            read.append(number)
            yield np.full((1, 4), number, np.float32)

    step, state = counting(8, [])
    with crew_of(count) as crew:
        steps = Steps(step, state, portions(), memory=8, crew=crew)
        for number in range(100):
            steps(np.full((1, 4), number, np.float32))
            assert len(read) <= number + 1 + (count + 1) * 4  # a piece is of four portions


def test_an_error_of_the_network_is_raised():
    def broken(portion, state):
        raise ZeroDivisionError("by chance")

    with crew_of(2) as crew, pytest.raises(ZeroDivisionError):
        Steps(broken, {}, iter([np.zeros((1, 4), np.float32)]), memory=0, crew=crew)(np.zeros((1, 4)))


@pytest.mark.parametrize("place", [0, 3, 9])
def test_an_error_of_reading_is_raised_where_it_is(place):
    def reading():
        for number in range(10):
            if number == place:
                raise DanError("a.wav", "it is cut short", "Record it again")
            yield np.zeros((1, 2000), np.float32)

    denoiser, came = load("tones-wide"), []
    stream, scout = denoiser.stream(), denoiser.stream()
    blocks, before = doubled(reading())
    with crew_of(2) as crew, pytest.raises(DanError, match=r"a\.wav: it is cut short"):
        compute_ahead(stream, scout, before, memory=0, crew=crew)
        for block in blocks:
            came.append(stream.feed(block))
    assert len(came) == place


def test_a_sample_that_is_too_large_is_told_where_it_is():
    signal = np.zeros((1, 50_000), np.float64)
    signal[0, 40_000] = 1e19
    denoiser = load("tones-wide")
    with crew_of(2) as crew, pytest.raises(DanError, match=r"a sample of size 1e\+19"):
        denoised(denoiser, blocks_of(signal, most=3000), crew)


def test_blocks_that_nobody_computes_ahead_are_not_kept():
    """A recurrent network of torch has no stages: the loop is all there is."""
    from dan.inference.model_file import WEIGHTS

    denoiser = load(WEIGHTS / "speech-8k.safetensors")
    stream, kept = denoiser.stream(), []

    def reading():
        for _ in range(60):
            block = np.zeros((1, 2000), np.float32)
            kept.append(weakref.ref(block))
            yield block

    def spread():
        blocks, before = doubled(reading())
        with crew_of(2) as crew:
            compute_ahead(stream, denoiser.stream(), before, memory=None, crew=crew)
        return blocks

    for _ in spread():
        assert sum(reference() is not None for reference in kept) <= 6
    assert len(kept) == 60
