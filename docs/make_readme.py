"""Puts a demo's pictures and table into the README: `make demo`, then `python docs/make_readme.py demo`."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main(demo: str) -> None:
    """Copy the pictures and replace what stands between the marks."""
    report, images = Path(demo) / "report", ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    for name in ("scores.png", "signals.png", "curve.png"):
        shutil.copy(report / name, images / name)
    shutil.copy(Path(demo) / "likeness" / "likeness.png", images / "likeness.png")
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    text = _between(text, "table", (report / "table.md").read_text(encoding="utf-8").strip())
    text = _between(text, "curve", (report / "curve.md").read_text(encoding="utf-8").strip())
    page.write_text(_between(text, "time", _time(Path(demo))), encoding="utf-8")


def _between(text: str, mark: str, new: str) -> str:
    pattern = rf"(<!-- {mark} -->\n).*?(\n?<!-- /{mark} -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{new}\n{found[2].strip()}", text, flags=re.DOTALL)


def _time(demo: Path) -> str:
    last = (demo / "run" / "history.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    steps, seconds = (json.loads(last)[key] for key in ("step", "seconds"))
    return f"Made by `make demo`: {steps} steps in {seconds:.0f} s on the two cores of an Intel Xeon, no GPU."


if __name__ == "__main__":
    main(*sys.argv[1:])
