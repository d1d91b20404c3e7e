"""The layout of a table, told from its first lines."""

from dan.io._layout import decoded


def test_text_of_other_letters_is_left_as_it_is():
    assert decoded("Zeit µV".encode().decode("latin-1")) == "Zeit µV"
    assert decoded("µV") == "µV" and decoded("信号") == "信号"
