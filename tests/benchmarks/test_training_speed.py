"""The benchmark's references are what they claim to be, and its timings are of what they say."""

from types import SimpleNamespace

import torch
from benchmarks.founding_loop import FoundingLoop, Prototype, founding_discriminator, founding_generator

from benchmarks import training_speed as bench
from dan.benchmark import timing
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


def test_the_prototype_denoises_each_frame_by_itself_and_all_of_it_learns():
    network, signal = Prototype(), torch.randn(3, 1, 256)
    output = network(signal)
    # Other batches sum in another order, in float32.
    torch.testing.assert_close(output[1:2], network(signal[1:2]), atol=1e-5, rtol=1e-4)
    (output - signal).square().mean().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_turns_are_taken_and_the_first_does_not_count(monkeypatch):
    now, order = [0.0], []
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def run(name, seconds):
        def call():
            order.append(name)
            now[0] += seconds if len(order) > 2 else 50.0

        return call

    slow, quick = bench.take_turns({"a": run("a", 4.0), "b": run("b", 2.0)}, turns=3)
    assert order == ["a", "b"] * 4
    assert (slow.seconds, slow.fastest, slow.slowest, slow.speedup) == (4, 4, 4, 1)
    assert (quick.seconds, quick.slowest, quick.speedup) == (2, 2, 2)


def test_a_step_and_an_epoch_are_timed_beside_what_they_are_measured_against(monkeypatch, tiny, tmp_path):
    fresh = tiny({"signal.sample_rate_hz": 256, "training.steps_per_epoch": 1})
    monkeypatch.setattr(bench, "load_recipe", lambda name, overrides=(): fresh)
    monkeypatch.setattr(bench, "create", lambda recipe, folder: None)
    names = [timing.what for timing in [*bench.bench_step(turns=1), *bench.bench_founding(turns=1)]]
    assert names == [
        "step, prototype", "step, tones",
        "forward of 4, prototype", "forward of 4, tones",
        "forward of 1, prototype", "forward of 1, tones",
        "epoch, founding loop", "epoch, dan train classic",
    ]  # fmt: skip
