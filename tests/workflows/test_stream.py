"""PCM through real pipes: aligned, complete, and clear about a stream that breaks off."""

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.workflows.stream import pump


@pytest.fixture
def halving(frame_denoiser):
    return frame_denoiser(lambda frames: np.float32(0.5) * frames, segment_samples=64)


def through(stream, data, *, sample_type, portion=1000):
    """What comes out of a pipe for what goes into another, a portion at a time; and the clipped samples."""
    read_in, write_in = os.pipe()
    read_out, write_out = os.pipe()
    came = []

    def give():
        with os.fdopen(write_in, "wb") as source:
            for start in range(0, len(data), portion):
                source.write(data[start : start + portion])
                source.flush()

    def take():
        with os.fdopen(read_out, "rb") as target:
            came.append(target.read())

    threads = [threading.Thread(target=give), threading.Thread(target=take)]
    for thread in threads:
        thread.start()
    try:
        with os.fdopen(read_in, "rb") as source, os.fdopen(write_out, "wb") as target:
            clipped = pump(stream, source, target, sample_type=sample_type)
    finally:
        for thread in threads:
            thread.join()
    return came[0], clipped


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("portion", [1, 7, 4096])
def test_float_pcm(halving, channels, portion):
    samples = np.random.default_rng(0).uniform(-1, 1, (500, channels)).astype(np.float32)
    stream = halving.stream(channels=channels)
    out, _ = through(stream, samples.tobytes(), sample_type="float32", portion=portion)
    np.testing.assert_allclose(np.frombuffer(out, np.float32).reshape(-1, channels), samples / 2, atol=1e-6)


def test_int16_is_rounded_and_clipped_never_wrapped(frame_denoiser):
    louder = frame_denoiser(lambda frames: 2 * frames, segment_samples=64)
    samples = np.array([0, 1, -1, 20000, -20000, 32767, -32768] * 40, np.int16)
    out, clipped = through(louder.stream(), samples.tobytes(), sample_type="int16")
    expected = np.clip(2 * samples.astype(int), -32768, 32767)
    np.testing.assert_array_equal(np.frombuffer(out, np.int16), expected)
    assert clipped == 4 * 40


@pytest.mark.parametrize("samples", [0, 1, 63])
def test_fewer_samples_than_the_latency(halving, samples):
    given = np.resize(np.array([1, -1], np.float32), samples)
    out, _ = through(halving.stream(), given.tobytes(), sample_type="float32")
    np.testing.assert_allclose(np.frombuffer(out, np.float32), given / 2, atol=1e-6)


def test_a_stream_that_ends_within_a_sample_loses_nothing_before_it(halving):
    data = np.ones((100, 2), np.int16).tobytes() + b"\x01\x00\x01"
    with pytest.raises(DanError, match="ends 3 bytes into a sample of 4"):
        through(halving.stream(channels=2), data, sample_type="int16")


def test_what_is_no_number_becomes_silence(halving):
    samples = np.array([1.0, np.nan, np.inf, -np.inf, -1.0] * 30, np.float32)
    out, _ = through(halving.stream(), samples.tobytes(), sample_type="float32")
    expected = np.array([0.5, 0, 0, 0, -0.5] * 30)
    np.testing.assert_allclose(np.frombuffer(out, np.float32), expected, atol=1e-6)


def test_what_no_network_can_take_becomes_silence_and_the_stream_goes_on(halving):
    samples = np.array([1.0, 1e25, -3e38, -1.0] * 30, np.float32)
    out, _ = through(halving.stream(), samples.tobytes(), sample_type="float32")
    np.testing.assert_allclose(np.frombuffer(out, np.float32), np.array([0.5, 0, 0, -0.5] * 30), atol=1e-6)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_named(halving, tmp_path):
    (tmp_path / "in.raw").write_bytes(bytes(4000))
    with (
        (tmp_path / "in.raw").open("rb") as source,
        Path("/dev/full").open("wb", buffering=0) as target,
        pytest.raises(DanError, match=r"the output: it cannot be written \(No space left on device\)"),
    ):
        pump(halving.stream(), source, target, sample_type="float32")


def test_an_input_that_cannot_be_read_is_named(halving, tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    source = SimpleNamespace(fileno=lambda: folder)
    with pytest.raises(DanError, match="the input: it cannot be read"):
        pump(halving.stream(), source, None, sample_type="float32")
    os.close(folder)
