"""Recipes: read, written and overridden, and every mistake named with its way out."""

import tomllib
from operator import attrgetter
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dan.config import (
    ClassicDiscriminatorSettings,
    ClassicGeneratorSettings,
    DataSettings,
    LossSettings,
    LossWeights,
    NoiseSettings,
    OptimiserSettings,
    Recipe,
    ScheduleSettings,
    SignalSettings,
    ToneSettings,
    TrainingSettings,
)
from dan.config.load import check_recipe, dump_recipe, load_recipe, recipe_differences, recipe_names
from dan.core.errors import DanError


def write(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


HEAD = 'name = "own"\nsummary = "of a test"\n'


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipes(name, tmp_path):
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.summary and "\n" not in recipe.summary
    assert load_recipe(write(tmp_path, dump_recipe(recipe))) == recipe


def test_the_founding_recipe_is_the_founding_system():
    classic = load_recipe("classic")
    weights = classic.losses.weights
    assert (weights.l1, weights.adversarial, classic.losses.adversarial_kind) == (9, 3, "bce")
    assert classic.generator == ClassicGeneratorSettings()
    assert classic.discriminator == ClassicDiscriminatorSettings()
    rates = (classic.generator_optimiser.learning_rate, classic.discriminator_optimiser.learning_rate)
    assert rates == (1e-3, 1e-4)
    assert (classic.schedule.kind, classic.schedule.step_epochs, classic.schedule.gamma) == ("step", 50, 0.5)
    assert (classic.training.epochs, classic.training.batch_size) == (300, 50)


positive = st.floats(1e-12, 1e12)
counts = st.integers(1, 2**40)
units = st.floats(0, 1)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"))


def ranges(values):
    return st.one_of(values, st.tuples(values, values).map(lambda pair: tuple(sorted(pair))))


recipes = st.builds(
    Recipe,
    name=texts,
    summary=texts,
    expected=texts,
    seed=st.integers(0, 2**63 - 1),
    signal=st.builds(SignalSettings, sample_rate_hz=st.floats(200, 1e6), duration_s=st.floats(0.1, 10)),
    clean=st.builds(
        ToneSettings,
        sines=ranges(counts),
        frequency_hz=st.tuples(st.floats(0, 49), st.floats(50, 100)),
        amplitude_spread=units,
        phase_spread_rad=st.floats(0, 3.14),
    ),
    noise=st.builds(
        NoiseSettings,
        colours=st.lists(st.sampled_from(["white", "pink", "brown"]), min_size=1).map(tuple),
        standard_deviation=positive,
        hum_level=units,
        snr_db=ranges(st.floats(-60, 60)),
    ),
    data=st.builds(DataSettings, source=st.sampled_from(["folder", "fresh"]), fresh_noise=st.booleans()),
    generator=st.builds(ClassicGeneratorSettings, encoder_channels=counts, negative_slope=units),
    discriminator=st.builds(ClassicDiscriminatorSettings, hidden_channels=counts),
    losses=st.builds(LossSettings, weights=st.builds(LossWeights, l1=positive, adversarial=positive)),
    generator_optimiser=st.builds(OptimiserSettings, learning_rate=positive, max_grad_norm=positive),
    schedule=st.builds(ScheduleSettings, kind=st.sampled_from(["cosine", "step"]), gamma=units),
    training=st.builds(TrainingSettings, epochs=counts, ema_decay=st.floats(0, 0.999999)),
)


@given(recipes)
@hypothesis_settings(max_examples=40)
def test_a_recipe_written_and_read_is_equal(recipe):
    assert check_recipe(tomllib.loads(dump_recipe(recipe)), name="own") == recipe


def test_a_recipe_with_a_delete_character_is_written_and_read():
    recipe = Recipe(name="a\x7fb", summary="")
    assert check_recipe(tomllib.loads(dump_recipe(recipe)), name="own") == recipe


def test_a_file_holds_only_the_differences(tmp_path):
    recipe = load_recipe(write(tmp_path, HEAD + "[training]\nepochs = 7\n"))
    assert recipe == Recipe(name="own", summary="of a test", training=TrainingSettings(epochs=7))


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("training.epochs=7", lambda recipe: recipe.training.epochs == 7),
        (" training.epochs = 7 ", lambda recipe: recipe.training.epochs == 7),
        ("generator_optimiser.learning_rate=2e-3", lambda r: r.generator_optimiser.learning_rate == 2e-3),
        ("losses.weights.l1=1", lambda recipe: recipe.losses.weights.l1 == 1.0),
        ("clean.sines=[1, 5]", lambda recipe: recipe.clean.sines == (1, 5)),
        ("clean.sines=2", lambda recipe: recipe.clean.sines == 2),
        ("noise.snr_db=[-5, 10.5]", lambda recipe: recipe.noise.snr_db == (-5, 10.5)),
        ("schedule.kind=cosine", lambda recipe: recipe.schedule.kind == "cosine"),
        ('schedule.kind="cosine"', lambda recipe: recipe.schedule.kind == "cosine"),
        ('noise.colours=["pink", "brown"]', lambda recipe: recipe.noise.colours == ("pink", "brown")),
        ("data.fresh_noise=true", lambda recipe: recipe.data.fresh_noise is True),
        ("summary=in my own words", lambda recipe: recipe.summary == "in my own words"),
        ("summary=a=b", lambda recipe: recipe.summary == "a=b"),
    ],
)
def test_overrides(override, read):
    assert not read(load_recipe("classic"))
    assert read(load_recipe("classic", overrides=[override]))


@pytest.mark.parametrize("start", ["runs/\N{GRINNING FACE}", "runs/\x7f\t\x01", 'a"b\\c', "6", "runs/\u20ac"])
def test_a_model_to_start_from_has_any_name(start):
    recipe = load_recipe("tones", start=start)
    assert recipe.fine_tuning.model == start
    assert Recipe.model_validate(tomllib.loads(dump_recipe(recipe))) == recipe


@pytest.mark.parametrize(
    "settings",
    [
        {"training.epochs": 6, "clean.sines": [1, 5], "noise.snr_db": 3},
        {"training": {"epochs": np.int64(6)}, "clean.sines": (1, 5), "noise": {"snr_db": np.float32(3)}},
        {"training": MappingProxyType({"epochs": 6}), "clean": {"sines": [1, 5]}, "noise.snr_db": 3},
        {"training": {"epochs": np.array(6)}, "clean": {"sines": np.array([1, 5])}, "noise.snr_db": 3.0},
    ],
)
def test_settings_are_keys_or_trees_and_values_are_numpys_too(settings):
    recipe = load_recipe("classic", settings=settings)
    assert (recipe.training.epochs, recipe.clean.sines, recipe.noise.snr_db) == (6, (1, 5), 3.0)
    assert recipe.training.batch_size == load_recipe("classic").training.batch_size


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"training": {"epoch": 2}}, r"training\.epoch .*no such key"),
        ({"training.epochs": "6"}, r'training\.epochs="6".*valid integer'),
        ({"training.epochs": np.float64(6.5)}, r"training\.epochs=6\.5.*valid integer"),
        ({"training.epochs": {6}}, r"no plain TOML value \(\{6\} of type set"),
        ({"training": 6}, "^training=6 "),
        ({"training.epochs.first": 6}, "epochs is no section"),
        ({6: 6}, "^6 .*no such key"),
        ({"training": {"epochs": 4}}, r"^training\.epochs=4: .* twice, first 3\. Give one of them"),
        ({"fine_tuning.model": "a\udcff"}, "recipe classic"),
    ],
)
def test_a_wrong_setting_is_named_with_its_rule(settings, said):
    with pytest.raises(DanError, match=said):
        load_recipe("classic", settings={"training.epochs": 3} | settings)


def test_the_last_override_wins_and_a_section_may_be_new(tmp_path):
    overrides = ["training.epochs=5", "training.epochs=6"]
    assert load_recipe(write(tmp_path, HEAD), overrides=overrides).training.epochs == 6


def test_seeds():
    assert load_recipe("classic").seed == 0
    assert load_recipe("classic", overrides=["seed=3"]).seed == 3
    assert load_recipe("classic", overrides=["seed=3"], seed=4).seed == 4
    with pytest.raises(DanError, match="seed=-1"):
        load_recipe("classic", seed=-1)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", r"training\.epoch .*no such key\. Did you mean epochs\? Legal here: epochs,"),
        ("trainin.epochs=3", r"trainin .*no such key\. Did you mean training\? Legal here: name, summary"),
        ("losses.wavelet=3", r"losses\.wavelet.*Legal here: weights, n_fft"),
        ("losses.weights.l3=3", r"losses\.weights\.l3 .*Legal here: l1, l2, snr"),
        ("schedule.x.y=3", r"schedule\.x .*Legal here: kind"),
        ("training.epochs=3.0", r"training\.epochs=3\.0.*valid integer"),
        ('training.epochs="3"', r'training\.epochs="3".*valid integer'),
        ("training.epochs=true", r"training\.epochs=true.*valid integer"),
        ("training.epochs=many", r'training\.epochs="many".*valid integer'),
        ("training.epochs=", r'training\.epochs="".*valid integer'),
        ("training.epochs=0", r"training\.epochs=0.*greater than 0"),
        ("training=3", r"training=3"),
        ("schedule.kind=sawtooth", r"'constant', 'step', 'cosine' or 'one_cycle'"),
        ("noise.colours=white", r'noise\.colours="white"'),
        (
            "noise.snr_db=[3, 1]",
            r"^noise\.snr_db=\[3, 1\] in recipe classic: a range rises.*as \[1, 3\] does",
        ),
        ("augmentation.added_noise_db=[9, 0]", r"^augmentation\.added_noise_db=\[9, 0\] in recipe"),
        ("noise.shares=[1]", r"^noise\.shares=\[1\.0\] in recipe classic: one for each of the 0 kinds"),
        (
            "augmentation={silence_share = 0.9, clean_only_share = 0.2}",
            "^augmentation.clean_only_share=0.2, ",
        ),
        ("clean.frequency_hz=[10, 200]", r"half of signal\.sample_rate_hz is 128"),
        ("generator.kernel_size=2024-01-01", "no plain TOML value"),
        ("epochs", r"section\.key=value"),
        ("=3", r"section\.key=value"),
        ("training.=3", r"section\.key=value"),
        ("name.first=3", "name is no section"),
    ],
)
def test_a_wrong_override_is_named_with_its_rule(override, message):
    with pytest.raises(DanError, match=message):
        load_recipe("classic", overrides=[override])


def test_a_value_is_no_section():
    with pytest.raises(DanError, match="epochs is no section"):
        load_recipe("classic", overrides=["training.epochs=3", "training.epochs.first=1"])


@pytest.mark.parametrize("override", ["clean.sines=0", "clean.sines=many", "noise.snr_db=loud"])
def test_a_wrong_value_of_a_number_or_range_is_named_by_its_key(override):
    key = override.partition("=")[0]
    with pytest.raises(DanError, match=rf"^{key}="):
        load_recipe("classic", overrides=[override])


@pytest.mark.parametrize(
    ("override", "output"),
    [
        ("clean.sines=[0, 2]", r"^clean\.sines\.0=0 .*greater than 0"),
        ("noise.snr_db=[-5, 99]", r"^noise\.snr_db\.1=99 .*less than or equal to 60"),
    ],
)
def test_a_wrong_end_of_a_range_is_named(override, output):
    with pytest.raises(DanError, match=output):
        load_recipe("classic", overrides=[override])


@pytest.mark.parametrize(
    ("network", "kind", "key", "neighbour"),
    [
        ("discriminator", "classic", "hidden_channel", "hidden_channels"),
        ("discriminator", "spectral", "frames", "fft_sizes"),
        ("generator", "classic", "filters", "encoder_channels"),
        ("generator", "spectral", "filters", "dilations"),
    ],
)
def test_an_unknown_key_of_a_network_lists_its_kinds_keys(network, kind, key, neighbour):
    overrides = [f"{network}.kind={kind}", f"{network}.{key}=3"]
    with pytest.raises(DanError, match=rf"^{network}\.{key} .*Legal here: .*{neighbour}"):
        load_recipe("classic", overrides=overrides)


@pytest.mark.parametrize(
    ("section", "key", "kept"),
    [("discriminator_optimiser", "max_grad_norm", "learning_rate"), ("losses.weights", "l2", "adversarial")],
)
def test_a_section_holds_only_the_differences(tmp_path, section, key, kept):
    changed = load_recipe(write(tmp_path, HEAD + f"[{section}]\n{key} = 0.5\n"))
    value = attrgetter(f"{section}.{kept}")
    assert value(changed) == value(Recipe(name="", summary=""))


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_a_network_section_holds_only_the_differences(tmp_path, network):
    recipe = load_recipe(write(tmp_path, HEAD + f"[{network}]\nkernel_size = 8\n"))
    assert getattr(recipe, network).kernel_size == 8


def test_a_missing_key_is_named(tmp_path):
    with pytest.raises(DanError, match=r"summary .*missing"):
        load_recipe(write(tmp_path, 'name = "own"\n'))


def test_a_file_that_is_no_toml_is_named_with_its_line(tmp_path):
    with pytest.raises(DanError, match=r"own\.toml.*no TOML.*line 3"):
        load_recipe(write(tmp_path, HEAD + "epochs : 3\n"))


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DanError, match="cannot be read"):
        load_recipe(str(path))


@pytest.mark.parametrize("recipe", ["clasic", "", ".", "no/such.toml"])
def test_a_recipe_that_is_not_there_names_those_that_are(recipe):
    with pytest.raises(DanError, match=r"no such recipe or file.*classic"):
        load_recipe(recipe)


def test_a_name_too_long_for_a_file():
    with pytest.raises(DanError, match="no such recipe"):
        load_recipe("x" * 300)


def test_differences_name_the_key_and_both_values():
    one = load_recipe("classic")
    other = load_recipe("classic", overrides=["training.epochs=7", "clean.sines=[1, 2]"])
    assert recipe_differences(one, one) == []
    assert recipe_differences(one, other) == [
        "clean.sines: 3 against [1, 2]", "training.epochs: 300 against 7"
    ]  # fmt: skip
    tuned = load_recipe("classic", overrides=[f"generator_optimiser.learning_rate={0.2 * 0.003}"])
    assert recipe_differences(tuned, one)[0].startswith("generator_optimiser.learning_rate: 0.0006 against ")
