"""Writes docs/house.md, a line for each module, from their docstrings: `python docs/make_house.py`."""

from __future__ import annotations

import ast
from pathlib import Path

PAGE = Path(__file__).with_name("house.md")
SOURCE = Path(__file__).parent.parent / "src" / "dan"

FLOORS = {
    "Commands: parse, call, print": "cli __main__",
    "What a command does around the work itself": "demo sessions judging denoising pipes",
    "Beside peers": "benchmark benchmark_page comparisons tradeoffs peers trials startup",
    "Measuring": "bench ablation references timing",
    "Report and pictures": "report page listening plots drawing",
    "Judging": "evaluation scoring scores figures baselines fitting samples",
    "Training": "training checkpoints diagnosis runs schedules muon",
    "Batches to train on": "datasets mixing materials mixtures crops splits corpus",
    "Export": "export exportable parity precisions",
    "A model applied": "denoiser streams engines torch_models onnx_models onnx_metadata models",
    "Networks and losses": "generators causal discriminators networks convolutions hearing losses",
    "Data folders": "folders layout lengths verification leaks previews",
    "Signals made": "synthesis artefacts",
    "Recordings": "recordings readers audio chunks arrays tables columns edf physionet",
    "Figures and limits": "metrics speech biosignals limits",
    "Filters": "filters butterworth wiener shrinkage gating sinusoids",
    "What a training may say": "recipes settings",
    "What all agree on": "signals errors files progress",
}

HEAD = """# The house

A line for each module of `src/dan`, floor by floor: each imports only from floors below, or from its own.
This page is made from the modules' own words by `python docs/make_house.py`.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")


def render() -> str:
    """The page as Markdown; a module that no floor names is an error, and so is the reverse."""
    there = {path.stem for path in SOURCE.glob("*.py")} - {"__init__"} | {"recipes"}
    named = [name for names in FLOORS.values() for name in names.split()]
    if set(named) != there or len(named) != len(there):
        raise SystemExit(f"modules without a floor, or floors without a module: {sorted(set(named) ^ there)}")
    parts = [HEAD]
    for floor, names in FLOORS.items():
        parts.append(f"\n## {floor}\n\n| module | |\n| --- | --- |\n")
        parts += [f"| `{name}` | {_first_line(name)} |\n" for name in names.split()]
    return "".join(parts)


def imports_upwards() -> list[str]:
    """Imports from a floor above, which the house forbids."""
    floor_of = {name: floor for floor, names in enumerate(FLOORS.values()) for name in names.split()}
    return [
        f"{name} imports {other}"
        for name, floor in floor_of.items()
        for other in _imported(name)
        if other in floor_of and floor_of[other] < floor
    ]


def _tree(name: str) -> ast.Module:
    path = SOURCE / f"{name}.py"
    return ast.parse((path if path.exists() else SOURCE / name / "__init__.py").read_text(encoding="utf-8"))


def _first_line(name: str) -> str:
    return (ast.get_docstring(_tree(name)) or "").split("\n\n")[0].replace("\n", " ")


def _imported(name: str) -> set[str]:
    nodes = [node for node in ast.walk(_tree(name)) if isinstance(node, ast.ImportFrom) and node.module]
    return {node.module.split(".")[1] for node in nodes if node.module and node.module.startswith("dan.")}


if __name__ == "__main__":
    main()
