"""PCM through real pipes: aligned, complete, and clear about a stream that breaks off or is no PCM."""

import io
import logging
import os
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.workflows.stream import SAMPLE_TYPES, decode, encode, open_input, pump, sample_type_of


@pytest.fixture
def halving(frame_denoiser):
    return frame_denoiser(lambda frames: np.float32(0.5) * frames, segment_samples=64)


def through(stream, data, *, sample_type, portion=1000):
    """What comes out of a pipe for what goes into another, a portion at a time; and the clipped samples."""
    read_in, write_in = os.pipe()
    read_out, write_out = os.pipe()
    came = []

    def give():
        with os.fdopen(write_in, "wb") as source:
            for start in range(0, len(data), portion):
                source.write(data[start : start + portion])
                source.flush()

    def take():
        with os.fdopen(read_out, "rb") as target:
            came.append(target.read())

    threads = [threading.Thread(target=give), threading.Thread(target=take)]
    for thread in threads:
        thread.start()
    try:
        with os.fdopen(read_in, "rb") as source, os.fdopen(write_out, "wb") as target:
            clipped = pumped(stream, source, target, sample_type)
    finally:
        for thread in threads:
            thread.join()
    return came[0], clipped


def pumped(stream, source, target, sample_type, **said):
    """The clipped samples of what went through a stream, or through what is made of the input's form."""
    with ExitStack() as stack:
        said |= {} if callable(stream) else {"channels": stream.channels}
        given = open_input(source, stack, sample_type=sample_type, **said)
        opened = stream(given) if callable(stream) else stream
        return pump(opened, given, target, sample_type=sample_type)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("portion", [1, 7, 4096])
def test_float_pcm(halving, channels, portion):
    samples = np.random.default_rng(0).uniform(-1, 1, (500, channels)).astype(np.float32)
    stream = halving.stream(channels=channels)
    out, _ = through(stream, samples.tobytes(), sample_type="float32", portion=portion)
    np.testing.assert_allclose(np.frombuffer(out, np.float32).reshape(-1, channels), samples / 2, atol=1e-6)


def test_int16_is_rounded_and_clipped_never_wrapped(frame_denoiser):
    louder = frame_denoiser(lambda frames: 2 * frames, segment_samples=64)
    samples = np.array([0, 1, -1, 20000, -20000, 32767, -32768] * 40, np.int16)
    out, clipped = through(louder.stream(), samples.tobytes(), sample_type="int16")
    expected = np.clip(2 * samples.astype(int), -32768, 32767)
    np.testing.assert_array_equal(np.frombuffer(out, np.int16), expected)
    assert clipped == 4 * 40


@pytest.mark.parametrize("samples", [0, 1, 63])
def test_fewer_samples_than_the_latency(halving, samples):
    given = np.resize(np.array([1, -1], np.float32), samples)
    out, _ = through(halving.stream(), given.tobytes(), sample_type="float32")
    np.testing.assert_allclose(np.frombuffer(out, np.float32), given / 2, atol=1e-6)


def test_a_stream_that_ends_within_a_sample_loses_nothing_before_it(halving):
    data = np.ones((100, 2), np.int16).tobytes() + b"\x01\x00\x01"
    with pytest.raises(DanError, match="ends 3 bytes into a sample of 4"):
        through(halving.stream(channels=2), data, sample_type="int16")


@pytest.mark.parametrize(
    ("channels", "said"), [(1, "int16 of 1 channel"), (2, "int16 of 2 channels, interleaved")]
)
def test_the_error_of_a_cut_sample_tells_the_channels(halving, channels, said):
    with pytest.raises(DanError, match=rf"ends 1 byte into a sample of \d: samples are {said}\. Check"):
        through(halving.stream(channels=channels), b"\x01", sample_type="int16")


def test_what_is_no_number_becomes_silence(halving):
    samples = np.array([1.0, np.nan, np.inf, -np.inf, -1.0] * 30, np.float32)
    out, _ = through(halving.stream(), samples.tobytes(), sample_type="float32")
    expected = np.array([0.5, 0, 0, 0, -0.5] * 30)
    np.testing.assert_allclose(np.frombuffer(out, np.float32), expected, atol=1e-6)


def test_what_no_network_can_take_becomes_silence_and_the_stream_goes_on(halving):
    samples = np.array([1.0, 1e25, -3e38, -1.0] * 30, np.float32)
    out, _ = through(halving.stream(), samples.tobytes(), sample_type="float32")
    np.testing.assert_allclose(np.frombuffer(out, np.float32), np.array([0.5, 0, 0, -0.5] * 30), atol=1e-6)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_named(halving, tmp_path):
    (tmp_path / "in.raw").write_bytes(bytes(4000))
    with (
        (tmp_path / "in.raw").open("rb") as source,
        Path("/dev/full").open("wb", buffering=0) as target,
        pytest.raises(DanError, match=r"the output: it cannot be written \(No space left on device\)"),
    ):
        pumped(halving.stream(), source, target, "float32")


def test_an_input_that_cannot_be_read_is_named(halving, tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    source = SimpleNamespace(fileno=lambda: folder)
    with pytest.raises(DanError, match="the input: it cannot be read"):
        pumped(halving.stream(), source, None, "float32")
    os.close(folder)


# Sample types


@pytest.mark.parametrize("sample_type", SAMPLE_TYPES)
def test_every_sample_type_comes_back_bit_for_bit(sample_type):
    data = np.random.default_rng(0).integers(0, 256, 24 * 50, dtype=np.uint8).tobytes()
    if sample_type.startswith("float"):
        data = np.random.default_rng(0).standard_normal(100).astype(sample_type).tobytes()
    for channels in (1, 2, 5):
        block = decode(data, channels, sample_type)
        assert block.shape[0] == channels and (sample_type.startswith("float") or np.abs(block).max() <= 1)
        assert encode(block, sample_type) == (data, 0)


@pytest.mark.parametrize(
    ("sample_type", "data", "value"),
    [
        ("uint8", b"\x00", -1.0), ("uint8", b"\xc0", 0.5), ("int16", b"\x00\x40", 0.5),
        ("int24", b"\x00\x00\x40", 0.5), ("int24", b"\x00\x00\x80", -1.0),
        ("int32", b"\x00\x00\x00\xc0", -0.5),
    ],
)  # fmt: skip
def test_full_scale_is_1(sample_type, data, value):
    assert decode(data, 1, sample_type)[0, 0] == value


def test_types_go_by_the_names_of_ffmpeg_too():
    assert [sample_type_of(name) for name in ("s24le", "u8", "F32", "int32")] == [
        "int24", "uint8", "float32", "int32",
    ]  # fmt: skip
    with pytest.raises(DanError, match=r"--dtype s24_le: a sample's type is one of f32, .*u8"):
        sample_type_of("s24_le")


# Pipes that do not block


class Narrow:
    """A pipe that takes and gives a few bytes at a time, and is not ready every other time."""

    def __init__(self, data=b""):
        self.data, self.calls = data, 0

    def fileno(self):
        return self

    def flush(self):
        pass

    def read(self, count):
        self.calls += 1
        if self.calls % 2:
            raise BlockingIOError
        came, self.data = self.data[:7], self.data[7:]
        return came

    def write(self, data):
        self.calls += 1
        if self.calls % 2:
            raise BlockingIOError
        self.data += bytes(data[:5])
        return min(5, len(data))


def test_pipes_that_do_not_block_are_waited_for(halving, monkeypatch):
    samples = np.random.default_rng(0).uniform(-1, 1, 500).astype(np.float32)
    source, target, waited = Narrow(samples.tobytes()), Narrow(), []
    monkeypatch.setattr("os.read", lambda pipe, count: pipe.read(count))
    monkeypatch.setattr("os.write", lambda pipe, data: pipe.write(data))
    monkeypatch.setattr("select.select", lambda *pipes: waited.append(pipes))
    pumped(halving.stream(), source, target, "float32")
    np.testing.assert_allclose(np.frombuffer(target.data, np.float32), samples / 2, atol=1e-6)
    assert ([source], [], []) in waited and ([], [target], []) in waited


# Recordings that come in


def recording(kind, subtype, channels=2, rate=8000):
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, (1000, channels))
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue(), samples


def as_stream(frame_denoiser):
    denoiser = frame_denoiser(lambda frames: np.float32(0.5) * frames, segment_samples=64, rate=8000)
    return lambda given: denoiser.stream(channels=given.channels, sample_rate=given.sample_rate_hz)


@pytest.mark.parametrize(
    ("kind", "subtype", "step"),
    [
        ("WAV", "PCM_U8", 2**-7), ("WAV", "PCM_16", 2**-15), ("WAV", "PCM_24", 2**-23),
        ("WAV", "PCM_32", 2**-24), ("WAV", "FLOAT", 2**-24), ("WAV", "DOUBLE", 2**-24),
        ("WAVEX", "PCM_16", 2**-15), ("RF64", "PCM_16", 2**-15),
        ("WAV", "ULAW", 0.03), ("FLAC", "PCM_16", 2**-15), ("AIFF", "PCM_16", 2**-15),
    ],
)  # fmt: skip
def test_a_recording_is_known_by_its_header(frame_denoiser, kind, subtype, step):
    data, samples = recording(kind, subtype)
    out, _ = through(as_stream(frame_denoiser), data, sample_type="float32")
    np.testing.assert_allclose(np.frombuffer(out, np.float32).reshape(-1, 2), samples / 2, atol=step)


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_recordings_are_known_too(frame_denoiser, kind, subtype):
    data, _ = recording(kind, subtype)
    decoded, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    out, _ = through(as_stream(frame_denoiser), data, sample_type="float32")
    got = np.frombuffer(out, np.float32).reshape(-1, 2)
    assert len(got) == len(decoded)
    np.testing.assert_allclose(got, decoded / 2, atol=1e-4)


@pytest.mark.parametrize("name", ["a.m4a", "a.mkv"])
def test_what_telephones_and_browsers_record_is_known_too(tmp_path, frame_denoiser, write_media, name):
    steps = np.random.default_rng(0).integers(-9000, 9000, 1000).astype(np.int16)
    data = write_media(tmp_path / name, steps, 8000).read_bytes()
    out, _ = through(as_stream(frame_denoiser), data, sample_type="float32")
    np.testing.assert_allclose(np.frombuffer(out, np.float32), steps / 2**16, atol=1e-6)


@pytest.mark.parametrize(
    ("start", "suffix"), [(b"\x93NUMPY\1\0", "npy"), (b"0       ", "edf"), (b"\xffBIOSEMI", "bdf")]
)
def test_a_recording_of_no_sound_is_not_taken_for_samples(frame_denoiser, start, suffix):
    with pytest.raises(DanError, match=rf"a \.{suffix} file comes in.*dan denoise MODEL -"):
        through(as_stream(frame_denoiser), start + bytes(4000), sample_type="float32")


@pytest.mark.parametrize("size", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\xf0\xff\x7f"])
def test_a_wav_whose_size_its_writer_did_not_know_goes_on_to_the_end(frame_denoiser, size):
    data, samples = recording("WAV", "PCM_16")
    place = data.index(b"data") + 4
    unknown = data[:place] + size + data[place + 4 :]
    out, _ = through(as_stream(frame_denoiser), unknown, sample_type="float32")
    np.testing.assert_allclose(np.frombuffer(out, np.float32).reshape(-1, 2), samples / 2, atol=2**-15)


@pytest.mark.parametrize(("size", "known"), [(3_000_000_000, 3_000_000_000), (2**32 - 1, None), (0, None)])
def test_a_size_beyond_2_gb_is_one_and_chunks_may_follow(monkeypatch, size, known):
    data, _ = recording("WAV", "PCM_16")
    place = data.index(b"data") + 4
    said = []
    monkeypatch.setattr(
        "dan.workflows.stream.pcm_blocks", lambda *_, size_bytes, **__: said.append(size_bytes)
    )
    monkeypatch.setattr("dan.workflows.pipes.read_some", io.BytesIO.read)
    header = io.BytesIO(data[:place] + size.to_bytes(4, "little") + bytes(4))
    open_input(header, ExitStack(), sample_type="float32")
    assert said == [known]


@pytest.mark.parametrize(("cut", "came"), [(0, 1000), (4, 999), (5, 998), (4000, 0)])
def test_a_wav_that_is_cut_short_is_warned_of_and_what_came_goes_out(frame_denoiser, caplog, cut, came):
    data, samples = recording("WAV", "PCM_16")
    out, _ = through(as_stream(frame_denoiser), data[: len(data) - cut], sample_type="float32")
    got = np.frombuffer(out, np.float32).reshape(-1, 2)
    np.testing.assert_allclose(got, samples[:came] / 2, atol=2**-15)
    said = [f"The header promises 1000 samples, and {came} came: the input is cut short."] if cut else []
    assert caplog.messages == said


def test_a_wav_of_unknown_size_that_ends_within_a_sample_is_warned_of(frame_denoiser, caplog):
    data, samples = recording("WAV", "PCM_16")
    place = data.index(b"data") + 4
    unknown = data[:place] + b"\xff\xff\xff\xff" + data[place + 4 : -1]
    out, _ = through(as_stream(frame_denoiser), unknown, sample_type="float32")
    assert len(out) == 4 * (samples.size - 2)
    assert caplog.messages == ["The input ends within a sample, which is left out."]


def test_a_recording_cut_within_its_header_goes_by_the_name_of_the_input(frame_denoiser):
    data, _ = recording("WAV", "PCM_16")
    with pytest.raises(DanError, match=r"^standard input: it is cut short: 30 of \d+ bytes are there"):
        through(as_stream(frame_denoiser), data[:30], sample_type="float32")


def test_what_lies_behind_the_samples_of_a_wav_is_none(frame_denoiser):
    data, samples = recording("WAV", "PCM_16")
    out, _ = through(as_stream(frame_denoiser), data + b"LIST\x04\0\0\0abcd", sample_type="float32")
    assert len(out) == 4 * samples.size


def test_a_recording_is_not_what_was_said_of_it(frame_denoiser):
    data, _ = recording("WAV", "PCM_16")
    for said, words in (
        ({"channels": 1}, "--channels 1"),
        ({"sample_rate_hz": 44100}, "--sample-rate 44100"),
    ):
        source = os.memfd_create("in") if hasattr(os, "memfd_create") else None
        if source is None:
            pytest.skip("no files in memory here")
        with os.fdopen(source, "w+b") as file, ExitStack() as stack:
            file.write(data)
            file.seek(0)
            with pytest.raises(DanError, match=rf"{words}: a WAV file comes in, of .*Leave out"):
                open_input(file, stack, sample_type="float32", **said)


# What cannot be the type


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.sin(np.arange(300)) * 2**24, True),
        (1e-7 * np.sin(np.arange(300)), True),
        (1e4 * np.sin(np.arange(300)), True),
        (0.1 * np.sin(np.arange(300)), False),
        (np.zeros(300), False),
    ],
)
def test_samples_that_cannot_be_the_type_are_said_once(halving, caplog, samples, said):
    whole = np.abs(samples).max() > 1e6  # whole numbers of 32 bits taken for floating-point ones
    data = samples.astype("<i4" if whole else "<f4").tobytes()
    with caplog.at_level(logging.WARNING):
        through(halving.stream(), data, sample_type="float32")
    assert caplog.text.count("Is it the type of --dtype that comes in?") == said
