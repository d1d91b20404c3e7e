"""Write docs/tutorial.md from the notebook beside it: `python docs/make_tutorial.py`."""

from __future__ import annotations

import json
from pathlib import Path

NOTEBOOK = Path(__file__).with_name("tutorial.ipynb")
PAGE = Path(__file__).with_name("tutorial.md")


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the notebook as Markdown, its code as code; a test runs it."""
    parts = [f"```python\n{text}\n```" if kind == "code" else text for kind, text in cells()]
    return "\n\n".join([*parts, "[The notebook](tutorial.ipynb)"]) + "\n"


def cells() -> list[tuple[str, str]]:
    """Return kind and text of each cell of the notebook."""
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


if __name__ == "__main__":
    main()
