"""Trainings that start from a model that is there."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dan.config.load import FINE_TUNING_RATE, load_recipe
from dan.core.arrays import energy
from dan.core.errors import DanError
from dan.data.sources import open_validation
from dan.training.loop import apply
from dan.training.score import snr_db
from dan.training.state import new_state
from dan.workflows.fine_tuning import beside_start, start_from
from dan.workflows.train import train_run

SHORT = {"training.epochs": 1, "training.steps_per_epoch": 1}


class TestFrom:
    """A training that starts from a model."""

    def test_it_starts_from_the_weights_that_are_there(self, tiny, tmp_path):
        first = train_run(tiny(SHORT), tmp_path / "first").run
        recipe = tiny(SHORT | {"seed": 5, "training.ema_decay": 0.9, "fine_tuning.model": str(first.folder)})
        state = new_state(recipe, start=start_from(recipe))
        wanted = load_file(first.model)
        for network in (state.generator, state.average, state.teacher):
            assert network.state_dict().keys() == wanted.keys()
            assert all(torch.equal(value, wanted[key]) for key, value in network.state_dict().items())

    def test_replay_holds_it_to_what_it_gave(self, tiny, tmp_path):
        """The more the replay weighs, the nearer the outputs stay to those of the start."""
        first = train_run(tiny(SHORT), tmp_path / "first").run
        noisy = torch.randn(8, 1, 64, generator=torch.Generator().manual_seed(0))
        moved = []
        for weight in (0.0, 30.0):
            changes = {"fine_tuning.model": str(first.folder), "fine_tuning.replay_weight": weight}
            changes |= {"training.epochs": 2, "training.steps_per_epoch": 20, "seed": 1}
            out = tmp_path / str(weight)
            outcome = train_run(tiny(SHORT | changes | {"generator_optimiser.learning_rate": 0.003}), out)
            with torch.inference_mode():
                before, after = outcome.state.teacher(noisy), outcome.state.generator.eval()(noisy)
            moved.append(float((after - before).square().mean()))
        assert 0 < moved[1] < 0.7 * moved[0]

    def test_the_model_lies_on_the_way_from_the_start_to_what_was_trained(self, tiny, tmp_path):
        first = train_run(tiny(SHORT), tmp_path / "first").run
        changes = SHORT | {"fine_tuning.model": str(first.folder), "fine_tuning.share": 0.25, "seed": 1}
        outcome = train_run(tiny(changes), tmp_path / "further")
        start, end = load_file(first.model), outcome.state.generator.state_dict()
        for key, value in load_file(outcome.run.model).items():
            if value.is_floating_point():
                torch.testing.assert_close(value, torch.lerp(start[key], end[key], 0.25))
        assert any(not torch.equal(start[key], end[key]) for key in start)

    def test_another_network_is_refused_with_the_way_out(self, tiny, tmp_path):
        first = train_run(tiny(SHORT), tmp_path / "first").run
        other = tiny(SHORT | {"fine_tuning.model": str(first.folder), "generator.depth": 1})
        with pytest.raises(
            DanError, match=r"not the recipe's .depth: 2 against 1.. Say its network: "
        ) as reported:
            train_run(other, tmp_path / "other")
        key, _, value = re.search(r"--set (\S+?)\.?$", str(reported.value))[1].partition("=")
        assert start_from(tiny(SHORT | {"fine_tuning.model": str(first.folder), key: json.loads(value)}))

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            (["signal.sample_rate_hz=500"], "signal.sample_rate_hz"),
            (
                ["generator.n_fft=512", "signal.sample_rate_hz=500"],
                "signal.sample_rate_hz and generator.n_fft",
            ),
        ],
    )
    def test_a_setting_that_makes_it_another_network_is_to_be_left_out(self, changed, said):
        with pytest.raises(
            DanError, match=rf"Leave {said} as the recipe has it, or train afresh without --fr"
        ):
            start_from(load_recipe("ecg-360", start="ecg-360", overrides=changed))

    @pytest.mark.parametrize(
        ("model", "differing"),
        [
            ("ecg-360", "sample_rate_hz: 360.0 against 8000.0; kind: causal against recurrent"),
            ("speech-16k", "sample_rate_hz: 16000.0 against 8000.0; n_fft: 512 against 256; hop_length: .*"),
        ],
    )
    def test_what_matters_of_another_network_is_told(self, model, differing):
        with pytest.raises(DanError, match=rf"--from {model}: its network is not .*\({differing}\)\. Train"):
            start_from(load_recipe("speech-8k", start=model))

    def test_a_model_that_is_not_there_is_named(self, tiny, tmp_path):
        with pytest.raises(DanError, match="nowhere"):
            train_run(tiny(SHORT | {"fine_tuning.model": "nowhere"}), tmp_path / "run")

    def test_it_resumes_where_it_was_and_not_at_the_start(self, tiny, tmp_path):
        first = train_run(tiny(SHORT), tmp_path / "first").run
        longer = tiny(
            {"training.epochs": 2, "training.steps_per_epoch": 3, "fine_tuning.model": str(first.folder)}
        )
        whole = train_run(longer, tmp_path / "whole").run
        assert not train_run(longer, tmp_path / "parts", max_minutes=0).complete
        parts = train_run(longer, tmp_path / "parts").run
        one, two = load_file(whole.model), load_file(parts.model)
        assert all(torch.equal(one[key], two[key]) for key in one)


def test_what_was_gained_over_the_start_is_told(tiny, tmp_path):
    first = train_run(tiny(SHORT), tmp_path / "first")
    assert not any("started from" in line for line in first.verdict)
    start, start_db = str(first.run.folder), first.state.history[-1]["val_snr_db"]
    recipe = tiny(SHORT | {"fine_tuning.model": start, "losses.weights": {"snr": 1.0}})
    outcome = train_run(recipe, tmp_path / "further")
    gained_db = outcome.state.history[-1]["val_snr_db"] - start_db
    told = f"{start}, which it started from: {start_db:.2f} dB on the same signals; "
    assert outcome.verdict[1] == f"{told}{gained_db:+.2f} dB since."


@pytest.mark.parametrize(
    ("gained_db", "complete", "said"),
    [(-1.0, True, "Worse than"), (0.05, True, "Hardly better than"), (0.5, True, ""), (-1.0, False, "")],
)
def test_a_training_that_gained_nothing_says_so_at_its_end(tiny, tmp_path, gained_db, complete, said):
    start = str(train_run(tiny(SHORT), tmp_path / "first").run.folder)
    recipe = tiny(SHORT | {"fine_tuning.model": start, "losses.weights": {"snr": 1.0}})
    validation = open_validation(recipe, None)
    state = new_state(recipe, start=start_from(recipe))
    start_db, _ = snr_db(apply(state.teacher, validation.mixed), validation)
    noise = validation.mixed - validation.clean
    gain = np.sqrt(energy(validation.clean) / energy(noise)) * 10 ** (-(start_db + gained_db) / 20)
    estimate = validation.clean + gain[:, None] * noise
    lines = beside_start(state, estimate, validation, complete=complete)
    assert f"{gained_db:+.2f} dB since" in lines[0] and [
        line.partition(start)[0].strip() for line in lines[1:]
    ] == ([said] if said else [])


def test_a_recipe_that_starts_from_a_model_is_short_and_gentle():
    plain, further = load_recipe("speech-8k"), load_recipe("speech-8k", start="speech-8k")
    assert further.fine_tuning.model == "speech-8k"
    assert further.generator_optimiser.learning_rate == pytest.approx(
        FINE_TUNING_RATE * plain.generator_optimiser.learning_rate
    )
    assert further.training.epochs * further.training.steps_per_epoch <= 1000
    assert load_recipe("speech-8k", start="x", overrides=["training.epochs=3"]).training.epochs == 3
