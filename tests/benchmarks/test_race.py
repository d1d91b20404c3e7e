"""The race ends with the first validation that passes, or says that none did."""

import pytest

from benchmarks import race as module

QUICK = {"training.epochs": 40, "generator_optimiser.learning_rate": 0.01, "losses.weights.adversarial": 0.0}


@pytest.fixture
def recipes(monkeypatch, tiny):
    """Sets what `classic` and `tones` stand for."""

    def set_(classic, tones):
        known = {"classic": tiny(classic), "tones": tiny(tones)}
        monkeypatch.setattr(module, "load_recipe", lambda name, overrides=(): known[name])
        monkeypatch.setattr(module, "create", lambda recipe, folder: None)

    return set_


def test_it_ends_when_tones_has_passed_classic(recipes, monkeypatch):
    recipes({"training.epochs": 1, "losses.weights.adversarial": 0.0}, QUICK)
    states = []
    train_until = module.train_until
    monkeypatch.setattr(
        module, "train_until", lambda *given: states.append(train_until(*given)) or states[-1]
    )
    found = module.race()
    classic, tones = states
    assert found.classic_snr_db == classic.history[0]["val_snr_db"] and classic.step == 3
    *before, last = [record["val_snr_db"] for record in tones.history]
    assert last == found.tones_snr_db >= found.classic_snr_db > max(before, default=float("-inf"))
    assert tones.step < 120 and found.tones_seconds == tones.seconds


def test_it_says_when_tones_never_does(recipes):
    recipes(QUICK, {"training.epochs": 1, "losses.weights.adversarial": 0.0})
    found = module.race()
    assert found.tones_snr_db < found.classic_snr_db
