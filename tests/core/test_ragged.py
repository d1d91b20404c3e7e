"""Signals of unequal length come back in order, and pairs that do not fit are named."""

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.core.ragged import by_length, check_pairs, check_signals, each, stacked


def ragged(*lengths):
    random = np.random.default_rng(0)
    return [random.standard_normal(length) for length in lengths]


def test_each_sees_stacks_and_keeps_the_order():
    signals, seen = ragged(5, 3, 5, 1), []

    def double(stack):
        seen.append(stack.shape)
        return 2 * stack

    doubled = each(double, signals, name="doubled")
    assert sorted(seen) == [(1, 1), (1, 3), (2, 5)]
    for one, other in zip(signals, doubled, strict=True):
        np.testing.assert_array_equal(other, 2 * one)


def test_by_length_keeps_partners_together():
    first, second = ragged(4, 2, 4), [-signal for signal in ragged(4, 2, 4)]
    for _, (left, right) in by_length(first, second):
        np.testing.assert_array_equal(left, -right)


def test_stacked_only_where_all_are_alike():
    assert stacked(ragged(4, 4)).shape == (2, 4)
    assert [len(signal) for signal in stacked(ragged(4, 3))] == [4, 3]


def test_a_changed_length_is_refused():
    with pytest.raises(DanError, match="shorter"):
        each(lambda stack: stack[:, 1:], ragged(4, 4), name="shorter")


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        ([], "0 signals"),
        (np.zeros(4), "shape"),
        ([np.zeros(3), np.zeros((2, 3))], r"some\[1\]"),
        ([np.zeros(3), np.array([1, np.nan])], "nan at sample 1"),
    ],
)
def test_bad_signals_are_named(signals, message):
    with pytest.raises(DanError, match=message):
        check_signals(signals, name="some")


def test_pairs_that_do_not_fit_are_named():
    with pytest.raises(DanError, match="2 of clean, 1 of mixed"):
        check_pairs(clean=ragged(3, 3), mixed=ragged(3))
    with pytest.raises(DanError, match=r"clean\[1\] \[4\], mixed\[1\] \[5\]"):
        check_pairs(clean=ragged(3, 4), mixed=ragged(3, 5))
