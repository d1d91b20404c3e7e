"""Peers are called as their users would: aligned, at their rate, and with a reason where they cannot be."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from dan.benchmark.peers import Peer, named_peer, open_peer, size_bytes, usual_peers
from dan.core.errors import DanError
from dan.inference import onnx_session
from dan.inference.onnx_session import open_session

RNG = np.random.default_rng(5)


def write_onnx(path, *, shape=("T",), inputs=1, scale=0.5):
    """A graph that scales its signal."""
    given = [helper.make_tensor_value_info(f"in{k}", TensorProto.FLOAT, shape) for k in range(inputs)]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)
    factor = helper.make_tensor("factor", TensorProto.FLOAT, [], [scale])
    node = helper.make_node("Mul", ["in0", "factor"], ["out"])
    graph = helper.make_graph([node], "scale", given, [out], [factor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


@pytest.fixture
def late_rnnoise(monkeypatch):
    """An RNNoise that lets everything through, as late as the real one."""

    class State:
        def __init__(self):
            self.past = np.zeros(960, np.int16)

    def process(state, frame):
        assert frame.dtype == np.int16 and frame.shape == (480,)
        state.past = np.concatenate([state.past, frame])
        out, state.past = state.past[:480], state.past[480:]
        return out, 1.0

    destroyed = []
    library = SimpleNamespace(create=State, destroy=destroyed.append, process_mono_frame=process)
    module = ModuleType("pyrnnoise")
    module.rnnoise = library
    monkeypatch.setitem(sys.modules, "pyrnnoise", module)
    return destroyed


@pytest.mark.parametrize("length", [1, 479, 480, 5000])
@pytest.mark.parametrize("peak", [0.1, 3.0])
def test_rnnoise_is_aligned_and_keeps_the_level(late_rnnoise, length, peak):
    signal = (peak * RNG.uniform(-1, 1, length)).astype(np.float32)
    output = open_peer(Peer("r", "rnnoise"), sample_rate_hz=48000).whole(signal)
    assert output.shape == signal.shape and output.dtype == np.float32
    # One rounding to 16 bits, of a signal scaled to a peak of 0.5 where it is louder.
    np.testing.assert_allclose(output, signal, atol=0.51 / 32768 * max(1, 2 * peak), rtol=0)
    assert len(late_rnnoise) == 1  # its state is given back


def test_rnnoise_at_another_rate_goes_there_and_back(late_rnnoise):
    time_s = np.arange(4000) / 8000
    signal = (0.3 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)
    output = open_peer(Peer("r", "rnnoise"), sample_rate_hz=8000).whole(signal)
    # 440 Hz is far within both rates; a shift by one sample would leave -9 dB. The ends ring.
    error = (output - signal)[400:-400]
    assert output.shape == signal.shape and np.abs(error).max() < 1e-3


def test_rnnoise_streams_what_it_gives_whole(late_rnnoise):
    signal = (0.3 * RNG.standard_normal(9600)).clip(-0.5, 0.5).astype(np.float32)
    opened = open_peer(Peer("r", "rnnoise"), sample_rate_hz=48000)
    feed = opened.stream()
    blocks = [feed(signal[first : first + opened.hop_length]) for first in range(0, len(signal), 480)]
    streamed = np.concatenate(blocks)
    assert opened.latency_samples == 1440 and len(streamed) == len(signal) - 960
    np.testing.assert_array_equal(streamed, opened.whole(signal)[: len(streamed)])


def test_the_real_rnnoise_lags_as_it_is_taken_to():
    pytest.importorskip("pyrnnoise.rnnoise")
    time_s = np.arange(96000) / 48000
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 2.3 * time_s)) / 48000
    voice = sum(np.sin(k * phase) * (np.exp(-(((k * 140 - 600) / 500) ** 2)) + 0.3 / k) for k in range(1, 25))
    signal = (0.1 * voice * np.maximum(0, np.sin(2 * np.pi * 3 * time_s))).astype(np.float32)
    output = open_peer(Peer("r", "rnnoise"), sample_rate_hz=48000).whole(signal)
    lags = range(-1200, 1201, 10)  # its frames are of 480 samples
    agreement = [float(np.dot(np.roll(output, lag), signal)) for lag in lags]
    assert abs(lags[int(np.argmax(agreement))]) <= 10  # the wavering pitch tells one period from the next


def test_rnnoise_is_left_out_below_speech_and_where_it_is_not_installed(monkeypatch):
    with pytest.raises(DanError, match="for speech"):
        open_peer(Peer("r", "rnnoise"), sample_rate_hz=256)
    monkeypatch.setitem(sys.modules, "pyrnnoise", None)
    with pytest.raises(DanError, match=r"dan-denoiser\[bench\]"):
        open_peer(Peer("r", "rnnoise"), sample_rate_hz=8000)


@pytest.mark.parametrize("shape", [("T",), (1, "T"), (1, 1, "T")])
def test_an_onnx_peer_takes_the_whole_signal(tmp_path, shape):
    file = write_onnx(tmp_path / "peer.onnx", shape=shape)
    peer = named_peer(f"half={file}")
    signal = RNG.standard_normal(100)
    output = open_peer(peer, sample_rate_hz=123).whole(signal)
    np.testing.assert_array_equal(output, np.float32(0.5) * signal.astype(np.float32))
    assert peer.name == "half" and size_bytes(peer) == file.stat().st_size


def test_an_onnx_peer_runs_in_such_a_session_as_a_model(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(onnx_session, "open_session", lambda file: opened.append(file) or open_session(file))
    file = write_onnx(tmp_path / "peer.onnx")
    open_peer(named_peer(f"half={file}"), sample_rate_hz=123)
    assert opened == [file]


def test_an_onnx_peer_has_one_input_and_is_onnx(tmp_path):
    two = write_onnx(tmp_path / "two.onnx", inputs=2)
    with pytest.raises(DanError, match="2 inputs"):
        open_peer(named_peer(f"two={two}"), sample_rate_hz=8000)
    (tmp_path / "none.onnx").write_bytes(b"none")
    with pytest.raises(DanError, match="onnxruntime cannot run it"):
        open_peer(named_peer(f"none={tmp_path / 'none.onnx'}"), sample_rate_hz=8000)


@pytest.mark.parametrize("option", ["", "name", "name=", "=file", "name=nowhere.onnx"])
def test_a_peer_is_named_and_there(option):
    with pytest.raises(DanError, match="--peer"):
        named_peer(option)


def test_a_model_streams_at_its_hop():
    opened = open_peer(Peer("t", "dan", "tones"), sample_rate_hz=256)
    signal = RNG.standard_normal(1024).astype(np.float32)
    feed = opened.stream()
    blocks = [feed(signal[first : first + opened.hop_length]) for first in range(0, 1024, opened.hop_length)]
    streamed = np.concatenate(blocks)
    whole = opened.whole(signal)
    assert len(streamed) > 0
    # Batches of other sizes sum in another order, in float32.
    np.testing.assert_allclose(streamed, whole[: len(streamed)], atol=1e-5)
    with pytest.raises(DanError, match="256 Hz"):
        open_peer(Peer("t", "dan", "tones"), sample_rate_hz=8000)


def test_there_is_no_other_kind():
    with pytest.raises(DanError, match="kind=nonsense"):
        open_peer(Peer("n", "nonsense"), sample_rate_hz=8000)


@pytest.mark.parametrize(
    "peer", [peer for peer in usual_peers() if peer.kind != "rnnoise"], ids=lambda p: p.name
)
def test_the_usual_peers_keep_the_length(peer):
    signal = RNG.standard_normal(4000).astype(np.float32)
    output = open_peer(peer, sample_rate_hz=8000).whole(signal)
    assert output.shape == signal.shape and np.isfinite(output).all()
    assert not np.allclose(output, signal)


def test_a_model_of_another_rate_is_refused_without_an_option_that_bench_lacks():
    with pytest.raises(DanError, match="for 256 Hz") as raised:
        open_peer(Peer("dan", "dan", "tones"), sample_rate_hz=8000)
    assert raised.value.way_out == "Give models of one rate: the first sets it"
