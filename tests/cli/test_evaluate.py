"""What `dan evaluate` prints."""

import json

from dan.cli.evaluate import show_table
from dan.evaluation.table import CleanInput, Group, Row, Table


def test_remarks_on_the_figures_are_notes_on_stderr(capsys):
    ranges = dict.fromkeys(("snr_db", "si_sdr_db", "snr_gain_db"), (1.0, 9.0))
    rows = (Row("noisy", 4.9, 0.0, 4.8, 0.0, ranges),)
    remarks = ("1 of 4 inputs hold no signal",)
    show_table(Table("m", "d", sample_rate_hz=256, count=4, parameters=9, rows=rows, remarks=remarks))
    out, err = capsys.readouterr()
    assert "4.90 ±4.00" in out and err == "Note: 1 of 4 inputs hold no signal.\n"


def test_one_signal_has_no_spread(capsys):
    row = Row("noisy", 4.9, 0.0, 4.8, 0.0, dict.fromkeys(("snr_db", "si_sdr_db"), (4.9, 4.9)))
    groups = (Group("a", 1, (row, row)),)
    table = Table("m", "d", sample_rate_hz=256, count=1, parameters=9, rows=(row,), by_group=groups)
    show_table(table)
    out = capsys.readouterr().out
    assert "m on d: 1 signal, 9" in out and "4.90" in out and "±" not in out
    assert "±" not in table.to_markdown() and "to 4.90" not in table.to_markdown()
    assert json.loads(table.to_json())["rows"][0]["interval_db"]["snr_db"] == [4.9, 4.9]


def test_what_is_done_to_clean_signals_is_told(capsys):
    rows = (Row("noisy", 4.9, 0.0, 4.8, 0.0, {}),)
    clean = (CleanInput("dan", 31.0, 30.51), CleanInput("wiener", 20.0, 19.0))
    show_table(Table("m", "d", sample_rate_hz=256, count=4, parameters=9, rows=rows, clean_input=clean))
    assert capsys.readouterr().out.endswith("\ndan on clean input: SI-SDR 30.5 dB\n")
