"""Exports: the same samples as the torch model, whole and streamed, or no file at all."""

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from dan.config import (
    CausalGeneratorSettings,
    ClassicGeneratorSettings,
    RecurrentGeneratorSettings,
    SignalSettings,
    SpectralGeneratorSettings,
)
from dan.config.load import load_recipe, recipe_names
from dan.core.errors import DanError
from dan.export import onnx as export
from dan.export.onnx import export_onnx
from dan.inference.denoiser import Denoiser
from dan.inference.onnx_backend import open_onnx
from dan.inference.torch_backend import TorchModel
from dan.networks.factory import build_generator

SIGNAL = SignalSettings(sample_rate_hz=64, duration_s=1.5)
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
CLASSIC = {"encoder_channels": 3, "decoder_channels": 4, "kernel_size": 8}
SPECTRAL = {
    "kind": "spectral",
    "band_hz": (3, 20),
    "residual_channels": 5,
    "hidden_channels": 4,
    "dilations": (1, 2),
}
CAUSAL = {
    "kind": "causal",
    "n_fft": 16,
    "hop_length": 8,
    "residual_channels": 6,
    "hidden_channels": 5,
    "level_frames": 9,
}
RECURRENT = {"kind": "recurrent", "n_fft": 16, "hop_length": 8, "stride_bins": 2, "bands": 3}
KINDS = {
    "classic": ClassicGeneratorSettings(**CLASSIC),
    "classic, odd": ClassicGeneratorSettings(**CLASSIC | {"kernel_size": 6, "stride": 3, "depth": 3}),
    "spectral": SpectralGeneratorSettings(**SPECTRAL),
    "spectral, from 0 to half the rate": SpectralGeneratorSettings(
        **SPECTRAL | {"band_hz": (0, 32), "activation": "gelu", "normalise_level": True}
    ),
    "spectral, odd transform": SpectralGeneratorSettings(**SPECTRAL | {"padding_factor": 1.26}),
    "causal": CausalGeneratorSettings(**CAUSAL),
    "causal, three frames, quarter hops": CausalGeneratorSettings(
        **CAUSAL | {"hop_length": 4, "bins_per_band": 2, "kernel_frames": 3, "dilations": ((1, 2), (3, 1))}
    ),
    "causal, looking ahead": CausalGeneratorSettings(**CAUSAL | {"lookahead_frames": 3}),
    "causal, one frame": CausalGeneratorSettings(**CAUSAL | {"kernel_frames": 1, "kernel_bands": 1}),
    "recurrent": RecurrentGeneratorSettings(**RECURRENT | {"filters": 6, "level_frames": 9}),
    "recurrent, quarter hops, three frames ahead": RecurrentGeneratorSettings(
        **RECURRENT | {"hop_length": 4, "depth": 1, "blocks": 1, "lookahead_frames": 3}
    ),
}


def trained(settings, signal=SIGNAL):
    """A generator whose every weight and statistic counts: the fresh ones are next to the identity."""
    torch.manual_seed(1)
    generator = build_generator(settings, signal)
    with torch.no_grad():
        generator.train()(torch.randn(8, 1, min(signal.length_samples, 4096)))
        for weight in generator.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return generator.eval()


@pytest.fixture(scope="session")
def pairs(tmp_path_factory, card):
    """The torch model and the path of its export, by kind."""
    made = {}
    for name, kind in KINDS.items():
        generator = trained(kind)
        info = card(generator=kind, signal=SIGNAL, latency_samples=generator.latency_samples)
        path = tmp_path_factory.mktemp("exports") / "model.onnx"
        made[name] = (TorchModel(generator, info), path, export_onnx(generator, info, path))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_the_figures_are_those_of_an_independent_comparison(pairs, kind):
    model, path, made = pairs[kind]
    assert made.size_bytes == path.stat().st_size
    # 1e-4 is the promise; float32 sums in another order differ by a millionth of full scale.
    assert 0 < made.difference.largest < 1e-5
    assert made.difference.median <= made.difference.largest
    noisy = np.random.default_rng(2).standard_normal((2, 1000)).astype(np.float32) / 4
    wanted = Denoiser(model)(noisy, sample_rate=64)
    assert np.abs(wanted - noisy).max() > 0.1  # it does something
    assert np.abs(Denoiser(open_onnx(path))(noisy, sample_rate=64) - wanted).max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8)
@given(data=st.data(), channels=st.integers(1, 4), length=st.integers(1, 400))
def test_streamed_it_gives_what_torch_gives_whole(pairs, kind, data, channels, length):
    model, path, _ = pairs[kind]
    noisy = np.random.default_rng(length).standard_normal((channels, length)).astype(np.float32) / 4
    cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=4)))
    denoiser = Denoiser(OPEN.setdefault(path, open_onnx(path)))
    with denoiser.stream(channels=channels) as stream:
        parts = [stream.feed(block) for block in np.split(noisy, cuts, axis=-1)]
        streamed = np.concatenate([*parts, stream.flush()], axis=-1)
    wanted = Denoiser(model)(noisy, sample_rate=64)
    assert np.abs(streamed - wanted).max() < 1e-5  # float32 sums in another order


OPEN = {}


def test_transforms_are_made_by_the_graph_and_not_stored(pairs):
    """Of a frame of 256 samples the two matrices alone would be a megabyte."""
    settings = CausalGeneratorSettings(**CAUSAL | {"n_fft": 256, "hop_length": 128})
    graph = export.trace(
        trained(settings), pairs["causal"][0].info, pairs["causal"][1].with_name("long.onnx")
    )
    stored = sum(np.prod(tensor.dims) for tensor in graph.graph.initializer)
    assert stored < 2 * sum(weight.numel() for weight in trained(settings).parameters()) + 4 * 256


def test_a_recurrent_graph_does_not_search_for_shapes(pairs):
    """Operators are what a streamed hop costs: two that find a shape are left, of paddings."""
    graph = onnx.load(pairs["recurrent"][1]).graph
    assert sum(node.op_type == "Shape" for node in graph.node) <= 2


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_exported_within_a_hundred_thousandth_of_full_scale(tmp_path, card, name):
    recipe = load_recipe(name)
    generator = trained(recipe.generator, recipe.signal)
    info = card(generator=recipe.generator, signal=recipe.signal, latency_samples=generator.latency_samples)
    made = export_onnx(generator, info, tmp_path / "model.onnx")
    assert 0 < made.difference.largest < 1e-5 and made.size_bytes < 300_000


def test_only_the_warnings_that_are_known_are_silenced(pairs, monkeypatch):
    model, path, _ = pairs["classic"]

    def warns(*args, **options):
        warnings.warn("this exporter goes with the next version", FutureWarning, stacklevel=2)
        raise OSError

    monkeypatch.setattr(torch.onnx, "export", warns)
    with pytest.warns(FutureWarning, match="goes with the next version"), pytest.raises(OSError):
        export.trace(model.generator, model.info, path)


@pytest.mark.parametrize("kind", ["spectral", "causal", "recurrent"])
def test_an_export_warns_of_nothing(pairs, tmp_path, kind):
    model, *_ = pairs[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_onnx(model.generator, model.info, tmp_path / "model.onnx")


def traced_with_another_bias(*arguments, trace=export.trace):
    """Trace; the output is off by a thousandth of full scale."""
    graph = trace(*arguments)
    for tensor in graph.graph.initializer:
        if tensor.name.endswith("output.bias"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + 1e-3, tensor.name))
    return graph


@pytest.mark.parametrize("before", [None, b"the one before"])
def test_an_export_that_differs_leaves_no_file(pairs, tmp_path, monkeypatch, before):
    model, *_ = pairs["classic"]
    out = tmp_path / "model.onnx"
    if before:
        out.write_bytes(before)
    monkeypatch.setattr(export, "trace", traced_with_another_bias)
    with pytest.raises(DanError, match=r"differs from the model by 0\.001 of full scale; at most 0\.0001"):
        export_onnx(model.generator, model.info, out, force=True)
    assert [file.name for file in tmp_path.iterdir()] == ([out.name] if before else [])
    assert not before or out.read_bytes() == before


def test_nothing_is_overwritten_unasked(pairs, tmp_path):
    model, *_ = pairs["classic"]
    (tmp_path / "model.onnx").write_bytes(b"mine")
    with pytest.raises(DanError, match=r"exists already.*--force"):
        export_onnx(model.generator, model.info, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == b"mine"


def test_another_name_is_refused(pairs, tmp_path):
    model, *_ = pairs["classic"]
    with pytest.raises(DanError, match=r"ends in \.onnx"):
        export_onnx(model.generator, model.info, tmp_path / "model.safetensors")


def test_a_network_over_several_channels_is_refused(tmp_path, card):
    wide = ClassicGeneratorSettings(**CLASSIC, channels=2)
    with pytest.raises(DanError, match=r"channels=2.*generator\.channels=1"):
        export_onnx(build_generator(wide, SIGNAL), card(generator=wide), tmp_path / "model.onnx")


def test_progress_ends_with_1(pairs, tmp_path, reported):
    model, *_ = pairs["classic"]
    export_onnx(model.generator, model.info, tmp_path / "a.onnx")
    shares = reported["Exporting"]
    assert shares == sorted(shares) and shares[-1] == 1


def example(command, noisy):
    done = subprocess.run(command, input=noisy.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, np.float32)


NODE = shutil.which("node")
HERE = (EXAMPLES / "node_modules" / "onnxruntime-web").is_dir()
RUNNERS = [
    [sys.executable, EXAMPLES / "stream.py"],
    pytest.param(
        [NODE, EXAMPLES / "stream.mjs"],
        marks=[
            pytest.mark.node,
            pytest.mark.skipif(not (NODE and HERE), reason="takes node, and `npm install` in docs/examples"),
        ],
    ),
]


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(
    ("kind", "length"),
    [
        ("causal", 1003),
        ("causal, looking ahead", 301),
        *(("causal, three frames, quarter hops", length) for length in (0, 1, 40)),
    ],
)
def test_the_examples_of_the_documentation_give_the_same_samples(pairs, runner, kind, length):
    model, path, _ = pairs[kind]
    hop = [str(KINDS[kind].hop_length)] if str(runner[1]).endswith("mjs") else []
    noisy = np.random.default_rng(3).standard_normal(length).astype(np.float32) / 4
    denoised = example([*runner, path, *hop], noisy)
    assert denoised.shape == noisy.shape
    if length:
        wanted = Denoiser(model)(noisy, sample_rate=64)
        assert np.abs(denoised - wanted).max() < 1e-5  # float32 sums in another order


@pytest.mark.parametrize("name", ["stream.py", "stream.mjs"])
def test_the_documentation_shows_the_examples_as_they_are(name):
    assert (EXAMPLES / name).read_text() in (EXAMPLES.parent / "embedding.md").read_text()
