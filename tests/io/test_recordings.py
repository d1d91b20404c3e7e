"""What is written is read back exactly; what is no recording is refused with its path and a reason."""

import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from dan.core.errors import DanError
from dan.io.audio import AUDIO
from dan.io.folder import find_recordings
from dan.io.recordings import PCM_BITS, Recording, open_reader, read, write

RATE_HZ = 8000
WAV_SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]


def noise(*shape, level=0.1, dtype=np.float32):
    return (level * np.random.default_rng(0).standard_normal(shape)).astype(dtype)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.wav"


def named(path):
    return pytest.raises(DanError, match=path.name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (50,), (1, 50), (2, 50), (128, 1000)])
def test_npy_comes_back_as_it_was(tmp_path, dtype, shape):
    signal, path = noise(*shape, dtype=dtype, level=1e3), tmp_path / "a.npy"
    assert write(path, signal, sample_rate_hz=None) == 0
    recording = read(path, sample_rate_hz=256.5)
    np.testing.assert_array_equal(recording.samples, signal)
    assert recording.samples.dtype == dtype and recording.encoding == np.dtype(dtype).name
    assert recording.sample_rate_hz == 256.5 and read(path).sample_rate_hz is None


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "int32", "int64", "uint8", "uint64", "float16", ">f4", ">i2"]
)
def test_npy_of_other_dtypes_keeps_dtype_and_values(tmp_path, dtype):
    stored, path = np.array([0, 1, 100, 7, 127], dtype), tmp_path / "a.npy"
    np.save(path, stored)
    recording = read(path)
    np.testing.assert_array_equal(recording.samples, stored.astype(np.float64))
    write(tmp_path / "b.npy", recording.samples, sample_rate_hz=None, template=recording)
    back = np.load(tmp_path / "b.npy")
    np.testing.assert_array_equal(back, stored)
    assert back.dtype.name == stored.dtype.name


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_npy_integers_are_rounded_and_clipped(tmp_path, dtype):
    template, limits = Recording(np.zeros(1), None, dtype), np.iinfo(dtype)
    signal = np.array([1e30, -1e30, 2.6, 1.4, float(limits.max) * 1.01])
    assert write(tmp_path / "a.npy", signal, sample_rate_hz=None, template=template) == 3
    back = np.load(tmp_path / "a.npy")
    assert back.dtype == dtype and back[1:4].tolist() == [limits.min, 3, 1]
    # The largest float64 that a 64-bit integer holds is 1024 or 2048 below its maximum.
    assert limits.max - int(back[0]) <= 2048 and limits.max - int(back[4]) <= 2048


def test_npy_floats_are_clipped_not_infinite(tmp_path):
    template = Recording(np.zeros(1), None, "float16")
    assert write(tmp_path / "a.npy", [1e6, -1e6, 0.5], sample_rate_hz=None, template=template) == 2
    assert np.load(tmp_path / "a.npy").tolist() == [65504.0, -65504.0, 0.5]


@pytest.mark.parametrize("subtype", WAV_SUBTYPES)
@pytest.mark.parametrize("shape", [(1,), (500,), (2, 500), (1, 500)])
def test_wav_keeps_its_subtype_and_every_sample(tmp_path, subtype, shape):
    stored = np.clip(noise(*shape, level=0.3, dtype=np.float64), -0.99, 0.99)
    soundfile.write(tmp_path / "a.wav", stored.T, RATE_HZ, subtype=subtype)
    recording = read(tmp_path / "a.wav", sample_rate_hz=999)
    assert recording.encoding == subtype and recording.sample_rate_hz == RATE_HZ
    assert recording.samples.shape == (shape if shape != (1, 500) else (500,))
    # Half a step of the encoding, and one for how soundfile rounds.
    step = 2.0 ** (1 - PCM_BITS.get(subtype, 24))
    np.testing.assert_allclose(recording.samples, stored.reshape(recording.samples.shape), atol=1.5 * step)
    assert write(tmp_path / "b.wav", recording.samples, sample_rate_hz=RATE_HZ, template=recording) == 0
    again = read(tmp_path / "b.wav")
    np.testing.assert_array_equal(again.samples, recording.samples)
    assert again.encoding == subtype


def test_every_16_bit_value_survives(path):
    values = np.arange(-(2**15), 2**15).astype(np.int16)
    soundfile.write(path, values, RATE_HZ)
    recording = read(path)
    write(path, recording.samples, sample_rate_hz=RATE_HZ, template=recording, force=True)
    np.testing.assert_array_equal(soundfile.read(path, dtype="int16")[0], values)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_pcm_is_rounded_and_clipped_and_counted(path, subtype):
    step = 2.0 ** (1 - PCM_BITS[subtype])
    signal = np.array([1.5, -1.5, 1.0, -1.0, 3.6 * step, -3.6 * step, 0.0])
    assert write(path, signal, sample_rate_hz=RATE_HZ, template=Recording(signal, None, subtype)) == 3
    expected = [1 - step, -1, 1 - step, -1, 4 * step, -4 * step, 0]
    np.testing.assert_array_equal(soundfile.read(path)[0], expected)


def test_float_wav_holds_more_than_full_scale_and_no_time(path):
    signal = noise(2, 300, level=3.0)
    assert write(path, signal, sample_rate_hz=RATE_HZ) == 0
    np.testing.assert_array_equal(read(path).samples, signal)
    header = path.read_bytes().partition(b"data")[0]
    place = header.index(b"PEAK")
    assert header[place + 12 : place + 16] == bytes(4)


@pytest.mark.parametrize("suffix", sorted(f".{name}" for name in AUDIO.split(" ")))
def test_every_suffix_that_counts_can_be_written_and_read(tmp_path, suffix):
    signal = np.sin(2 * np.pi * 440 * np.arange(24000) / 48000).astype(np.float32)
    path = tmp_path / f"a{suffix.upper()}"
    write(path, signal, sample_rate_hz=48000)
    recording = read(path)
    assert recording.sample_rate_hz == 48000
    # Lossy formats keep a tone's spectrum to within a few percent, but may pad and delay it.
    spectra = [np.abs(np.fft.rfft(x[6000:18000] * np.hanning(12000))) for x in (recording.samples, signal)]
    np.testing.assert_allclose(*spectra, atol=0.05 * spectra[1].max())


def test_an_encoding_that_the_format_lacks_gives_way(tmp_path):
    signal = noise(100)
    flac_like_float = Recording(signal, RATE_HZ, "FLOAT")
    write(tmp_path / "a.flac", signal, sample_rate_hz=RATE_HZ, template=flac_like_float)
    assert read(tmp_path / "a.flac").encoding == "PCM_24"
    write(tmp_path / "a.npy", signal, sample_rate_hz=RATE_HZ, template=Recording(signal, RATE_HZ, "PCM_16"))
    assert read(tmp_path / "a.npy").encoding == "float32"
    write(tmp_path / "a.wav", signal, sample_rate_hz=RATE_HZ, template=Recording(signal, None, "float64"))
    assert read(tmp_path / "a.wav").encoding == "FLOAT"


@pytest.mark.parametrize(
    "name", ["a.npy", "a.wav", "a.flac", "a.csv", "a.edf", "a.bdf", "a.hea", "a.raw", "a.txt", "a"]
)
@pytest.mark.parametrize("content", [b"", b"RIFF", b"no recording " * 9, b"\x93NUMPY", b"PK\x03\x04 zip"])
def test_what_is_no_recording_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with named(path):
        read(path)


@pytest.mark.parametrize("name", ["none.wav", "none.npy", "none.csv", "none.edf", "none.hea", "n" * 5000])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(DanError, match="no such file"):
        read(tmp_path / name)


def test_a_folder_is_no_recording(tmp_path):
    with pytest.raises(DanError, match=f"{tmp_path.name}: it is a folder"):
        read(tmp_path)


CUT = [(name, part) for name in ("a.npy", "a.wav", "a.flac", "a.aiff") for part in (0.01, 0.3, 0.9)]


@pytest.mark.parametrize(("name", "part"), [*CUT, ("a.ogg", 0.01)])  # Ogg does not say how long it is
def test_a_file_cut_short_is_refused(tmp_path, name, part):
    path = tmp_path / name
    write(path, noise(20000), sample_rate_hz=RATE_HZ)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with named(path):
        read(path)


def test_an_array_cut_short_is_said_to_be(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.ones(100, np.float32))
    whole = path.read_bytes()
    for held in (128, 130, 527):
        path.write_bytes(whole[:held])
        with pytest.raises(DanError, match=rf"a\.npy: it is cut short: {held} of 528 bytes are there\. Copy"):
            read(path)
    for held in (7, 60):
        path.write_bytes(whole[:held])
        with pytest.raises(DanError, match=r"a\.npy: it is cut short: it ends within its header\. Copy"):
            read(path)


def test_a_header_without_a_size_is_read(path):
    write(path, noise(100), sample_rate_hz=RATE_HZ)
    content = bytearray(path.read_bytes())
    content[4:8] = b"\xff" * 4  # as written to a pipe
    path.write_bytes(content)
    assert read(path).samples.shape == (100,)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # numpy parses the header as Python
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_damaged_npy_is_refused_or_read(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damage") / "a.npy"
    np.save(path, noise(3, 20))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 127))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert read(path).samples.size > 0
    except DanError as error:
        assert path.name in str(error)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([{}, 1], dtype=object), "cannot be read"),
        (np.array(["a"]), "real numbers"),
        (np.ones(3, complex), "real numbers"),
        (np.array([0, np.nan, 1]), "nan at sample 1"),
        (np.array([[0, 1], [0, -np.inf]]), "-inf at sample 1 .*1 of those from 0 to 1 is not"),
        (np.ones((2, 3, 4)), "shape must be"),
        (np.float64(3), "shape must be"),
        (np.ones(0), "no samples"),
        (np.ones((2, 0)), "no samples"),
        (np.ones((1000, 2)), "1000 channels of 2 samples: .*Transpose it"),
        (np.ones((1000, 1)), "1000 channels of 1 sample: .*Transpose it"),
        (np.ones(2, dtype=[("a", "f4")]), "real numbers"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, array, reason):
    path = tmp_path / "a.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(DanError, match=reason) as caught:
        read(path)
    assert path.name in str(caught.value)


def test_not_finite_audio_is_refused(path):
    soundfile.write(path, np.array([0, 1, np.nan]), RATE_HZ, subtype="FLOAT")
    with pytest.raises(DanError, match=r"a\.wav has nan at sample 2"):
        read(path)


def test_audio_without_samples_is_refused(path):
    soundfile.write(path, np.zeros(0), RATE_HZ)
    with pytest.raises(DanError, match=r"a\.wav.*no samples"):
        read(path)


@pytest.mark.parametrize(
    ("name", "signal", "rate_hz", "reason"),
    [
        ("a.wav", np.ones((1, 2, 3)), RATE_HZ, "shape"),
        ("a.wav", [np.nan], RATE_HZ, "nan at sample 0"),
        ("a.wav", [1.0], None, "needs a sample rate"),
        ("a.wav", [1.0], 256.5, "whole number"),
        ("a.wav", [1.0], -1, "above 0"),
        ("a.flac", np.ones((9, 3)), RATE_HZ, "9 channels"),
        ("a.xyz", [1.0], RATE_HZ, "no format"),
        ("a", [1.0], RATE_HZ, "no format"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, name, signal, rate_hz, reason):
    with pytest.raises(DanError, match=reason):
        write(tmp_path / name, signal, sample_rate_hz=rate_hz)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.npy", "a.wav"])
def test_overwriting_needs_force(tmp_path, name):
    write(tmp_path / name, [0.25], sample_rate_hz=RATE_HZ)
    with pytest.raises(DanError, match="--force"):
        write(tmp_path / name, [0.5], sample_rate_hz=RATE_HZ)
    assert read(tmp_path / name).samples == [0.25]
    write(tmp_path / name, [0.5], sample_rate_hz=RATE_HZ, force=True)
    assert read(tmp_path / name).samples == [0.5]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of a file")
@pytest.mark.parametrize("name", ["a.npy", "a.wav", "a.flac", "a.ogg"])
def test_a_full_disk_leaves_what_was(tmp_path, name):
    import resource

    write(tmp_path / name, [0.25], sample_rate_hz=RATE_HZ)
    before = (tmp_path / name).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # the system refuses to write any further
    try:
        with named(tmp_path / name):
            write(tmp_path / name, noise(100_000), sample_rate_hz=RATE_HZ, force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("error", [KeyError("unit"), OSError(22, "Invalid argument"), AssertionError()])
def test_whatever_a_reader_stumbles_over_is_told_as_an_unreadable_file(tmp_path, monkeypatch, error):
    def stumble(*_, **__):
        raise error

    (tmp_path / "a.txt").write_text("1\n2\n")
    write(tmp_path / "b.npy", [1.0], sample_rate_hz=None)
    monkeypatch.setattr("dan.io.table.Layout.of", stumble)
    with pytest.raises(DanError, match=r"a\.txt: it cannot be read as a recording"):
        read(tmp_path / "a.txt")
    assert find_recordings(tmp_path) == [tmp_path / "b.npy"]


def test_a_want_of_memory_is_not_taken_for_a_fault_of_the_file(tmp_path, monkeypatch):
    def run_out(*_, **__):
        raise MemoryError

    (tmp_path / "a.txt").write_text("1\n2\n")
    monkeypatch.setattr("dan.io.table.Layout.of", run_out)
    for fails in (lambda: read(tmp_path / "a.txt"), lambda: find_recordings(tmp_path)):
        with pytest.raises(MemoryError):
            fails()


@pytest.mark.parametrize(("given_hz", "note"), [
    (None, []), (RATE_HZ, []), (100, ["it says 8000 Hz, which are taken, not the 100 Hz given"]),
])  # fmt: skip
def test_the_rate_of_a_file_holds_and_another_that_is_given_is_told(path, given_hz, note):
    write(path, [0.5], sample_rate_hz=RATE_HZ)
    with open_reader(path, sample_rate_hz=given_hz) as reader:
        assert (reader.sample_rate_hz, reader.notes) == (RATE_HZ, note)
