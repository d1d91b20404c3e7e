"""A peer whose output is not in step with its input is refused, and what would fit is told."""

import numpy as np
import pytest

from dan.benchmark.lag import check_lag
from dan.benchmark.peers import Peer
from dan.benchmark.trials import Trial
from dan.core.errors import DanError
from dan.evaluation.baselines import Baselines

RATE_HZ = 16000.0


@pytest.fixture(scope="module")
def trial():
    """Signals of several lengths in as much noise."""
    random = np.random.default_rng(3)
    clean = [random.standard_normal(length) for length in (4000, 3000, 5000)]
    return Trial("three", clean, [one + random.standard_normal(len(one)) for one in clean], RATE_HZ, "other",
                 Baselines())  # fmt: skip


@pytest.fixture
def described(tmp_path, peer_toml):
    file = tmp_path / "peer.toml"
    file.write_text(peer_toml.replace("latency_samples = 8", "latency_samples = 64"))
    return Peer("mine", "described", str(file))


def late_by(lag, trial):
    return [np.roll(0.3 * signal, lag) for signal in trial.mixed]


@pytest.mark.parametrize(("lag", "message"), [(20, "20 samples too late"), (-32, "32 samples too early")])
def test_the_latency_that_fits_is_told_at_the_rate_of_the_peer(described, trial, lag, message):
    with pytest.raises(
        DanError, match=rf"{message}: latency_samples = 64 does not fit, {64 + lag // 2} does"
    ):
        check_lag(described, late_by(lag, trial), trial)


def test_a_graph_of_whole_signals_is_checked_and_what_comes_along_is_not(trial):
    with pytest.raises(DanError, match="mine at 16000 Hz: its output is 7 samples too late"):
        check_lag(Peer("mine", "onnx", "mine.onnx"), late_by(7, trial), trial)
    check_lag(Peer("wiener", "wiener"), late_by(7, trial), trial)


def test_nothing_is_said_of_what_is_in_step_flipped_silent_or_something_else(described, trial):
    random = np.random.default_rng(0)
    others = [random.standard_normal(len(signal)) for signal in trial.mixed]
    for outputs in (trial.mixed, late_by(0, trial), [-one for one in trial.clean], others):
        check_lag(described, outputs, trial)
    check_lag(described, [0 * one for one in trial.clean], trial)
