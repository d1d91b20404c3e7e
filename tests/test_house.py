"""The words of the house: how docstrings begin, and one name for one thing."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "dan"
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}

NO_FIRST_WORDS = {"Of", "By", "What", "Whether", "Which", "Who", "How", "Where", "Why", "When"}
"""A docstring begins with a noun or a verb and stands alone; these lean on the name above them."""
MANY = {"__all__", "app", "log"}
"""Names that modules have each of their own: what they export, their commands and their logger."""


def first_words(tree):
    """Line and first word of each docstring, those of attributes and constants among them."""
    for node in ast.walk(tree):
        text = node.value.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) else ""
        words = text.split() if isinstance(text, str) else []
        yield from ((node.lineno, word.strip(".,:;")) for word in words[:1])


def defined(tree):
    """Names of the classes and aliases of a module; constants, in capitals, are its own."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def badly_begun(trees):
    return [
        f"{path}:{line}: {word}"
        for path, tree in trees.items()
        for line, word in sorted(first_words(tree))
        if word in NO_FIRST_WORDS
    ]


def named_twice(trees):
    places = defaultdict(list)
    for path, tree in trees.items():
        for name in defined(tree):
            if not (name.startswith("_") or name.isupper() or name in MANY):
                places[name].append(str(path))
    return {name: paths for name, paths in places.items() if len(paths) > 1}


def test_docstrings_begin_with_a_noun_or_a_verb():
    assert badly_begun(TREES) == []


def test_a_public_class_or_alias_is_defined_once():
    assert named_twice(TREES) == {}


def test_what_is_wrong_is_found():
    one = ast.parse(
        '"""What it is."""\nclass Row:\n    """A row."""\n    def at(self):\n        """By number."""\n'
    )
    other = ast.parse('"""Rows."""\nRow = tuple[int, ...]\nLIMIT = 3\n')
    same = ast.parse("LIMIT = 4\nlog = None\n")
    trees = {"one": one, "other": other, "same": same}
    assert badly_begun(trees) == ["one:1: What", "one:5: By"]
    assert named_twice(trees) == {"Row": ["one", "other"]}
