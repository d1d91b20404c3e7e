"""ONNX files without torch: what they say of themselves, and that nothing else is taken for one."""

import copy
import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from dan.config import CausalGeneratorSettings
from dan.core.errors import DanError
from dan.export.onnx import export_onnx
from dan.inference import model_file as models
from dan.inference.model_file import find_model, load_model, model_names, read_info
from dan.inference.onnx_backend import open_onnx
from dan.inference.onnx_session import open_session, read_metadata
from dan.networks.factory import build_generator

CAUSAL = CausalGeneratorSettings(
    kind="causal",
    n_fft=16,
    hop_length=8,
    residual_channels=4,
    hidden_channels=3,
    dilations=((1, 1),),
    level_frames=5,
)


@pytest.fixture(scope="session")
def exported(tmp_path_factory, card):
    """An exported model of each manner, by kind."""
    made = {}
    for settings in (card().generator, CAUSAL):
        torch.manual_seed(0)
        generator = build_generator(settings, card().signal).eval()
        info = card(generator=settings, latency_samples=generator.latency_samples)
        made[settings.kind] = tmp_path_factory.mktemp("exported") / "model.onnx"
        export_onnx(generator, info, made[settings.kind])
    return made


@pytest.fixture
def path(exported, tmp_path):
    copy = tmp_path / "model.onnx"
    copy.write_bytes(exported["causal"].read_bytes())
    return copy


@pytest.mark.parametrize("kind", ["classic", "causal"])
def test_it_says_what_the_model_file_said(exported, card, kind):
    info = read_info(exported[kind])
    assert info == open_onnx(exported[kind]).info
    assert info.generator.kind == kind
    assert info == card(generator=info.generator, latency_samples=info.latency_samples)


def test_what_a_host_needs_is_in_the_metadata_and_is_what_the_graph_takes(exported):
    geometry = json.loads(read_metadata(open_session(exported["causal"]))["geometry"])
    session = open_onnx(exported["causal"]).session
    shapes = {node.name: node.shape for node in session.get_inputs()}
    assert shapes.pop("input") == ["channels", "samples"]
    assert shapes == {name: ["channels", *shape] for name, shape in geometry["state"].items()}
    assert (geometry["hop_length"], geometry["latency_samples"]) == (8, 16)
    following = [node.name for node in session.get_outputs()]
    assert following == ["output", *(name.replace("state_", "next_") for name in shapes)]
    assert json.loads(read_metadata(open_session(exported["classic"]))["geometry"])["segment_samples"] == 64


def truncated(path):
    path.write_bytes(path.read_bytes()[:-10])


def cut_in_its_graph(path):
    path.write_bytes(path.read_bytes()[:1000])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("no model at all, but a text of some length")


def array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(100))


def endless_number(path):
    path.write_bytes(b"\xff" * 64)


def without_metadata(path):
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)


def of_broken_info(path):
    model = onnx.load(path)
    helper.set_model_props(model, {"format": "dan-model-1", "info": "{"})
    onnx.save(model, path)


def of_no_text(path):
    entry = b"\x0a\x01\xff\x12\x01\xff"  # key and value are no UTF-8
    path.write_bytes(b"\x72" + bytes([len(entry)]) + entry)


def missing(path):
    path.unlink()


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("reading", [read_info, open_onnx])
@pytest.mark.parametrize(
    "damage",
    [
        truncated, cut_in_its_graph, empty, text, array, endless_number, without_metadata, of_broken_info,
        of_no_text, missing, folder,
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused(path, damage, reading):
    damage(path)
    with pytest.raises(DanError, match=r"model\.onnx: it is no model file of DAN \(.+\).*run folder"):
        reading(path)


def test_a_graph_that_does_not_run_is_refused(path):
    model = onnx.load(path)
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, path)
    with pytest.raises(DanError, match=r"it is no model file of DAN \(.*NoSuchOperator"):
        open_onnx(path)


def test_a_graph_of_another_kind_than_it_says_is_refused(path, card):
    model = onnx.load(path)
    helper.set_model_props(model, {"format": "dan-model-1", "info": card().model_dump_json()})
    onnx.save(model, path)
    with pytest.raises(DanError, match=r"its graph takes .*state_input.*Export the model again"):
        open_onnx(path)


def test_it_is_no_model_to_train_on(path):
    with pytest.raises(DanError, match=r"holds no generator of torch.*model\.safetensors"):
        load_model(path)


def test_what_it_says_is_read_without_torch(path):
    code = f"""
import sys
from pathlib import Path
from dan.inference.model_file import read_info, find_model
print(read_info(find_model({str(path)!r})).name)
print(sorted({{"torch", "scipy", "matplotlib", "onnx"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "tiny\n[]\n"


def test_a_name_stands_for_the_file_that_the_caller_can_use(path, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    (tmp_path / "both.onnx").write_bytes(path.read_bytes())
    (tmp_path / "both.safetensors").write_bytes(b"")
    (tmp_path / "other.safetensors").write_bytes(b"")
    assert model_names() == ["both", "model", "other"]
    assert find_model("both") == tmp_path / "both.onnx"
    assert find_model("both", suffixes=(".safetensors",)) == tmp_path / "both.safetensors"
    assert find_model("other") == tmp_path / "other.safetensors"


@pytest.mark.parametrize("kind", ["classic", "causal"])
def test_each_engine_has_a_state_of_its_own(exported, kind):
    model = open_onnx(exported[kind])
    noisy = np.random.default_rng(0).standard_normal((2, 200)).astype(np.float32)
    first, second = model.engine(2), model.engine(2)
    parts = [(first.feed(block), second.feed(block)) for block in np.split(noisy, 4, axis=-1)]
    parts.append((first.flush(), second.flush()))
    one, other = (np.concatenate(side, axis=-1) for side in zip(*parts, strict=True))
    np.testing.assert_array_equal(one, other)
    assert one.shape == noisy.shape


def test_hops_through_bound_arrays_are_those_of_plain_calls(exported):
    model, hop, plain = open_onnx(exported["causal"]), CAUSAL.hop_length, []
    state = {name: np.zeros((2, *shape), np.float32) for name, shape in model.state_shapes.items()}
    noisy = np.random.default_rng(0).standard_normal((2, 24 * hop)).astype(np.float32)
    engine, came = model.engine(2), []
    for first, hops in ((0, 1), (1, 1), (2, 5), (7, 1), (8, 3), (11, 1), (12, 12)):  # of both ways
        block = noisy[:, first * hop : (first + hops) * hop]
        output, *new = model.session.run(None, {"input": block, **state})
        state = dict(zip(state, new, strict=True))
        plain.append(output)
        engine = copy.deepcopy(engine)  # as it stands
        came.append(engine.feed(block))
    plain = np.concatenate(plain, axis=-1)[:, engine.latency_samples - hop :]
    assert np.array_equal(np.concatenate(came, axis=-1), plain)


def test_what_came_out_stays_as_it_is(exported):
    engine, hop = open_onnx(exported["causal"]).engine(1), np.ones((1, CAUSAL.hop_length), np.float32)
    engine.feed(hop)
    first = [engine.feed(hop) for _ in range(3)]
    kept = [block.copy() for block in first]
    engine.feed(-hop)
    assert all(map(np.array_equal, first, kept)) and kept[-1].size
