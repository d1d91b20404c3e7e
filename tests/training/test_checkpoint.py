"""Checkpoints: what is no checkpoint is refused, and one that cannot be written leaves the one before."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dan.core.errors import DanError
from dan.data.sources import open_source, open_validation
from dan.training.checkpoint import load_checkpoint, save_checkpoint
from dan.training.loop import train
from dan.training.state import Hooks, new_state

FULL = {"losses.weights.adversarial": 3.0, "training.ema_decay": 0.9, "training.epochs": 1}


@pytest.fixture
def trained(tiny):
    recipe = tiny(FULL)
    state = new_state(recipe)
    train(state, open_source(recipe, None), open_validation(recipe, None), Hooks())
    return state


@pytest.fixture
def path(tmp_path, trained):
    save_checkpoint(tmp_path / "checkpoint" / "state.safetensors", trained)
    return tmp_path / "checkpoint" / "state.safetensors"


def same(one, other):
    return all(
        torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_everything_comes_back(tiny, trained, path):
    state = new_state(tiny(FULL))
    assert not same(state.generator, trained.generator)
    load_checkpoint(path, state)
    for name in ("generator", "discriminator", "average"):
        assert same(getattr(state, name), getattr(trained, name))
    for name in ("generator_optimisers", "discriminator_optimisers"):
        ours, theirs = (getattr(one, name)[0].state_dict()["state"] for one in (state, trained))
        assert ours.keys() == theirs.keys() != set()
        assert all(torch.equal(ours[i][key], theirs[i][key]) for i in ours for key in theirs[i])
    for name in ("step", "seconds", "sums", "history"):
        assert getattr(state, name) == getattr(trained, name)
    assert state.step == 3 and len(state.history) == 1


def test_a_training_that_has_not_begun_can_be_saved(tiny, tmp_path):
    state = new_state(tiny(FULL))
    save_checkpoint(tmp_path / "state.safetensors", state)
    load_checkpoint(tmp_path / "state.safetensors", state)
    assert state.step == 0


def test_nothing_else_is_left_beside_it(path, trained):
    save_checkpoint(path, trained)
    assert [file.name for file in path.parent.iterdir()] == ["state.safetensors"]


def test_a_checkpoint_from_before_a_setting_came_resumes(tiny, path):
    with safe_open(path, framework="pt") as file:
        progress = json.loads(file.metadata()["progress"])
    del progress["recipe"]["training"]["patience_epochs"]  # at its default in the tiny recipe
    save_file(load_file(path), path, metadata={"progress": json.dumps(progress)})
    state = new_state(tiny(FULL))
    load_checkpoint(path, state)
    assert state.step == 3
    with pytest.raises(DanError, match="other settings"):
        load_checkpoint(path, new_state(tiny(FULL | {"training.patience_epochs": 7})))


def damage_truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_empty(path):
    path.write_bytes(b"")


def damage_text(path):
    path.write_text("no checkpoint at all, but a text of some length")


def damage_missing(path):
    path.unlink()


def damage_folder(path):
    path.unlink()
    path.mkdir()


def damage_foreign(path):
    save_file({"a": torch.zeros(3)}, path)


def damage_no_progress(path):
    save_file(load_file(path), path, metadata={"progress": "no JSON"})


def damage_tensors(path):
    save_file({"a": torch.zeros(3)}, path, metadata={"progress": json.dumps({"step": 1})})


DAMAGES = [damage_truncated, damage_empty, damage_text, damage_missing, damage_folder, damage_foreign,
           damage_no_progress, damage_tensors]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_checkpoint_is_refused(tiny, path, damage):
    damage(path)
    with pytest.raises(DanError, match=r"state\.safetensors: it is no checkpoint of this training.*--force"):
        load_checkpoint(path, new_state(tiny(FULL)))


@pytest.mark.parametrize("progress", [{}, []])
def test_a_checkpoint_without_its_figures_is_refused(tiny, path, progress):
    save_file(load_file(path), path, metadata={"progress": json.dumps(progress)})
    with pytest.raises(DanError, match="no checkpoint"):
        load_checkpoint(path, new_state(tiny(FULL)))


@pytest.mark.parametrize(
    "changes", [{"generator.encoder_channels": 3}, {"generator.depth": 1}, {"discriminator.hidden_units": 9}]
)
def test_a_checkpoint_of_another_network_is_refused(tiny, path, changes):
    with pytest.raises(DanError, match="no checkpoint of this training"):
        load_checkpoint(path, new_state(tiny(FULL | changes)))


@pytest.mark.parametrize("changes", [{"seed": 5}, {"losses.weights.l1": 2.0}, {"training.batch_size": 2}])
def test_a_checkpoint_of_another_recipe_is_refused(tiny, path, changes):
    with pytest.raises(DanError, match="no checkpoint of this training"):
        load_checkpoint(path, new_state(tiny(FULL | changes)))


def test_a_full_disk_leaves_the_checkpoint_before(tiny, path, trained, monkeypatch):
    before = path.read_bytes()

    def full(target, content):
        with target.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DanError, match=r"state\.safetensors: it cannot be written \(.*No space left"):
        save_checkpoint(path, trained)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["state.safetensors"]


def test_a_recurrent_training_goes_on_as_if_it_had_not_stopped(tiny, tmp_path):
    """Its state holds more than matrices of one layout: convolutions, GRUs, running means."""
    generator = {"kind": "recurrent", "n_fft": 16, "hop_length": 8, "stride_bins": 2, "bands": 3}
    recipe = tiny({"generator": generator, "training.epochs": 2})
    source, validation = open_source(recipe, None), open_validation(recipe, None)
    whole, first, second = (new_state(recipe) for _ in range(3))
    train(whole, source, validation, Hooks())
    assert not train(first, source, validation, Hooks(should_stop=lambda: first.step == 2))
    save_checkpoint(tmp_path / "state.safetensors", first)
    load_checkpoint(tmp_path / "state.safetensors", second)
    train(second, source, validation, Hooks())
    assert same(second.generator, whole.generator)
