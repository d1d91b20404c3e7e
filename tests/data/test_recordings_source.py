"""Training from folders of recordings: what is heard in validation is never trained on."""

import itertools
import json

import numpy as np
import pytest
import soundfile
import torch

from dan.config import Recipe
from dan.core.arrays import energy, energy_ratio_db
from dan.core.errors import DanError
from dan.data.mixer import Pool
from dan.data.recordings_source import Folders
from dan.data.sources import open_recordings, open_training_data

RATE_HZ = 1000
BASE = {
    "signal.sample_rate_hz": RATE_HZ,
    "signal.duration_s": 0.4,
    "clean.frequency_hz": [2, 12],
    "noise.snr_db": [0, 6],
    "augmentation.clean_speed": [0.9, 1.1],
}


def tone(hz, length, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(length) / RATE_HZ)).astype(np.float32)


def write(path, signal, rate_hz=RATE_HZ):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal, rate_hz, subtype="FLOAT")


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Each of three speakers has a frequency of its own."""
    root = tmp_path_factory.mktemp("clean")
    for hz in (50, 100, 200):
        for number in range(4):
            write(root / f"speaker{hz}" / f"{number}.wav", tone(hz + number, 300 + 100 * number))
    return root


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """At another rate."""
    root = tmp_path_factory.mktemp("noise")
    for seed in range(5):
        write(root / f"{seed}.wav", 0.1 * np.random.default_rng(seed).standard_normal(900), 2500)
    return root


def loudest_hz(signals):
    size = 4096
    window = np.hanning(signals.shape[-1])
    return np.abs(np.fft.rfft(signals * window, size)).argmax(axis=-1) * RATE_HZ / size


def clean_of(source, steps=10):
    return np.concatenate([source.batch(step).clean[:, 0].numpy() for step in range(steps)])


def test_a_batch_is_as_the_recipe_says(tiny, clean, noise):
    opened = open_recordings(tiny(BASE), clean=clean, noise=noise)
    batch = opened.source.batch(0)
    assert batch.clean.shape == batch.noisy.shape == (4, 1, 400)
    assert batch.clean.dtype == batch.noisy.dtype == torch.float32
    assert opened.source.steps_per_epoch == 3
    snr_db = energy_ratio_db(energy(batch.clean.numpy()), energy((batch.noisy - batch.clean).numpy()))
    assert (snr_db > -0.01).all() and (snr_db < 6.01).all()


@pytest.mark.parametrize("reuse", [1, 2])
def test_a_step_gives_the_same_batch_whatever_came_before(tiny, clean, noise, reuse):
    recipe = tiny(BASE | {"augmentation.reuse": reuse})
    one, other = (open_recordings(recipe, clean=clean, noise=noise).source for _ in range(2))
    expected = [one.batch(step).noisy for step in range(20)]
    for step in (19, 0, 7):
        assert torch.equal(other.batch(step).noisy, expected[step])
    assert len({signal.numpy().tobytes() for batch in expected for signal in batch}) == 80


def test_a_speaker_is_on_one_side_only(tiny, clean, noise):
    opened = open_recordings(tiny(BASE), clean=clean, noise=noise)
    held_hz, trained_hz = loudest_hz(opened.validation.clean), loudest_hz(clean_of(opened.source))

    def speakers(found_hz, slack):
        bands = {
            hz: (found_hz > hz * (1 - slack) - 3) & (found_hz < (hz + 4) * (1 + slack) + 3)
            for hz in (50, 100, 200)
        }
        return {hz for hz, within in bands.items() if within.any()}

    # Speed changes the frequencies of training by a tenth.
    held, trained = speakers(held_hz, 0), speakers(trained_hz, 0.1)
    assert len(held) == 1 and held.isdisjoint(trained) and len(trained) == 2
    assert f"1 folder (speaker{held.pop()}) of 3" in opened.notes[0] and "of 5" in opened.notes[1]


def test_validation_does_not_vary_and_does_not_depend_on_the_training(tiny, clean, noise):
    one = open_recordings(tiny(BASE), clean=clean, noise=noise)
    other = open_recordings(
        tiny(BASE | {"augmentation.clean_speed": 3.0, "training.epochs": 9, "augmentation.gain_db": -40}),
        clean=clean,
        noise=noise,
    )
    np.testing.assert_array_equal(one.validation.mixed, other.validation.mixed)
    assert one.source.digest == other.source.digest


def test_a_validation_signal_may_be_longer(tiny, clean, noise):
    recipe = tiny(BASE | {"recordings.validation_duration_s": 1.5})
    opened = open_recordings(recipe, clean=clean, noise=noise)
    assert opened.validation.clean.shape == opened.validation.mixed.shape == (4, 1500)


def test_a_single_recording_of_two_leads_is_cut_in_time(tiny, tmp_path):
    """Both leads rise: where a sample lies is what it says."""
    rising = np.arange(1, 20001, dtype=np.float32)
    np.save(tmp_path / "ecg.npy", np.stack([rising, -rising]))
    recipe = tiny(BASE | {"augmentation.clean_speed": 1.0, "recordings.held_out_share": 0.25})
    opened = open_recordings(recipe, clean=tmp_path, sample_rate_hz=RATE_HZ)
    trained, held = clean_of(opened.source, 40), opened.validation.clean
    assert np.abs(trained).max() <= 14000 and np.abs(held).min() > 15000  # with the gap of 1 s between
    assert {*np.sign(trained[:, 0])} == {1.0, -1.0}


def test_without_noise_it_is_synthesised(tiny, clean):
    recipe = tiny(BASE | {"noise.kinds": ["wander", "hum"], "noise.mains_hz": [50.0]})
    opened = open_recordings(recipe, clean=clean)
    assert "without --noise: what is mixed in is synthesised (wander, hum)" in opened.notes
    batch = opened.source.batch(0)
    added = (batch.noisy - batch.clean)[:, 0].numpy()
    power = np.abs(np.fft.rfft(added * np.hanning(400))) ** 2
    near = np.minimum(np.arange(201) * 2.5 % 50, 50 - np.arange(201) * 2.5 % 50) <= 7.5
    assert power[:, near].sum() / power.sum() > 0.99


def test_noisy_and_clean_recordings_that_belong_together(tiny, tmp_path):
    for number in range(6):
        signal = np.random.default_rng(number).standard_normal(1000).astype(np.float32)
        write(tmp_path / "clean" / f"{number}.wav", signal)
        write(tmp_path / "noisy" / f"{number}.wav", signal + 0.25)
    opened = open_recordings(tiny(BASE), clean=tmp_path / "clean", noisy=tmp_path / "noisy")
    batch = opened.source.batch(0)
    added = (batch.noisy - batch.clean).numpy()
    # Resampling rings at the ends of a recording and lets the constant through: a hundredth of it.
    assert np.median(np.abs(added - 0.25)) < 0.0025
    np.testing.assert_allclose(opened.validation.mixed - opened.validation.clean, 0.25, atol=1e-6)


@pytest.mark.parametrize("remove_mean", [False, True])
@pytest.mark.parametrize("partner", ["noise", "noisy"])
def test_an_offset_of_the_clean_signal_is_taken_off_where_that_is_wanted(
    tiny, tmp_path, remove_mean, partner
):
    for number in range(4):
        signal = 1 + tone(20 + number, 3000)
        write(tmp_path / "clean" / f"{number}.wav", signal)
        added = np.random.default_rng(number).standard_normal(3000).astype(np.float32)
        write(tmp_path / partner / f"{number}.wav", added if partner == "noise" else signal + added)
    recipe = tiny(BASE | {"recordings.remove_mean": remove_mean})
    opened = open_recordings(recipe, clean=tmp_path / "clean", **{partner: tmp_path / partner})
    for clean, mixed in [
        (opened.validation.clean, opened.validation.mixed),
        (
            clean_of(opened.source),
            np.concatenate([opened.source.batch(s).noisy[:, 0].numpy() for s in range(10)]),
        ),
    ]:
        # 400 samples hold whole periods of 20 Hz only, at speed 1; else up to half a period of 0.5 is left.
        np.testing.assert_allclose(
            clean.mean(axis=-1), 0 if remove_mean else 1, atol=1e-6 if remove_mean else 0.05
        )
        assert np.abs((mixed - clean).mean(axis=-1)).max() < 0.3  # of white noise, 1 / sqrt(400) each


@pytest.mark.parametrize("partner", ["noise", "noisy"])
def test_a_drift_of_the_clean_signal_is_taken_out_where_that_is_wanted(tiny, tmp_path, partner):
    drift = 2 * tone(0.3, 3000)
    for number in range(4):
        signal = drift + tone(20 + number, 3000)
        write(tmp_path / "clean" / f"{number}.wav", signal)
        added = np.random.default_rng(number).standard_normal(3000).astype(np.float32)
        write(tmp_path / partner / f"{number}.wav", added if partner == "noise" else signal + added)
    recipe = tiny(BASE | {"recordings.highpass_hz": 2.0})
    opened = open_recordings(recipe, clean=tmp_path / "clean", **{partner: tmp_path / partner})
    for clean in (opened.validation.clean, clean_of(opened.source)):
        # A sine of 0.5, of which the cutoff an octave and more below takes little.
        np.testing.assert_allclose(clean.std(axis=-1), 0.5 / np.sqrt(2), rtol=0.05)
        assert np.abs(clean.mean(axis=-1)).max() < 0.05
    in_noise = np.abs((opened.validation.mixed - opened.validation.clean).mean(axis=-1)).max()
    assert (in_noise > 0.3) == (partner == "noisy")  # in pairs the drift is noise, in mixtures it is nowhere


def test_a_drift_of_either_take_is_in_no_target(tiny, tmp_path):
    for number, take in itertools.product(range(4), ("first", "second")):
        drift = 2 * tone(0.3 if take == "first" else 0.4, 3000)
        write(tmp_path / take / f"{number}.wav", drift + tone(20 + number, 3000))
    folders = Folders(noisy=tmp_path / "first", second_take=tmp_path / "second")
    opened = open_training_data(tiny(BASE | {"recordings.highpass_hz": 2.0}), folders)
    batch = opened.source.batch(0)
    for steady in (opened.validation.clean, opened.validation.mixed, batch.clean.numpy()):
        assert np.abs(steady.mean(axis=-1)).max() < 0.05
    assert np.abs(batch.noisy.numpy().mean(axis=-1)).max() > 0.3  # what is denoised drifts


@pytest.mark.parametrize(
    ("first", "second"),
    [("noisy", "second_take"), ("clean", "noisy"), ("noisy", "noise"), ("clean", "noise")],
)
def test_every_mixer_says_how_many_signals_the_held_out_recordings_hold(tiny, tmp_path, first, second):
    for number, folder in itertools.product(range(4), (first, second)):
        hum = tone(50 if folder == first else 60, 700)
        write(tmp_path / folder / f"{number}.wav", hum + tone(20 + number, 700))
    folders = Folders(**{name: tmp_path / name for name in (first, second)})
    recipe = tiny(BASE | {"data.validation_count": 30})
    validation = open_training_data(recipe, folders).validation
    assert validation.distinct == 700 / recipe.signal.length_samples  # of one of the four
    assert len(validation.mixed) == 30


def test_of_one_short_recording_is_held_out_what_three_validation_signals_last(tiny, tmp_path):
    write(tmp_path / "clean" / "a.wav", tone(20, 60_000))
    recipe = tiny(BASE | {"recordings.held_out_share": 0.03, "recordings.validation_duration_s": 4.0})
    notes = open_recordings(recipe, clean=tmp_path / "clean").notes
    assert any("held out for validation the last 20% (12 s) of 1 file (a.wav)" in note for note in notes)


def test_upsampled_recordings_are_noted(tiny, clean):
    opened = open_recordings(tiny(BASE | {"signal.sample_rate_hz": 4000}), clean=clean)
    assert any("12 of 12 recordings are upsampled to 4000 Hz" in note for note in opened.notes)


def test_what_is_wrong_is_named(tiny, clean, noise, tmp_path):
    recipe = tiny(BASE)
    with pytest.raises(DanError, match="the same recording is in clean and in noise"):
        open_recordings(recipe, clean=clean, noise=clean)
    with pytest.raises(DanError, match="Give one of them"):
        open_recordings(recipe, clean=clean, noise=noise, noisy=noise)
    with pytest.raises(DanError, match="no such folder"):
        open_recordings(recipe, clean=clean, noise=tmp_path / "none")
    with pytest.raises(DanError, match=r"recordings\.highpass_hz=1e\+06.*half the rate.*\.wav.*Lower it"):
        open_recordings(tiny(BASE | {"recordings.highpass_hz": 1e6}), clean=clean)
    with pytest.raises(DanError, match="no partner"):
        open_recordings(recipe, clean=clean, noisy=noise)


def test_no_batch_is_drawn_that_no_step_takes(tiny, clean, noise, monkeypatch):
    recipe = tiny(BASE | {"training.epochs": 1, "training.steps_per_epoch": 3})
    drawn, pairs = [], Pool.pairs
    monkeypatch.setattr(Pool, "pairs", lambda pool, step: drawn.append(step) or pairs(pool, step))
    source = open_recordings(recipe, clean=clean, noise=noise).source
    for step in range(3):
        source.batch(step)
    assert drawn == [0, 1, 2]


def test_progress_goes_over_both_folders(tiny, clean, noise, reported):
    open_recordings(tiny(BASE), clean=clean, noise=noise)
    assert list(reported) == [f"Indexing {clean}", f"Indexing {noise}"]
    assert all(shares[-1] == 1.0 and len(shares) > 2 for shares in reported.values())


def test_recipes_with_recordings_survive_writing(tiny):
    recipe = tiny(BASE | {"recordings.held_out_count": 3, "augmentation.noise_count": [1, 3]})
    assert Recipe.model_validate_json(json.dumps(recipe.model_dump(mode="json")), strict=True) == recipe


# What is told before a training


def pairs_in(tmp_path, noisy, count=3):
    """A folder of clean recordings and one of what is made of them."""
    for number in range(count):
        signal = np.random.default_rng(number).standard_normal(4000).astype(np.float32)
        write(tmp_path / "c" / f"{number}.wav", signal)
        write(tmp_path / "n" / f"{number}.wav", noisy(signal, number))
    return {"clean": tmp_path / "c", "noisy": tmp_path / "n"}


def test_one_folder_as_clean_and_noisy_is_refused(tiny, tmp_path):
    folder = pairs_in(tmp_path, lambda signal, _: signal)["clean"]
    with pytest.raises(DanError, match="given for both sides"):
        open_recordings(tiny(BASE), clean=folder, noisy=folder.parent / "n" / ".." / "c")


def test_a_copy_of_clean_as_noisy_is_refused(tiny, tmp_path):
    folders = pairs_in(tmp_path, lambda signal, _: signal)
    with pytest.raises(DanError, match="there is no noise to learn from"):
        open_recordings(tiny(BASE), **folders)


def test_noisy_under_the_name_of_another_is_refused(tiny, tmp_path):
    folders = pairs_in(tmp_path, lambda signal, number: signal + 1)
    for number in range(3):
        other = np.random.default_rng((number + 1) % 3).standard_normal(4000).astype(np.float32)
        write(tmp_path / "n" / f"{number}.wav", other)
    with pytest.raises(DanError, match=r"0\.wav: it holds the very samples of 1 in"):
        open_recordings(tiny(BASE), **folders)


def test_some_noisy_recordings_without_noise_are_counted(tiny, tmp_path):
    folders = pairs_in(
        tmp_path, lambda signal, number: signal + (number > 0) * np.float32(0.5) * signal[::-1]
    )
    notes = open_recordings(tiny(BASE), **folders).notes
    assert f"{tmp_path / 'n'}: 1 of 3 recordings are the same as the clean ones" in notes


def test_a_clip_below_a_sample_of_the_recipe_is_left_out(tiny, clean, noise, tmp_path):
    write(tmp_path / "c" / "long.wav", tone(50, 4000))
    write(tmp_path / "c" / "long2.wav", tone(60, 4000))
    write(tmp_path / "c" / "brief.wav", 0.5 * np.random.default_rng(0).standard_normal(60), 44100)
    opened = open_recordings(tiny(BASE), clean=tmp_path / "c", noise=noise)
    assert "1 shorter than 0.0022 s (brief.wav)" in opened.notes[0]
    for step in range(9):
        opened.source.batch(step)


def test_nothing_is_prepared_beyond_the_last_step(tiny, clean, noise):
    source = open_recordings(tiny(BASE), clean=clean, noise=noise).source  # 3 epochs of 3 steps
    source.batch(7)
    assert list(source._ahead) == [8]
    source.batch(8)
    assert source._ahead == {}
    source.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        source.batch(0)
