"""The denoiser: what it returns beside what it was given, through the identity and through real networks."""

import copy
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

import dan
from dan.core.errors import DanError
from dan.inference.denoiser import load
from dan.inference.model_file import find_model, save_model
from dan.io.recordings import read, write
from dan.networks.factory import build_generator

FLOAT32 = 2.0**-23
"""Networks work in float32: a sample keeps half of this of itself, on the way in and on the way out."""

RATE = 64


def identity(frames):
    return frames.copy()


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.fixture(scope="session")
def applied(frame_denoiser):
    """Makes a denoiser of a network on frames of some length."""

    def make(network=identity, *, segment_samples=64):
        return frame_denoiser(network, segment_samples=segment_samples, rate=RATE)

    return make


@pytest.fixture(scope="session")
def trained(card, tmp_path_factory):
    """A denoiser with a real network, from its file."""
    info, path = card(), tmp_path_factory.mktemp("run") / "model.safetensors"
    torch.manual_seed(0)
    generator = build_generator(info.generator, info.signal)
    generator(torch.randn(4, 1, 64))
    save_model(path, generator.eval(), info)
    return load(path)


@given(
    segment_samples=st.integers(1, 80),
    length=st.integers(1, 400),
    rows=st.sampled_from([(), (1,), (3,), (2, 2)]),
    dtype=st.sampled_from([np.float32, np.float64]),
    strength=st.sampled_from([0.0, 0.3, 1.0]),
    level=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_the_identity_through_overlapping_frames_is_the_input(
    applied, *, segment_samples, length, rows, dtype, strength, level
):
    noisy = (level * noise(*rows, length)).astype(dtype)
    denoised = applied(segment_samples=segment_samples)(noisy, sample_rate=RATE, strength=strength)
    assert denoised.shape == noisy.shape and denoised.dtype == dtype
    # Weights in float64 divide out to 1e-15; what is left is float32's rounding of each sample.
    np.testing.assert_allclose(denoised, noisy, rtol=FLOAT32, atol=0)


@given(st.integers(65, 300), st.integers(0, 63))
def test_no_seam_shows_where_frames_meet(applied, length, shift):
    """A gain that each frame applies alike is applied alike all along."""
    noisy = np.roll(noise(length), shift)
    denoised = applied(lambda frames: np.float32(0.5) * frames)(noisy, sample_rate=RATE)
    np.testing.assert_allclose(denoised, 0.5 * noisy, rtol=FLOAT32, atol=0)


def test_frames_are_weighted_towards_their_middle(applied):
    """Frames that err at their edges, as networks do, err far less in the whole."""

    def spoilt(frames):
        frames = frames.copy()
        frames[:, [0, -1]] += 1
        return frames

    noisy = noise(64 * 5)
    error = np.abs(applied(spoilt)(noisy, sample_rate=RATE) - noisy)
    # Beside the middle of its neighbour, of weight 1, an edge weighs sin(pi / 128) ** 2 = 6e-4.
    assert error[1:-1].max() < 2e-3 and error[0] == pytest.approx(1) and error[-1] == pytest.approx(1)


def test_a_signal_no_longer_than_a_frame_goes_through_at_its_own_length(applied):
    seen = []

    def note(frames):
        seen.append(frames.shape)
        return frames

    for length in (1, 40, 64):
        applied(note)(noise(3, length), sample_rate=RATE)
    assert seen == [(3, 1), (3, 40), (3, 64)]


@pytest.mark.parametrize("length", [1, 30, 64, 65, 96, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
class TestTrained:
    def test_shape_and_dtype_are_kept(self, trained, length, dtype):
        for shape in ((length,), (1, length), (2, 3, length)):
            noisy = noise(*shape).astype(dtype)
            before = noisy.copy()
            denoised = trained(noisy, sample_rate=RATE)
            assert denoised.shape == shape and denoised.dtype == dtype
            assert np.isfinite(denoised).all() and np.array_equal(noisy, before)
            assert not np.allclose(denoised, noisy, atol=0.01)

    def test_rows_are_denoised_by_themselves(self, trained, length, dtype):
        noisy = noise(5, length).astype(dtype)
        single = np.stack([trained(row, sample_rate=RATE) for row in noisy])
        # The same sums in float32, in another order.
        np.testing.assert_allclose(trained(noisy, sample_rate=RATE), single, atol=1e-5)

    def test_strength_is_between_the_input_and_the_denoised(self, trained, length, dtype):
        noisy = noise(2, length).astype(dtype)
        none, some, full = (trained(noisy, sample_rate=RATE, strength=x) for x in (0, 0.25, 1))
        assert np.array_equal(none, noisy)
        assert np.array_equal(full, trained(noisy, sample_rate=RATE))
        np.testing.assert_allclose(some, 0.25 * full + 0.75 * noisy, atol=1e-6)

    def test_silence_stays_finite_and_the_same_along_it(self, trained, length, dtype):
        denoised = trained(np.zeros((2, length), dtype), sample_rate=RATE)
        assert np.isfinite(denoised).all() and np.array_equal(denoised[0], denoised[1])


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8, np.float16])
def test_the_dtype_of_every_number_is_kept(applied, dtype):
    noisy = np.arange(200).astype(dtype)
    denoised = applied()(noisy, sample_rate=RATE)
    assert denoised.dtype == dtype and np.array_equal(denoised, noisy)


@pytest.mark.parametrize(
    ("dtype", "lowest", "highest"),
    [
        (np.uint8, 0, 255),
        (np.int16, -(2**15), 2**15 - 1),
        (np.int32, -(2**31), 2**31 - 1),
        (np.float16, -65504, 65504),
    ],
)
def test_what_its_dtype_cannot_hold_is_clipped(applied, dtype, lowest, highest):
    amplifying = applied(lambda frames: 4 * frames - 2)
    limits = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(dtype)
    noisy = np.array([limits.min, limits.max] * 40, dtype)
    denoised = amplifying(noisy, sample_rate=RATE)
    assert denoised.dtype == dtype and (denoised.min(), denoised.max()) == (lowest, highest)


def test_whole_numbers_are_rounded_to_the_nearest(applied):
    shifting = applied(lambda frames: frames + np.float32(0.7))
    assert np.array_equal(shifting(np.arange(90), sample_rate=RATE), np.arange(90) + 1)


def test_booleans_come_out_as_floats(applied):
    halved = applied(lambda frames: np.float32(0.5) * frames)([True, False], sample_rate=RATE)
    assert halved.dtype == np.float64 and halved.tolist() == [0.5, 0.0]


def test_lists_and_views_are_taken(applied):
    noisy = noise(400).astype(np.float32)
    assert np.allclose(applied()(noisy[::-2].tolist(), sample_rate=RATE), noisy[::-2])
    assert np.allclose(applied()(noisy[::-2], sample_rate=RATE), noisy[::-2])


def test_many_rows_and_many_frames(applied):
    noisy = noise(600, 70).astype(np.float32)
    assert np.array_equal(applied()(noisy, sample_rate=RATE), noisy)
    long = noise(64 * 400).astype(np.float32)
    assert np.array_equal(applied()(long, sample_rate=RATE), long)


def test_a_row_comes_out_as_it_does_alone_however_many_are_beside_it(monkeypatch):
    """Whose offset is told from as long a beginning: here the whole row, with a step in it."""
    monkeypatch.setattr("dan.inference.denoiser.SPAN_VALUES", 4096)
    denoiser, count = load("ecg-360"), np.arange(2000)
    row = (0.1 * noise(2000) + np.where(count < 1500, 1.5, -7.5)).astype(np.float32)
    alone = denoiser(row, sample_rate=360)
    # The same sums in float32, in another order; a step of the offset of 9 is a thousand times as much.
    np.testing.assert_allclose(denoiser(np.tile(row, (5, 1)), sample_rate=360)[4], alone, atol=1e-3)


def test_what_there_is_to_say_of_many_rows_is_said_once():
    signal = np.tile(1e4 + 30 * noise(200), (300, 1))
    signal[:, 50] = 0
    with pytest.warns(UserWarning) as told:
        load("tones")(signal, sample_rate=256)
    said = [str(one.message) for one in told]
    assert len(said) == 2 and said[0].startswith("300 samples of exactly 0") and "an RMS of" in said[1]


@pytest.mark.parametrize("sample_rate", [63, 65, 44100, 64.5])
def test_another_rate_is_refused_with_the_way_out(applied, sample_rate):
    with pytest.raises(DanError) as caught:
        applied()(noise(64), sample_rate=sample_rate)
    assert caught.value.what == f"sample_rate={sample_rate:g}" and "tiny is for 64 Hz" in caught.value.rule
    assert "--resample" in caught.value.way_out and "64 Hz" in caught.value.way_out
    assert f"--set signal.sample_rate_hz={sample_rate:g}" in caught.value.way_out


@pytest.mark.parametrize("sample_rate", [0, -64, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(applied, sample_rate):
    with pytest.raises(DanError, match="sample_rate"):
        applied()(noise(64), sample_rate=sample_rate)


def test_a_signal_whose_rate_nobody_says_is_refused(applied):
    with pytest.raises(ValueError, match=r"nothing says the signal's rate.*Give sample_rate="):
        applied()(noise(64), sample_rate=None)


@pytest.mark.parametrize("strength", [-0.01, 1.01, float("nan")])
def test_a_strength_beyond_0_and_1_is_refused(applied, strength):
    with pytest.raises(DanError, match="it is from 0 to 1"):
        applied()(noise(64), sample_rate=RATE, strength=strength)


@pytest.mark.parametrize(
    "noisy", [np.zeros(0), np.zeros((2, 0)), np.zeros((0, 5)), 1.0, [np.nan], [1, np.inf], ["a"], [1j]]
)
def test_what_is_no_signal_is_refused(applied, noisy):
    with pytest.raises(DanError, match="noisy"):
        applied()(noisy, sample_rate=RATE)


@pytest.mark.parametrize("channels", [1, 2, 12, 64])
def test_samples_by_channels_are_refused_with_the_way_out(applied, channels):
    samples = noise(300, channels)
    with pytest.raises(DanError, match=rf"300 rows of length {channels}: time must be the last axis.*\.T"):
        applied()(samples, sample_rate=RATE)
    assert applied()(samples.T, sample_rate=RATE).shape == (channels, 300)
    with pytest.raises(DanError, match=r"time must be the last axis.*swapaxes"):
        applied()(samples[None], sample_rate=RATE)


def test_masked_samples_are_refused_and_an_empty_mask_is_none(applied):
    samples = np.ma.masked_array(noise(300), mask=np.arange(300) < 3)
    with pytest.raises(DanError, match=r"masked\. Fill it"):
        applied()(samples, sample_rate=RATE)
    samples.mask = False
    assert applied()(samples, sample_rate=RATE).shape == (300,)


def test_what_float32_cannot_hold_is_refused(applied):
    with pytest.raises(DanError):
        applied()(np.full(64, 1e300), sample_rate=RATE)


def test_a_block_that_is_refused_leaves_a_stream_as_it_was(applied):
    stream, blocks = applied().stream(), np.split(noise(400), 4)
    out = []
    for block in blocks:
        for wrong in (np.full(9, 1e300), 1.0, [np.nan], np.zeros((2, 9))):
            with pytest.raises(DanError):
                stream.feed(wrong)
        out.append(stream.feed(block))
    out.append(stream.flush())
    np.testing.assert_allclose(np.concatenate(out), np.concatenate(blocks), rtol=FLOAT32, atol=0)


def test_the_package_loads_it(tmp_path, card):
    info = card()
    save_model(tmp_path / "model.safetensors", build_generator(info.generator, info.signal), info)
    for place in (tmp_path, str(tmp_path), tmp_path / "model.safetensors"):
        denoiser = dan.load(place)
        assert isinstance(denoiser, dan.Denoiser) and denoiser.info == info
    with pytest.raises(dan.DanError, match="no such run folder"):
        dan.load("no-such-model")


def test_without_torch_the_way_out_is_said(tmp_path, card, monkeypatch):
    info = card()
    save_model(tmp_path / "model.safetensors", build_generator(info.generator, info.signal), info)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(DanError, match=r"takes torch to run.*pip install 'dan-denoiser\[train\]'"):
        load(tmp_path)


@pytest.fixture(scope="module", params=[".onnx", ".safetensors"])
def packaged(request):
    return load(str(find_model("tones-wide", suffixes=(request.param,))))


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda it: pickle.loads(pickle.dumps(it))])  # noqa: S301
def test_a_denoiser_is_pickled_and_copied(packaged, copied):
    noisy = noise(1000)
    twin = copied(packaged)
    assert twin.info == packaged.info
    assert np.array_equal(twin(noisy, sample_rate=256), packaged(noisy, sample_rate=256))


@pytest.mark.parametrize("rate", [256, 500])
def test_a_stream_is_copied_as_it_stands(packaged, rate):
    noisy = noise(1500)
    stream = packaged.stream(sample_rate=rate, resample=True)
    stream.feed(noisy[:700])
    twin = copy.deepcopy(stream)
    for one in (stream, twin):
        one.rest = np.concatenate([one.feed(noisy[700:]), one.flush()])
    assert np.array_equal(stream.rest, twin.rest)


def test_threads_share_a_denoiser(packaged):
    rows = noise(8, 3000)
    alone = [packaged(row, sample_rate=256) for row in rows]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda row: packaged(row, sample_rate=256), rows))
    assert np.array_equal(alone, together)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(DanError, match=r"device=abacus: torch cannot use it here"):
        load("tones-wide", device="abacus")
    with pytest.raises(DanError, match=r"device=cuda: .*onnx is an ONNX file, which runs on the CPU"):
        load(find_model("tones-wide", suffixes=(".onnx",)), device="cuda")


def test_a_stream_ends_once(packaged):
    stream = packaged.stream(strength=0.5)
    stream.feed(noise(700))
    stream.flush()
    for more in (stream.flush, lambda: stream.feed(noise(9))):
        with pytest.raises(DanError, match="a stream that has ended: it takes no more blocks"):
            more()
    with packaged.stream() as other:
        other.feed(noise(9))
    with pytest.raises(DanError, match="a stream that has ended"):
        other.flush()


def test_a_file_is_denoised_by_the_method_as_by_the_array(tmp_path):
    denoiser = load("tones-wide")
    noisy = np.random.default_rng(0).standard_normal(700).astype(np.float32)
    write(tmp_path / "a.npy", noisy, sample_rate_hz=None)
    path = denoiser.denoise_file(tmp_path / "a.npy", tmp_path / "b.npy", sample_rate=256)
    np.testing.assert_array_equal(read(path).samples, denoiser(noisy, sample_rate=256))
    with pytest.raises(DanError, match="--force"):
        denoiser.denoise_file(tmp_path / "a.npy", tmp_path / "b.npy", sample_rate=256)
    with pytest.raises(DanError, match="the input itself"):  # whose samples it would destroy
        denoiser.denoise_file(tmp_path / "a.npy", tmp_path / "a.npy", sample_rate=256, force=True)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), noisy)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_file_at_another_rate_comes_out_as_the_array_does(packaged, tmp_path, strength):
    noisy = noise(2, 3000).astype(np.float32)
    write(tmp_path / "a.npy", noisy, sample_rate_hz=None)
    chosen = {"sample_rate": 500, "resample": True, "strength": strength}
    path = packaged.denoise_file(tmp_path / "a.npy", tmp_path / "b.npy", **chosen)
    np.testing.assert_allclose(read(path).samples, packaged(noisy, **chosen), atol=1e-6)


def test_what_there_is_to_say_of_a_file_is_warned_of(tmp_path, frame_denoiser):
    write(tmp_path / "a.npy", 14 * noise(3000), sample_rate_hz=None)
    with pytest.warns(UserWarning, match=r"a\.npy: an RMS of 1[34].*trained on"):
        load("tones").denoise_file(tmp_path / "a.npy", tmp_path / "b.npy", sample_rate=256)
    amplifying = frame_denoiser(lambda frames: 4 * frames, segment_samples=64, rate=256)
    soundfile.write(tmp_path / "loud.wav", 0.9 * np.sign(noise(3000)), 256, "PCM_16")
    with pytest.warns(UserWarning, match=r"loud\.wav: 3000 samples clipped: lower the input"):
        amplifying.denoise_file(tmp_path / "loud.wav", tmp_path / "louder.wav")


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (255.964, r"256 Hz may be meant: then say --sample-rate 256\. Else use --resample"),
        (359.8, r"360 Hz may be meant: .* --set signal\.sample_rate_hz=360$"),
        (360, r"Use --resample .* --set signal\.sample_rate_hz=360$"),
        (350.3, r"^Use --resample .* --set signal\.sample_rate_hz=350\.3$"),
    ],
)
def test_a_rate_that_a_clock_missed_is_guessed(packaged, rate, said):
    with pytest.raises(DanError) as raised:
        packaged(noise(100), sample_rate=rate)
    assert re.search(said, raised.value.way_out)
