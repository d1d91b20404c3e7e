"""What the page draws and plays: right values, small windows, no path but the registered ones."""

import base64
import tracemalloc

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
    traces, message = pair
    view = traces.view(message["key"], 0, 0, 10, 200)
    assert message["duration"] == 10 and message["audible"]
    np.testing.assert_allclose(floats(view["before"]["high"]), 1, atol=1e-3)
    np.testing.assert_allclose(floats(view["after"]["low"]), -0.5, atol=1e-3)
    shades = np.frombuffer(base64.b64decode(view["before"]["spectrum"]), dtype=np.uint8)
    levels = shades.reshape(200, view["before"]["bins"]).astype(float).mean(axis=0)
    assert levels.argmax() == round(1000 / (RATE_HZ / 2) * (view["before"]["bins"] - 1))


def test_chunks_are_the_samples_themselves(pair):
    traces, message = pair
    chunk = traces.chunk(message["key"], 0, 3.0)
    count = int(SECONDS_A_CHUNK * RATE_HZ)
    assert len(floats(chunk["before"])) == count
    np.testing.assert_array_equal(floats(chunk["after"]), 0.5 * floats(chunk["before"]))


def test_what_was_removed_is_the_difference_and_levels_are_of_the_whole(pair):
    traces, message = pair
    view = traces.view(message["key"], 0, 2, 2.01, 200)
    assert list(message["tracks"]) == ["before", "after", "removed"]
    np.testing.assert_allclose(
        floats(view["removed"]["high"]), 0.5 * floats(view["before"]["high"]), atol=1e-6
    )
    assert view["level"]["before"] == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert view["level"]["after"] == pytest.approx(0.5 * view["level"]["before"])


def test_two_that_are_compared_have_names_of_their_own_and_perhaps_a_clean_one(pair, tmp_path):
    files = [tmp_path / "before.wav", tmp_path / "after.wav"]
    message = pair[0].add(*files, name="a", labels={"before": "First", "after": "Second"}, clean=files[0])
    assert message["tracks"] == {"before": "First", "after": "Second", "clean": "Clean"}
    chunk = pair[0].chunk(message["key"], 0, 0)
    assert chunk["clean"] == chunk["before"]


def test_missing_samples_are_drawn_as_lines(tmp_path):
    samples = np.ones((2, 4000), dtype=np.float32)
    samples[1, 100:200] = np.nan
    np.save(tmp_path / "a.npy", samples)
    traces = Traces()
    message = traces.add(tmp_path / "a.npy", tmp_path / "a.npy", name="a", sample_rate_hz=RATE_HZ)
    assert floats(traces.view(message["key"], 1, 0, 0.5, 100)["before"]["low"]).min() == 1


def test_a_long_recording_is_drawn_from_a_coarse_envelope(tmp_path):
    samples = np.zeros(EXACT_SAMPLES + 5000, dtype=np.float32)
    samples[EXACT_SAMPLES // 2] = 0.75
    for name in ("before", "after"):
        write(tmp_path / f"{name}.npy", samples, sample_rate_hz=None)
    traces = Traces()
    message = traces.add(tmp_path / "before.npy", tmp_path / "after.npy", name="a", sample_rate_hz=100)
    assert message["units"] == [""] and "spectrum" not in traces.view(message["key"], 0, 0, 1, 100)["after"]
    high = floats(traces.view(message["key"], 0, 0, message["duration"], 100)["before"]["high"])
    assert high.max() == 0.75 and np.argmax(high) in (49, 50) and np.count_nonzero(high) == 1
    assert not message["audible"]


def test_an_hour_is_drawn_in_little_memory(tmp_path):
    for name in ("before", "after"):  # an hour at 8 kHz, which takes no room on disk
        np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.float32, (3600 * RATE_HZ,))
    traces = Traces()
    files = [tmp_path / "before.npy", tmp_path / "after.npy"]
    message = traces.add(*files, name="an hour", sample_rate_hz=RATE_HZ)
    tracemalloc.start()
    traces.view(message["key"], 0, 0, 3600, 1200)
    traces.view(message["key"], 0, 1000, 1001, 1200)
    traces.chunk(message["key"], 0, 1000)
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    assert peak_mb < 60  # one array of the whole hour has 115


def test_only_what_was_registered_is_read(pair):
    with pytest.raises(KeyError):
        pair[0].view("../../etc/passwd", 0, 0, 1, 100)
