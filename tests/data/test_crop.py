"""Stretches are what lies in the recordings: of the right rate and speed, never from beyond their side."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from dan.data import clip_cache
from dan.data.crop import NOISE, Concatenation, Crops
from dan.data.index import index
from dan.dsp.butterworth import highpass

RATE_HZ = 1000.0
PAUSES = Concatenation(pause_s=(0.02, 0.05), fade_s=0.004)


def generator(seed=0):
    return np.random.default_rng(seed)


def ramp(length):
    """Each sample says its own place."""
    return (np.arange(1, length + 1)).astype(np.float32)


def sine(hz, length, rate_hz=RATE_HZ):
    return np.sin(2 * np.pi * hz * np.arange(length) / rate_hz).astype(np.float32)


@pytest.fixture
def crops_of(tmp_path):
    """Crops of signals given by name, each at its rate."""

    def make(concatenation=PAUSES, rate_hz=RATE_HZ, cut=None, options=None, **signals):
        for name, signal in signals.items():
            np.save(tmp_path / f"{name}.npy", signal)
        corpus = index(tmp_path, sample_rate_hz=RATE_HZ)
        if cut:
            entries = [replace(entry, start=cut[0], stop=cut[1]) for entry in corpus.entries]
            corpus = replace(corpus, entries=tuple(entries))
        return Crops(corpus, sample_rate_hz=rate_hz, concatenation=concatenation, **(options or {}))

    return make


def test_a_long_recording_is_cut_anywhere(crops_of):
    crops = crops_of(a=ramp(5000))
    firsts = []
    for seed in range(300):
        drawn = crops.draw(1000, random=generator(seed))
        assert drawn.dtype == np.float32
        np.testing.assert_array_equal(np.diff(drawn), 1)
        firsts.append(drawn[0])
    assert min(firsts) < 100 and max(firsts) > 3900  # of 1 to 4001


@pytest.mark.parametrize("kept_bytes", [0, 2**28])
@pytest.mark.parametrize("speed", [1.0, 0.7, 1.6])
@pytest.mark.parametrize("rate_hz", [1000.0, 730.0, 1500.0])
def test_nothing_comes_from_beyond_the_side(crops_of, monkeypatch, kept_bytes, speed, rate_hz):
    monkeypatch.setattr(clip_cache, "KEPT_BYTES", kept_bytes)
    signal = np.full(9000, np.float32(700))
    signal[3000:6000] = 0.1 * sine(31, 3000)
    crops = crops_of(a=signal, cut=(3000, 6000), rate_hz=rate_hz)
    nearly_all = int(2990 * rate_hz / RATE_HZ / speed)
    for seed in range(60):
        # Resampling at the very edge overshoots a little; the other side is 7000 times as large.
        drawn = crops.draw(nearly_all if seed % 2 else 700, speed=speed, random=generator(seed))
        assert np.abs(drawn).max() < 0.2


def test_a_cut_is_filtered_as_the_whole_recording_is(crops_of):
    # A line through the cut's own ends would be no help against a drift of its length.
    drift = np.cumsum(generator(3).standard_normal(20000)).astype(np.float32)
    whole = highpass(drift, sample_rate_hz=RATE_HZ, cutoff_hz=2.0)
    crops = crops_of(a=drift, options={"highpass_hz": 2.0})
    for seed in range(20):
        drawn = crops.draw(600, random=generator(seed))
        windows = np.lib.stride_tricks.sliding_window_view(whole, 600)
        # -77 dB of a drift that is 30 times as large as what is left of it.
        assert np.abs(windows - drawn).max(axis=-1).min() < 0.01 * whole.std()


def test_filtering_takes_nothing_from_beyond_the_side(crops_of):
    signal = np.full(9000, np.float32(700))
    signal[3000:6000] = 0.1 * sine(31, 3000)
    crops = crops_of(a=signal, cut=(3000, 6000), options={"highpass_hz": 5.0})
    for seed in range(20):
        assert np.abs(crops.draw(2000, random=generator(seed))).max() < 0.2


def test_channels_are_mixed_with_random_weights_of_unit_energy(crops_of):
    leads = np.stack([sine(50, 5000), sine(120, 5000)])
    crops = crops_of(a=leads, options={"mix_channels": True})
    shares = []
    for seed in range(60):
        # 1000 samples hold whole periods of both, so that each channel's share can be read off.
        spectrum = np.abs(np.fft.rfft(crops.draw(1000, random=generator(seed)))) / 500
        shares.append(spectrum[[50, 120]])
        assert np.square(shares[-1]).sum() == pytest.approx(1, abs=1e-4)
    assert np.ptp(shares, axis=0).min() > 0.9


def test_short_recordings_are_filtered_before_they_are_strung(crops_of):
    crops = crops_of(a=5 + sine(50, 300), b=-5 + sine(50, 300), options={"highpass_hz": 3.0})
    assert np.abs(crops.draw(2000, random=generator())).max() < 1.5


def test_a_cut_has_no_edges_of_resampling(crops_of):
    crops = crops_of(a=1 + 1e-4 * sine(20, 50000), rate_hz=777.0)
    drawn = np.stack([crops.draw(500, random=generator(seed)) for seed in range(50)])
    # Without what lies beside the cut, half of the first and last sample would be missing.
    np.testing.assert_allclose(drawn, 1, atol=2e-3)


def test_a_string_begins_anywhere_in_a_recording(crops_of):
    crops = crops_of(a=np.linspace(0.5, 1, 200, dtype=np.float32))
    first = np.array([crops.draw(1000, random=generator(seed))[0] for seed in range(100)])
    # A fade of 4 of its 200 samples at both ends; the rest says its place.
    assert (first > 0.5).mean() > 0.9 and (first > 0.75).mean() == pytest.approx(0.5, abs=0.18)


@pytest.mark.parametrize("speed", [1.0, 0.8, 1.25])
@pytest.mark.parametrize("rate_hz", [500.0, 1000.0, 2400.0])
def test_rate_and_speed_are_as_wanted(crops_of, speed, rate_hz):
    drawn = crops_of(a=sine(50, 20000), rate_hz=rate_hz).draw(2048, speed=speed, random=generator())
    peak_hz = np.abs(np.fft.rfft(drawn * np.hanning(2048), 2**16)).argmax() * rate_hz / 2**16
    assert peak_hz == pytest.approx(50 * speed, abs=0.1)  # bins are 0.04 Hz wide at most
    # Every cut is a whole one: the level of the sine holds to its ends.
    assert np.abs(drawn[:100]).max() > 0.9 and np.abs(drawn[-100:]).max() > 0.9


def test_short_recordings_of_one_folder_are_strung_with_pauses(tmp_path):
    for speaker, level in [("a", 0.25), ("b", 0.75)]:
        (tmp_path / speaker).mkdir()
        for number in range(5):
            signal = np.full(300, level)
            signal[::2] *= 0.9
            soundfile.write(tmp_path / speaker / f"{number}.wav", signal, 1000, subtype="FLOAT")
    crops = Crops(index(tmp_path), sample_rate_hz=RATE_HZ, concatenation=PAUSES)
    tops = []
    for seed in range(40):
        drawn = crops.draw(1500, random=generator(seed))
        silent = drawn == 0
        edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(int)))
        pauses = (edges[1::2] - edges[::2])[(edges[::2] > 0) & (edges[1::2] < 1500)]
        assert 3 <= len(pauses) <= 5 and pauses.min() >= 20 and pauses.max() <= 50
        # One level: no other speaker.
        loud = drawn[drawn > 0.2]
        tops.append(drawn.max())
        assert loud.max() / np.median(loud) < 1.12
    assert {round(float(top), 2) for top in tops} == {0.25, 0.75}


def test_strung_recordings_do_not_click(crops_of):
    drawn = [
        crops_of(a=np.linspace(0.9, 1, 200, dtype=np.float32)).draw(1000, random=generator(seed))
        for seed in range(5)
    ]
    # A fade of 4 samples at this rate rises by at most sin(pi / 4) a sample; a hard edge would be 0.9.
    assert max(np.abs(np.diff(signal)).max() for signal in drawn) < 0.5


def test_short_noise_goes_on_without_a_gap(crops_of):
    crops = crops_of(NOISE, a=generator().standard_normal(600).astype(np.float32))
    level = [
        np.sqrt((crops.draw(4000, random=generator(seed)).reshape(-1, 50) ** 2).mean(axis=-1)).min()
        for seed in range(20)
    ]
    assert min(level) > 0.5  # of 1: ramps of sine and cosine keep the power of what is not alike


def test_noise_is_looped_and_followed_by_others(crops_of):
    crops = crops_of(NOISE, a=np.tile([1.0, 0.9], 200), b=-np.tile([1.0, 0.9], 200))
    signs = [np.sign(crops.draw(1200, random=generator(seed))).sum() / 1200 for seed in range(100)]
    alone = np.mean(np.abs(signs) > 0.99)
    # Two joins at least: both looped with a probability of 1/4, or another drawn and the same again.
    assert 0.2 < alone < 0.75 and len({np.sign(sign) for sign in signs}) == 2


def test_every_live_channel_is_heard(crops_of):
    signal = np.stack([np.tile([1.0, 0.9], 500), np.zeros(1000), np.tile([-1.0, -0.9], 500)])
    crops = crops_of(a=signal)
    heard = {float(np.sign(crops.draw(100, random=generator(seed)).mean())) for seed in range(30)}
    assert heard == {1.0, -1.0}


@how(max_examples=60)
@given(
    length=st.integers(1, 3000),
    sizes=st.lists(st.integers(32, 2000), min_size=1, max_size=3),
    speed=st.floats(0.5, 2.0),
    crops=st.fixed_dictionaries(
        {
            "sample_rate_hz": st.sampled_from([250.0, 1000.0, 4410.0]),
            "concatenation": st.sampled_from([NOISE, PAUSES]),
        }
    ),
)
def test_a_stretch_has_its_length_whatever_there_is(tmp_path_factory, length, sizes, speed, crops):
    folder = tmp_path_factory.mktemp("any")
    for place, size in enumerate(sizes):
        np.save(folder / f"{place}.npy", sine(20, size))
    made = Crops(index(folder, sample_rate_hz=RATE_HZ), **crops)
    drawn = made.draw(length, speed=speed, random=generator(length))
    assert drawn.shape == (length,) and np.isfinite(drawn).all() and np.abs(drawn).max() < 2.5
    np.testing.assert_array_equal(drawn, made.draw(length, speed=speed, random=generator(length)))


def burst(length=20000, loud=slice(15000, 15400)):
    """A bang, and an amplifier's own noise 80 dB below."""
    signal = 1e-4 * generator(5).standard_normal(length)
    signal[loud] += generator(6).standard_normal(loud.stop - loud.start)
    return signal.astype(np.float32)


def test_near_silent_stretches_are_passed_over(crops_of):
    crops = crops_of(a=burst(), concatenation=NOISE, options={"skip_quiet": True})
    for seed in range(40):
        drawn = crops.draw(1000, random=generator(seed))
        assert np.abs(drawn).max() > 0.1
    (note,) = crops.notes(1000)
    # 20 s, of which stretches of 1 s meet the bang that begin within 1.4 s; to within a block either way
    quiet_s = float(note.partition(": ")[2].partition(" of")[0])
    assert quiet_s == pytest.approx(20 * (1 - 1.4 / 19), abs=0.2) and "(1 files)" in note


def test_stretches_of_even_noise_are_all_used(crops_of):
    even = generator(5).standard_normal(9000).astype(np.float32)
    plain, skipping = (crops_of(a=even, options={"skip_quiet": skip}) for skip in (False, True))
    assert skipping.notes(1000) == []
    for seed in range(5):
        one, other = (crops.draw(1000, random=generator(seed)) for crops in (plain, skipping))
        np.testing.assert_array_equal(one, other)
