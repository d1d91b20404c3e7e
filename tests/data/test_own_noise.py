"""Noise goes with the recording whose name it has, in training and in what is held out."""

from pathlib import Path

import numpy as np
import pytest

from dan.config import AugmentationSettings
from dan.data.index import Corpus, IndexEntry
from dan.data.own_noise import grouped, own_noise, split_owned
from dan.data.split import split
from dan.data.takes import NoisierMixer


def corpus(*names):
    entries = (IndexEntry(Path("/c") / name, name, 100.0, (0,), name, 0, 1000) for name in sorted(names))
    return Corpus(Path("/c"), tuple(entries))


@pytest.mark.parametrize(
    ("noisy", "noise", "owned"),
    [
        (["a.wav", "b.wav"], ["a.wav", "b.flac"], {"a.wav": {"a.wav"}, "b.wav": {"b.flac"}}),
        (["a.wav", "b.wav"], ["a_wav/0.wav", "a_wav/1.wav", "b_wav/0.wav"],
         {"a.wav": {"a_wav/0.wav", "a_wav/1.wav"}, "b.wav": {"b_wav/0.wav"}}),
        (["x/1.wav", "x/2.wav", "y/1.wav"], ["x/n.wav", "y/n.wav"],
         {"x/1.wav": {"x/n.wav"}, "x/2.wav": {"x/n.wav"}, "y/1.wav": {"y/n.wav"}}),
        (["a.wav", "b.wav"], ["a.wav"], None),
        (["a.wav", "b.wav"], ["sea.wav", "wind.wav"], None),
        (["x/1.wav", "x/2.wav"], ["x/n.wav"], None),
    ],
)  # fmt: skip
def test_noise_is_found_by_name(noisy, noise, owned):
    assert own_noise(corpus(*noisy), corpus(*noise)) == owned


def test_noise_is_held_out_with_its_recording():
    noisy, noise = (
        corpus(*(f"{name}.wav" for name in "abcde")),
        corpus(*(f"{name}_wav/0.wav" for name in "abcde")),
    )
    owned = own_noise(noisy, noise)
    heard = split(noisy, by="file", random=np.random.default_rng(0))
    sides = split_owned(heard, noise, owned)
    for side in ("train", "validation"):
        expected = {f"{entry.name[0]}_wav/0.wav" for entry in getattr(heard, side).entries}
        assert {entry.name for entry in getattr(sides, side).entries} == expected
    in_time = split(noisy, by="time", random=np.random.default_rng(0))
    sides = split_owned(in_time, noise, owned)
    for side, stretch in (("train", (0, 900)), ("validation", (900, 1000))):
        entries = getattr(sides, side).entries
        assert len(entries) == 5 and {(entry.start, entry.stop) for entry in entries} == {stretch}
    many = corpus(*(f"{name}_wav/{number}.wav" for name in "abcde" for number in range(3)))
    sides = split_owned(in_time, many, own_noise(noisy, many))
    assert {entry.name[-5] for entry in sides.train.entries} == {"0", "1"}
    assert {entry.name[-5] for entry in sides.validation.entries} == {"2"}


class Of:
    """Stretches of a constant; of a part of the recordings, the first one's."""

    def __init__(self, values):
        self.values = values

    def part(self, names):
        return Of({name: self.values[name] for name in names})

    def draw(self, length, *, random):
        name = sorted(self.values)[random.integers(len(self.values))]
        return self.values[name] * random.standard_normal(length)


def test_a_recording_is_drawn_with_its_own_noise():
    noisy, noise = corpus("a.wav", "b.wav"), corpus("a.npy", "b.npy")
    crops, added = Of({"a.wav": 1.0, "b.wav": 100.0}), Of({"a.npy": 1.0, "b.npy": 100.0})
    for owned, apart in ((own_noise(noisy, noise), 0.2), (None, 1.5)):
        pairs = grouped(noisy, crops, added, owned)
        ratios = []
        for seed in range(20):
            for pair in pairs:
                one, other = (each.draw(500, random=np.random.default_rng(seed + 50 * at))
                              for at, each in enumerate(pair))  # fmt: skip
                ratios.append(abs(np.log10(one.std() / other.std())))
        assert max(ratios) < apart if owned else max(ratios) > apart
    mixer = NoisierMixer(pairs, length_samples=500, augmentation=AugmentationSettings(), centred=True)
    made = mixer.draw(5, random=np.random.default_rng(0))
    np.testing.assert_allclose((made.clean + made.mixed).mean(axis=-1), 0, atol=1e-4)
