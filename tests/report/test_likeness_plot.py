"""Error is drawn to the right, distance upwards, and both trainings keep their colours."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from dan.report.likeness_plot import COLOURS, Point, plot_likeness

POINTS = [
    Point("noisy", -10.0, 30.0),
    Point("error alone", 3.8, 8.0),
    Point("50% adversarial", 3.75, 5.0),
    Point("adversarial", 3.6, 2.0),
]


def drawn():
    time = np.arange(128) / 128
    shown = {
        name: amplitude * np.sin(2 * np.pi * 20 * time)
        for name, amplitude in (("clean", 1.0), ("error alone", 0.5), ("adversarial", 0.9))
    }
    return plot_likeness(POINTS, shown, sample_rate_hz=128)


def test_the_outputs_lie_at_their_error_and_likeness():
    left, _ = drawn().axes
    assert "more like clean signals below" in left.get_ylabel()
    assert "less error to the right" in left.get_xlabel()
    (between,) = (text for text in left.texts if text.get_text() == "mixtures of both outputs")
    assert between.xy == (3.75, 5.0)
    line, least, judged = left.lines
    assert list(line.get_xdata()) == [3.8, 3.75, 3.6] and list(line.get_ydata()) == [8.0, 5.0, 2.0]
    for point, name, place in ((least, "error alone", (3.8, 8.0)), (judged, "adversarial", (3.6, 2.0))):
        assert (point.get_xdata()[0], point.get_ydata()[0]) == place
        assert to_hex(point.get_color()) == COLOURS[name]
    assert "noisy input: \N{MINUS SIGN}10.0 dB, distance 30.0 dB" in [text.get_text() for text in left.texts]


def test_spectra_have_one_scale_and_their_names():
    _, right = drawn().axes
    tops = {line.get_label(): line.get_ydata().max() for line in right.lines}
    expected = {"clean": 0, "error alone: SNR 6.0 dB": -6.02, "adversarial: SNR 20.0 dB": -0.915}
    assert tops == pytest.approx(expected, abs=0.01)
    assert right.lines[0].get_xdata()[right.lines[0].get_ydata().argmax()] == pytest.approx(20, abs=0.5)
