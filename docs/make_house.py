"""Write docs/house.md, a line for each module, from the directories: `python docs/make_house.py`."""

from __future__ import annotations

import ast
from pathlib import Path

PAGE = Path(__file__).with_name("house.md")
SOURCE = Path(__file__).parent.parent / "src" / "dan"

FLOORS = [
    "cli",
    "app",
    "benchmark",
    "cluster",
    "workflows",
    "training",
    "report",
    "evaluation",
    "data",
    "metrics",
    "export",
    "inference",
    "losses",
    "networks",
    "synthesis",
    "dsp",
    "io",
    "config",
    "core",
]
"""Packages, from the top down: each imports from those below it only."""

HEAD = """# The house

The packages of `src/dan`, from the top down, and a line for each of their modules, in the order of their
names. Imports go down only: a package imports from packages below it, and no two modules import each other.
This page is made from the modules' own words by `python docs/make_house.py`.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the page as Markdown; a package without a floor is an error, and so is the reverse."""
    there = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    if there != set(FLOORS):
        raise SystemExit(
            f"packages without a floor, or floors without a package: {sorted(there ^ set(FLOORS))}"
        )
    parts = [HEAD]
    for package in FLOORS:
        parts.append(f"\n## {package}\n\n{_words(SOURCE / package / '__init__.py')}\n\n")
        parts.append("| module | |\n| --- | --- |\n")
        parts += [f"| `{name}` | {_words(path)} |\n" for name, path in _modules(package)]
    return "".join(parts)


def imports_upwards() -> list[str]:
    """Return the imports from a package above the importing one, in words."""
    floor_of = {package: floor for floor, package in enumerate(reversed(FLOORS))}
    return [
        f"{name} imports {other}"
        for name, imported in graph().items()
        for other in sorted(imported)
        if _floor(other, floor_of) > _floor(name, floor_of)
    ]


def circles() -> list[list[str]]:
    """Return the circles of modules that import each other."""
    imports = graph()
    return [circle for name in imports if (circle := _way_back(name, imports))]


def graph() -> dict[str, set[str]]:
    """Return each module's imports from `dan`, in whatever form they are written."""
    modules = {_dotted(path): path for path in sorted(SOURCE.rglob("*.py"))}
    return {name: _imported(name, path, modules) - {name} for name, path in modules.items()}


def _floor(name: str, floor_of: dict[str, int]) -> int:
    """Return the floor of a module; the face and `__main__` stand above all packages."""
    package = name.split(".")[1] if "." in name else ""
    return floor_of.get(package, len(floor_of))


def _imported(name: str, path: Path, modules: dict[str, Path]) -> set[str]:
    found: set[str] = set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {whole if (whole := f"{base}.{a.name}") in modules else base for a in node.names}
    return found & set(modules)


def _way_back(name: str, imports: dict[str, set[str]]) -> list[str]:
    """Return the modules from which an import leads back to one, none where there is no circle."""
    seen: set[str] = set()
    ahead = list(imports[name])
    while ahead:
        other = ahead.pop()
        if other not in seen:
            seen.add(other)
            ahead += imports[other]
    return sorted(other for other in seen if name in imports[other]) if name in seen else []


def _dotted(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _modules(package: str) -> list[tuple[str, Path]]:
    root = SOURCE / package
    paths = [path for path in sorted(root.rglob("*.py")) if path != root / "__init__.py"]
    return [(_dotted(path).removeprefix(f"dan.{package}."), path) for path in paths]


def _words(path: Path) -> str:
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return words.split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    main()
