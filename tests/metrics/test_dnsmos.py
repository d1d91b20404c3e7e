"""DNSMOS by a network of the tests' own: what it is given, and the published scale."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from dan.core.errors import DanError
from dan.metrics.dnsmos import OVERALL, STEP_SAMPLES, WINDOW_SAMPLES, Dnsmos
from dan.metrics.registry import open_figures


def write(path, samples=WINDOW_SAMPLES):
    """A network whose three figures are the greatest sample."""
    value = helper.make_tensor_value_info
    three = helper.make_tensor("three", TensorProto.INT64, [2], [1, 3])
    nodes = [
        helper.make_node("ReduceMax", ["in"], ["peak"], axes=[1], keepdims=1),
        helper.make_node("Tile", ["peak", "three"], ["out"]),
    ]
    inputs = [value("in", TensorProto.FLOAT, ["N", samples])]
    graph = helper.make_graph(nodes, "mos", inputs, [value("out", TensorProto.FLOAT, ["N", 3])], [three])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


@pytest.fixture
def network(tmp_path):
    return write(tmp_path / "mos.onnx")


def test_short_speech_is_repeated_and_brought_to_the_scale_of_listeners(network):
    rows = np.zeros((2, 1, 5000), np.float32)
    rows[0, 0, 77], rows[1, 0, 5] = 2, 4
    scores = Dnsmos(network)(estimate=rows, sample_rate_hz=16000)
    wanted = [[-0.06766283 * v**2 + 1.11546468 * v + 0.04602535] for v in (2, 4)]
    np.testing.assert_allclose(scores, wanted, rtol=1e-6)


def test_long_speech_is_scored_every_second(network):
    speech = np.zeros(WINDOW_SAMPLES + 2 * STEP_SAMPLES + 7)
    speech[0] = 3  # in the first of three stretches alone
    low, high = np.polyval(OVERALL, [0, 3])
    score = Dnsmos(network)(estimate=speech, sample_rate_hz=16000)
    assert score.shape == () and score == pytest.approx((high + 2 * low) / 3)


def test_it_is_a_figure_of_speech_at_its_rate(network):
    figures = open_figures("speech", sample_rate_hz=16000, dnsmos=network)
    assert "dnsmos" in figures.measures
    other = open_figures("speech", sample_rate_hz=8000, dnsmos=network)
    assert "dnsmos" not in other.measures and any("no DNSMOS" in remark for remark in other.remarks)
    with pytest.raises(DanError, match="DNSMOS scores speech"):
        open_figures("ecg", sample_rate_hz=16000, dnsmos=network)


def test_another_file_is_refused(tmp_path):
    with pytest.raises(DanError, match="no such file"):
        Dnsmos(tmp_path / "nowhere.onnx")
    with pytest.raises(DanError, match="it takes"):
        Dnsmos(write(tmp_path / "other.onnx", samples=100))
    (tmp_path / "none.onnx").write_bytes(b"none")
    with pytest.raises(DanError, match="cannot run it"):
        Dnsmos(tmp_path / "none.onnx")
