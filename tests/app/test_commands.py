"""Commands that the page starts."""

import pytest

from dan.app import commands
from dan.core.errors import DanError


@pytest.mark.parametrize(
    ("typed", "rate_hz"), [("", None), (" ", None), ("44,1", 44.1), (" 255.964 ", 255.964), ("44100", 44100)]
)
def test_a_rate_is_typed_with_a_point_or_a_comma(typed, rate_hz):
    assert commands.typed_rate_hz(typed) == rate_hz


@pytest.mark.parametrize("typed", ["fast", "0", "-256", "nan", "1,024,5"])
def test_what_is_no_rate_is_named(typed):
    with pytest.raises(DanError, match=r"^Sample rate"):
        commands.typed_rate_hz(typed)
