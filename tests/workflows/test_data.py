"""Data folders from recordings are like any other: whole, checked, the same from a seed."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from dan.config import RecordingsSettings
from dan.core.arrays import energy, energy_ratio_db
from dan.core.errors import DanError
from dan.data.folder.layout import KINDS, read_dataset
from dan.data.folder.load import check, load_split
from dan.data.pauses_folder import PauseOptions
from dan.workflows.data import mix_folder, pauses_folder


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    for kind, rate_hz in [("clean", 1000), ("noise", 1600)]:
        (root / kind).mkdir()
        for number in range(6):
            random = np.random.default_rng([number, rate_hz])
            soundfile.write(root / kind / f"{number}.wav", 0.1 * random.standard_normal(3000), rate_hz)
    return {"clean": root / "clean", "noise": root / "noise"}


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SHAPE = {"count": 20, "duration_s": 0.5, "snr_db": (-3.0, 9.0)}


@pytest.fixture(scope="module")
def made(sources, tmp_path_factory):
    return mix_folder(tmp_path_factory.mktemp("made") / "data", **sources, **SHAPE).data


def test_it_is_a_data_folder(made):
    report = check(made)
    assert not report.problems
    said = json.loads((made / "dataset.json").read_text())
    assert said["counts"] == {"train": 18, "validation": 2} and said["sources"] == {
        "clean": "clean",
        "noise": "noise",
    }
    assert read_dataset(made).sample_rate_hz == 1000 and read_dataset(made).recipe is None
    assert len(list((made / "resampled").iterdir())) == (3 + 2) * 3


def test_mixed_is_clean_plus_scaled_noise_at_the_snr(made):
    split = load_split(made, "train")
    clean, noise, mixed = (getattr(split, kind).astype(np.float64) for kind in KINDS)
    assert clean.shape == (18, 500)
    gain = ((mixed - clean) * noise).sum(axis=-1) / energy(noise)
    np.testing.assert_allclose(mixed, clean + gain[:, None] * noise, atol=1e-6)  # float32 below 8
    snr_db = energy_ratio_db(energy(clean), energy(mixed - clean))
    assert (snr_db > -3.01).all() and (snr_db < 9.01).all() and np.ptp(snr_db) > 4


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(made, sources, tmp_path):
    assert contents(mix_folder(tmp_path / "same", **sources, **SHAPE).data) == contents(made)
    other = contents(mix_folder(tmp_path / "other", **sources, **SHAPE, seed=1).data)
    assert all(content != contents(made)[path] for path, content in other.items() if path.suffix == ".npy")


def test_rate_shares_and_progress(sources, tmp_path, reported):
    mixed = mix_folder(
        tmp_path / "data",
        **sources,
        **SHAPE,
        sample_rate_hz=640,
        recordings=RecordingsSettings(held_out_share=0.5),
    )
    assert load_split(mixed.data, "validation").mixed.shape == (10, 320)
    for side in ("train", "validation"):
        assert reported[f"Mixing for {side}"] == pytest.approx([place / 10 for place in range(11)])
    assert "3 files" in mixed.notes[0] and "3 files" in mixed.notes[1]


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_each_side_has_a_mixture_at_least(sources, tmp_path, share):
    recordings = RecordingsSettings(held_out_share=share)
    mix_folder(tmp_path / "data", **sources | SHAPE | {"count": 2}, recordings=recordings)
    for side in ("train", "validation"):
        assert len(load_split(tmp_path / "data", side).mixed) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"count": 1}, "count=1"),
        ({"duration_s": 0.0}, "duration_s"),
        ({"snr_db": (9.0, 3.0)}, "snr_db"),
        ({"sample_rate_hz": 0.0}, "sample_rate_hz"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_is_not_legal_leaves_nothing(sources, tmp_path, settings, said):
    with pytest.raises(DanError, match=said):
        mix_folder(tmp_path / "data", **sources | SHAPE | settings)
    assert not any(tmp_path.iterdir())


def test_nothing_is_overwritten_without_force(made, sources, tmp_path):
    data = shutil.copytree(made, tmp_path / "data")
    before = contents(data)
    with pytest.raises(DanError, match="--force"):
        mix_folder(data, **sources, **SHAPE)
    with pytest.raises(DanError, match="no such folder"):
        mix_folder(data, clean=sources["clean"], noise=tmp_path / "none", **SHAPE, force=True)
    assert contents(data) == before
    mix_folder(data, **sources, **SHAPE, seed=1, force=True)
    assert contents(data) != before


@pytest.mark.parametrize("kind", ["clean", "noise"])
def test_it_is_not_made_among_the_recordings(sources, tmp_path, kind):
    folder = shutil.copytree(sources[kind], tmp_path / kind)
    before = contents(folder)
    with pytest.raises(DanError, match=f"data: it is or lies in .*{kind}, and would be read with it"):
        mix_folder(folder / "data", **sources | {kind: folder}, **SHAPE)
    assert contents(folder) == before


def test_arrays_need_a_rate(sources, tmp_path):
    (tmp_path / "clean").mkdir()
    np.save(tmp_path / "clean" / "a.npy", np.random.default_rng(0).standard_normal((2, 9000)))
    with pytest.raises(DanError, match=r"a\.npy: nothing says its sample rate. Give --sample-rate"):
        mix_folder(tmp_path / "data", clean=tmp_path / "clean", noise=sources["noise"], **SHAPE)
    mixed = mix_folder(
        tmp_path / "data", clean=tmp_path / "clean", noise=sources["noise"], **SHAPE, sample_rate_hz=500
    )
    assert load_split(mixed.data, "train").sample_rate_hz == 500 and "the last 10%" in mixed.notes[0]


@pytest.mark.parametrize(("frame_s", "is_drawn"), [(0.025, True), (60.0, False)])
def test_pauses_are_drawn_where_there_are_levels(frame_s, is_drawn, tmp_path):
    (tmp_path / "in").mkdir()
    for name, length in (("a", 400), ("b", 44100)):
        noise = 0.1 * np.random.default_rng(length).standard_normal(length)
        soundfile.write(tmp_path / "in" / f"{name}.wav", noise, 44100)
        (tmp_path / "in" / f"{name}.txt").write_text("0.0\t0.001\tcall\n")
    options = PauseOptions(frame_s=frame_s)
    taken = pauses_folder(tmp_path / "in", tmp_path / "noise", options=options)
    assert [name for name, _, _ in taken.shown] == ["b.wav"] * is_drawn
    assert (tmp_path / "noise" / "pauses.png").is_file() == is_drawn
    assert list((tmp_path / "noise").rglob("*.wav"))
