"""The layout of a table, told from its first lines."""

from dan.io._cells import BLANKS, Delimiter
from dan.io._layout import decoded


def test_text_of_other_letters_is_left_as_it_is():
    assert decoded("Zeit µV".encode().decode("latin-1")) == "Zeit µV"
    assert decoded("µV") == "µV" and decoded("信号") == "信号"


def test_cells_between_blanks_of_any_kind_are_joined_as_they_stood():
    row = " 0.65\x0b0.01\t-0.07 \xa00"
    cells = Delimiter(BLANKS).split(row)
    assert len(cells) == 4 and Delimiter(BLANKS).join(cells) == row
