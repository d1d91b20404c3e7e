"""Two takes that are made of one teach what two recorded ones teach: the signal, and nothing of the noise."""

import numpy as np
import pytest

from dan.config import AugmentationSettings
from dan.core.arrays import energy
from dan.data.takes import (
    FreshTakesMixer,
    NoisierMixer,
    RemixMixer,
    TakesMixer,
    common_energy,
    noise_gain,
    taking_turns,
)
from dan.synthesis.mix import Pairs


def generator(seed=0):
    return np.random.default_rng(seed)


class Draws:
    """Stretches of a kind, drawn by a function of their length and a generator."""

    def __init__(self, make, kept=None):
        self.make, self.kept = make, kept

    def draw(self, length, *, random):
        return self.make(length, random).astype(np.float32)

    def above(self, cutoff_hz):
        return Draws(self.kept)


def tone(length, random):
    return np.sqrt(2) * np.sin(2 * np.pi * 0.11 * np.arange(length) + random.uniform(0, 6))


def white(length, random):
    return random.standard_normal(length)


def pink(length, random):
    spectrum = np.fft.rfft(random.standard_normal(length))
    return 10 * np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), length)


def bursts(length, random):
    """A low note that comes and goes."""
    on = np.sin(np.arange(length) * 2 * np.pi / 2000 + random.uniform(0, 6)) > 0
    return 10 * on * np.sin(0.05 * np.arange(length))


def noisier(noise, length=2048, **augmentation):
    noisy = Draws(lambda count, random: tone(count, random) + noise(count, random))
    varied = AugmentationSettings(**augmentation)
    return NoisierMixer([(noisy, Draws(noise))], length_samples=length, augmentation=varied)


@pytest.mark.parametrize("noise", [white, pink])
@pytest.mark.parametrize("level", [0.01, 1.0, 30.0])
def test_noise_is_brought_to_its_level_in_the_recordings(noise, level):
    draws = [(generator(seed), generator(100 + seed)) for seed in range(30)]
    noisy = np.stack([tone(4096, one) + noise(4096, one) for one, _ in draws])
    other = level * np.stack([noise(4096, other) for _, other in draws])
    error_db = 20 * np.log10(level * noise_gain(noisy, other))
    # a tone fills a few of 255 bins, and pink noise's lowest bins differ from draw to draw
    assert -1.3 < np.median(error_db) < 0.7


def test_a_signal_in_all_of_the_noise_lifts_its_level_in_its_pauses_alone():
    """Low noise: it has an octave of the spectrum, and the signal fills that and more, now and then."""
    random = generator()
    low = [np.convolve(random.standard_normal(16383), np.hanning(64), "same") for _ in range(60)]
    voice = np.stack([10 * bursts(16383, random) * random.standard_normal(16383) for _ in range(30)])
    noisy, noise = voice + low[:30], np.stack(low[30:])
    error_db = 20 * np.log10(noise_gain(noisy, noise))
    assert np.median(energy(voice) / energy(np.stack(low[:30]))) > 10
    assert abs(np.median(error_db)) < 3  # half of the time it pauses: the lowest fifth is not the noise's


def test_the_level_is_at_most_that_of_the_recording():
    noisy, noise = generator(0).standard_normal((2, 4, 1000))
    gain = noise_gain(1e-3 * noisy, noise)
    assert (gain <= 1.001e-3 * np.sqrt(energy(noisy) / energy(noise))).all()
    assert (noise_gain(0 * noisy, noise) == 0).all() and np.isfinite(noise_gain(noisy, 0 * noise)).all()


@pytest.mark.parametrize("louder_db", [0.0, 6.0])
def test_what_is_learnt_is_the_signal(louder_db):
    """The best gain from input to target is the Wiener gain of the signal in all of the input's noise."""
    crops = Draws(lambda length, random: tone(length, random) + white(length, random)), Draws(white)
    varied = AugmentationSettings(added_noise_db=louder_db)
    mixer = NoisierMixer([crops], length_samples=2048, augmentation=varied)
    pairs = mixer.draw(200, random=generator())
    best = (pairs.clean * pairs.mixed).sum() / (pairs.mixed**2).sum()
    assert best == pytest.approx(
        1 / (2 + 10 ** (louder_db / 10)), abs=0.03
    )  # all of power 1; levels are off by 5 %
    if louder_db == 0:
        assert np.median(pairs.snr_db) == pytest.approx(10 * np.log10(1 / 2), abs=0.7)


def test_what_is_never_wanted_is_in_the_inputs_alone():
    noisy = Draws(lambda length, random: tone(length, random) + 50 + white(length, random),
                  lambda length, random: tone(length, random) + white(length, random))  # fmt: skip
    noise = Draws(lambda length, random: white(length, random) - 30, white)
    options = {"length_samples": 2048, "augmentation": AugmentationSettings()}
    pairs = NoisierMixer([(noisy, noise)], highpass_hz=0.5, **options).draw(50, random=generator())
    assert np.abs(pairs.clean.mean(axis=-1)).max() < 0.2 and (pairs.mixed.mean(axis=-1) > 10).all()
    inputs = pairs.mixed - pairs.mixed.mean(axis=-1, keepdims=True)
    assert (common_energy(pairs.clean, inputs) > 1000).all()  # of one and the same stretch


def test_gain_and_polarity_are_those_of_both_takes():
    make = noisier(white, gain_db=(-20.0, 20.0), invert_polarity=True)
    pairs = make.draw(40, random=generator())
    assert np.ptp(20 * np.log10(np.abs(pairs.mixed).max(axis=-1))) > 20
    assert (common_energy(pairs.clean, pairs.mixed) > 0).all()


def test_recorded_takes_change_roles():
    first, second = np.ones((500, 8)), 2 * np.ones((500, 8))

    class Both:
        def draw(self, count, *, random):
            return Pairs(first, second - first, second, np.zeros(count))

    drawn = TakesMixer(Both()).draw(500, random=generator())
    assert (drawn.clean[:, 0] == 1).mean() == 0.5
    np.testing.assert_array_equal(drawn.clean + drawn.mixed, 3)
    for take, as_drawn in zip((first, second), taking_turns(drawn.clean, drawn.mixed), strict=True):
        np.testing.assert_array_equal(as_drawn, take)


class Recorded:
    """Two takes of tones at a level of 1, the same at each draw, with noise of levels of their own."""

    def __init__(self, noise, levels, count=400, length=512, drift=0.0):
        self.signal = np.stack([tone(length, generator(row)) for row in range(count)])
        made = [
            [level * noise(length, generator([take, row])) for row in range(count)]
            for take, level in enumerate(levels, start=1)
        ]
        self.first, self.second = self.signal + drift + np.array(made)

    def draw(self, count, *, random):
        random.random()  # a draw takes from the generator, as that of recordings does
        return Pairs(self.first, self.second - self.first, self.second, np.zeros(count))


def correlation(one, other):
    return (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())


@pytest.mark.parametrize("noise", [lambda length, random: random.standard_normal(length), pink])
@pytest.mark.parametrize("levels", [(1.0, 1.0), (0.5, 1.5)])
def test_two_takes_become_others_with_noise_of_their_own(noise, levels):
    """Also where their noise is coloured, and the one noisier than the other."""
    takes = Recorded(noise, levels)
    drawn = FreshTakesMixer(takes).draw(400, random=generator())
    heard, wanted = drawn.mixed - takes.signal, drawn.clean - takes.signal
    recorded = (energy(takes.first - takes.signal) + energy(takes.second - takes.signal)).mean() / 2
    for noise_of_one in heard, wanted:
        assert energy(noise_of_one).mean() == pytest.approx(
            recorded, rel=0.1
        )  # as noisy as a take, on the mean
    # pink noise has few degrees of freedom: 400 pairs leave a correlation of 0.05 or so by chance
    assert abs(correlation(heard, wanted)) < 0.1
    assert abs(correlation(heard, takes.signal)) < 0.05 and abs(correlation(wanted, takes.signal)) < 0.05


def test_the_noise_of_a_pair_is_another_one_at_each_draw():
    takes = Recorded(lambda length, random: random.standard_normal(length), (1.0, 1.0))
    mixer, random = FreshTakesMixer(takes), generator()
    one, other = (mixer.draw(400, random=random).clean for _ in range(2))
    same = np.isclose(one, other).all(axis=-1)
    assert 0.4 < same.mean() < 0.6  # of the same row before, with the same sign
    half = (takes.first + takes.second) / 2 - takes.signal
    assert correlation(one - takes.signal, half) == pytest.approx(np.sqrt(0.5), abs=0.05)


def test_targets_may_be_filtered_where_inputs_are_not():
    quiet = {"noise": lambda length, random: 0.1 * random.standard_normal(length), "levels": (1.0, 1.0)}
    drifting, steady = Recorded(**quiet, drift=3.0), Recorded(**quiet)
    drawn = FreshTakesMixer(drifting, steady).draw(400, random=generator())
    assert drawn.mixed.mean() == pytest.approx(3.0, abs=0.1) and abs(drawn.clean.mean()) < 0.1
    centred = FreshTakesMixer(drifting, centred=True).draw(400, random=generator())
    np.testing.assert_allclose(centred.mixed.mean(axis=-1), 0, atol=1e-6)


def test_outputs_are_mixed_with_what_was_taken_from_other_recordings():
    levels = np.array([[1.0], [10.0], [100.0], [1000.0]])
    clean, noise = np.ones((4, 8)) * levels, generator().standard_normal((4, 8)) * levels / 2

    class Both:
        def draw(self, count, *, random):
            return Pairs(clean, noise, clean + noise, np.zeros(count))

    drawn = RemixMixer(Both()).draw(4, random=generator())
    np.testing.assert_array_equal(drawn.clean, clean)
    np.testing.assert_allclose(drawn.mixed - drawn.clean, drawn.noise, atol=1e-4)
    correlation = np.corrcoef(noise, drawn.noise)[:4, 4:]
    np.testing.assert_allclose(np.abs(correlation).argmax(axis=0), [3, 0, 1, 2])  # another's in each row
    np.testing.assert_allclose(np.abs(correlation).max(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(energy(drawn.noise), energy(noise), rtol=1e-5)  # at the own one's level
