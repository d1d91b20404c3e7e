"""What the page draws and plays: right values, small windows, no path but the registered ones."""

import base64

import numpy as np
import pytest

from dan.app.traces import EXACT_SAMPLES, SECONDS_A_CHUNK, Traces
from dan.io.recordings import write

RATE_HZ = 8000


@pytest.fixture
def pair(tmp_path):
    time_s = np.arange(10 * RATE_HZ) / RATE_HZ
    before = np.sin(2 * np.pi * 1000 * time_s).astype(np.float32)
    write(tmp_path / "before.wav", before, sample_rate_hz=RATE_HZ)
    write(tmp_path / "after.wav", 0.5 * before, sample_rate_hz=RATE_HZ)
    traces = Traces()
    return traces, traces.add(tmp_path / "before.wav", tmp_path / "after.wav", name="a")


def floats(text):
    return np.frombuffer(base64.b64decode(text), dtype=np.float32)


def test_a_view_holds_the_extremes_and_the_tone(pair):
    traces, said = pair
    view = traces.view(said["key"], 0, 0, 10, 200)
    assert said["duration"] == 10 and said["audible"]
    np.testing.assert_allclose(floats(view["before"]["high"]), 1, atol=1e-3)
    np.testing.assert_allclose(floats(view["after"]["low"]), -0.5, atol=1e-3)
    shades = np.frombuffer(base64.b64decode(view["before"]["spectrum"]), dtype=np.uint8)
    levels = shades.reshape(200, view["before"]["bins"]).astype(float).mean(axis=0)
    assert levels.argmax() == round(1000 / (RATE_HZ / 2) * (view["before"]["bins"] - 1))


def test_chunks_are_the_samples_themselves(pair):
    traces, said = pair
    chunk = traces.chunk(said["key"], 0, 3.0)
    count = int(SECONDS_A_CHUNK * RATE_HZ)
    assert len(floats(chunk["before"])) == count
    np.testing.assert_array_equal(floats(chunk["after"]), 0.5 * floats(chunk["before"]))
    assert chunk["level"]["after"] == pytest.approx(0.5 * chunk["level"]["before"])


def test_a_long_recording_is_drawn_from_a_coarse_envelope(tmp_path):
    samples = np.zeros(EXACT_SAMPLES + 5000, dtype=np.float32)
    samples[EXACT_SAMPLES // 2] = 0.75
    for name in ("before", "after"):
        write(tmp_path / f"{name}.npy", samples, sample_rate_hz=None)
    traces = Traces()
    said = traces.add(tmp_path / "before.npy", tmp_path / "after.npy", name="a", sample_rate_hz=100)
    high = floats(traces.view(said["key"], 0, 0, said["duration"], 100)["before"]["high"])
    assert high.max() == 0.75 and np.argmax(high) in (49, 50) and np.count_nonzero(high) == 1
    assert not said["audible"]


def test_only_what_was_registered_is_read(pair):
    with pytest.raises(KeyError):
        pair[0].view("../../etc/passwd", 0, 0, 1, 100)
