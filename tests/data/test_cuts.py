"""Folders of cuts: used again for the same recordings and marks alone."""

import json
from types import SimpleNamespace

import pytest

from dan.core.errors import DanError
from dan.data.cuts import MADE_OF, check_cuts, digest
from dan.io.annotations import Mark

MARKS = ((Mark(1.0, 2.0, "x"),), ())


def made_of(*, recordings="r", marks=MARKS, how=(0.0, 1.0)):
    return digest(SimpleNamespace(digest=recordings), marks, how)


@pytest.mark.parametrize(
    "other",
    [
        {"recordings": "s"},
        {"marks": ((Mark(1.0, 2.5, "x"),), ())},
        {"marks": MARKS[::-1]},
        {"how": (0.0, 2.0)},
    ],
)
def test_whatever_it_is_made_of_is_in_the_digest(other):
    assert made_of() == made_of() != made_of(**other)


def test_a_folder_is_used_again_for_the_same_alone(tmp_path):
    (tmp_path / "says.json").write_text(json.dumps({MADE_OF: made_of(), "notes": ["a"]}))
    assert check_cuts(tmp_path, "says.json", made_of(), rule="-")["notes"] == ["a"]
    with pytest.raises(DanError, match=r"it holds others\. Give --force"):
        check_cuts(tmp_path, "says.json", made_of(marks=()), rule="it holds others")
    (tmp_path / "says.json").write_text("{}")
    with pytest.raises(DanError, match="it holds others"):
        check_cuts(tmp_path, "says.json", made_of(), rule="it holds others")
