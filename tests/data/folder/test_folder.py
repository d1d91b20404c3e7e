"""Data folders: made whole and the same from a seed, read in every layout, and each kind of damage found."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from dan.config import DataSettings, NoiseSettings, Recipe, SignalSettings, ToneSettings
from dan.config.load import load_recipe
from dan.core.arrays import energy, energy_ratio_db
from dan.core.errors import DanError
from dan.data.folder import load as folders
from dan.data.folder.layout import KINDS, SIDES, read_dataset
from dan.data.folder.load import check, create, load_signals, load_split

COUNTS = {"train": 6, "validation": 4}
RECIPE = Recipe(
    name="test",
    summary="of a test",
    clean=ToneSettings(sines=(1, 3), phase_spread_rad=1.0),
    noise=NoiseSettings(colours=("white", "pink"), snr_db=(-5.0, 5.0)),
    data=DataSettings(train_count=6, validation_count=4),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return create(RECIPE, tmp_path_factory.mktemp("made") / "data")


@pytest.fixture
def data(made, tmp_path):
    """A copy to damage."""
    return shutil.copytree(made, tmp_path / "data")


@pytest.fixture
def quick(monkeypatch):
    """Leaves out what takes the time: drawing."""
    monkeypatch.setattr(folders, "draw_picture", lambda path, *args, **settings: path.write_bytes(b""))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def change(path, how):
    np.save(path, how(np.load(path)))


def problems(data, **settings):
    before = contents(data)
    found = check(data, **settings).problems
    assert contents(data) == before
    return found


def the_problem(data, **settings):
    (problem,) = problems(data, **settings)
    return problem


# Making


def test_the_tree_is_the_contract(made):
    assert {path.name for path in made.iterdir()} == {
        "dataset.json", "train", "validation", "train.png", "validation.png", "resampled"
    }  # fmt: skip
    for side, count in COUNTS.items():
        for kind in KINDS:
            names = sorted(path.name for path in (made / side / kind).iterdir())
            assert names == [f"tone_{row:04d}.npy" for row in range(count)]
            signal = np.load(made / side / kind / names[0])
            assert signal.shape == (256,) and signal.dtype == np.float32
        assert (made / f"{side}.png").read_bytes().startswith(b"\x89PNG")


def test_dataset_json_says_what_it_is(made):
    text = json.loads((made / "dataset.json").read_text())
    assert {key: text[key] for key in ("sample_rate_hz", "duration_s", "snr_db", "seed", "counts")} == {
        "sample_rate_hz": 256.0, "duration_s": 1.0, "snr_db": [-5.0, 5.0], "seed": 0, "counts": COUNTS
    }  # fmt: skip
    assert text["dan_version"]
    assert read_dataset(made).recipe == RECIPE


def test_listening_copies_are_at_44100_hz_and_their_own_level(made):
    assert len(list((made / "resampled").iterdir())) == 2 * 3 * 3
    signal = np.load(made / "train" / "clean" / "tone_0001.npy")
    resampled, rate_hz = soundfile.read(made / "resampled" / "train_tone_0001_clean.wav")
    assert rate_hz == 44100 and len(resampled) == 44100
    # Every 11025th sample falls on a 64th original one. The band limit at both ends rings, hence the middle.
    np.testing.assert_allclose(resampled[11025:44100:11025], signal[64:256:64], atol=0.02)


def test_mixed_is_clean_plus_scaled_noise_at_the_snr(made):
    split = load_split(made, "train")
    clean, noise, mixed = (getattr(split, kind).astype(np.float64) for kind in KINDS)
    gain = ((mixed - clean) * noise).sum(axis=-1) / energy(noise)
    # Half a unit in the last place of float32 at amplitudes below 4, plus what it does to the gain.
    np.testing.assert_allclose(mixed, clean + gain[:, None] * noise, atol=4 * 2.0**-24)
    snr_db = energy_ratio_db(energy(clean), energy(mixed - clean))
    assert (snr_db > -5).all() and (snr_db < 5).all() and np.ptp(snr_db) > 1


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(made, tmp_path):
    assert contents(create(RECIPE, tmp_path / "same")) == contents(made)
    other = contents(create(RECIPE, tmp_path / "other", seed=1))
    assert other.keys() == contents(made).keys()
    assert all(content != contents(made)[path] for path, content in other.items())


def test_a_side_does_not_depend_on_the_other(made, tmp_path, quick):
    recipe = RECIPE.model_copy(update={"data": DataSettings(train_count=2, validation_count=4)})
    fewer = create(recipe, tmp_path / "fewer")
    np.testing.assert_array_equal(load_split(fewer, "validation").mixed, load_split(made, "validation").mixed)
    assert not np.isin(
        load_split(made, "train").clean[:4, 1], load_split(made, "validation").clean[:, 1]
    ).any()


def test_a_recipe_of_recordings_draws_no_data(tmp_path):
    with pytest.raises(DanError, match=r"recipe speech-8k: its signals are recordings.* dan data mix"):
        create(load_recipe("speech-8k"), tmp_path / "data")
    assert not any(tmp_path.iterdir())


def test_progress_ends_at_one(tmp_path, quick, reported):
    create(RECIPE, tmp_path / "data")
    assert list(reported) == ["Writing train", "Writing validation"]
    assert sum(len(shares) - 1 for shares in reported.values()) == 10  # signals; each begins with 0
    assert all(shares[-1] == 1.0 for shares in reported.values())


def test_an_empty_folder_is_filled_and_a_data_folder_replaced_by_force_only(tmp_path, quick):
    (tmp_path / "data").mkdir()
    data = create(RECIPE, tmp_path / "data")
    before = contents(data)
    with pytest.raises(DanError, match=r"data: it exists already.*--force"):
        create(RECIPE, data, seed=1)
    assert contents(data) == before
    create(RECIPE, data, seed=1, force=True)
    assert read_dataset(data).seed == 1 and [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("foreign", ["thesis.doc", "train/clean_photos", "train/labels.csv", ".git"])
def test_a_folder_with_anything_else_is_never_replaced(tmp_path, foreign):
    (tmp_path / "train").mkdir()
    (tmp_path / foreign).write_text("ten years of work")
    with pytest.raises(DanError, match="other things"):
        create(RECIPE, tmp_path, force=True)
    assert (tmp_path / foreign).read_text() == "ten years of work"


FAILURES = [
    (OSError(28, "No space left on device"), DanError, "No space left"),
    (KeyboardInterrupt(), KeyboardInterrupt, None),
]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("writer", ["_save_signals", "write_resampled", "draw_picture", "_save_dataset"])
@pytest.mark.parametrize("existing", ["data", "nothing"])
def test_what_goes_wrong_leaves_nothing_new(request, tmp_path, monkeypatch, *, failure, writer, existing):
    error, expected, message = failure
    out = request.getfixturevalue("data") if existing == "data" else tmp_path / "data"
    before = contents(tmp_path)
    calls, right = [], getattr(folders, writer)

    def fails_at_last(*args, **settings):
        calls.append(args)
        if writer == "_save_dataset" or len(calls) == 2:
            raise error
        return right(*args, **settings)

    monkeypatch.setattr(folders, writer, fails_at_last)
    with pytest.raises(expected, match=message):
        create(RECIPE, out, seed=1, force=True)
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["data"] if existing == "data" else [])


def test_a_recipe_that_cannot_be_followed_leaves_nothing(tmp_path):
    recipe = RECIPE.model_copy(update={"noise": NoiseSettings(hum_hz=500.0)})
    with pytest.raises(DanError, match="hum_hz"):
        create(recipe, tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


# Reading


def test_a_side_is_read_in_order(made):
    split = load_split(made, "validation")
    assert split.stems == tuple(f"tone_{row:04d}" for row in range(4)) and split.sample_rate_hz == 256.0
    for kind in KINDS:
        stacked = getattr(split, kind)
        assert stacked.dtype == np.float32 and stacked.shape == (4, 256)
        np.testing.assert_array_equal(stacked[2], np.load(made / "validation" / kind / "tone_0002.npy"))


def founding(made, data, *, digits=4):
    """The same signals under the founding system's names."""
    names = {"clean": "sine_wave_{0}", "noise": "noise_{0}", "mixed": "mixed_sine_wave_{0}_noise_{0}"}
    for side in SIDES:
        for kind in KINDS:
            (data / side / kind).mkdir(parents=True)
            for path in (made / side / kind).iterdir():
                number = int(path.stem[-4:]) + 98  # from two digits to three
                shutil.copy(path, data / side / kind / f"{names[kind].format(f'{number:0{digits}}')}.npy")
    return data


@pytest.mark.parametrize("digits", [4, 1])
def test_the_founding_layout_is_read(made, tmp_path, digits):
    data = founding(made, tmp_path / "data", digits=digits)
    split = load_split(data, "train", sample_rate_hz=256)
    assert split.stems[0] == f"sine_wave_{98:0{digits}}" and split.sample_rate_hz == 256
    for kind in KINDS:
        np.testing.assert_array_equal(getattr(split, kind), getattr(load_split(made, "train"), kind))
    assert problems(data, sample_rate_hz=256) == ()
    with pytest.raises(DanError, match=r"sample rate.*--sample-rate"):
        load_split(data, "train")
    assert "--sample-rate" in the_problem(data)


def test_noise_of_other_names_is_paired_by_number(data):
    for path in (data / "train" / "noise").iterdir():
        path.rename(path.with_name(path.name.replace("tone_", "hiss")))
    assert problems(data) == ()


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_no_recipe_takes_is_refused(tmp_path, seed):
    with pytest.raises(DanError, match=f"seed={seed}"):
        create(RECIPE, tmp_path / "data", seed=seed)


def test_names_without_a_number_are_named(data):
    for kind in KINDS:
        (data / "train" / kind / "tone_0003.npy").unlink()
        for path in (data / "train" / kind).iterdir():
            path.rename(path.with_name(f"{kind}_{path.name}"))
        path = data / "train" / kind / f"{kind}_tone_0002.npy"
        path.rename(path.with_name(f"{kind}.npy"))
    found = problems(data)
    for kind, problem in zip(KINDS, found, strict=False):
        assert f"{kind}/{kind}.npy: its name ends in no number" in problem
    assert "dataset.json says 6 signals, there are 4" in found[3] and len(found) == 4


def test_audio_without_dataset_json_is_read(made, tmp_path):
    for kind in KINDS:
        (tmp_path / "train" / kind).mkdir(parents=True)
        for path in (made / "train" / kind).iterdir():
            target = tmp_path / "train" / kind / f"{path.stem}.wav"
            soundfile.write(target, 0.1 * np.load(path), 256, subtype="PCM_16")
    split = load_split(tmp_path, "train")
    assert split.sample_rate_hz == 256
    # A step of 16 bits: soundfile rounds down.
    np.testing.assert_allclose(split.mixed, 0.1 * load_split(made, "train").mixed, atol=2.0**-15)
    assert all("validation" in problem for problem in problems(tmp_path))


def test_a_folder_without_noise_files_is_read(data):
    for side in SIDES:
        shutil.rmtree(data / side / "noise")
    assert load_split(data, "train").noise is None
    assert [problem.split(":")[0] for problem in problems(data)] == [str(data / s / "noise") for s in SIDES]


@pytest.mark.parametrize("what", [check, lambda data: load_split(data, "train")])
@pytest.mark.parametrize("kind", ["missing", "empty", "file", "other"])
def test_what_is_no_data_folder_is_refused(tmp_path, what, kind):
    data = tmp_path / "data"
    if kind == "file":
        data.write_text("")
    elif kind != "missing":
        data.mkdir()
    if kind == "other":
        (data / "notes.txt").write_text("")
    with pytest.raises(DanError, match=r"data: .*(no such folder|no recordings)"):
        what(data)


# Verifying


def test_a_sound_folder_has_no_problems_and_true_figures(made, reported):
    report = check(made)
    assert report.problems == () and report.sample_rate_hz == 256.0 and reported["Checking"][-1] == 1.0
    for side in SIDES:
        split, found = load_split(made, side), report.sides[side]
        snr_db = 20 * np.log10(
            np.std(split.clean, axis=-1, mean=0) / np.std(split.mixed - split.clean, axis=-1, mean=0)
        )
        assert found.count == COUNTS[side] and found.length_samples == (256, 256)
        # Computed in float32 here.
        np.testing.assert_allclose(found.snr_db, (snr_db.min(), snr_db.mean(), snr_db.max()), atol=1e-3)
    assert "train: 6 signals of 256 samples" in report.describe() and "no problems" in report.describe()


@pytest.mark.parametrize("kind", KINDS)
def test_an_unpaired_file_is_found(data, kind):
    (data / "train" / kind / "tone_0003.npy").unlink()
    found = problems(data)
    assert sum("tone_0003" in problem and f"no partner in {kind}" in problem for problem in found) == 1
    assert sum("dataset.json says 6 signals, there are 5" in problem for problem in found) == 1
    with pytest.raises(DanError, match=rf"tone_0003.*no partner in {kind}"):
        load_split(data, "train")


@pytest.mark.parametrize("kind", ["clean", "mixed"])
def test_a_missing_kind_is_found(data, kind):
    shutil.rmtree(data / "train" / kind)
    assert str(data / "train" / kind) in problems(data)[0]
    with pytest.raises(DanError, match=f"{kind}: it is missing or empty"):
        load_split(data, "train")


def test_two_files_of_one_name_are_found(data):
    soundfile.write(data / "train" / "clean" / "tone_0003.wav", np.ones(256), 256)
    assert "tone_0003.npy has the same name" in the_problem(data)


DAMAGE = {
    "nan": (lambda x: np.where(np.arange(256) == 7, np.nan, x), "nan at sample 7"),
    "infinite": (lambda x: np.where(np.arange(256) == 9, np.inf, x), "inf at sample 9"),
    "rank": (lambda x: x[None], "shape must be"),
    "empty": (lambda x: x[:0], "no samples"),
    "objects": (lambda x: np.array([{}, None]), "cannot be read"),
    "length": (lambda x: x[:255], "255"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_named(data, kind, damage):
    how, reason = DAMAGE[damage]
    change(data / "train" / kind / "tone_0002.npy", how)
    problem = the_problem(data)
    assert f"{kind}/tone_0002.npy" in problem and reason in problem
    with pytest.raises(DanError, match=rf"{kind}/tone_0002\.npy"):
        load_split(data, "train")


def test_a_zero_length_file_is_named(data):
    (data / "validation" / "mixed" / "tone_0001.npy").write_bytes(b"")
    assert "mixed/tone_0001.npy: it is empty" in the_problem(data)


def test_another_rate_is_named(data):
    path = data / "train" / "noise" / "tone_0002"
    soundfile.write(path.with_suffix(".wav"), np.load(path.with_suffix(".npy")), 8000, subtype="FLOAT")
    path.with_suffix(".npy").unlink()
    assert "tone_0002.wav at sample_rate_hz=8000" in the_problem(data)
    with pytest.raises(DanError, match=r"tone_0002\.wav at sample_rate_hz=8000"):
        load_split(data, "train")


def test_a_signal_of_another_length_is_named(data):
    for kind in KINDS:
        change(data / "train" / kind / "tone_0002.npy", lambda x: x[:200])
    (data / "dataset.json").unlink()
    found = problems(data, sample_rate_hz=256)
    assert len(found) == 1 and "clean/tone_0002.npy of 200 samples: most others have 256" in found[0]
    with pytest.raises(DanError, match=r"tone_0002\.npy of 200 samples"):
        load_split(data, "train", sample_rate_hz=256)


def test_mixed_that_does_not_add_up_is_named(data):
    change(data / "train" / "mixed" / "tone_0002.npy", lambda x: x + 1e-5 * (np.arange(256) == 3))
    assert "mixed/tone_0002.npy: it is not tone_0002.npy plus a gain times" in the_problem(data)


def test_noise_of_another_signal_is_named(data):
    shutil.copy(data / "train" / "noise" / "tone_0001.npy", data / "train" / "noise" / "tone_0002.npy")
    assert "mixed/tone_0002.npy: it is not" in the_problem(data)


def test_an_snr_outside_the_recipe_is_named(data):
    clean, noise = (np.load(data / "train" / kind / "tone_0002.npy") for kind in ("clean", "noise"))
    change(data / "train" / "mixed" / "tone_0002.npy", lambda x: clean + 0.01 * noise)
    problem = the_problem(data)
    assert "mixed/tone_0002.npy: its SNR is" in problem and "-5 to 5" in problem


def test_clean_as_mixed_and_silence_are_named(data):
    shutil.copy(data / "train" / "clean" / "tone_0002.npy", data / "train" / "mixed" / "tone_0002.npy")
    assert any("mixed/tone_0002.npy: it equals the clean signal" in problem for problem in problems(data))
    change(data / "train" / "clean" / "tone_0003.npy", np.zeros_like)
    assert any("clean/tone_0003.npy: it is silent" in problem for problem in problems(data))


@pytest.mark.parametrize("gain", [1.0, 0.3, -2.7])
def test_the_same_signal_on_both_sides_is_found_at_any_level(data, gain):
    for kind in KINDS:
        moved = np.load(data / "train" / kind / "tone_0004.npy")
        np.save(data / "validation" / kind / "tone_0001.npy", (gain * moved).astype(np.float32))
    problem = the_problem(data)
    assert "validation/clean/tone_0001.npy" in problem and "train/clean/tone_0004.npy" in problem


def test_nearly_the_same_signal_is_another(data):
    near = np.load(data / "train" / "clean" / "tone_0004.npy")
    near *= 1 + 1e-4 * np.sin(np.arange(256))
    for kind in KINDS:
        shutil.copy(data / "train" / kind / "tone_0004.npy", data / "validation" / kind / "tone_0001.npy")
    np.save(data / "validation" / "clean" / "tone_0001.npy", near)
    assert not any("same signal" in problem for problem in problems(data))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "dataset.json"),
        ("{}", "sample_rate_hz"),
        ('{"sample_rate_hz": -1}', "sample_rate_hz"),
        ("[1]", "json"),
    ],
)
def test_a_broken_dataset_json_is_named(data, content, reason):
    (data / "dataset.json").write_text(content)
    assert reason in the_problem(data)
    with pytest.raises(DanError, match=reason):
        load_split(data, "train")


@pytest.mark.parametrize("change", [{"noise": {"hue": 1}}, "tones"])
def test_a_recipe_of_another_version_is_told_and_not_used(data, caplog, change):
    said = json.loads((data / "dataset.json").read_text())
    said["recipe"] = said["recipe"] | change if isinstance(change, dict) else change
    (data / "dataset.json").write_text(json.dumps(said))
    assert read_dataset(data).recipe is None
    assert "its recipe is of another version of DAN and is not used (recipe" in caplog.text


def test_one_signal_of_one_sample_makes_a_folder(tmp_path):
    recipe = RECIPE.model_copy(
        update={
            "signal": SignalSettings(duration_s=1 / 256),
            "clean": ToneSettings(phase_spread_rad=1.0),
            "data": DataSettings(train_count=1, validation_count=1),
        }
    )
    assert load_split(create(recipe, tmp_path / "data"), "train").clean.shape == (1, 1)


def test_signals_of_their_own_lengths_are_read(data):
    for kind in KINDS:
        change(data / "train" / kind / "tone_0002.npy", lambda x: x[:200])
    loaded = load_signals(data, "train")
    assert [len(signal) for signal in loaded.mixed] == [
        200 if "2" in path.stem[-1] else 256 for path in loaded.paths
    ]
    np.testing.assert_array_equal(loaded.clean[2], np.load(data / "train" / "clean" / "tone_0002.npy"))


def test_a_file_of_two_channels_is_refused(data):
    path = data / "train" / "mixed" / "tone_0002.npy"
    soundfile.write(path.with_suffix(".wav"), np.zeros((256, 2)), 256, subtype="FLOAT")
    path.unlink()
    with pytest.raises(DanError, match=r"tone_0002\.wav of 2 channels: a data folder's files have one"):
        load_signals(data, "train")


def test_a_varying_number_of_sines_is_told(tmp_path, tiny):
    recipe = tiny({"clean.sines": (1, 3), "data.train_count": 30})
    data = create(recipe, tmp_path / "varied")
    reported = load_signals(data, "train").sines
    spectra = np.abs(np.fft.rfft(load_signals(data, "train").clean))
    assert set(reported) == {1, 2, 3}
    for number, spectrum in zip(reported, spectra, strict=True):
        assert number > 1 or np.sum(spectrum > spectrum.max() / 2) <= 3  # one sine has one peak
    (data / "dataset.json").write_text(
        json.dumps({"sample_rate_hz": 64, "sines": {"train": {"tone_0000": 2}}})
    )
    assert load_signals(data, "train").sines is None  # not said of all
