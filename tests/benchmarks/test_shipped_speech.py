"""The training of the shipped speech models: on a pool of a few stretches."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "shipped_models"


@pytest.fixture(scope="module")
def speech():
    """The script, whose neighbours it finds as it does when it is run."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        import speech

        yield speech
    finally:
        sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Stretches of 4 s at 16 kHz: tones for speech, and noise."""
    folder, random = tmp_path_factory.mktemp("pool"), np.random.default_rng(0)
    time_s = np.arange(64_000) / 16_000
    tones = np.sin(2 * np.pi * random.uniform(100, 3000, (4, 1, 1)) * time_s) * [[1.0], [0.8]]
    for kind, signals in {
        "speech": tones,
        "quiet": tones,
        "noise": random.normal(size=(4, 1, 64_000)),
    }.items():
        np.save(folder / f"{kind}.npy", np.round(2000 * signals).astype(np.int16))
    return folder


def _train(speech, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["speech.py", "train", *map(str, arguments)])
    monkeypatch.setattr(speech, "EPOCH_STEPS", 1)
    monkeypatch.setattr(speech, "VALIDATION_COUNT", 2)
    monkeypatch.setattr(speech, "BATCH_SIZE", 2)
    speech.main()


def _weights(speech, run):
    return speech.load_model(run / "model.safetensors")[0].state_dict()


def test_a_training_goes_on_and_a_model_of_half_the_rate_starts_from_its_weights(
    speech, pool, tmp_path, monkeypatch
):
    first, half = tmp_path / "first", tmp_path / "half"
    _train(speech, monkeypatch, "speech-16k", "--pool", pool, "--steps", 2, "--out", first)
    assert len((first / "history.jsonl").read_text().splitlines()) == 2
    start = ("--from", first, "--learning-rate", 1e-12)
    _train(speech, monkeypatch, "speech-8k", "--pool", pool, "--steps", 1, "--quiet", "--out", half, *start)
    before, after = _weights(speech, first), _weights(speech, half)
    assert torch.allclose(before["stem.weight"], after["stem.weight"], atol=1e-6)
    assert before["to_bands"].shape != after["to_bands"].shape


def test_batches_are_of_their_step_alone_and_the_held_back_stretches_in_none(speech, pool):
    options = {"shares": {"speech": 1.0}, "rate_hz": 8000, "seed": 0, "batch_size": 2, "steps_per_epoch": 1}
    mixtures, held_back = (
        speech.Mixtures(speech.opened(pool, ["speech"], held_back=held), **options) for held in (False, True)
    )
    assert torch.equal(mixtures.batch(3).noisy, mixtures.batch(3).noisy)
    assert not torch.equal(mixtures.batch(3).noisy, mixtures.batch(4).noisy)
    counts = [json.loads(source.digest)[0] for source in (mixtures, held_back)]
    assert [count["speech"] for count in counts] == [3, 1]
    both = np.concatenate([mixtures.stretches["speech"], held_back.stretches["speech"]])
    assert np.array_equal(both, np.load(pool / "speech.npy"))


def test_in_about_half_of_the_mixtures_noise_is_heard_before_speech(speech, pool):
    options = {"shares": {"speech": 1.0}, "rate_hz": 8000, "seed": 0, "batch_size": 40, "steps_per_epoch": 1}
    clean = speech.Mixtures(speech.opened(pool, ["speech"]), **options).batch(0).clean[:, 0]
    loud = clean.abs() > 0.01 * clean.abs().amax(dim=-1, keepdim=True)
    begins_s = loud.float().argmax(dim=-1) / 8000
    late = begins_s[begins_s > 0.05]
    assert 10 <= len(late) <= 30 and late.min() >= 0.1 and late.max() <= 0.75


def test_the_mean_of_two_models_lies_at_the_share_between_their_weights(speech, pool, tmp_path, monkeypatch):
    runs, out = [tmp_path / "one", tmp_path / "two"], tmp_path / "mean.safetensors"
    for run, seed in zip(runs, (0, 1), strict=True):
        line = ("--pool", pool, "--steps", 1, "--seed", seed, "--out", run)
        _train(speech, monkeypatch, "speech-16k", *line)
    line = ["mean", *runs, "--share", 0.25, "--pool", pool, "--out", out]
    monkeypatch.setattr(sys, "argv", ["speech.py", *map(str, line)])
    speech.main()
    (one, two), mean = (_weights(speech, run) for run in runs), speech.load_model(out)[0].state_dict()
    assert any(not torch.equal(one[name], two[name]) for name in one)
    for name, weight in mean.items():
        torch.testing.assert_close(weight, torch.lerp(one[name], two[name], 0.25))
    figures = [speech.load_model(file)[1].val_snr_db for file in (runs[0] / "model.safetensors", out)]
    assert figures[0] != figures[1]
