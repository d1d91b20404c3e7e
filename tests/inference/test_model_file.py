"""Model files: they say what they are, come back as they were, and nothing else is taken for one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dan.config import ClassicGeneratorSettings
from dan.core.errors import DanError
from dan.inference.model_file import WEIGHTS, find_model, load_model, model_names, read_info, save_model
from dan.networks.factory import build_generator


def generator(info, seed=0):
    torch.manual_seed(seed)
    network = build_generator(info.generator, info.signal)
    network(torch.randn(4, 1, 64))  # the normalisation sees some signals
    return network.eval()


@pytest.fixture
def path(tmp_path, card):
    path = tmp_path / "model.safetensors"
    save_model(path, generator(card()), card())
    return path


def test_a_model_comes_back_as_it_was(path, card):
    loaded, info = load_model(path)
    assert info == card() == read_info(path)
    assert not loaded.training
    noisy = torch.randn(2, 1, 64)
    assert torch.equal(loaded(noisy), generator(card())(noisy))
    assert not torch.equal(loaded(noisy), generator(card(), seed=1)(noisy))


def test_what_it_says_is_the_contract(path):
    message = json.loads(json.dumps(read_info(path).as_dict()))
    assert {
        "name", "version", "recipe", "generator", "parameters", "sample_rate_hz", "latency_samples",
        "licence", "receptive_field_samples", "channels", "trained_on", "seed", "val_snr_db",
        "val_snr_gain_db",
    } <= message.keys()  # fmt: skip
    assert (message["generator"], message["sample_rate_hz"], message["licence"]) == ("classic", 64, "MIT")
    assert message["settings"]["generator"]["kernel_size"] == 8


def test_a_model_is_replaced(path, card):
    save_model(path, generator(card(), seed=1), card(name="second"))
    assert read_info(path).name == "second"
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_what_it_says_is_read_without_torch(path):
    code = f"""
import sys
from pathlib import Path
from dan.inference.model_file import read_info, find_model
print(read_info(find_model({str(path)!r})).parameters)
print(sorted({{"torch", "scipy", "matplotlib"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "376\n[]\n"


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def cut_in_its_header(path):
    path.write_bytes(path.read_bytes()[:50])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("no model at all, but a text of some length")


def array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(100))


def huge_header(path):
    path.write_bytes(b"\xff" * 16)


def without_header(path):
    save_file(load_file(path), path)


def of_another_format(path):
    save_file(load_file(path), path, metadata={"format": "pt", "info": "{}"})


def without_info(path):
    save_file(load_file(path), path, metadata={"format": "dan-model-1"})


def of_wrong_info(path):
    save_file(load_file(path), path, metadata={"format": "dan-model-1", "info": '{"name": "a"}'})


def of_broken_info(path):
    save_file(load_file(path), path, metadata={"format": "dan-model-1", "info": "{"})


def missing(path):
    path.unlink()


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("reading", [read_info, load_model])
@pytest.mark.parametrize(
    "damage",
    [
        truncated, cut_in_its_header, empty, text, array, huge_header, without_header, of_another_format,
        without_info, of_wrong_info, of_broken_info, missing, folder,
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused(path, damage, reading):
    damage(path)
    with pytest.raises(DanError, match=r"model\.safetensors: it is no model file of DAN \(.+\).*run folder"):
        reading(path)


def test_weights_that_do_not_fit_are_refused(path, card):
    other = card(generator=ClassicGeneratorSettings(kernel_size=6))
    save_model(path, generator(card()), other)
    with pytest.raises(DanError, match="weights do not fit its settings"):
        load_model(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_card_that_cannot_be_read_back_is_not_written(path, card, value):
    before = path.read_bytes()
    with pytest.raises((DanError, ValueError)):
        save_model(path, generator(card()), card(val_snr_db=value))
    assert path.read_bytes() == before


def test_others_may_read_it_as_any_new_file(path):
    (path.parent / "other").touch()
    assert path.stat().st_mode == (path.parent / "other").stat().st_mode


def test_a_full_disk_leaves_the_model_before(path, card, monkeypatch):
    before = path.read_bytes()

    def full(target, content):
        with target.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DanError, match=r"model\.safetensors: it cannot be written"):
        save_model(path, generator(card()), card())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


FULL = """
import resource, sys
from pathlib import Path
from dan.inference.model_file import load_model, save_model
from dan.core.errors import DanError
path = Path(sys.argv[1])
model = load_model(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    save_model(path, *model)
except DanError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files as POSIX does")
def test_a_disk_that_takes_no_more_leaves_the_model_before(path):
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, check=False)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]
    assert "it cannot be written" in done.stdout and done.returncode == 0


def test_a_model_is_found_in_its_run_and_by_its_path(path):
    assert find_model(path) == find_model(str(path)) == path
    assert find_model(path.parent) == find_model(str(path.parent)) == path


def test_every_packaged_model_is_found_and_read():
    for name in model_names():
        assert read_info(find_model(name)).parameters > 0


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(DanError, match=r"holds no model\.safetensors.*run folder"):
        find_model(tmp_path)


@pytest.mark.parametrize("model", ["no-such-model", "no/such/model.safetensors", "nul\0l"])
def test_a_model_that_is_not_there_is_named(model):
    with pytest.raises(
        DanError, match=r"no such run folder, file or model.*dan train.*come with the package"
    ):
        find_model(model)


def test_a_name_too_long_for_a_file():
    with pytest.raises(DanError, match="no such run folder"):
        find_model("x" * 300)


def rewritten(path, **changes):
    """The file with something else in what it says of itself."""
    with safe_open(path, framework="numpy") as file:
        message = json.loads(file.metadata()["dan"])
    info = json.loads(message["info"])
    info["signal"] |= changes.pop("signal", {})
    info["generator"] |= changes.pop("generator", {})
    message |= {"format": changes.pop("format", message["format"]), "info": json.dumps(info | changes)}
    save_file(load_file(path), path, metadata={"dan": json.dumps(message)})


def test_keys_of_a_later_version_are_passed_over_with_a_note(path, card, caplog):
    rewritten(path, version="9.0", mood="good", signal={"key": "C"})
    loaded, info = load_model(path)
    assert info == card(version="9.0") and loaded(torch.zeros(1, 1, 64)).shape == (1, 1, 64)
    assert "made by version 9.0 of DAN" in caplog.text and "mood, signal.key" in caplog.text


def test_a_network_with_a_setting_that_is_not_known_is_refused(path):
    rewritten(path, generator={"mood": "good"})
    with pytest.raises(DanError, match=r"it is no model file of DAN \(.*"):
        load_model(path)


def test_another_format_is_refused_with_the_way_out(path):
    rewritten(path, format="dan-model-2")
    with pytest.raises(DanError, match=r"of format dan-model-2, .*reads dan-model-1.*pip install -U"):
        load_model(path)


def test_a_folder_does_not_hide_a_model_that_comes_along(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tones").mkdir()
    assert find_model("tones") == WEIGHTS / "tones.onnx"
    for path in ("./tones", Path("tones")):
        with pytest.raises(DanError, match=r"holds no model\.safetensors"):
            find_model(path)


def test_which_models_take_any_level():
    assert read_info(find_model("tones-wide")).any_level and not read_info(find_model("tones")).any_level
    low, high = read_info(find_model("tones")).level_rms
    assert 0.5 < low < 0.65 < high < 1
