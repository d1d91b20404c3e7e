"""Writes docs/models.md from the cards: `python docs/make_models.py`. A test holds the page to them."""

from __future__ import annotations

from pathlib import Path

from dan.inference.model_file import WEIGHTS, model_names

PAGE = Path(__file__).with_name("models.md")
FIRST = ("speech-16k", "speech-8k", "ecg-360")

HEAD = """# Models that come along

`dan models` lists them. Each is one self-describing file of weights (safetensors, and ONNX for use without
torch), at most 26,373 parameters. The cards say what each was trained on, how good it is on what it had not
heard, and what it must not be used for. This page is made from the cards, which lie beside the weights, by
`python docs/make_models.py`.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")


def render() -> str:
    """The page as Markdown: each card under a heading of its own."""
    names = [*FIRST, *(name for name in model_names() if name not in FIRST)]
    cards = [(WEIGHTS / f"{name}.md").read_text(encoding="utf-8").strip() for name in names]
    return "\n".join([HEAD, *(f"#{card}\n" for card in cards)])


if __name__ == "__main__":
    main()
