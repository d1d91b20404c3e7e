"""Plans of many trainings: what each comes to, and what is wrong said before anything is begun."""

import re

import pytest

from dan.config.load import dump_recipe
from dan.core.errors import DanError
from dan.workflows.plan import plan_trainings


@pytest.fixture
def plan(tmp_path, tiny):
    """Writes a plan beside a tiny recipe and an archive of two stations."""
    (tmp_path / "tiny.toml").write_text(dump_recipe(tiny()), encoding="utf-8")
    for station in ("north/2024", "south/2024"):
        (tmp_path / "archive" / station / "clean").mkdir(parents=True)
    (tmp_path / "archive" / "readme.txt").touch()

    def write(text):
        file = tmp_path / "plan.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


SHARED = 'recipe = "tiny.toml"\nout = "models"\n'
FOLDERS = SHARED + 'folders = "archive/*"\n'
TWO = '[[train]]\nname = "one"\n[[train]]\nname = "two"\n'


def test_each_folder_is_a_training_with_paths_from_the_plan(plan, tmp_path):
    text = (
        FOLDERS
        + 'clean = "{folder}/clean"\nnoise = "noise"\nseed = 3\ncores = 0.5\nset = ["training.epochs=7"]'
    )
    north, south = plan_trainings(plan(text))
    assert (north.name, south.name) == ("north", "south")
    assert north.folders.clean == tmp_path / "archive/north/clean"
    assert north.folders.noise == tmp_path / "noise"
    assert north.out == tmp_path / "models/north"
    assert (north.recipe.training.epochs, north.recipe.seed, north.cores, north.gpus) == (7, 3, 0.5, 0)


def test_deeper_folders_are_named_by_all_that_the_pattern_leaves_open(plan):
    text = SHARED + 'folders = "archive/*/2024"\nnoisy = "{folder}"\n'
    assert [training.name for training in plan_trainings(plan(text))] == ["north-2024", "south-2024"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("archive/*th/20*", ["north-2024", "south-2024"]),
        ("archive/?o*/20?4", ["north-2024", "south-2024"]),
        ("archive/[n]orth/*", ["north-2024"]),
        ("arch?ve/north/20*", ["archive-north-2024"]),
        ("archive/north", ["north"]),
    ],
)
def test_every_wildcard_is_left_open(plan, pattern, names):
    text = f'{SHARED}folders = "{pattern}"\nnoisy = "{{folder}}"\n'
    assert [training.name for training in plan_trainings(plan(text))] == names


@pytest.mark.parametrize("pattern", ["archive/*", "archive/*/*"])
def test_run_folders_beside_the_recordings_are_no_recordings(plan, tmp_path, pattern):
    shared = SHARED.replace("models", "archive/models")
    file = plan(f'{shared}folders = "{pattern}"\nnoisy = "{{folder}}"\n')
    first = [training.name for training in plan_trainings(file)]
    (tmp_path / "archive" / "models" / first[0]).mkdir(parents=True)
    assert [training.name for training in plan_trainings(file)] == first and len(first) == 2


def test_a_training_takes_its_own_before_what_is_shared(plan, tmp_path):
    text = SHARED + (
        'clean = "voices"\nset = ["training.epochs=7", "training.batch_size=2"]\nmax_minutes = 5\n'
        '[[train]]\nname = "one"\n'
        '[[train]]\nname = "two"\nclean = ""\ndata = "data"\nset = ["training.epochs=9"]\nmax_minutes = 1\n'
    )
    one, two = plan_trainings(plan(text), force=True)
    assert (one.folders.clean, one.folders.data) == (tmp_path / "voices", None)
    assert (two.folders.clean, two.folders.data) == (None, tmp_path / "data")
    assert (one.recipe.training.epochs, two.recipe.training.epochs) == (7, 9)
    assert two.recipe.training.batch_size == 2
    assert (one.max_minutes, two.max_minutes, two.force) == (5, 1, True)


def test_a_training_starts_from_a_model_of_the_plan_or_of_the_package(plan, tmp_path):
    (tmp_path / "mine.safetensors").touch()
    text = (
        SHARED
        + '[[train]]\nname = "one"\nfrom = "mine.safetensors"\n[[train]]\nname = "two"\nfrom = "tones"\n'
    )
    one, two = plan_trainings(plan(text))
    assert one.recipe.fine_tuning.model == str(tmp_path / "mine.safetensors")
    assert two.recipe.fine_tuning.model == "tones"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("out = ", "it is no TOML"),
        (SHARED, "it holds no training"),
        (TWO, "out in plan .*: it is missing"),
        ('out = "models"\n' + TWO, "one: recipe: it is missing. Add one of classic, "),
        (SHARED + TWO.replace("two", "one"), "the name one: two trainings have it"),
        (SHARED + 'clen = "x"\n' + TWO, "clen in plan .*: there is no such key. Did you mean clean?"),
        (SHARED + TWO + 'clen = "x"\n', r"clen of \[\[train\]\] two in plan .*: there is no such key"),
        (SHARED + TWO + "cores = 0\n", r"cores of \[\[train\]\] two .*\(0\): Input should be greater than 0"),
        (
            SHARED + TWO + 'seed = "x"\n',
            r"seed of \[\[train\]\] two .*\('x'\): Input should be a valid integer",
        ),
        (
            SHARED + TWO + 'seed = "3"\n',
            r"seed of \[\[train\]\] two .*\('3'\): Input should be a valid integer",
        ),
        (SHARED + "cores = true\n" + TWO, r"cores in plan .*\(True\): Input should be a valid number"),
        (SHARED + "clean = 2024-01-01\n" + TWO, r"a value is no plain one \(.*of type date\)"),
        (SHARED + '[[train]]\nclean = "x"\n', r"name of \[\[train\]\] 1 in plan .*: it is missing"),
        (SHARED + '[[train]]\nname = "a/b"\n', "name='a/b' .*: it names a folder"),
        (SHARED + '[[train]]\nname = ".."\n', r"name='\.\.' .*: it names a folder"),
        (SHARED + "train = 3\n", r"train in plan .*\(3\): Input should be a valid"),
        (SHARED + TWO + 'recipe = "tinny"\n', "two: recipe .*tinny: there is no such recipe"),
        (SHARED + TWO + 'set = ["training.epoch=3"]\n', "two: training.epoch .*Did you mean epochs"),
        (SHARED + TWO + 'from = "nobody"\n', "two: model .*nobody: there is no such run folder"),
        (FOLDERS, r"no folder of recordings in the plan holds \{folder\}"),
        (
            FOLDERS.replace("archive", "arcive") + 'noisy = "{folder}"\n',
            "folders=arcive/.*: no folder within",
        ),
        (FOLDERS + 'noisy = "{folder}"\n' + TWO, r"noisy=\{folder\} of one: .* Give it a noisy of its own"),
    ],
)
def test_what_is_wrong_is_named_with_the_way_out(plan, text, message):
    with pytest.raises(DanError) as raised:
        plan_trainings(plan(text))
    assert re.search(message, str(raised.value)), str(raised.value)


def test_a_plan_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DanError, match="it cannot be read"):
        plan_trainings(tmp_path / "plan.toml")
