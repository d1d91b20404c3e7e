"""The benchmark's references are what they claim to be, and its timings are of what they say."""

import time

import pytest
import torch
from benchmarks.founding_loop import FoundingLoop, Prototype, founding_discriminator, founding_generator
from benchmarks.training_speed import Race, bench_race, take_turns

from benchmarks import training_speed as bench
from dan.config import ClassicGeneratorSettings, SignalSettings
from dan.data.sources import FreshSource
from dan.networks.factory import build_generator


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_references_have_their_parameters():
    assert count(founding_generator()) == 26_373
    assert count(founding_discriminator()) == 1_245
    assert count(Prototype()) == 20_402
    assert count(Prototype(width=26)) == 23_558


def test_the_founding_generator_is_the_classic_one():
    founding, classic = founding_generator(), build_generator(ClassicGeneratorSettings(), SignalSettings())
    values = iter(founding.state_dict().values())
    classic.load_state_dict({name: next(values) for name in classic.state_dict()})
    signal = torch.randn(2, 1, 256)
    # Sums of up to 1024 products in float32 in another order.
    expected = founding.eval()(signal)[..., :-1]
    torch.testing.assert_close(classic.eval()(signal), expected, atol=1e-5, rtol=1e-4)


def test_the_founding_loop_trains_both(tiny):
    recipe = tiny({"signal.sample_rate_hz": 256, "training.steps_per_epoch": 2})
    loop = FoundingLoop(FreshSource(recipe))
    before = [network.state_dict()["0.weight"].clone() for network in (loop.generator, loop.discriminator)]
    loop.epoch(0)
    for network, weight in zip((loop.generator, loop.discriminator), before, strict=True):
        assert not torch.equal(network.state_dict()["0.weight"], weight)


def test_the_prototype_learns_nothing_from_outside_its_frame():
    signal = torch.randn(3, 1, 256)
    assert Prototype()(signal).shape == signal.shape


def test_turns_are_taken_and_the_first_does_not_count():
    order, told = [], []

    def run(name, seconds):
        def call():
            order.append(name)
            time.sleep(seconds if len(order) > 2 else 0.05)

        return call

    slow, quick = take_turns({"a": run("a", 0.02), "b": run("b", 0.002)}, turns=3, progress=told.append)
    assert order == ["a", "b"] * 4
    assert slow.slowest < 0.05 and quick.speedup > 2 and slow.speedup == 1
    assert told == pytest.approx([step / 8 for step in range(1, 9)])


def test_the_race_ends_when_tones_has_passed_classic(monkeypatch, tiny):
    recipes = {
        "classic": tiny({"training.epochs": 1, "data.source": "fresh"}),
        "tones": tiny({"training.epochs": 40, "generator_optimiser.learning_rate": 0.01}),
    }
    monkeypatch.setattr(bench, "load_recipe", lambda name, overrides=(): recipes[name])
    monkeypatch.setattr(bench, "create", lambda recipe, folder: None)
    race = bench_race()
    assert isinstance(race, Race) and race.classic_seconds > 0 and race.tones_seconds > 0
