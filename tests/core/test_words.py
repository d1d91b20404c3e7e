"""Words of messages."""

import pytest

from dan.core.words import few


@pytest.mark.parametrize(
    ("names", "line"), [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b, c"), (list("abcd"), "a, b, c, ...")]
)
def test_a_few_names_are_listed_and_more_are_said(names, line):
    assert few(names) == line
    assert few(names, most=2) == few(names[:2]) + ", ..." * (len(names) > 2)
