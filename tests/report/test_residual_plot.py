"""What is taken away is drawn, on the scale of what went in."""

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.report.residual_plot import RANGE_DB, plot_residuals


def test_each_signal_has_a_row_of_three_on_one_scale():
    time = np.arange(2000) / 1000
    noisy = np.stack([np.sin(2 * np.pi * 100 * time), np.sin(2 * np.pi * 300 * time)])
    figure = plot_residuals(noisy=noisy, estimate=0.5 * noisy, sample_rate_hz=1000)
    images = [axes.images[0] for axes in figure.axes]
    assert len(images) == 6
    for row, hz in ((images[:3], 100), (images[3:], 300)):
        tops = [image.get_array().max() for image in row]
        assert tops[0] - tops[1] == pytest.approx(6.02, abs=0.01) and tops[1] == pytest.approx(tops[2])
        assert {image.get_clim() for image in row} == {(tops[0] - RANGE_DB, tops[0])}
        level = row[0].get_array().mean(axis=1)  # bins lie upwards
        low, high = row[0].get_extent()[2:]
        assert abs(low + (level.argmax() / len(level)) * (high - low) - hz) < 20


def test_shapes_that_differ_are_refused():
    with pytest.raises(DanError):
        plot_residuals(noisy=np.ones((1, 100)), estimate=np.ones((1, 99)), sample_rate_hz=10)
