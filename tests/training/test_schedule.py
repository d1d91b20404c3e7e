"""Learning rates at the points where their formula is known."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dan.config import ScheduleSettings
from dan.training.schedule import schedule_share


def share(step, steps=100, steps_per_epoch=5, **settings):
    return schedule_share(
        ScheduleSettings(**settings), step=step, steps=steps, steps_per_epoch=steps_per_epoch
    )


@pytest.mark.parametrize(
    ("settings", "points"),
    [
        ({"kind": "constant"}, {0: 1, 50: 1, 99: 1}),
        ({"kind": "step", "step_epochs": 4}, {0: 1, 19: 1, 20: 0.5, 39: 0.5, 40: 0.25, 99: 0.0625}),
        ({"kind": "step", "step_epochs": 4, "gamma": 0.1}, {19: 1, 20: 0.1, 40: 0.01}),
        ({"kind": "step", "step_epochs": 50}, {99: 1}),
        ({"kind": "cosine"}, {0: 1, 25: 0.853553, 50: 0.5, 100: 0}),
        ({"kind": "one_cycle"}, {0: 0.04, 15: 0.52, 30: 1, 65: 0.5, 100: 0}),
        ({"kind": "one_cycle", "pct_start": 0.0}, {0: 1, 50: 0.5, 100: 0}),
        ({"kind": "one_cycle", "pct_start": 1.0}, {0: 0.04, 50: 0.52, 100: 1}),
        ({"kind": "constant", "warmup_steps": 4}, {0: 0.25, 1: 0.5, 3: 1, 4: 1, 99: 1}),
        ({"kind": "cosine", "warmup_steps": 51}, {0: 1 / 51, 50: 0.5}),
        ({"kind": "step", "step_epochs": 1, "warmup_steps": 10}, {0: 0.1, 5: 0.3}),
        ({"kind": "one_cycle", "warmup_steps": 20}, {0: 0.002, 15: 0.8 * 0.52}),
    ],
)
def test_known_points(settings, points):
    assert {step: share(step, **settings) for step in points} == pytest.approx(points, abs=1e-6)


legal = st.builds(
    ScheduleSettings,
    kind=st.sampled_from(get_args(ScheduleSettings.model_fields["kind"].annotation)),
    warmup_steps=st.integers(0, 50),
    step_epochs=st.integers(1, 20),
    gamma=st.floats(0, 1),
    pct_start=st.floats(0, 1),
)


@given(legal, st.integers(1, 400), st.data())
def test_a_share_is_within_0_and_1(settings, steps, data):
    step = data.draw(st.integers(0, steps - 1))
    assert 0 <= schedule_share(settings, step=step, steps=steps, steps_per_epoch=5) <= 1


def test_a_step_is_an_epoch_of_the_source_whatever_its_length():
    settings = {"kind": "step", "step_epochs": 2}
    assert [share(step, steps_per_epoch=3, **settings) for step in (5, 6, 11, 12)] == [1, 0.5, 0.5, 0.25]
