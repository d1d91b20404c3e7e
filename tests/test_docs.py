"""The pages hold what they say: generated ones are up to date, links lead somewhere, commands exist."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dan.config.load import load_recipe, recipe_names
from dan.inference.model_file import WEIGHTS, card_summary, find_model, model_names, read_info

ROOT = Path(__file__).parent.parent
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def maker(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["recipes", "house", "tutorial"])
def test_generated_pages_are_up_to_date(page):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert text == maker(f"make_{page}").render(), f"python docs/make_{page}.py brings it up to date"


def test_recipes_md_names_every_section_kind_and_key_as_a_recipe_would():
    """Against the settings themselves, not against the page's maker."""
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert not re.search(r"Pydantic|Undefined|None|<class|typing|Annotated", text)
    chapters = dict(re.findall(r"^## (`\[.*)\n\n((?:.*\n)*?)(?=^## |\Z)", text, flags=re.MULTILINE))
    recipe = load_recipe("classic").model_dump()
    plain = {name for name in recipe if isinstance(recipe[name], dict)} - {"generator", "discriminator"}
    expected = {f"`[{name}]`" for name in plain} | {"`[losses.weights]`"}
    for network, kinds in (
        ("generator", ("classic", "spectral", "causal", "recurrent")),
        ("discriminator", ("classic", "spectral", "conditional", "metric")),
    ):
        expected |= {f'`[{network}]` with `kind = "{kind}"`' for kind in kinds}
    assert set(chapters) == expected
    for name in plain:
        keys = set(re.findall(r"^\| `(\w+)` \|", chapters[f"`[{name}]`"], flags=re.MULTILINE))
        assert keys == {key for key, value in recipe[name].items() if not isinstance(value, dict)}


def test_no_meaning_in_recipes_md_stands_twice_or_leans_on_its_neighbour():
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        meanings = re.findall(r"^\| `\w+` \|.*\| ([^|]*) \|$", section, flags=re.MULTILINE)
        assert len(set(meanings)) == len(meanings)
        assert not [meaning for meaning in meanings if meaning.lower().startswith(("the same", "of ", "by "))]


def test_the_glossary_says_each_term_once():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", text, flags=re.MULTILINE)
    terms = [term for term in terms if term not in ("word", "figure", "---")]
    assert len(terms) > 30 and len(set(terms)) == len(terms)


def test_imports_go_down_only():
    house = maker("make_house")
    assert house.imports_upwards() == [] and house.circles() == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_recipes_and_keys_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"dan (?:train|data create) ([a-z0-9-]+)", text):
        assert name in recipe_names(), f"{page.name} names the recipe {name}"
    for line in text.splitlines():
        sets = re.findall(r"--set ([a-z_.0-9]+=[^\s`|]+)", line)
        sets = [one for one in sets if "..." not in one and not one.startswith("section.key")]
        named = [name for name in recipe_names() if f"{name}`" in line or f" {name} " in line]
        load_recipe(named[0] if named else "classic", overrides=sets)


def test_settings_that_are_named_exist():
    recipes = [load_recipe(name).model_dump() for name in recipe_names()]
    sections = {name for recipe in recipes for name in recipe if isinstance(recipe[name], dict)}
    known = {f"{name}.{key}" for recipe in recipes for name in sections for key in recipe[name] or {}}
    for page in PAGES:
        for named in re.findall(rf"`((?:{'|'.join(sections)})\.[a-z_]+)`", page.read_text(encoding="utf-8")):
            assert named in known, f"{page.name} names the setting {named}"


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_says_its_command_hardware_and_result(name):
    source = (ROOT / "src" / "dan" / "config" / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    head = source.partition("\nname = ")[0]
    assert f"dan train {name} " in head and "Hardware:" in head
    assert load_recipe(name).name == name


@pytest.mark.parametrize("name", model_names())
def test_models_that_come_along_say_how_they_were_made(name):
    for suffix in (".onnx", ".safetensors"):
        info = read_info(find_model(name, suffixes=(suffix,)))
        assert info.name == name and info.recipe in recipe_names() and info.parameters <= 26_373


@pytest.mark.parametrize("name", model_names())
def test_models_that_come_along_have_a_card_that_says_what_they_are_not_for(name):
    card = (WEIGHTS / f"{name}.md").read_text(encoding="utf-8")
    for word in (f"# {name}\n", "**Data**", "**Figures**", "**Limits**", "**Not for**", "**Made by**"):
        assert word in card, f"the card of {name} lacks {word}"
    assert 10 < len(card_summary(name)) < 200
    assert f"#{card}" in (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


def test_the_models_that_were_promised_come_along():
    assert {"tones", "tones-wide"} <= set(model_names())


def test_every_form_of_import_is_seen(tmp_path, monkeypatch):
    files = {
        "core/a.py": "from ..io import base\nimport dan.dsp.wiener\n",
        "io/base.py": "def late():\n    from dan.core import a\n",
        "dsp/wiener.py": "",
    }
    for name, text in files.items():
        path = tmp_path / "dan" / name
        path.parent.mkdir(parents=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    house = maker("make_house")
    monkeypatch.setattr(house, "SOURCE", tmp_path / "dan")
    assert house.imports_upwards() == ["dan.core.a imports dan.dsp.wiener", "dan.core.a imports dan.io.base"]
    assert house.circles() == [["dan.io.base"], ["dan.core.a"]]


def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")
    assert "sample_rate" in reference


def test_the_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for kind, text in maker("make_tutorial").cells():
        if kind == "code":
            exec(compile(text, "tutorial.ipynb", "exec"), names)
    rows = {row.name: row for row in names["table"].rows}
    assert rows["dan"].snr_gain_db > rows["wiener"].snr_gain_db > 0  # the shipped model, as the text says
    assert names["snr_db"](names["estimate"]) > names["snr_db"](names["noisy"]) + 5
