"""The index of rows: with any line ends the lines that Python finds, less empty ones and comments."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dan.io import _rows
from dan.io._rows import RowIndex

LINES = st.lists(
    st.tuples(st.sampled_from(["", "1,2", "#x", "%", " 3", "a\xb5"]), st.sampled_from(["\r", "\n", "\r\n"]))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, mark=st.booleans(), chunk=st.integers(4, 9))
def test_rows_are_the_lines_that_hold_something(tmp_path, monkeypatch, lines, mark, chunk):
    monkeypatch.setattr(_rows, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(_rows, "ROWS_APART", 2)
    text = "\xef\xbb\xbf" * mark + "".join(body + end for body, end in lines) + "9"
    (tmp_path / "a").write_bytes(text.encode("latin-1"))
    index = RowIndex(tmp_path / "a")
    expected = [line for line in re.findall(r"[^\r\n]*(?:\r\n|\r|\n|$)", text) if line]
    rows = [
        line for line in expected if line.removeprefix("\xef\xbb\xbf")[:1] not in ("\r", "\n", "#", "%", "")
    ]
    assert index.count == len(rows)
    assert list(index.rows(0, 1000)) == rows
    assert [next(index.rows(place, 1)) for place in range(len(rows))] == rows
    assert [expected[index.line_number(place) - 1] for place in range(len(rows))] == rows


def test_rows_of_white_space_at_the_end_do_not_count(tmp_path):
    (tmp_path / "a").write_bytes(b"1\r2\r \r\t\r")
    assert RowIndex(tmp_path / "a").count == 2
    (tmp_path / "a").write_bytes(b"")
    assert RowIndex(tmp_path / "a").count == 0


@pytest.mark.parametrize(("text", "above"), [(b"1\n\n2\n3\n", [1]), (b"\r\r1\r2", [0, 0]), (b"1\r\n2", [])])
def test_empty_lines_are_told_by_the_rows_above(tmp_path, text, above):
    (tmp_path / "a").write_bytes(text)
    assert RowIndex(tmp_path / "a").empty_lines == above
