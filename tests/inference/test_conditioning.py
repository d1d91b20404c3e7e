"""Conditioning: any offset and, where the network takes any level, any unit; all of it is undone again."""

import warnings

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.inference.conditioning import Conditioner
from dan.inference.denoiser import Denoiser, load
from dan.inference.engines import FrameEngine, HopEngine
from dan.inference.stream import Stream

SPAN = 800
SCALES = [1e-30, 1e-21, 1e-12, 1e-6, 1e6, 1e12]
OFFSETS = [-1e4, -28.0, 1.0, 5.0, 1e4]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def passed(conditioner, signal, sizes=(1, 37, 1000)):
    """What a network gets, and what comes back if it changes nothing."""
    cuts = np.cumsum(sizes)
    blocks = np.split(signal, cuts[cuts < signal.shape[-1]], axis=-1)
    narrow = np.concatenate([*(conditioner.feed(block) for block in blocks), conditioner.flush()], axis=-1)
    half = narrow.shape[-1] // 2
    restored = [conditioner.restore(narrow[:, :half]), conditioner.restore(narrow[:, half:])]
    return narrow, np.concatenate(restored, axis=-1)


@pytest.fixture(scope="module")
def wide():
    return load("tones-wide")


@pytest.fixture(scope="module")
def tones():
    return load("tones")


def tone(length=2048, seed=0):
    time_s = np.arange(length) / 256
    return np.sin(2 * np.pi * 17 * time_s) + 0.5 * noise(length, seed=seed)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("offset", OFFSETS)
def test_a_network_gets_what_varies_near_a_level_of_1(scale, offset):
    signal = scale * (noise(2, 5000) + offset)
    conditioner = Conditioner(channels=2, first_samples=SPAN, span_samples=SPAN, scaled=True, sure=True)
    narrow, restored = passed(conditioner, signal)
    assert 2**-9 < narrow.std() < 2**10 and abs(narrow.mean()) < 0.1 * narrow.std()
    # float32 keeps half of 2**-23 of what varies, whose peak is near 5 RMS; float64 the offset.
    np.testing.assert_allclose(restored, signal, atol=scale * (5 * 2**-24 + abs(offset) * 1e-15))


def test_signals_near_1_around_0_reach_the_network_bit_for_bit():
    signal = noise(3, 5000).astype(np.float32)
    conditioner = Conditioner(channels=3, first_samples=SPAN, span_samples=SPAN, scaled=True, sure=True)
    narrow, restored = passed(conditioner, signal)
    assert np.array_equal(narrow, signal) and np.array_equal(restored, signal)


def test_a_network_that_knows_one_level_gets_it():
    signal = 1e-6 * noise(1, 2000)
    narrow, _ = passed(Conditioner(channels=1, first_samples=SPAN, span_samples=SPAN), signal)
    assert np.array_equal(narrow, signal.astype(np.float32))


def test_each_channel_has_its_own():
    signal = np.stack([noise(3000), 1e-9 * noise(3000) + 1e-6, 1e9 * noise(3000)])
    conditioner = Conditioner(channels=3, first_samples=SPAN, span_samples=SPAN, scaled=True, sure=True)
    narrow, restored = passed(conditioner, signal)
    assert (narrow.std(axis=-1) > 0.1).all() and (narrow.std(axis=-1) < 10).all()
    np.testing.assert_allclose(restored, signal, rtol=1e-6)


def test_a_slow_wave_is_no_offset():
    """A wandering baseline begins anywhere, and is for the network to take out."""
    wave = 3 * np.cos(2 * np.pi * 0.7 * np.arange(SPAN) / SPAN)[None] + noise(1, SPAN)
    assert abs(wave.mean()) > 0.5  # a mean that would count
    conditioner = Conditioner(channels=1, first_samples=SPAN, span_samples=SPAN, sure=True)
    narrow, _ = passed(conditioner, wave)
    assert np.array_equal(narrow, wave.astype(np.float32))


@pytest.mark.parametrize("start", [0, SPAN // 2])
def test_zeros_of_a_lead_that_is_off_do_not_hide_the_offset(start):
    signal = noise(2, 4 * SPAN) + 30
    signal[0, start : start + SPAN // 3] = 0
    conditioner = Conditioner(channels=2, first_samples=SPAN, span_samples=SPAN, sure=True)
    narrow, restored = passed(conditioner, signal)
    alive = signal != 0
    assert all(abs(narrow[row, alive[row]][: SPAN // 2].mean()) < 0.3 for row in (0, 1))
    np.testing.assert_allclose(restored, signal, atol=1e-5)


def conditioned(signal, **options):
    conditioner = Conditioner(channels=1, first_samples=SPAN, span_samples=SPAN, **options)
    return passed(conditioner, signal[None], sizes=(1000, 333, 1))


@pytest.mark.parametrize("held", [50.0, 0.4, -3.0])
def test_a_long_stay_at_one_value_does_not_move_the_offset(held):
    """A lead that is off, at a rail or wherever it stood."""
    before, stay = 4 * SPAN, 20 * SPAN
    signal = np.insert(noise(12 * SPAN) - 3, before, np.full(stay, held))
    narrow, restored = conditioned(signal, sure=True, scaled=True)
    assert abs(narrow[0, :before].mean()) < 0.3 and abs(narrow[0, before + stay :].mean()) < 0.3
    assert np.ptp(narrow[0, before + SPAN : before + stay]) == 0  # not even a ramp
    np.testing.assert_allclose(restored[0], signal, atol=1e-5)


@pytest.mark.parametrize("held_parts", [0, 4, 5, 8])
def test_zeros_that_waves_cross_after_a_long_stay_are_no_dropouts(held_parts):
    waves = np.rint(20 * np.sin(np.arange(7 * SPAN) / 9) + 12 + noise(7 * SPAN))
    signal = np.insert(waves, 3 * SPAN, np.full(held_parts * SPAN // 8, 12.0))[None]
    conditioner = Conditioner(channels=1, first_samples=SPAN, span_samples=SPAN, sure=True)
    passed(conditioner, signal)
    assert (signal == 0).sum() > 50 and conditioner.dropout_samples() == 0


@pytest.mark.parametrize("level", [0.0, 50.0])
@pytest.mark.parametrize("length", [1, 20, 200])
@pytest.mark.parametrize("start", [100, 3 * SPAN // 2])
def test_a_click_in_silence_moves_no_offset(level, length, start):
    signal = np.full(8 * SPAN, level)
    signal[start : start + length] += 9
    narrow, restored = conditioned(signal, sure=True)
    assert abs(np.median(narrow[0])) < 3
    assert np.ptp(narrow[0, 2 * SPAN :]) == 0 and abs(restored[0, -1] - level) < 1e-6


def test_what_a_caller_does_with_its_block_afterwards_changes_nothing():
    signal = noise(1, 4 * SPAN) + 5
    conditioner, block, outputs = (
        Conditioner(channels=1, first_samples=SPAN, span_samples=SPAN),
        np.zeros((1, 37)),
        [],
    )
    for start in range(0, 40 * 37, 37):
        block[:] = signal[:, start : start + 37]
        outputs.append(conditioner.feed(block))
        block[:] = 777
    wanted = Conditioner(channels=1, first_samples=SPAN, span_samples=SPAN).feed(signal[:, : 40 * 37])
    np.testing.assert_array_equal(np.concatenate(outputs, axis=-1), wanted)


def with_dropouts(count=8 * SPAN, offset=30.0, seed=0):
    """Two channels around an offset, packets lost in one of them at the start, in between and one by one."""
    signal = noise(2, count, seed=seed) + offset
    for start, length in ((0, 7), (SPAN // 2, 20), (3 * SPAN, 90), (5 * SPAN + 3, 2 * SPAN), (100, 1)):
        signal[0, start : start + length] = 0
    return signal


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("offset", [-8.0, 30.0, 1e4])
def test_dropouts_are_bridged_and_come_out_as_they_came_in(scaled, offset):
    signal = with_dropouts(offset=offset)
    conditioner = Conditioner(channels=2, first_samples=SPAN, span_samples=SPAN, scaled=scaled, sure=True)
    narrow, restored = passed(conditioner, signal)
    lost = signal == 0
    assert np.abs(narrow).max() < 5 and not narrow[lost].any() and not restored[lost].any()
    np.testing.assert_allclose(restored, signal, atol=1e-6)
    assert conditioner.dropout_samples() == lost.sum()


def test_zeros_that_a_signal_reaches_are_no_dropouts():
    signal = np.rint(4 * noise(2, 8 * SPAN)) + 16  # 4 standard deviations
    signal[:, 2 * SPAN :] -= 14
    conditioner = Conditioner(channels=2, first_samples=SPAN, span_samples=SPAN, sure=True)
    passed(conditioner, signal)
    assert (signal == 0).sum() > 100 and conditioner.dropout_samples() == 0


@pytest.mark.parametrize("sizes", [(), (1, 37, 1000), (1000, 15, 1, 1, 500)])
def test_zeros_that_a_wave_crosses_are_none_beside_dropouts(sizes):
    signal = with_dropouts(offset=30.0)
    lost = signal == 0
    down = np.arange(30.0, -31, -2)
    for start in (1000, 3000):
        signal[0, start : start + 61] = np.concatenate([down, down[-2::-1]])
    signal[0, 3 * SPAN + 200 :][:30] = np.linspace(30, 2, 30)  # a wave that a long dropout cuts off
    signal[0, 3 * SPAN + 230 :][:50], lost[0, 3 * SPAN + 233 :][:47] = 0, True
    conditioner = Conditioner(channels=2, first_samples=SPAN, span_samples=SPAN, sure=True)
    _, restored = passed(conditioner, signal, sizes)
    np.testing.assert_allclose(restored, signal, atol=1e-5)
    assert (signal == 0).sum() == lost.sum() + 4 + 3 and conditioner.dropout_samples() == lost.sum()


def test_a_sample_half_way_down_hides_no_dropout():
    signal = with_dropouts(offset=30.0)
    signal[0, 3 * SPAN - 3 : 3 * SPAN] = [22, 15, 8]  # as missing samples are filled
    conditioner = Conditioner(channels=2, first_samples=SPAN, span_samples=SPAN, sure=True)
    narrow, _ = passed(conditioner, signal)
    assert conditioner.dropout_samples() == (signal == 0).sum() and not narrow[signal == 0].any()


def test_dropouts_are_those_of_any_blocks_and_any_network():
    """Also where what comes out is late, and one channel has none."""
    signal = with_dropouts(offset=12.0)
    outputs = []
    for sizes in ([8 * SPAN], [1] * 50 + [7] * 300, [SPAN + 1] * 7):
        engine = HopEngine(lambda block: block / 2, hop_length=16, latency_samples=16, channels=2)
        conditioner = Conditioner(channels=2, first_samples=SPAN, span_samples=SPAN, sure=True)
        stream = Stream(engine, channels=2, conditioner=conditioner)
        blocks = np.split(signal, np.cumsum(sizes)[np.cumsum(sizes) < signal.shape[-1]], axis=-1)
        outputs.append(np.concatenate([*map(stream.feed, blocks), stream.flush()], axis=-1))
        np.testing.assert_array_equal(outputs[-1] == 0, signal == 0)
    np.testing.assert_array_equal(outputs[1], outputs[0])
    np.testing.assert_array_equal(outputs[2], outputs[0])


@pytest.mark.parametrize("model", ["ecg-360", "tones-wide"])
def test_a_lost_packet_does_not_spoil_what_is_around_it(model):
    denoiser = load(model)
    rate_hz, length = denoiser.sample_rate_hz, 6000
    signal = 1024 + 40 * np.sin(2 * np.pi * 12 * np.arange(length) / rate_hz) + 10 * noise(length)
    counts = np.rint(signal).astype(np.int16)
    whole = denoiser(counts, sample_rate=rate_hz)
    lost = slice(3000, 3040)
    counts[lost] = 0
    holed = denoiser(counts, sample_rate=rate_hz)
    assert not holed[lost].any() and not (np.delete(holed, np.arange(3000, 3040)) == 0).any()
    apart = np.delete(holed.astype(float) - whole, np.arange(2950, 3090))
    assert np.sqrt(np.mean(apart**2)) < 4  # a tenth of the tone; without, the hole is 25 times as high as it


def test_an_offset_that_moves_on_is_followed_without_a_step():
    length = 40 * SPAN
    baseline = np.linspace(500, 800, length)
    signal = (noise(length) + baseline)[None]
    conditioner = Conditioner(channels=1, first_samples=SPAN, span_samples=SPAN, sure=True)
    narrow, restored = passed(conditioner, signal)
    # A span sees 300 / 40 = 7.5 of the drift, and the baseline lags by up to two spans.
    assert np.abs(narrow.reshape(40, SPAN).mean(axis=-1)).max() < 2.5 * 7.5
    steps = np.diff(narrow[0] - noise(length))
    assert np.abs(steps).max() < 1e-3 * 50
    np.testing.assert_allclose(restored, signal, atol=1e-5)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("offset", OFFSETS)
def test_output_scales_and_shifts_with_the_input(wide, scale, offset):
    signal = tone()
    expected = wide(signal, sample_rate=256)
    moved = wide(scale * (signal + offset), sample_rate=256) / scale
    varying = [y - y.mean() for y in (expected, moved)]
    # The mean of the first seconds is taken out with the offset; -50 dB of the tone is what that changes.
    np.testing.assert_allclose(varying[1], varying[0], atol=0.01)
    assert moved.mean() == pytest.approx(offset, abs=0.05)


@pytest.mark.parametrize("scale", SCALES)
def test_a_power_of_two_changes_nothing_but_the_level(wide, scale):
    factor = 2.0 ** round(np.log2(scale))
    signal = tone()
    assert np.array_equal(wide(factor * signal, sample_rate=256), factor * wide(signal, sample_rate=256))


@pytest.mark.parametrize("offset", [0.0, *OFFSETS])
@pytest.mark.parametrize("scale", [1e-21, 1.0, 1e12])
def test_streams_do_as_whole_signals_do(wide, scale, offset):
    signal = scale * (tone(4096) + offset)
    whole = wide(signal, sample_rate=256)
    with wide.stream() as stream:
        parts = [stream.feed(block) for block in np.split(signal, 64)]
        streamed = np.concatenate([*parts, stream.flush()])
    difference = (streamed - whole) / scale
    if offset == 0:
        assert np.abs(difference).max() < 1e-5
    elif abs(offset) >= 4 * signal.std() / scale:
        # Told from one second in place of sixteen: the mean differs by RMS / sqrt(256), and nothing else.
        assert abs(difference.mean()) < 0.3 and difference.std() < 0.02
    else:  # too small for one second to tell: the network drops it
        assert difference.mean() == pytest.approx(-offset, abs=0.1) and difference.std() < 0.02


def test_a_constant_comes_back(wide, tones):
    for denoiser in (wide, tones):
        assert np.array_equal(denoiser(np.full(1000, 7.25), sample_rate=256), np.full(1000, 7.25))


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint8, np.float32])
def test_silence_is_silence(wide, tones, dtype):
    for denoiser in (wide, tones):
        assert not denoiser(np.zeros(1000, dtype), sample_rate=256).any()


def test_unsigned_counts_around_mid_scale(wide):
    counts = np.rint(128 + 40 * tone()).astype(np.uint8)
    expected = 128 + 40 * wide(tone(), sample_rate=256)
    # Half a count of rounding on either side, and what an eighth of a count does on the way.
    assert np.abs(wide(counts, sample_rate=256) - expected).max() < 3


@pytest.mark.filterwarnings("ignore:an RMS of")
def test_a_fade_into_denormal_numbers_stays_finite_and_ends_in_silence(tones, wide):
    fade = (noise(25600) * 10.0 ** np.linspace(0, -45, 25600)).astype(np.float32)
    for denoiser in (tones, wide):
        out = denoiser(fade, sample_rate=256)
        assert np.isfinite(out).all() and np.abs(out[-1000:]).max() < 1e-35


def test_a_level_that_the_model_does_not_know_is_said(tones, wide):
    signal = tone() * 0.65 / tone().std()
    with pytest.warns(UserWarning, match=r"an RMS of 32.*tones was trained on 0\.5.*tones-wide"):
        tones(50 * signal, sample_rate=256)
    for denoiser, given in ((tones, signal), (tones, signal + 1e4), (wide, 50 * signal)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            denoiser(given, sample_rate=256)


def test_dropouts_in_an_array_are_said(wide):
    signal = 100 + tone()
    signal[40:60] = 0
    with pytest.warns(UserWarning, match="^20 samples of exactly 0.*dropouts"):
        denoised = wide(signal, sample_rate=256)
    assert (denoised[40:60] == 0).all() and denoised[60:].min() > 90


def test_a_channel_of_two_values_comes_out_as_it_is_and_has_no_dropouts(wide, recwarn):
    trigger = np.zeros(3000)
    trigger[::7] = trigger[500:900] = 3.3
    assert np.array_equal(wide(trigger, sample_rate=256), trigger) and not recwarn.list
    both = np.stack([trigger, 100 + tone(3000) * (np.arange(3000) > 40)])
    both[1, :40] = 0
    with pytest.warns(UserWarning, match="^40 samples of exactly 0"):
        wide(both, sample_rate=256)


def test_frames_far_from_1_reach_the_network_scaled():
    seen = []

    def network(frames):
        seen.append(np.abs(frames).max())
        return frames

    engine = FrameEngine(network, segment_samples=8, channels=1, scaled=True)
    stream = Stream(engine)
    given = np.repeat([1e-25, 1.0, 1e17], 8)
    out = np.concatenate([stream.feed(given), stream.flush()])
    assert min(seen) > 2**-21 and max(seen) < 2**21
    np.testing.assert_allclose(out, given, rtol=1e-6)


def test_lasting_silence_silences_a_network_that_hums():
    def humming(block):
        return block + 1

    engine = HopEngine(humming, hop_length=4, latency_samples=8, channels=2)
    signal = np.ones((2, 80), np.float32)
    signal[0, 20:60] = 0
    out = np.concatenate([engine.feed(signal[:, :33]), engine.feed(signal[:, 33:]), engine.flush()], axis=-1)
    assert not out[0, 32:48].any() and (out[1, :72] == 2).all()
    assert (out[0, :16] == 2).all() and (out[0, 64:72] == 2).all()


@pytest.mark.parametrize("size", [1.1e18, 1e300])
def test_a_sample_beyond_what_is_taken_is_named(wide, size):
    with pytest.raises(DanError, match="a sample of size"):
        wide(np.array([0.0, size]), sample_rate=256)


def test_a_denoiser_says_what_it_is(wide):
    assert isinstance(wide, Denoiser)
    said = repr(wide)
    assert said == (
        "<Denoiser tones-wide: 256 Hz, spectral, 24698 parameters, latency 256 samples (1000 ms)>"
    )
    assert (wide.sample_rate_hz, wide.latency_samples) == (256, 256)
