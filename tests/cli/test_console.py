"""What a command shows where no bar can move."""

import time

from dan.cli.console import progress
from dan.core.progress import report


def test_a_second_training_has_a_time_left_of_its_own(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with progress():
        for at_s, done in ((0, 0.01), (100, 1.0), (109, 0.01), (111, 0.03), (121, 0.23)):
            now[0] = at_s
            report("Training", done)
    assert capsys.readouterr().err.splitlines() == [
        "Training: 100%, 0 s left",
        "Training: 3%",
        "Training: 23%, 42 s left",
    ]
