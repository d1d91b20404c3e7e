"""Mixtures hold their SNR and shares, vary as they are told to, and follow from the seed and the step."""

import numpy as np
import pytest
from pydantic import ValidationError

from dan.config import (
    AugmentationSettings,
    NoiseSettings,
    Recipe,
    RecordingsSettings,
    SignalSettings,
)
from dan.core.arrays import energy, energy_ratio_db, rms
from dan.data.mixer import Mixer, PairMixer, Pool, equalised

LENGTH = 256
RECIPE = Recipe(
    name="test",
    summary="of a test",
    signal=SignalSettings(sample_rate_hz=1000, duration_s=1.0),
    noise=NoiseSettings(snr_db=(-5.0, 10.0), kinds=("hum",), mains_hz=(250.0,), hum_harmonics=1),
)
SHIFT = 0.5


class Drawn:
    """Stands for crops: white noise, drawn from what it is given, so that twins draw the same."""

    def __init__(self, level=1.0, shift=0.0, silent=0.0):
        self.level, self.shift, self.silent = level, shift, silent
        self.speeds = []

    def draw(self, length, *, speed=1.0, random):
        self.speeds.append(speed)
        drawn = self.level * random.standard_normal(length).astype(np.float32) + np.float32(self.shift)
        return drawn * np.float32(random.random() >= self.silent)


def mixer(clean=None, noise=None, **settings):
    return Mixer(
        RECIPE,
        clean or Drawn(),
        noise or Drawn(3.0),
        length_samples=LENGTH,
        augmentation=AugmentationSettings(**settings),
    )


def draw(count=200, seed=0, **settings):
    return mixer(**settings).draw(count, random=np.random.default_rng(seed))


def hummed(signal):
    """Share of energy in the upper seven eighths of frequencies: all of the hum, none of a constant."""
    power = np.abs(np.fft.rfft(signal * np.hanning(LENGTH))) ** 2
    return power[:, LENGTH // 16 :].sum(axis=-1) / power.sum(axis=-1)


def test_mixed_is_clean_plus_scaled_noise_at_the_snr():
    pairs = draw(clean_equaliser_db=6, noise_equaliser_db=6, invert_polarity=True, gain_db=(-20.0, 6.0))
    assert {signal.shape for signal in (pairs.clean, pairs.noise, pairs.mixed)} == {(200, LENGTH)}
    assert {signal.dtype for signal in (pairs.clean, pairs.noise, pairs.mixed)} == {np.dtype(np.float32)}
    added = pairs.mixed.astype(float) - pairs.clean
    gain = (added * pairs.noise).sum(axis=-1) / energy(pairs.noise)
    assert (gain > 0).all()
    # Float32 keeps 6e-8 of the largest sample, some 10 here.
    np.testing.assert_allclose(added, gain[:, None] * pairs.noise, atol=2e-6)
    np.testing.assert_allclose(energy_ratio_db(energy(pairs.clean), energy(added)), pairs.snr_db, atol=1e-3)
    assert -5 <= pairs.snr_db.min() < -4 and 9 < pairs.snr_db.max() <= 10


def test_without_settings_nothing_is_varied():
    clean, noise = Drawn(), Drawn(3.0)
    pairs = mixer(clean, noise).draw(50, random=np.random.default_rng(0))
    assert {*clean.speeds, *noise.speeds} == {1.0}
    again = np.random.default_rng(0)
    for row in pairs.clean:
        np.testing.assert_array_equal(row, Drawn().draw(LENGTH, random=again))


def test_shares_of_clean_inputs_and_of_silence():
    pairs = draw(2000, clean_only_share=0.2, silence_share=0.1)
    untouched = (pairs.mixed == pairs.clean).all(axis=-1)
    silent = ~pairs.clean.any(axis=-1)
    # 3.5 standard deviations of a share of 2000.
    assert untouched.mean() == pytest.approx(0.2, abs=0.032) and silent.mean() == pytest.approx(
        0.1, abs=0.024
    )
    assert not (untouched & silent).any()
    # The noise is as loud as it would have been over a clean signal of RMS 1.
    level_db = energy_ratio_db(rms(pairs.mixed[silent]) ** 2, 1.0)
    np.testing.assert_allclose(level_db, -pairs.snr_db[silent], atol=2.0)


def test_gain_and_polarity_vary_both_alike():
    pairs = draw(500, clean=Drawn(1e-3, 1.0), gain_db=(-20.0, 6.0), invert_polarity=True)
    level_db = energy_ratio_db(rms(pairs.clean) ** 2, 1.0)
    assert level_db.min() == pytest.approx(-20, abs=0.5) and level_db.max() == pytest.approx(6, abs=0.5)
    assert (np.sign(pairs.clean[:, 0]) > 0).mean() == pytest.approx(0.5, abs=0.08)  # 3.5 deviations
    np.testing.assert_allclose(
        energy_ratio_db(energy(pairs.clean), energy(pairs.mixed - pairs.clean)), pairs.snr_db, atol=1e-3
    )


def test_speeds_are_drawn_from_their_ranges():
    clean, noise = Drawn(), Drawn()
    mixer(clean, noise, clean_speed=(0.9, 1.1), noise_speed=2.0).draw(100, random=np.random.default_rng(0))
    assert {*clean.speeds} <= {place / 100 for place in range(90, 111)} and len({*clean.speeds}) > 15
    assert {*noise.speeds} == {2.0}


def test_hearts_take_the_place_of_their_share_of_recordings():
    pairs = draw(400, clean=Drawn(1e-6, 0.0), hearts_share=0.3)
    assert (rms(pairs.clean) > 1e-3).mean() == pytest.approx(0.3, abs=0.08)  # 3.5 deviations


def test_hearts_are_high_passed_as_the_recordings_are():
    """A heart's waves have a mean, which a high-pass takes."""
    cut = RECIPE.model_copy(update={"recordings": RecordingsSettings(highpass_hz=2.0)})
    varied = AugmentationSettings(hearts_share=1.0)
    offsets = []
    for recipe in (RECIPE, cut):
        made = Mixer(recipe, Drawn(), None, length_samples=4000, augmentation=varied)
        clean = made.draw_clean(20, random=np.random.default_rng(0))
        offsets.append(np.mean(np.abs(clean.mean(axis=-1)) / rms(clean)))
    assert offsets[0] > 0.1 and offsets[1] < 0.02


def test_warps_take_their_share(monkeypatch):
    monkeypatch.setattr("dan.data.mixer.warped", lambda signal, **_: np.full_like(signal, 7))
    clean = mixer(clean_warp_share=0.4).draw_clean(300, random=np.random.default_rng(0))
    assert (clean == 7).all(axis=-1).mean() == pytest.approx(0.4, abs=0.1)  # 3.5 deviations


def test_a_share_of_clean_and_noise_is_limited_to_one_band():
    pairs = draw(400, band_limit_share=0.4, band_limit_hz=(60.0, 60.0))
    limited = hummed(pairs.clean) < 0.7
    assert limited.mean() == pytest.approx(0.4, abs=0.09)  # 3.5 deviations
    np.testing.assert_array_equal(hummed(pairs.noise) < 0.7, limited)
    added = energy(pairs.mixed.astype(float) - pairs.clean)
    np.testing.assert_allclose(energy_ratio_db(energy(pairs.clean), added), pairs.snr_db, atol=1e-3)


def test_offsets_are_in_the_mixed_signal_alone():
    pairs = draw(400, clean_only_share=1.0, offset_share=0.5, largest_offset_rms=2.0)
    offset = pairs.mixed.astype(float) - pairs.clean
    assert np.ptp(offset, axis=-1).max() < 1e-5
    share = np.abs(offset[:, 0]) / rms(pairs.clean)
    assert (share > 1e-6).mean() == pytest.approx(0.5, abs=0.09) and 1.8 < share.max() <= 2.001


def test_several_noises_are_summed():
    noise = Drawn()
    pairs = mixer(None, noise, noise_count=(2, 4)).draw(100, random=np.random.default_rng(0))
    assert 240 < len(noise.speeds) < 360  # three each, 200 to 400
    level = rms(pairs.noise)
    assert level.min() < 1.1 and level.max() > 1.3  # two of one level have 1.4, one 10 dB below hardly counts


def test_synthesised_noise_is_added_or_instead():
    recorded = Drawn(1e-3, 1.0)
    share = hummed(draw(1000, noise=recorded, synthetic_share=0.3, synthetic_only_share=0.2).noise)
    both = (share > 0.05) & (share < 0.95)  # up to 10 dB apart: between 1/11 and 10/11
    # 3.5 standard deviations of shares of 1000.
    assert (share >= 0.95).mean() == pytest.approx(0.2, abs=0.044)
    assert both.mean() == pytest.approx(0.3, abs=0.051)
    assert share[both].min() < 0.2 and share[both].max() > 0.8


def test_without_recorded_noise_it_is_synthesised():
    made = Mixer(RECIPE, Drawn(), None, length_samples=LENGTH, augmentation=AugmentationSettings())
    assert hummed(made.draw_noise(100, random=np.random.default_rng(0))).min() > 0.999


def test_silent_stretches_are_drawn_again():
    clean = Drawn(silent=0.5)
    pairs = mixer(clean, Drawn(silent=0.5)).draw(200, random=np.random.default_rng(0))
    assert (rms(pairs.clean) > 0).mean() > 0.97 and (rms(pairs.noise) > 0).mean() > 0.97  # 1 - 2**-8


def test_silence_alone_gives_no_nan():
    pairs = mixer(Drawn(silent=1.0), Drawn(silent=1.0)).draw(3, random=np.random.default_rng(0))
    assert not pairs.mixed.any()


def test_a_background_is_a_part_of_the_clean_signal():
    pairs = draw(500, clean=Drawn(0.0, 2.0), background_share=1, background_db=(20.0, 40.0))
    below_db = energy_ratio_db(rms(pairs.clean - 2) ** 2, 4.0)
    assert below_db.min() == pytest.approx(-40, abs=0.5) and below_db.max() == pytest.approx(-20, abs=0.5)
    gap_db = energy_ratio_db(energy(pairs.clean), energy(pairs.mixed - pairs.clean))
    np.testing.assert_allclose(gap_db, pairs.snr_db, atol=1e-3)
    with_it = draw(500, clean=Drawn(0.0, 2.0), background_share=0.2).clean.std(axis=-1) > 0
    assert with_it.mean() == pytest.approx(0.2, abs=0.063)  # 3.5 deviations


def test_an_equaliser_keeps_within_its_bounds_and_changes_no_phase():
    impulse = np.zeros((300, 1024), np.float32)
    impulse[:, 512] = 1
    changed = equalised(impulse, largest_db=6.0, random=np.random.default_rng(0))
    response = np.fft.rfft(np.roll(changed, -512, axis=-1))
    gain_db = 20 * np.log10(np.abs(response))
    # Cutting at the signal's ends smooths the corners of the gain by some tenths of a dB.
    assert gain_db.max() < 6.3 and gain_db.min() > -6.3 and gain_db.std() > 2
    assert np.abs(np.angle(response)).max() < 0.02
    late = equalised(np.roll(impulse, 511, axis=-1), largest_db=6.0, random=np.random.default_rng(0))
    assert np.abs(late[:, :512]).max() < 1e-3 < np.abs(late[:, 900:1000]).max()  # nothing comes round
    assert equalised(impulse, largest_db=0.0, random=np.random.default_rng(0)) is impulse


def test_an_all_pass_keeps_the_spectrum_and_turns_phases_within_its_bounds():
    impulse = np.zeros((300, 4096), np.float32)
    impulse[:, 2048] = 1
    filtered = equalised(impulse, largest_db=0.0, largest_rad=1.5, random=np.random.default_rng(0))
    response = np.fft.rfft(np.roll(filtered, -2048, axis=-1))[:, 32:-64]
    # What rings for longer than the signal is cut off: some hundredths.
    assert np.abs(np.abs(response) - 1).max() < 0.1
    phase = np.angle(response)
    assert np.abs(phase).max() < 1.6 and phase.std() > 0.6
    assert (np.abs(np.diff(phase)) < 0.25).all()  # smooth


def test_pairs_stay_together():
    settings = AugmentationSettings(gain_db=(-20.0, 6.0), invert_polarity=True, clean_speed=(0.9, 1.1))
    clean, noisy = Drawn(), Drawn(shift=SHIFT)
    paired = PairMixer(clean, noisy, length_samples=LENGTH, augmentation=settings)
    pairs = paired.draw(50, random=np.random.default_rng(0))
    assert clean.speeds == noisy.speeds and len({*clean.speeds}) > 10
    level = pairs.noise.mean(axis=-1)  # the shift, at each signal's gain and sign
    np.testing.assert_allclose(pairs.noise, level[:, None] * np.ones(LENGTH), atol=1e-6)  # float32
    np.testing.assert_allclose(pairs.mixed, pairs.clean + pairs.noise, atol=1e-6)
    assert level.min() < -SHIFT and level.max() > SHIFT and np.abs(level).min() < 0.2 * SHIFT


@pytest.mark.parametrize("section", [RecordingsSettings, AugmentationSettings])
def test_a_section_is_frozen_strict_and_described(section):
    with pytest.raises(ValidationError, match="frozen"):
        setattr(section(), next(iter(section.model_fields)), 1)
    with pytest.raises(ValidationError, match="Extra inputs"):
        section(no_such_key=1)
    assert all(field.description for field in section.model_fields.values())


class TestPool:
    def of(self, reuse, seed=0):
        return Pool(mixer(), seed=seed, batch=4, reuse=reuse)

    @pytest.mark.parametrize("reuse", [1, 3])
    def test_a_step_gives_the_same_whatever_came_before(self, reuse):
        one, other = self.of(reuse), self.of(reuse)
        expected = [one.pairs(step).mixed for step in range(60)]
        for step in (59, 0, 31, 7, 30):
            np.testing.assert_array_equal(other.pairs(step).mixed, expected[step])
        assert len({row.tobytes() for batch in expected for row in batch}) == 240
        assert not np.array_equal(self.of(reuse, seed=1).pairs(0).mixed, expected[0])

    def test_each_stretch_goes_into_so_many_mixtures_with_other_partners(self):
        pool, seen = self.of(3), {}
        for step in range(24):
            pairs = pool.pairs(step)
            for clean, noise in zip(pairs.clean, pairs.noise, strict=True):
                seen.setdefault(clean.tobytes(), []).append(noise.tobytes())
        assert len(seen) == 32 and {len(partners) for partners in seen.values()} == {3}
        assert np.mean([len({*partners}) for partners in seen.values()]) > 2.5
        assert pool.pairs(24).clean[0].tobytes() not in seen

    def test_with_one_use_nothing_comes_twice(self):
        pool = self.of(1)
        seen = {row.tobytes() for step in range(20) for row in pool.pairs(step).clean}
        assert len(seen) == 80


@pytest.mark.parametrize(
    "values",
    [
        {"noise_count": 0},
        {"noise_count": (3, 1)},
        {"gain_db": (3.0, -3.0)},
        {"clean_speed": (1.1, 0.9)},
        {"noise_speed": 0},
        {"clean_only_share": 0.6, "silence_share": 0.6},
        {"noise_equaliser_db": 25},
        {"background_db": (40.0, 20.0)},
        {"reuse": 0},
    ],
)
def test_wrong_augmentation_is_refused(values):
    with pytest.raises(ValidationError):
        AugmentationSettings(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"held_out_share": 0},
        {"held_out_share": 1.5},
        {"pause_s": (0.3, 0.1)},
        {"gap_s": -1},
        {"clean_split": "crop"},
    ],
)
def test_wrong_recordings_settings_are_refused(values):
    with pytest.raises(ValidationError):
        RecordingsSettings(**values)
