"""What a command shows where no bar can move."""

import time

from dan.cli.console import progress, show_grid
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


def test_a_narrow_table_breaks_figures_and_cuts_no_name_off(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    show_grid(["", *["gain dB"] * 6], [["spectral_gate", *["12.34 ±0.56"] * 6]], title="Scores")
    assert "spectral_gate" in capsys.readouterr().out


def test_a_table_of_many_figures_leaves_its_lines_out_and_cuts_nothing_off(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "64")
    head = ["", "gain dB", "streamed", *["start s"] * 5]
    show_grid(head, [["noisy, Python alone"] + [""] * 7, ["DAN speech-16k", *["-12.34"] * 7]], title="Scores")
    shown = capsys.readouterr().out
    assert "…" not in shown and shown.count("-12.34") == 7 and "speech-16k" in shown
    assert max(map(len, shown.splitlines())) <= 64
