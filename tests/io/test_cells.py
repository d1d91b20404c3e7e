"""Cells of text: split as the csv module splits them, joined as they stood, written with their digits."""

import csv

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dan.io._cells import BLANKS, Delimiter, NumberFormat, is_number, numbers, plain, refilled

CELLS = st.lists(st.text("ab ,;|\t.-1'\"", max_size=6), min_size=1, max_size=6)


@given(cells=CELLS, mark=st.sampled_from(",;|\t"), quoted=st.booleans())
def test_what_the_csv_module_writes_is_split_as_it_reads_it(cells, mark, quoted):
    rows = []
    style = {
        "delimiter": mark,
        "quoting": csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL,
        "lineterminator": "",
    }
    csv.writer(type("Sink", (), {"write": rows.append})(), **style).writerow(cells)
    split = Delimiter(mark).split(rows[0])
    assert [plain(cell) for cell in split] == [cell.strip() for cell in cells]
    assert Delimiter(mark).join(split) == rows[0]


@given(row=st.text('ab ,;|\t.1"', max_size=30), mark=st.sampled_from([",", ";", "|", "\t", BLANKS]))
def test_cells_joined_are_the_row_whatever_it_is(row, mark):
    delimiter = Delimiter(mark)
    text = delimiter.without_end(row)
    assert delimiter.join(delimiter.split(text)) == text


@pytest.mark.parametrize(
    ("cells", "comma", "value", "text"),
    [
        (["0.003906", "-0.9"], False, -0.1234567891, "-0.123457"),
        (["0,003906", "-0,9"], True, -0.1234567891, "-0,123457"),
        (["1", "-20"], False, 3.5, "4"),
        (["1", "-20"], False, -0.2, "0"),
        (["1", "0.25"], False, 3.5, "3.50"),
        (["+1.234560E-03", "-9.9E-01"], False, 0.0123, "+1.230000E-02"),
        (["1.25e-3", "7.5"], False, 1 / 3, "0.333333333"),
        (["0.30000000000000004", "0.5"], False, 1 / 3, "0.33333333333333331"),
        (["0.0001", "0.0002"], False, 0.00012345, "0.000123"),
        (["1", "2.5", "NA", ""], False, 1.23, "1.23"),
        (["0", "-0.5"], False, -0.0001, "0.000"),
    ],
)
def test_numbers_are_written_with_the_digits_they_came_with(cells, comma, value, text):
    assert NumberFormat.of(cells, comma=comma).text(value) == text


def test_later_cells_with_more_digits_widen_the_format():
    form = NumberFormat.of(["0.12", "0.5"], comma=False)
    assert form.text(0.123456789) == "0.123"
    assert form.wide_enough(['"0.1234567"', "1e-3", "NA"]).text(0.123456789) == "0.1234568"


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5),
    st.sampled_from("efgr"),
)
@example(values=[2.0**-24], kind="r")
def test_a_number_read_is_written_as_the_same_number(values, kind):
    texts = [repr(value) if kind == "r" else f"{value:.12{kind}}" for value in values]
    form = NumberFormat.of(texts, comma=False)
    np.testing.assert_array_equal([float(form.text(float(text))) for text in texts], list(map(float, texts)))


def test_missing_cells_are_nan_and_words_are_errors():
    np.testing.assert_array_equal(numbers(["1", "", " NA ", '"2,5"'], comma=True), [1, np.nan, np.nan, 2.5])
    for cells, comma in ((["1", "x"], False), (["0,5", "0.5"], True)):
        with pytest.raises(ValueError, match=r"x|0\.5"):
            numbers(cells, comma=comma)


@pytest.mark.parametrize(
    ("cell", "text", "filled"),
    [
        ('"0.5"', "-0.25", '"-0.25"'),
        ("  0.5", "-0.25", " -0.25"),
        ("   0.5 ", "-0.25", " -0.25 "),
        ("\xef\xbb\xbf0.5", "1", "\xef\xbb\xbf1"),
        ("", "1", "1"),
        ('""', "1", '"1"'),
    ],
)
def test_a_cell_keeps_its_quotes_and_its_width(cell, text, filled):
    assert refilled(cell, text) == filled


def test_digits_with_an_underscore_between_are_a_name():
    assert is_number("8.42") and not is_number("8_42")
    with pytest.raises(ValueError, match="8_42"):
        numbers(["1", "8_42"], comma=False)
