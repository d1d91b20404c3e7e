"""Tables as text."""

from dan.core.grid import markdown_grid


def test_figures_stand_on_the_right_and_names_on_the_left():
    lines = markdown_grid(["", "a", "b"], [["x", "1", "2"], ["y", "", "3"]]).splitlines()
    assert lines == ["|  | a | b |", "| --- | ---: | ---: |", "| x | 1 | 2 |", "| y |  | 3 |"]
