"""The adversarial part: it starts, weighs and pauses as said, and the discriminator keeps itself awake."""

import pytest
import torch

from dan.config import MetricDiscriminatorSettings, SignalSettings
from dan.data.sources import open_source
from dan.losses import balanced_gradient
from dan.networks.discriminators import build_discriminator
from dan.training.adversary import (
    LEAST_RATE,
    MOST_RATE,
    adapt_rate,
    adversarial_share,
    metric_loss,
    scaled_figure,
)
from dan.training.loop import training_step
from dan.training.state import new_state

LATE = {
    "losses.weights.l1": 1.0,
    "losses.weights.adversarial": 0.5,
    "losses.weights.feature_matching": 0.25,
    "losses.adversarial_start_epochs": 2,
    "losses.adversarial_warmup_epochs": 2.0,
    "losses.max_snr_cost_db": 0.5,
    "losses.adversarial_balance": "gradient",
    "discriminator": {"kind": "conditional", "fft_sizes": [16, 32], "hidden_channels": 2, "depth": 1},
}


def records(*scores):
    return [{"epoch": epoch, "val_snr_db": score} for epoch, score in enumerate(scores, start=1)]


@pytest.mark.parametrize(
    ("epoch", "scores", "share"),
    [
        (1.9, (1.0,), 0.0),
        (2.0, (1.0, 2.0), 0.0),
        (3.0, (1.0, 2.0, 2.0), 0.5),
        (9.0, (1.0, 2.0, 1.6), 1.0),
        (9.0, (1.0, 2.0, 1.4), 0.0),  # it costs more than 0.5 dB, and pauses
        (9.0, (1.0, 2.0, 1.4, 1.8), 1.0),
    ],
)
def test_when_the_adversarial_part_takes_part(tiny, epoch, scores, share):
    state = new_state(tiny(LATE))
    state.history = records(*scores)
    assert adversarial_share(state, epoch) == share


@pytest.mark.parametrize(
    ("scores", "kept"),
    [((1.0, 2.0), True), ((2.0, 1.9), False), ((1.0, 2.0, 1.6), True), ((1.0, 2.0, 1.4), False)],
)
def test_a_generator_within_the_cost_is_kept_once_it_is_judged(tiny, scores, kept):
    state = new_state(tiny(LATE))
    state.history = records(*scores)
    assert state.is_kept is kept


def test_before_its_start_there_is_no_discriminators_step(tiny):
    recipe = tiny(LATE)
    state, batch = new_state(recipe), open_source(recipe, None).batch(0)
    before = [parameter.clone() for parameter in state.discriminator.parameters()]
    assert set(training_step(state, batch, epoch=1.5)) == {"l1", "generator"}
    assert all(map(torch.equal, before, state.discriminator.parameters()))
    assert {"discriminator", "discriminator_rate", "adversarial"} <= set(training_step(state, batch, epoch=3))


@pytest.mark.parametrize(("accuracy", "moves"), [(0.5, 1), (0.7, 0), (0.95, -1)])
def test_the_rate_follows_the_accuracy_within_bounds(tiny, accuracy, moves):
    state = new_state(tiny(LATE))
    for _ in range(200):
        adapt_rate(state, {"discriminator_accuracy": accuracy})
    assert state.discriminator_rate == pytest.approx({1: MOST_RATE, 0: 1.0, -1: LEAST_RATE}[moves])


def test_the_rate_reaches_the_optimiser(tiny):
    recipe = tiny(LATE | {"discriminator_optimiser.learning_rate": 1e-3})
    state, batch = new_state(recipe), open_source(recipe, None).batch(0)
    state.discriminator_rate = 0.25
    training_step(state, batch, epoch=3, rate_share=0.5)
    assert state.discriminator_optimisers[0].param_groups[0]["lr"] == pytest.approx(0.5 * 0.25 * 1e-3)


def test_judged_terms_have_their_shares_of_the_gradient():
    """Three quadratics whose gradients stand at right angles: their norms are the parts of the whole."""
    estimate = torch.tensor([[[1.0, 1.0, 1.0]]], requires_grad=True)
    places = estimate[0, 0]
    terms = {"l1": 2 * places[0], "adversarial": 700 * places[1], "feature_matching": 1e-3 * places[2]}
    gradient, factors = balanced_gradient(
        terms, estimate=estimate, judged={"adversarial": 0.5, "feature_matching": 0.1}
    )
    torch.testing.assert_close(gradient[0, 0], torch.tensor([2.0, 1.0, 0.2]), rtol=1e-4, atol=1e-6)
    assert factors["adversarial"] == pytest.approx(1 / 700, rel=1e-4)


def test_the_generators_step_takes_the_balanced_gradient(tiny):
    """One step of plain descent's direction, from the gradients that the losses leave in the weights."""
    recipe = tiny(LATE | {"losses.adversarial_warmup_epochs": 0.0})
    wide = tiny(LATE | {"losses.adversarial_warmup_epochs": 0.0, "losses.weights.adversarial": 50.0})
    batch, gradients = open_source(recipe, None).batch(0), []
    for one in (recipe, wide):
        state = new_state(one)
        figures = training_step(state, batch, epoch=3)
        gradients.append(torch.cat([p.grad.flatten() for p in state.generator.parameters()]))
        parts = sum(figures[name] for name in ("l1", "adversarial", "feature_matching"))
        assert figures["generator"] == pytest.approx(parts, rel=1e-5)
    assert 5 < float(gradients[1].norm() / gradients[0].norm()) < 150


class Fixed(torch.nn.Module):
    """A discriminator that predicts 0.25 of everything."""

    def forward(self, signal, beside):
        assert signal.shape == beside.shape
        return type("Judgement", (), {"logits": torch.full((len(signal), 1), 0.25)})()


def test_the_metric_loss_is_the_error_of_what_is_known(monkeypatch):
    """Figures 0.5, none and 1 of two outputs and an input, and 1 of clean: squares 1/16, 9/16 and 9/16."""
    monkeypatch.setattr(
        "dan.training.adversary.scaled_figure", lambda *_: torch.tensor([0.5, float("nan"), 1.0, 0.0])
    )
    settings = MetricDiscriminatorSettings(kind="metric", scored_signals=2)
    signal = torch.randn(5, 1, 32)
    loss = metric_loss(Fixed(), settings, noisy=signal, clean=signal, estimate=signal, sample_rate_hz=16000)
    assert float(loss) == pytest.approx((1 + 9 + 9) / 16 / 3)


def test_what_has_no_figure_leaves_the_gradient_finite(monkeypatch):
    figures = torch.tensor([float("nan"), 0.5, 0.3, 1.0])
    monkeypatch.setattr("dan.training.adversary.scaled_figure", lambda *_: figures.clone())
    settings = MetricDiscriminatorSettings(kind="metric", scored_signals=2, fft_sizes=(16,))
    network = build_discriminator(settings, SignalSettings(sample_rate_hz=8000, duration_s=1.0))
    signal = torch.randn(4, 1, 64)
    metric_loss(
        network, settings, noisy=signal, clean=signal, estimate=signal, sample_rate_hz=8000
    ).backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def speech_and_noisy():
    """Noise whose level beats four times a second, as syllables do, and the same in noise."""
    random = torch.Generator().manual_seed(0)
    speech = torch.randn(4, 1, 8000, generator=random) * (1 + torch.sin(torch.arange(8000) * torch.pi / 1000))
    return speech, speech + torch.randn(4, 1, 8000, generator=random)


def test_the_figure_is_one_of_clean_speech_and_less_of_noisy():
    pytest.importorskip("pystoi")
    speech, noisy = speech_and_noisy()
    own, other = (float(scaled_figure("stoi", signal, speech, 8000).mean()) for signal in (speech, noisy))
    assert own == pytest.approx(1, abs=1e-3) and 0 < other < 0.95


def test_a_metric_discriminator_learns_which_is_better(monkeypatch):
    figures = torch.tensor([0.3, 0.3, 0.3, 0.0, 1.0])
    monkeypatch.setattr("dan.training.adversary.scaled_figure", lambda *_: figures.clone())
    settings = MetricDiscriminatorSettings(kind="metric", fft_sizes=(64,), hidden_channels=4, depth=2)
    torch.manual_seed(0)
    network = build_discriminator(settings, SignalSettings(sample_rate_hz=8000, duration_s=1.0))
    adam = torch.optim.Adam(network.parameters(), lr=0.01)
    speech, noisy = speech_and_noisy()
    estimate, losses = speech + 0.3 * (noisy - speech), []
    for _ in range(60):
        loss = metric_loss(
            network, settings, noisy=noisy, clean=speech, estimate=estimate, sample_rate_hz=8000
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    predicted = [network(each, speech).logits.mean().item() for each in (noisy, estimate, speech)]
    assert losses[-1] < losses[0] / 4 and predicted == sorted(predicted)
