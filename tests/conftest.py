"""What the tests share: one thread, recipes that train in a moment, data folders and model cards."""

import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are loaded

import numpy as np
import pytest
from hypothesis import settings

from dan.config import ClassicGeneratorSettings, SignalSettings
from dan.config.load import check_recipe
from dan.core.progress import listening
from dan.inference.denoiser import Denoiser
from dan.inference.engines import FrameEngine
from dan.inference.model_file import ModelInfo
from dan.synthesis.mix import draw_pairs

settings.register_profile("dan", deadline=None)  # other work on the machine is no failure
settings.load_profile("dan")

TINY = {
    "name": "tiny",
    "summary": "of a test",
    "signal": {"sample_rate_hz": 64, "duration_s": 1.0},
    "clean": {"sines": 1, "frequency_hz": [2, 12]},
    "noise": {"snr_db": 3.0},
    "data": {"source": "fresh", "train_count": 9, "validation_count": 4},
    "generator": {"kind": "classic", "encoder_channels": 2, "decoder_channels": 3, "kernel_size": 8},
    "discriminator": {"kind": "classic", "kernel_size": 8, "hidden_units": 3},
    "training": {"epochs": 3, "steps_per_epoch": 3, "batch_size": 4},
}


@pytest.fixture(scope="session")
def tiny():
    """Makes the tiny recipe with some values changed, as in ``tiny({"training.epochs": 2})``."""

    def make(changes=None):
        tree = json.loads(json.dumps(TINY))
        for key, value in (changes or {}).items():
            *sections, leaf = key.split(".")
            branch = tree
            for section in sections:
                branch = branch.setdefault(section, {})
            branch[leaf] = value
        return check_recipe(tree, name="tiny")

    return make


@pytest.fixture(scope="session")
def write_data():
    """Writes a data folder of .npy files as a recipe says, without the pictures that take the time."""

    def write(recipe, data):
        counts = {"train": recipe.data.train_count, "validation": recipe.data.validation_count}
        for seed, (side, count) in enumerate(counts.items()):
            pairs = draw_pairs(recipe, count, random=np.random.default_rng(seed))
            for kind in ("clean", "noise", "mixed"):
                (data / side / kind).mkdir(parents=True)
                for row, signal in enumerate(getattr(pairs, kind)):
                    np.save(data / side / kind / f"{row:02d}.npy", signal)
        (data / "dataset.json").write_text(json.dumps({"sample_rate_hz": recipe.signal.sample_rate_hz}))
        return data

    return write


@pytest.fixture(scope="session")
def card():
    """Makes what a model file says of itself, with some of it changed."""

    def make(**changes):
        fields = {
            "name": "tiny",
            "version": "0.1.0",
            "recipe": "tiny",
            "generator": ClassicGeneratorSettings(encoder_channels=2, decoder_channels=3, kernel_size=8),
            "signal": SignalSettings(sample_rate_hz=64, duration_s=1.0),
            "parameters": 376,
            "latency_samples": 64,
            "receptive_field_samples": 36,
            "channels": 1,
            "trained_on": "nothing",
            "seed": 0,
            "val_snr_db": 1.5,
            "val_snr_gain_db": 3.5,
        }
        return ModelInfo(**fields | changes)

    return make


@pytest.fixture
def reported():
    """The fractions done that are reported, by the label of the work."""
    shares = {}
    with listening(lambda label, done, _: shares.setdefault(label, []).append(done)):
        yield shares


class FrameModel:
    """A function on frames as a model."""

    def __init__(self, network, info):
        self.network, self.info = network, info

    def engine(self, channels):
        segment_samples = self.info.signal.length_samples
        return FrameEngine(self.network, segment_samples=segment_samples, channels=channels)


@pytest.fixture(scope="session")
def frame_denoiser(card):
    """Makes a denoiser of a function on frames of some length."""

    def make(network, *, segment_samples, rate=64):
        signal = SignalSettings(sample_rate_hz=rate, duration_s=segment_samples / rate)
        return Denoiser(FrameModel(network, card(signal=signal)))

    return make


@pytest.fixture
def write_media():
    """Writes 16-bit samples ``[T]`` into a file that ffmpeg reads and libsndfile does not, without loss."""
    av = pytest.importorskip("av")

    def write(path, samples, rate_hz):
        codec, kind = ("alac", "s16p") if path.suffix == ".m4a" else ("pcm_s16le", "s16")
        with av.open(str(path), "w") as file:
            stream = file.add_stream(codec, rate=rate_hz, layout="mono")
            stream.codec_context.format = kind
            frame = av.AudioFrame.from_ndarray(samples[None], format=kind, layout="mono")
            frame.sample_rate = rate_hz
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return path

    return write


@pytest.fixture
def peer_toml():
    """The description of a streaming denoiser that passes on its input and counts its calls."""
    return """
file = "graph.onnx"
sample_rate_hz = 8000
input = "in"
output = "out"
shape = [1, "samples"]
n_fft = 8
hop_length = 4
latency_samples = 8
[state]
count = "next"
"""
