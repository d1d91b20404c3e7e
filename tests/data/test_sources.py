"""Batches follow from the seed and the step alone; validation signals are never trained on."""

import json

import numpy as np
import pytest
import torch

from dan.config import SignalSettings
from dan.core.arrays import energy, energy_ratio_db
from dan.core.errors import DanError
from dan.data.batches import to_tensor
from dan.data.recordings_source import Folders
from dan.data.sources import open_source, open_training_data, open_validation

FOLDER = {"data.source": "folder"}


@pytest.fixture(scope="module")
def data(tiny, write_data, tmp_path_factory):
    return write_data(tiny(FOLDER), tmp_path_factory.mktemp("made") / "data")


def rows(batch):
    """Each signal's clean and noisy samples as something that can be counted."""
    pairs = zip(batch.clean.numpy(), batch.noisy.numpy(), strict=True)
    return [(clean.tobytes(), noisy.tobytes()) for clean, noisy in pairs]


KINDS = [{}, FOLDER, FOLDER | {"data.fresh_noise": True}]
ids = ["fresh", "folder", "folder with fresh noise"]


@pytest.mark.parametrize("changes", KINDS, ids=ids)
class TestEverySource:
    def test_a_batch_is_as_the_recipe_says(self, tiny, data, changes):
        batch = open_source(tiny(changes), data).batch(0)
        assert batch.clean.shape == batch.noisy.shape == (4, 1, 64)
        assert batch.clean.dtype == batch.noisy.dtype == torch.float32
        snr_db = energy_ratio_db(
            energy(batch.clean.numpy()), energy(batch.noisy.numpy() - batch.clean.numpy())
        )
        assert snr_db == pytest.approx(3.0, abs=1e-3)  # float32 keeps 1e-7 of the mixed signal

    def test_a_step_gives_the_same_batch_whatever_came_before(self, tiny, data, changes):
        recipe = tiny(changes)
        one, other = open_source(recipe, data), open_source(recipe, data)
        expected = [rows(one.batch(step)) for step in range(5)]
        assert [rows(other.batch(step)) for step in (4, 0, 3)] == [expected[4], expected[0], expected[3]]
        assert len({signal for batch in expected for signal in batch}) > 4

    def test_another_seed_gives_other_batches(self, tiny, data, changes):
        one = open_source(tiny(changes), data).batch(0)
        other = open_source(tiny(changes | {"seed": 1}), data).batch(0)
        assert not torch.equal(one.noisy, other.noisy)

    def test_validation_shares_no_signal_with_training(self, tiny, data, changes):
        recipe = tiny(changes)
        for place in (data, None) if not changes else (data,):
            validation = open_validation(recipe, place)
            assert validation.clean.shape == validation.mixed.shape == (4, 64)
            kept = {signal.tobytes() for signal in validation.clean}
            source = open_source(recipe, place)
            seen = {clean for step in range(20) for clean, _ in rows(source.batch(step))}
            assert len(kept) == 4 and kept.isdisjoint(seen)

    def test_validation_does_not_depend_on_how_long_the_training_is(self, tiny, data, changes):
        one = open_validation(tiny(changes), data)
        other = open_validation(tiny(changes | {"training.batch_size": 2, "training.epochs": 9}), data)
        assert np.array_equal(one.mixed, other.mixed)


@pytest.mark.parametrize("batch", [1, 3, 9])
def test_an_epoch_covers_the_folder_once(tiny, data, batch):
    # Networks without batch normalisation take signals one by one.
    networks = {"generator": {"kind": "spectral", "band_hz": [0, 32]}, "discriminator": {"kind": "spectral"}}
    source = open_source(tiny(FOLDER | networks | {"training.batch_size": batch}), data)
    assert source.steps_per_epoch == 9 // batch
    names = [f"{row:02d}.npy" for row in range(9)]
    stored = sorted(
        tuple(np.load(data / "train" / kind / name).tobytes() for kind in ("clean", "mixed"))
        for name in names
    )
    epochs = [
        [signal for step in range(source.steps_per_epoch) for signal in rows(source.batch(start + step))]
        for start in (0, source.steps_per_epoch)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == stored
    assert epochs[0] != epochs[1]


def test_what_does_not_fill_a_batch_waits_its_turn(tiny, data):
    source = open_source(tiny(FOLDER), data)
    assert source.steps_per_epoch == 2
    epochs = [rows(source.batch(step)) + rows(source.batch(step + 1)) for step in range(0, 40, 2)]
    assert all(len(set(epoch)) == 8 for epoch in epochs)
    assert len({signal for epoch in epochs for signal in epoch}) == 9


def test_a_batch_is_at_most_the_folder(tiny, data):
    source = open_source(tiny(FOLDER | {"training.batch_size": 50}), data)
    assert source.steps_per_epoch == 1 and len(source.batch(0).clean) == 9


def test_fresh_noise_keeps_the_clean_signals_and_their_order(tiny, data):
    stored = open_source(tiny(FOLDER), data)
    fresh = open_source(tiny(FOLDER | {"data.fresh_noise": True}), data)
    for step in range(4):
        assert torch.equal(stored.batch(step).clean, fresh.batch(step).clean)
        assert not torch.equal(stored.batch(step).noisy, fresh.batch(step).noisy)
    noise = [fresh.batch(step).noisy - fresh.batch(step).clean for step in range(2)]
    assert not torch.allclose(noise[0], noise[1])


def test_fresh_noise_follows_the_range_of_snr(tiny, data):
    recipe = tiny(FOLDER | {"data.fresh_noise": True, "noise.snr_db": [0.0, 20.0]})
    source = open_source(recipe, data)
    batches = [source.batch(step) for step in range(10)]
    clean = torch.cat([batch.clean for batch in batches]).numpy()[:, 0]
    noisy = torch.cat([batch.noisy for batch in batches]).numpy()[:, 0]
    snr_db = energy_ratio_db(energy(clean), energy(noisy - clean))
    assert snr_db.min() > -0.01 and snr_db.max() < 20.01 and np.ptp(snr_db) > 10


@pytest.mark.parametrize("opening", [open_source, open_validation])
def test_a_folder_of_another_length_is_refused(tiny, write_data, tmp_path, opening):
    data = write_data(tiny(FOLDER | {"signal.duration_s": 0.5}), tmp_path / "data")
    with pytest.raises(DanError, match=r"signals of 32 samples.*64.*--set signal\.duration_s=0\.5"):
        opening(tiny(FOLDER), data)


def test_the_way_out_for_a_folder_of_another_length_is_exact(tiny, write_data, tmp_path):
    """Six digits of 1234567 / 44100 s would be another length."""
    length, rate_hz = 1234567, 44100
    data = write_data(
        tiny({"signal.sample_rate_hz": rate_hz, "signal.duration_s": length / rate_hz, "data.train_count": 1,
              "data.validation_count": 1}), tmp_path / "data"
    )  # fmt: skip
    with pytest.raises(DanError) as caught:
        open_validation(tiny({"signal.sample_rate_hz": rate_hz}), data)
    said = float(caught.value.way_out.split("duration_s=")[1].split(",")[0])
    assert SignalSettings(sample_rate_hz=rate_hz, duration_s=said).length_samples == length


def test_a_recipe_that_reads_a_folder_needs_one(tiny):
    with pytest.raises(DanError, match=r"needs a data folder.*--data.*fresh"):
        open_source(tiny(FOLDER), None)


@pytest.mark.parametrize("opening", [open_source, open_validation])
def test_a_folder_of_another_rate_is_refused(tiny, data, opening):
    recipe = tiny(FOLDER | {"signal.sample_rate_hz": 128})
    with pytest.raises(DanError, match=r"sample_rate_hz=64.*128 Hz.*--set signal\.sample_rate_hz=64"):
        opening(recipe, data)


@pytest.mark.parametrize("opening", [open_source, open_validation])
def test_a_missing_folder_is_named(tiny, tmp_path, opening):
    with pytest.raises(DanError, match="nowhere"):
        opening(tiny(FOLDER), tmp_path / "nowhere")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_tensors_hold_the_samples(dtype):
    signal = np.arange(12).reshape(3, 4).astype(dtype)[:, ::2]
    tensor = to_tensor(signal)
    assert tensor.dtype == torch.float32 and tensor.shape == (3, 1, 2)
    assert np.array_equal(tensor[:, 0].numpy(), signal)


# A data folder and a recipe that draws


def tones_in(path, write_data, recipe, said=None):
    """A data folder drawn by a recipe; dataset.json says what is given."""
    data = write_data(recipe, path)
    if said is None:
        (data / "dataset.json").unlink()
    else:
        (data / "dataset.json").write_text(json.dumps(said))
    return data


def test_a_folder_of_ones_own_is_trained_on_though_the_recipe_draws(tiny, write_data, tmp_path):
    recipe = tiny()  # its source is fresh
    data = tones_in(tmp_path / "mine", write_data, recipe, {"sample_rate_hz": 64})
    opened = open_training_data(recipe, Folders(data=data))
    mine = np.load(data / "train" / "clean" / "00.npy")
    heard = np.concatenate([opened.source.batch(step).clean[:, 0].numpy() for step in range(2)])
    assert opened.words == "the data folder mine" and (heard == mine).all(axis=-1).any()


def test_a_folder_drawn_by_the_recipe_is_validated_on_and_draws_go_on(tiny, write_data, tmp_path):
    recipe = tiny()
    said = {"sample_rate_hz": 64, "recipe": recipe.model_dump(mode="json")}
    data = tones_in(tmp_path / "drawn", write_data, recipe, said)
    opened = open_training_data(recipe, Folders(data=data))
    assert opened.words == "fresh draws of the recipe tiny" and "validated on" in opened.notes[0]
    np.testing.assert_array_equal(
        opened.validation.clean[0], np.load(data / "validation" / "clean" / "00.npy")
    )
    other = open_training_data(tiny({"noise.snr_db": 9.0}), Folders(data=data))
    assert other.words == "the data folder drawn"


@pytest.mark.parametrize(
    "case",
    [
        (None, None, "nothing says the sample rate"),
        (None, 360.0, "is for 64 Hz"),
        ({"sample_rate_hz": 64}, 360.0, r"--sample-rate 360: .* says 64 Hz"),
    ],
)
def test_the_rate_of_a_data_folder_is_not_assumed(tiny, write_data, tmp_path, case):
    said, given_hz, message = case
    data = tones_in(tmp_path / "mine", write_data, tiny(), said)
    with pytest.raises(DanError, match=message):
        open_training_data(tiny(), Folders(data=data, sample_rate_hz=given_hz))


@pytest.mark.parametrize("said", [None, {"sample_rate_hz": 64}])
def test_a_rate_that_agrees_is_taken(tiny, write_data, tmp_path, said):
    data = tones_in(tmp_path / "mine", write_data, tiny(), said)
    opened = open_training_data(tiny(), Folders(data=data, sample_rate_hz=64.0))
    assert opened.validation.clean.shape == (4, 64)


def test_noise_alone_is_named_by_its_own_option(tiny, tmp_path):
    with pytest.raises(DanError, match=r"^--noise: .*Give --clean, or --noisy, as well"):
        open_training_data(tiny(), Folders(noise=tmp_path))
