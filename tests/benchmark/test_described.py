"""Peers described in TOML: aligned, streamed as whole, the state carried, and wrong words refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from dan.benchmark import compare, described
from dan.benchmark.peers import named_peer, open_peer, size_bytes
from dan.benchmark.startup import Start
from dan.benchmark.trials import Trial
from dan.core.errors import DanError
from dan.evaluation.baselines import Baselines


def write(folder, text, *, shape, hop=None):
    """A graph that passes on the first `hop` samples, or a spectrum, and counts its calls in its state."""
    value = helper.make_tensor_value_info
    ends = helper.make_tensor("ends", TensorProto.INT64, [1], [hop or 100])
    zero = helper.make_tensor("zero", TensorProto.INT64, [1], [0])
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("Slice", ["in", "zero", "ends", "axis"], ["cut"]),
        helper.make_node("Add", ["count", "one"], ["next"]),
        helper.make_node("Sub", ["next", "count"], ["unit"]),
        helper.make_node("Mul", ["cut", "unit"], ["out"]),
    ]
    inputs = [value("in", TensorProto.FLOAT, shape), value("count", TensorProto.FLOAT, [1])]
    outputs = [value("out", TensorProto.FLOAT, None), value("next", TensorProto.FLOAT, [1])]
    graph = helper.make_graph(nodes, "peer", inputs, outputs, [ends, zero, axis, one])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "graph.onnx")
    path = folder / "peer.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("length", [1, 7, 400])
@pytest.mark.parametrize(
    ("shape", "words", "window"),
    [
        ([1, 8], '"samples"', "none"),
        ([1, 5, 1, 2], '"bins", 1, "parts"', "hann_sqrt"),
        ([1, 2, 5], '"parts", "bins"', "hann_sqrt"),
    ],
)
def test_a_graph_that_lets_everything_through_gives_the_signal(
    tmp_path, length, shape, words, *, window, peer_toml
):
    text = f'window = "{window}"\n' + peer_toml.replace('"samples"', words)
    file = write(tmp_path, text, shape=shape, hop=4 if len(shape) == 2 else None)
    peer = named_peer(str(file))
    assert peer.name == "peer" and size_bytes(peer) == (tmp_path / "graph.onnx").stat().st_size
    opened = open_peer(peer, sample_rate_hz=8000)
    signal = np.random.default_rng(0).standard_normal(length).astype(np.float32)
    whole = opened.whole(signal)
    np.testing.assert_allclose(whole, signal, atol=1e-6)
    feed = opened.stream()
    came = np.concatenate([feed(signal[first : first + 4]) for first in range(0, length, 4)])
    assert len(came) == max(0, length // 4 * 4 - 4)
    np.testing.assert_array_equal(came, whole[: len(came)])


def test_at_another_rate_it_goes_there_and_back(tmp_path, peer_toml):
    file = write(tmp_path, peer_toml, shape=[1, 8], hop=4)
    signal = np.sin(2 * np.pi * 300 * np.arange(4000) / 16000).astype(np.float32)
    output = open_peer(named_peer(f"other={file}"), sample_rate_hz=16000).whole(signal)
    assert output.shape == signal.shape and np.abs(output - signal)[400:-400].max() < 1e-3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hop_length = 4", "hop_length = 3", r"the file: hop_length=3 does not divide n_fft=8"),
        ("latency_samples = 8", "latency_samples = 3", "latency_samples=3 is less than hop_length=4"),
        ('[1, "samples"]', "[1, 8]", "shape has"),
        ("n_fft = 8", "nfft = 8", "n_fft: Field required"),
        (
            'count = "next"',
            'number = "next"',
            r"takes \['count', 'in'\].*\['count', 'number'\] is on one side alone",
        ),
        ('count = "next"', 'count = "nxt"', r"\['nxt'\] is on one side alone"),
        ('"graph.onnx"', '"nowhere.onnx"', "no such file"),
        ("n_fft = 8", "n_fft = 16", "not as described .*8"),
        ("hop_length = 4", "hop_length = 2", "not as described .a hop of 2 samples gives 4"),
        ('[1, "samples"]', '[2, "samples"]', "not as described .*reshape"),
        ('count = "next"', 'count = "out"', "not as described .count comes back as .1, 4."),
        ("[state]", "[state", "no TOML"),
        ('[1, "samples"]', '["bins", "parts"]\nwindow = "hann"', "do not add up"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, old, new, message, peer_toml):
    assert old in peer_toml
    file = write(tmp_path, peer_toml.replace(old, new), shape=[1, 8], hop=4)
    with pytest.raises(DanError, match=message):
        open_peer(named_peer(str(file)), sample_rate_hz=8000).whole(np.ones(8, np.float32))


@pytest.mark.parametrize(("latency_samples", "left_out"), [(8, False), (4, True), (12, True)])
def test_a_wrong_latency_leaves_the_row_out(tmp_path, monkeypatch, latency_samples, left_out, peer_toml):
    text = peer_toml.replace("latency_samples = 8", f"latency_samples = {latency_samples}")
    peer = named_peer(str(write(tmp_path, text, shape=[1, 8], hop=4)))
    monkeypatch.setattr(compare, "start", lambda peer, **given: Start(1.0, 1000))
    signals = list(np.random.default_rng(0).standard_normal((3, 800)).astype(np.float32))
    made = compare.compare([peer], Trial("three", signals, signals, 8000, "other", Baselines()), turns=1)
    assert ([*made.notes] if left_out else [made.entries[1].name]) == ["peer"]
    assert not left_out or "does not fit, 8 does" in made.notes["peer"]


def test_a_graph_is_opened_once_to_be_checked_and_compared(
    tmp_path, monkeypatch, write_data, tiny, peer_toml
):
    data, opened = tmp_path / "data", []
    write_data(tiny({"signal.sample_rate_hz": 256}), data)
    file = write(tmp_path, peer_toml, shape=[1, 8], hop=4)
    monkeypatch.setattr(compare, "start", lambda peer, **given: Start(1.0, 1000))
    monkeypatch.setattr(compare, "usual_peers", list)
    session = described.open_session
    monkeypatch.setattr(described, "open_session", lambda path: opened.append(path) or session(path))
    made = compare.benchmark(["tones"], peers=[str(file)], data=data, turns=1)
    assert made.comparisons and opened == [tmp_path / "graph.onnx"]
