"""The plain install, without torch and the other extras: the same samples from ONNX files as from torch."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dan.config import CausalGeneratorSettings, ClassicGeneratorSettings, SignalSettings
from dan.export.onnx import export_onnx
from dan.inference.denoiser import Denoiser
from dan.inference.torch_backend import TorchModel
from dan.networks.factory import build_generator

RATE_HZ = 8000
SIGNAL = SignalSettings(sample_rate_hz=RATE_HZ, duration_s=0.05)
KINDS = {
    "classic": ClassicGeneratorSettings(encoder_channels=2, decoder_channels=3, kernel_size=8),
    "causal": CausalGeneratorSettings(kind="causal", residual_channels=6, hidden_channels=5, level_frames=9),
}
PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def plain_distributions():
    """What the plain install brings: its dependencies, theirs and so on."""
    waiting = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    found = {"dan-denoiser"}
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name not in found and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
            found.add(name)
            waiting += metadata.requires(name) or []
    return found


def foreign_modules():
    """Installed modules that belong to nothing the plain install brings."""
    plain = plain_distributions()
    owners = metadata.packages_distributions()
    return sorted(
        name
        for name, names in owners.items()
        if name not in sys.stdlib_module_names and not plain & {canonicalize_name(owner) for owner in names}
    )


BLOCKER = """
import sys
FOREIGN = set({foreign})
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FOREIGN:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """Runs Python as the plain install has it."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "sitecustomize.py").write_text(BLOCKER.format(foreign=foreign_modules()))
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path}

    def run(*arguments, **options):
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, check=False, **options)

    return run


@pytest.fixture(scope="session")
def dan(plain):
    """Runs the command line as the plain install has it."""

    def run(*arguments, **options):
        return plain("-c", "from dan.cli.main import main; main()", *arguments, **options)

    return run


@pytest.fixture(scope="session", params=KINDS)
def models(request, tmp_path_factory, card):
    """The torch model and the path of its export."""
    torch.manual_seed(0)
    settings = KINDS[request.param]
    generator = build_generator(settings, SIGNAL).eval()
    with torch.no_grad():
        for weight in generator.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    info = card(generator=settings, signal=SIGNAL, latency_samples=generator.latency_samples)
    path = tmp_path_factory.mktemp("models") / "model.onnx"
    export_onnx(generator, info, path)
    return Denoiser(TorchModel(generator, info)), path


@pytest.fixture
def noisy():
    return np.random.default_rng(0).standard_normal((3000, 2)).astype(np.float32) / 8


@pytest.mark.parametrize("module", ["torch", "scipy", "pywt", "matplotlib", "onnx", "wfdb"])
def test_what_the_extras_bring_is_not_there(plain, module):
    done = plain("-c", f"import {module}", text=True)
    assert f"No module named '{module}'" in done.stderr


def test_it_denoises_a_file_as_torch_does(dan, models, noisy, tmp_path):
    torch_model, path = models
    soundfile.write(tmp_path / "noisy.wav", noisy, RATE_HZ, subtype="FLOAT")
    done = dan("denoise", path, tmp_path / "noisy.wav", "-o", tmp_path / "clean.wav", text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    denoised, rate_hz = soundfile.read(tmp_path / "clean.wav", dtype="float32")
    wanted = torch_model(noisy.T, sample_rate=RATE_HZ).T
    assert rate_hz == RATE_HZ and denoised.shape == noisy.shape
    assert np.abs(wanted - noisy).max() > 0.05  # it does something
    assert np.abs(denoised - wanted).max() < 1e-4  # the promise


def test_it_says_what_the_model_is(dan, models):
    torch_model, path = models
    done = dan("info", path, "--json", text=True)
    assert json.loads(done.stdout) == json.loads(json.dumps(torch_model.info.as_dict())), done.stderr


def test_it_streams_as_torch_does(dan, models, noisy):
    torch_model, path = models
    done = dan("stream", path, "--sample-rate", RATE_HZ, "--channels", 2, input=noisy.tobytes())
    assert done.returncode == 0, done.stderr.decode()
    streamed = np.frombuffer(done.stdout, np.float32).reshape(-1, 2)
    wanted = torch_model(noisy.T, sample_rate=RATE_HZ).T
    assert np.abs(streamed - wanted).max() < 1e-4  # the promise


def test_it_loads_in_python(plain, models, noisy):
    torch_model, path = models
    code = """
import sys, dan, numpy as np
noisy = np.frombuffer(sys.stdin.buffer.read(), np.float64).reshape(-1, 2).T
denoised = dan.load(sys.argv[1])(noisy, sample_rate=8000, strength=0.5)
assert denoised.dtype == noisy.dtype
sys.stdout.buffer.write(denoised.tobytes())
"""
    done = plain("-c", code, path, input=noisy.astype(np.float64).tobytes())
    assert done.returncode == 0, done.stderr.decode()
    wanted = torch_model(noisy.T.astype(np.float64), sample_rate=RATE_HZ, strength=0.5)
    assert np.abs(np.frombuffer(done.stdout).reshape(2, -1) - wanted).max() < 1e-4  # the promise


def test_a_model_that_takes_torch_says_so(dan, tmp_path, card, noisy):
    from dan.inference.model_file import save_model

    save_model(tmp_path / "model.safetensors", build_generator(card().generator, card().signal), card())
    soundfile.write(tmp_path / "noisy.wav", noisy, 64)
    done = dan("denoise", tmp_path / "model.safetensors", tmp_path / "noisy.wav", text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search(r"takes torch to run.*pip install.*\[train\]", done.stderr.replace("\n", " "))


def test_wrong_input_gets_one_message(dan, models, tmp_path, noisy):
    _, path = models
    soundfile.write(tmp_path / "noisy.wav", noisy, 16000)
    done = dan("denoise", path, tmp_path / "noisy.wav", text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "16000" in done.stderr and "8000 Hz" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["noisy.wav"]
