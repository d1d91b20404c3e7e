"""Warnings point at who called, however deep in the package they arise."""

import warnings

import numpy as np

import dan
from dan.core.warn import warn


def test_a_warning_is_at_the_line_that_called():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("here")
        dan.denoise(9 * np.random.default_rng(0).normal(size=512), 256, model="tones")
        dan.load("tones")(9 * np.random.default_rng(0).normal(size=512), sample_rate=256)
    assert [warning.filename for warning in caught] == 3 * [__file__]
    assert str(caught[0].message) == "here" and "trained on" in str(caught[1].message)
