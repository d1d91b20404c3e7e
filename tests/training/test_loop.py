"""Training: resumed is uninterrupted, a step learns, and what goes wrong is said."""

import math
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from dan.core.arrays import energy, energy_ratio_db
from dan.core.errors import DanError
from dan.core.progress import listening
from dan.data.batches import Batch, ValidationSet
from dan.data.sources import open_source, open_validation
from dan.training import loop
from dan.training.checkpoint import load_checkpoint, save_checkpoint
from dan.training.loop import apply, train, training_step, validate
from dan.training.state import Hooks, new_state

FULL = {
    "losses.weights.l1": 9.0,
    "losses.weights.adversarial": 3.0,
    "losses.weights.feature_matching": 1.0,
    "losses.adversarial_warmup_epochs": 1.5,
    "training.ema_decay": 0.9,
    "generator_optimiser.max_grad_norm": 1.0,
    "generator_optimiser.weight_decay": 0.01,
}
PLAIN = {"losses.weights.l1": 1.0, "losses.weights.adversarial": 0.0}
SPECTRAL = FULL | {
    "generator": {
        "kind": "spectral",
        "band_hz": [0, 32],
        "residual_channels": 3,
        "hidden_channels": 4,
        "dilations": [1, 2],
    },
    "discriminator": {"kind": "spectral", "fft_sizes": [16, 32]},
    "generator_optimiser.muon_learning_rate": 0.01,
}
CONDITIONAL = SPECTRAL | {
    "discriminator": {"kind": "conditional", "fft_sizes": [16, 32], "hidden_channels": 2, "depth": 1},
    "losses.adversarial_balance": "gradient",
    "losses.adversarial_start_epochs": 1,
    "losses.adversarial_warmup_epochs": 0.0,
    "losses.max_snr_cost_db": 0.5,
}
SCHEDULES = {
    "constant": {},
    "step": {"schedule.kind": "step", "schedule.step_epochs": 1},
    "cosine": {"schedule.kind": "cosine", "schedule.warmup_steps": 4},
    "one_cycle": {"schedule.kind": "one_cycle"},
}


def run(recipe, data=None, state=None, **hooks):
    """A training from the start, or from a state."""
    state = state or new_state(recipe)
    done = train(state, open_source(recipe, data), open_validation(recipe, data), Hooks(**hooks))
    return state, done


def resumed(recipe, path, data=None, *, every):
    """The same training, stopped after so many steps each time and resumed from its file."""
    sessions = 0
    while True:
        state, budget = new_state(recipe), iter(range(every - 1))
        if path.exists():
            load_checkpoint(path, state)
        state, done = run(
            recipe,
            data,
            state,
            should_stop=lambda budget=budget: next(budget, None) is None,
            checkpoint=lambda state: save_checkpoint(path, state),
        )
        sessions += 1
        if done:
            return state, sessions


def everything(state):
    """All that a training has come to: tensors, and figures but for the time they took."""
    networks = {"generator": state.generator, "discriminator": state.discriminator, "average": state.average}
    optimisers = {
        f"{side}.{index}": optimiser
        for side in ("generator", "discriminator")
        for index, optimiser in enumerate(getattr(state, f"{side}_optimisers"))
    }
    tensors = {
        f"{name}.{key}": value
        for name, network in networks.items() if network is not None
        for key, value in network.state_dict().items()
    } | {
        f"optimiser.{name}.{index}.{key}": value
        for name, optimiser in optimisers.items()
        for index, moments in optimiser.state_dict()["state"].items()
        for key, value in moments.items()
    }  # fmt: skip
    history = [{key: value for key, value in record.items() if key != "seconds"} for record in state.history]
    return tensors, (state.step, history, state.sums)


def assert_same(one, other):
    (ours, figures), (theirs, expected) = everything(one), everything(other)
    assert figures == expected
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_resumed_is_uninterrupted_bit_for_bit(tiny, tmp_path, schedule, every):
    recipe = tiny(FULL | SCHEDULES[schedule])
    state, sessions = resumed(recipe, tmp_path / "state.safetensors", every=every)
    assert sessions > 1 and len(state.history) == 3 and state.step == 9
    assert_same(state, run(recipe)[0])


@pytest.mark.parametrize(
    "changes",
    [PLAIN, FULL, FULL | {"data.fresh_noise": True}, SPECTRAL, CONDITIONAL],
    ids=["plain", "full", "fresh", "spectral", "conditional"],
)
def test_resumed_from_a_folder_is_uninterrupted(tiny, write_data, tmp_path, changes):
    recipe = tiny(changes | {"data.source": "folder"})
    data = write_data(recipe, tmp_path / "data")
    state, _ = resumed(recipe, tmp_path / "state.safetensors", data, every=3)
    assert_same(state, run(recipe, data)[0])


def test_the_same_seed_is_the_same_training_and_another_is_not(tiny):
    assert_same(run(tiny(FULL))[0], run(tiny(FULL))[0])
    with pytest.raises(AssertionError):
        assert_same(run(tiny(FULL))[0], run(tiny(FULL | {"seed": 1}))[0])


def test_a_training_that_is_complete_stays_as_it_is(tiny):
    state, done = run(tiny(PLAIN))
    before = everything(state)
    assert done and run(tiny(PLAIN), state=state)[1]
    assert everything(state)[1] == before[1]


def test_stopping_keeps_the_step_under_way(tiny):
    saved = []
    state, done = run(
        tiny(PLAIN), should_stop=lambda: True, checkpoint=lambda state: saved.append(state.step)
    )
    assert not done and state.step == 1 and saved == [1] and not state.history


def test_an_epoch_of_one_step_is_stopped_after_it(tiny):
    """Its validation is done, so that there is a model."""
    recipe = tiny(PLAIN | {"training.steps_per_epoch": 1, "training.epochs": 300})
    state, done = run(recipe, should_stop=lambda: True)
    assert not done and (state.step, len(state.history)) == (1, 1)


class Interrupting:
    """A function during one of whose calls Ctrl-C is pressed."""

    def __init__(self, call, at):
        self.call, self.left = call, at

    def __call__(self, *given, **options):
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        return self.call(*given, **options)


@pytest.mark.parametrize(
    ("interrupted", "done"),
    [
        (("training_step", 1), (1, 0)),
        (("training_step", 3), (3, 0)),  # the last of an epoch, not validated yet
        (("training_step", 4), (4, 1)),
        (("validate", 2), (6, 1)),
        (("schedule_share", 4), (3, 1)),  # between two steps
    ],
)
def test_interrupted_anywhere_it_resumes_bit_for_bit(tiny, tmp_path, monkeypatch, interrupted, done):
    recipe, path = tiny(FULL), tmp_path / "state.safetensors"
    hooks = {"checkpoint": lambda state: save_checkpoint(path, state)}
    state = new_state(recipe)
    with monkeypatch.context() as patched:
        where, at = interrupted
        patched.setattr(loop, where, Interrupting(getattr(loop, where), at))
        with pytest.raises(KeyboardInterrupt):
            run(recipe, state=state, **hooks)
    state = new_state(recipe)
    load_checkpoint(path, state)
    assert (state.step, len(state.history)) == done  # steps and validations
    state, complete = run(recipe, state=state, **hooks)
    assert complete
    assert_same(state, run(recipe)[0])


def test_the_progress_is_of_all_steps_with_the_best_validation(tiny):
    reported = []
    with listening(lambda *message: reported.append(message)):
        state, _ = run(tiny(PLAIN))
    shares = [share for label, share, _ in reported if label == "Training"]
    best_db = max(record["val_snr_db"] for record in state.history[:2])
    assert shares == pytest.approx([step / 9 for step in range(1, 10)])
    assert reported[-1][2].startswith("loss ") and reported[-1][2].endswith(f"validation {best_db:.2f} dB")


@pytest.mark.parametrize(
    "changes", [PLAIN, FULL, SPECTRAL, CONDITIONAL], ids=["plain", "full", "spectral", "conditional"]
)
def test_steps_on_one_batch_lower_its_loss(tiny, changes):
    recipe = tiny(changes | {"generator_optimiser.learning_rate": 0.01})
    state, batch = new_state(recipe), open_source(recipe, None).batch(0)
    losses = [training_step(state, batch, epoch=2)["l1"] for _ in range(80)]
    assert losses[-1] < losses[0] / 2


def test_a_discriminator_learns_to_tell(tiny):
    recipe = tiny(FULL | {"discriminator_optimiser.learning_rate": 0.01})
    state, source = new_state(recipe), open_source(recipe, None)
    outcomes = [training_step(state, source.batch(0), rate_share=1.0) for _ in range(60)]
    assert outcomes[-1]["discriminator"] < outcomes[0]["discriminator"]
    assert outcomes[-1]["discriminator_accuracy"] > 0.8


def test_the_losses_add_up_and_are_named(tiny):
    recipe = tiny(FULL)
    losses = training_step(new_state(recipe), open_source(recipe, None).batch(0), epoch=1.0)
    parts = {"l1", "adversarial", "feature_matching"}
    assert set(losses) == parts | {"generator", "discriminator", "discriminator_accuracy"}
    assert losses["generator"] == pytest.approx(sum(losses[name] for name in parts), rel=1e-5)


@pytest.mark.parametrize(("epoch", "share"), [(0.0, 0.0), (0.75, 0.5), (1.5, 1.0), (9.0, 1.0)])
def test_the_adversarial_weight_is_warmed_up(tiny, epoch, share):
    def adversarial(recipe):
        return training_step(new_state(recipe), open_source(recipe, None).batch(0), epoch=epoch)

    whole = adversarial(tiny(FULL | {"losses.adversarial_warmup_epochs": 0.0}))["adversarial"]
    assert adversarial(tiny(FULL)).get("adversarial", 0.0) == pytest.approx(share * whole, rel=1e-5)


@pytest.mark.parametrize("kind", ["bce", "least_squares", "hinge"])
def test_accuracy_counts_what_is_right(tiny, kind):
    """Before its step the discriminator says what it said: counted here by hand."""
    recipe = tiny(FULL | {"losses.adversarial_kind": kind})
    state, batch = new_state(recipe), open_source(recipe, None).batch(0)
    other = new_state(recipe)
    for network in (state.discriminator, other.discriminator):
        network.output.bias.data.fill_(0.25)
        network.output.weight.data *= 20  # logits apart, some of them where the kinds differ
    estimate = other.generator.train()(batch.noisy)
    threshold = 0.5 if kind == "least_squares" else 0.0
    real, fake = (other.discriminator(signal, batch.noisy).logits for signal in (batch.clean, estimate))
    between = [((logits > 0) & (logits < 0.5)).sum() for logits in (real, fake)]
    assert between[0] != between[1]
    right = int((real > threshold).sum()) + int((fake <= threshold).sum())
    assert training_step(state, batch)["discriminator_accuracy"] == pytest.approx(right / 8)


def test_without_adversarial_weight_there_is_no_discriminator(tiny, monkeypatch):
    monkeypatch.setattr("dan.training.state.build_discriminator", lambda *_: pytest.fail("built"))
    state, _ = run(tiny(PLAIN))
    assert state.discriminator is None and not state.discriminator_optimisers
    assert all(record["discriminator_accuracy"] is None for record in state.history)


def test_the_generators_step_leaves_no_gradient_in_the_discriminator(tiny):
    recipe = tiny(FULL)
    state, batch = new_state(recipe), open_source(recipe, None).batch(0)
    training_step(state, batch, epoch=2)
    own = new_state(recipe)
    fake = own.generator.train()(batch.noisy).detach()
    real, fake = own.discriminator(batch.clean).logits, own.discriminator(fake).logits
    ((torch.nn.functional.softplus(-real).mean() + torch.nn.functional.softplus(fake).mean()) / 2).backward()
    pairs = zip(state.discriminator.parameters(), own.discriminator.parameters(), strict=True)
    assert all(torch.allclose(kept.grad, expected.grad, atol=1e-6) for kept, expected in pairs)


def test_the_rates_follow_the_schedule(tiny):
    rates = {"generator_optimiser.muon_learning_rate": 0.02, "discriminator_optimiser.learning_rate": 1e-4}
    recipe = tiny(SPECTRAL | SCHEDULES["step"] | rates)
    rates = []

    def note(losses):
        optimisers = [*state.generator_optimisers, *state.discriminator_optimisers]
        rates.append([group["lr"] for optimiser in optimisers for group in optimiser.param_groups])

    state = new_state(recipe)
    run(recipe, state=state, stepped=note)
    shares = [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert {tuple(rate) for rate in rates[:3]} == {(1e-3, 0.02, 0.02, 1e-4)}
    assert rates == [[share * rate for rate in rates[0]] for share in shares]


def test_clipping_bounds_the_gradient(tiny):
    recipe = tiny(PLAIN | {"losses.weights.l1": 1000.0, "generator_optimiser.max_grad_norm": 0.5})
    state = new_state(recipe)
    training_step(state, open_source(recipe, None).batch(0))
    norm = math.sqrt(sum(float(p.grad.square().sum()) for p in state.generator.parameters()))
    assert norm == pytest.approx(0.5, rel=1e-3)  # float32 sums, and torch adds 1e-6 to what it divides by


def test_weight_decay_pulls_towards_zero(tiny):
    """With a rate of 0.1 and a decay of 0.5 a step takes 5 % off, before Adam's own step of at most 0.1."""
    changes = PLAIN | {"generator_optimiser.learning_rate": 0.1}
    batch = open_source(tiny(changes), None).batch(0)
    states = [new_state(tiny(changes | {"generator_optimiser.weight_decay": decay})) for decay in (0.0, 0.5)]
    before = states[0].generator.output.weight.detach().clone()
    for state in states:
        training_step(state, batch)
    plain, decayed = (state.generator.output.weight.detach() for state in states)
    torch.testing.assert_close(plain - decayed, 0.05 * before, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("limit", [0.15, 0.9])
def test_the_average_follows_the_generator(tiny, limit):
    """By hand: decay (1 + n) / (10 + n) at step n, up to the limit, from the first weights on."""
    recipe = tiny(FULL | {"training.ema_decay": limit, "generator_optimiser.learning_rate": 0.1})
    state, source = new_state(recipe), open_source(recipe, None)
    expected = [parameter.detach().clone() for parameter in state.generator.parameters()]
    for step in range(4):
        training_step(state, source.batch(step))
        decay = min(limit, (1 + step) / (10 + step))
        expected = [
            decay * mean + (1 - decay) * parameter.detach()
            for mean, parameter in zip(expected, state.generator.parameters(), strict=True)
        ]
        # A weight moves by some 0.1 a step, 1e-3 for each hundredth of the decay; float32 rounds to 1e-7.
        for mean, wanted in zip(state.average.parameters(), expected, strict=True):
            torch.testing.assert_close(mean, wanted, rtol=1e-5, atol=1e-5)
        state.step += 1
    latest = dict(state.generator.named_buffers())
    assert all(torch.equal(buffer, latest[name]) for name, buffer in state.average.named_buffers())
    assert state.best is state.average


def test_what_is_validated_is_the_average(tiny):
    recipe = tiny(FULL)
    state, validation = run(recipe)[0], open_validation(recipe, None)
    estimate = apply(state.average, validation.mixed)
    snr_db = energy_ratio_db(energy(validation.clean), energy(estimate - validation.clean)).mean()
    input_db = energy_ratio_db(energy(validation.clean), energy(validation.mixed - validation.clean)).mean()
    assert state.history[-1]["val_snr_db"] == snr_db
    assert state.history[-1]["val_snr_gain_db"] == snr_db - input_db
    assert apply(state.generator, validation.mixed) != pytest.approx(estimate, abs=1e-4)


def test_the_history_holds_the_means_of_the_epochs_steps(tiny):
    steps, records = [], []

    state, _ = run(tiny(PLAIN), stepped=steps.append, validated=records.append)
    assert records == state.history and len(steps) == 9
    for epoch, record in enumerate(state.history):
        losses = [step["l1"] for step in steps[3 * epoch : 3 * epoch + 3]]
        assert record["train_l1"] == pytest.approx(np.mean(losses))
        assert (record["step"], record["epoch"]) == (3 * epoch + 3, epoch + 1)
    seconds = [record["seconds"] for record in state.history]
    assert seconds == sorted(seconds)


def scores(monkeypatch, values):
    """Validation scores as given, the rest of a record as it is."""
    values = iter(values)
    monkeypatch.setattr(
        "dan.training.loop.validate",
        lambda *signals, **settings: validate(*signals, **settings) | {"val_snr_db": next(values)},
    )


def test_patience_stops(tiny, monkeypatch):
    scores(monkeypatch, [1.0, 3.0, 2.0, 2.5, 9.0])
    recipe = tiny(PLAIN | {"training.epochs": 5, "training.patience_epochs": 2})
    state, done = run(recipe)
    assert done and len(state.history) == 4 and state.epochs_without_gain == 2


@pytest.mark.parametrize(
    ("patience", "values"), [(0, [1.0, 3.0, 2.0, 2.5, 2.0]), (2, [5.0, 4.0, 6.0, 5.0, 7.0])]
)
def test_patience_that_is_zero_or_not_used_up_does_not_stop(tiny, monkeypatch, patience, values):
    scores(monkeypatch, values)
    state, _ = run(tiny(PLAIN | {"training.epochs": 5, "training.patience_epochs": patience}))
    assert len(state.history) == 5


def test_the_improved_are_told_once_each(tiny, monkeypatch):
    scores(monkeypatch, [1.0, 3.0, 3.0, 2.0, 4.0])
    epochs = []
    run(tiny(PLAIN | {"training.epochs": 5}), improved=lambda state: epochs.append(len(state.history)))
    assert epochs == [1, 2, 5]


def test_a_loss_that_is_not_finite_is_an_error_and_not_saved(tiny):
    recipe, saved = tiny(FULL), []
    state = new_state(recipe)
    with torch.no_grad():
        state.generator.output.weight.fill_(float("nan"))
    with pytest.raises(DanError, match=r"nan at step 0.*stay finite.*learning_rate"):
        run(recipe, state=state, checkpoint=saved.append, improved=saved.append)
    assert saved == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_generator_spoilt_by_the_last_step_of_an_epoch_is_an_error_and_not_saved(tiny):
    recipe = tiny(PLAIN | {"training.steps_per_epoch": 1, "generator_optimiser.learning_rate": 1e38})
    saved = []
    with pytest.raises(DanError, match="finite"):
        run(recipe, checkpoint=saved.append, improved=saved.append)
    assert saved == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_an_output_that_is_not_finite_is_an_error_and_not_saved(tiny, monkeypatch, value):
    """Not even infinity, whose SNR is a finite -100 dB."""
    monkeypatch.setattr("dan.training.loop.apply", lambda generator, noisy: np.full_like(noisy, value))
    saved = []
    with pytest.raises(DanError, match=r"output=(nan|inf) at step 3.*stay finite"):
        run(tiny(PLAIN), checkpoint=saved.append, improved=saved.append)
    assert saved == []


@pytest.mark.parametrize("clean", [(4, 64), (4, 1, 63), (4, 2, 64)])
def test_a_batch_of_wrong_shape_is_refused(tiny, clean):
    with pytest.raises(DanError, match="one shape"):
        training_step(new_state(tiny(PLAIN)), Batch(noisy=torch.zeros(4, 1, 64), clean=torch.zeros(clean)))


ALL_LOSSES = FULL | {
    "losses.weights.l2": 1.0,
    "losses.weights.snr": 1.0,
    "losses.weights.multi_resolution_stft": 1.0,
}


@pytest.mark.parametrize("changes", [PLAIN, ALL_LOSSES])
def test_silence_is_trained_on_without_harm(tiny, changes):
    recipe = tiny(changes)
    state, silence = new_state(recipe), torch.zeros(4, 1, 64)
    for _ in range(3):
        training_step(state, Batch(noisy=silence, clean=silence), epoch=2)
    assert all(torch.isfinite(parameter).all() for parameter in state.generator.parameters())
    silent = ValidationSet(clean=np.zeros((2, 64)), mixed=np.zeros((2, 64)))
    assert math.isfinite(validate(replace(state, step=3), silent, steps_per_epoch=3)["val_snr_db"])


@pytest.mark.parametrize("device", ["abacus", "cuda:99", "", "meta", "fpga"])
def test_a_device_that_is_not_there_is_named(tiny, device):
    with pytest.raises(DanError, match=rf"device={device}: torch cannot use it here.*cpu"):
        new_state(tiny(PLAIN), device=device)


def test_apply_takes_any_number_of_signals_and_length(tiny):
    generator = new_state(tiny(PLAIN)).generator
    noisy = np.random.default_rng(0).standard_normal((5, 100))
    whole = apply(generator, noisy)
    assert whole.shape == (5, 100) and not generator.training
    # Portions take the same sums in float32, in another order.
    assert apply(generator, noisy, portion=2) == pytest.approx(whole, abs=1e-5)
