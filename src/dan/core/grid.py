"""Tables as text."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, names on the left and figures on the right.

    Args:
        head: a heading a column.
        lines: the cells.

    Example:
        >>> print(markdown_grid(["", "SNR (dB)"], [["noisy", "-2.0"]]))
        |  | SNR (dB) |
        | --- | ---: |
        | noisy | -2.0 |
    """
    ruled = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in ruled)
