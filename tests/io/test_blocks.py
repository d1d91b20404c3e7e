"""Every format, block by block: blocks = whole = pieces, and what is written is like what was read."""

import os
import shutil
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dan.core.errors import DanError
from dan.io.folder import find_recordings, look_through
from dan.io.recordings import Form, open_reader, open_writer, read

RATE_HZ = 11025
LENGTH = 3001


def signal(channels, length=LENGTH, seed=0):
    return np.clip(0.2 * np.random.default_rng(seed).standard_normal((channels, length)), -0.9, 0.9)


def make_audio(path, channels, subtype=None):
    suffix = path.suffix[1:]
    with soundfile.SoundFile(path, "w", RATE_HZ, channels, subtype) as file:
        if suffix not in ("au", "w64"):  # which have no tags
            file.title, file.artist = "A title", "An artist"
        file.write(signal(channels).T)


def make_npy(path, channels, dtype="<f4", order="C"):
    values = signal(channels) if np.dtype(dtype).kind == "f" else np.rint(100 * signal(channels) + 100)
    np.save(path, np.asarray(values[0] if channels == 0 else values, dtype, order=order))


def make_csv(path, channels):
    tab = "\t" if path.suffix == ".tsv" else ";"
    rows = [
        tab.join([f"{i / 250:.3f}", *(f"{value:.4f}" for value in row), "good, bad"])
        for i, row in enumerate(signal(channels).T)
    ]
    head = tab.join(["Time (s)", *(f"lead {c} [µV]" for c in range(channels)), "remark"])
    path.write_bytes("\r\n".join([head, *rows]).encode("latin-1"))


def make_edf(path, channels):
    pyedflib = pytest.importorskip("pyedflib")
    bdf = path.suffix == ".bdf"
    kind = pyedflib.FILETYPE_BDFPLUS if bdf else pyedflib.FILETYPE_EDFPLUS
    full = 2**23 if bdf else 2**15
    with pyedflib.EdfWriter(str(path), channels, kind) as file:
        file.setSignalHeaders(
            [
                {"label": f"EEG {c}", "dimension": "uV", "sample_frequency": 250, "physical_min": -500.0 - c,
                 "physical_max": 500.0, "digital_min": -full, "digital_max": full - 1, "transducer": "AgCl",
                 "prefilter": "HP:0.1Hz"}
                for c in range(channels)
            ]
        )  # fmt: skip
        file.setPatientName("X")
        file.writeSamples([np.ascontiguousarray(400 * row) for row in signal(channels, 12 * 250)])
        file.writeAnnotation(1.5, 0.5, "eyes shut")


def make_wfdb(path, channels, fmt="212"):
    wfdb = pytest.importorskip("wfdb")
    wfdb.wrsamp(
        path.stem, 360, ["mV"] * channels, [f"V{c + 1}" for c in range(channels)], signal(channels).T,
        fmt=[fmt] * channels, adc_gain=[100.0] * channels, baseline=[3] * channels,
        comments=["69 M 1085"], write_dir=str(path.parent),
    )  # fmt: skip


MAKERS = {
    **{f"a.{suffix}": make_audio for suffix in ("flac", "ogg", "mp3", "w64", "aiff", "au", "caf")},
    **{f"{subtype}.wav": lambda path, channels: make_audio(path, channels, path.stem)
       for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")},
    **{f"{dtype}.npy": lambda path, channels: make_npy(path, channels, path.stem)
       for dtype in ("float16", "float32", "float64", "int16", "int32", "uint8", "int64")},
    "big.npy": lambda path, channels: make_npy(path, channels, ">f4"),
    "fortran.npy": lambda path, channels: make_npy(path, channels, "f8", "F"),
    "a.csv": make_csv,
    "a.tsv": make_csv,
    "a.edf": make_edf,
    "a.bdf": make_edf,
    **{f"f{fmt}.hea": lambda path, channels: make_wfdb(path, channels, path.stem[1:])
       for fmt in ("80", "16", "212", "24", "32")},
}  # fmt: skip
LOSSY = ("a.ogg", "a.mp3")
MP3_ROUNDING = 1e-6
"""Full scale is 1: what a decoder of floats may round differently from one run to the next."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each recording, made once."""
    folder, known = tmp_path_factory.mktemp("made"), {}

    def make(name, channels):
        if (name, channels) not in known:
            path = folder / str(channels) / name
            path.parent.mkdir(exist_ok=True)
            MAKERS[name](path, channels)
            known[name, channels] = path
        return known[name, channels]

    return make


def pass_through(source, target, block_samples, change=lambda block: block, **options):
    with open_reader(source, **options) as reader, open_writer(target, reader, force=True) as writer:
        for block in reader.blocks(block_samples):
            writer.write(change(block))
    return writer.clipped_samples


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_blocks_and_pieces_are_the_whole(made, name, channels, data):
    rounding = MP3_ROUNDING if name == "a.mp3" else 0
    with open_reader(made(name, channels)) as reader:
        length = reader.length_samples
        whole = reader.read(0, length)
        assert whole.shape == (channels, length) and whole.flags.c_contiguous
        blocks = list(reader.blocks(data.draw(st.integers(400, 5000))))
        start, count = data.draw(st.integers(0, length + 5)), data.draw(st.integers(0, length))
        piece = reader.read(start, count)
    np.testing.assert_allclose(np.concatenate(blocks, axis=1), whole, rtol=0, atol=rounding)
    np.testing.assert_allclose(piece, whole[:, start : start + count], rtol=0, atol=rounding)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAKERS)
def test_blocks_have_the_dtype_asked_for(made, name, dtype):
    blocks = []
    for kind in (None, dtype):
        with open_reader(made(name, 2), dtype=kind) as reader:
            blocks.append(reader.read(5, 7))
    assert blocks[1].dtype == dtype
    # Half a step of float32 at a value of 1000 at most.
    np.testing.assert_allclose(*blocks, atol=4e-5)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("name", MAKERS)
def test_what_passes_through_comes_out_like_it(made, tmp_path, name, channels):
    if name == "a.mp3" and channels > 2:
        pytest.skip("MP3 has two channels at most")
    source, target = made(name, channels), tmp_path / name
    assert pass_through(source, target, 777) == 0
    with open_reader(source) as before, open_reader(target) as after:
        for field in ("sample_rate_hz", "channels", "length_samples", "encoding", "rank", "metadata"):
            assert getattr(before, field) == getattr(after, field), field
        pair = [reader.read(0, reader.length_samples) for reader in (after, before)]
    if name in LOSSY:  # coding noise anew: another shape, but in its place
        assert min(np.corrcoef(a, b)[0, 1] for a, b in zip(*pair, strict=True)) > 0.8
    else:
        np.testing.assert_array_equal(*pair)


@pytest.mark.parametrize("name", [name for name in MAKERS if name.endswith((".npy", "df", ".hea"))])
def test_what_is_not_audio_comes_out_byte_by_byte(made, tmp_path, name):
    source, target = made(name, 2), tmp_path / name
    pass_through(source, target, 513)
    for suffix in (source.suffix, ".dat") if source.suffix == ".hea" else (source.suffix,):
        assert target.with_suffix(suffix).read_bytes() == source.with_suffix(suffix).read_bytes()
    assert len(list(tmp_path.iterdir())) == (2 if source.suffix == ".hea" else 1)


@pytest.mark.parametrize(
    "name", ["PCM_16.wav", "a.flac", "int16.npy", "a.edf", "a.bdf", "f212.hea", "f24.hea"]
)
def test_integers_are_clipped_and_counted_never_wrapped(made, tmp_path, name):
    target = tmp_path / name
    clipped = pass_through(made(name, 2), target, 700, lambda block: block * 1e9)
    with open_reader(made(name, 2)) as reader, open_reader(target) as written:
        before, after = reader.read(0, reader.length_samples), written.read(0, reader.length_samples)
    # Values of exactly 0 stay, and all others are driven to the end that has their sign.
    assert clipped == np.count_nonzero(np.abs(before * 1e9) > 1.01 * np.abs(after).max())
    assert clipped > 0.9 * before.size
    assert (np.sign(after) == np.sign(before))[np.abs(before) > 0.02].all()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("name", MAKERS)
def test_an_interruption_leaves_nothing(made, tmp_path, name, error):
    def fail(block):
        raise error

    with pytest.raises(error):
        pass_through(made(name, 2), tmp_path / name, 1000, fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", MAKERS)
def test_a_writer_wants_every_sample_of_every_channel(made, tmp_path, name):
    target = tmp_path / name
    with open_reader(made(name, 2)) as reader:
        with pytest.raises(DanError, match=r"100 of 30.. samples"), open_writer(target, reader) as writer:
            writer.write(reader.read(0, 100))
        for wrong in (np.zeros((3, 10)), np.zeros(10)):
            with pytest.raises(DanError, match=r"must be \[2, n\]"), open_writer(target, reader) as writer:
                writer.write(wrong)
        with pytest.raises(DanError, match=rf"{name} has inf at sample 14 of channel 1"):  # noqa: SIM117
            with open_writer(target, reader) as writer:
                writer.write(reader.read(0, 10))
                writer.write(np.array([[0.0] * 6, [0, 0, 0, 0, np.inf, np.nan]]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("spare", [1, 300])
def test_a_full_disk_leaves_what_was(made, tmp_path, name, spare):
    import resource

    source, target = made(name, 2), tmp_path / name
    for suffix in {source.suffix, ".dat"}:
        target.with_suffix(suffix).write_bytes(b"before")
    pass_through(source, tmp_path / "sized" / name, 1000)
    files = list((tmp_path / "sized").iterdir())
    size = max(path.stat().st_size for path in files)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - spare, limits[1]))  # it runs full at the very end
    try:
        with pytest.raises(DanError, match=target.stem):
            pass_through(source, target, 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == {
        target.with_suffix(suffix).name: b"before" for suffix in (source.suffix, ".dat")
    }


@pytest.mark.parametrize("name", ["FLOAT.wav", "float32.npy", "a.csv"])
def test_what_is_not_finite_is_named_by_channel_and_sample(tmp_path, name):
    path, values = tmp_path / name, signal(2)
    values[1, 2500] = np.inf
    if path.suffix == ".wav":
        soundfile.write(path, values.T, RATE_HZ, "FLOAT")
    elif path.suffix == ".npy":
        np.save(path, values)
    else:
        np.savetxt(path, values.T, delimiter=",")
    with (
        open_reader(path) as reader,
        pytest.raises(DanError, match=rf"{name} has inf at sample 2500 of channel 1"),
    ):
        list(reader.blocks(600))


CUTTABLE = [name for name in MAKERS if not name.startswith(("a.mp3", "a.csv", "a.tsv"))]


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.9])
@pytest.mark.parametrize("name", CUTTABLE)  # the others do not say how long they are
def test_a_file_cut_short_is_named(made, tmp_path, name, keep):
    source, path = made(name, 2), tmp_path / name
    pairs = [(source, path)]
    if source.suffix == ".hea":
        path.write_bytes(source.read_bytes())
        pairs = [(source.with_suffix(".dat"), path.with_suffix(".dat"))]
    for whole, cut in pairs:
        content = whole.read_bytes()
        cut.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DanError, match=name), open_reader(path) as reader:
        list(reader.blocks(1000))


@pytest.mark.parametrize("suffix", [".wav", ".npy", ".flac", ".csv", ".edf"])
def test_memory_is_that_of_a_block(tmp_path, suffix):
    path, length = tmp_path / f"long{suffix}", 50_000 if suffix == ".csv" else 2_000_000
    if suffix == ".npy":
        np.save(path, np.zeros((2, length), np.float32))
    elif suffix == ".csv":
        path.write_text("0.25,0.5\n" * length)
    elif suffix == ".edf":
        length = 12 * 250
        make_edf(path, 2)
        content = bytearray(path.read_bytes())
        head, records = content[: 256 * 4], content[256 * 4 :]
        content[236:244] = b"4800    "  # a record is a second
        path.write_bytes(bytes(head[:236] + b"4800    " + head[244:]) + bytes(records) * 400)
        length = 4800 * 250
    else:
        soundfile.write(path, np.zeros((length, 2), np.float32), RATE_HZ)
    tracemalloc.start()
    pass_through(path, tmp_path / f"out{suffix}", 8192)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The whole is 9.6 to 16 MB as floats; a block 0.13 MB, its lines as text some 3 MB.
    assert peak_bytes < 5e6
    with open_reader(tmp_path / f"out{suffix}") as reader:
        assert reader.length_samples == length


def test_other_formats_are_written_from_a_reader(made, tmp_path):
    for source in (made("a.csv", 2), made("PCM_24.wav", 2), made("a.edf", 2), made("fortran.npy", 2)):
        for target in (tmp_path / "a.npy", tmp_path / "a.wav"):
            rate_hz = 500 if source.suffix == ".npy" else None
            with open_reader(source, sample_rate_hz=rate_hz) as reader:
                with open_writer(target, reader, force=True) as writer:
                    for block in reader.blocks(999):
                        writer.write(1e-3 * block)
                whole, back = reader.read(0, LENGTH), read(target, sample_rate_hz=500)
            np.testing.assert_allclose(back.samples, 1e-3 * whole, atol=1e-7)  # 24 bits
            assert back.sample_rate_hz == (500 if target.suffix == ".npy" else reader.sample_rate_hz)


@pytest.mark.parametrize("target", ["a.csv", "a.tsv", "a.edf", "a.bdf", "a.hea"])
def test_tables_and_biosignals_need_one_of_their_kind(made, tmp_path, target):
    with (
        open_reader(made("a.flac", 2)) as reader,
        pytest.raises(DanError, match=rf"{target}: .* read"),
        open_writer(tmp_path / target, reader),
    ):
        pytest.fail("not to be reached")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("channels", [1, 3])
def test_an_array_of_unknown_length_is_written(tmp_path, channels):
    form = Form(tmp_path / "stream", 1000.0, channels, None, "int16", 1 if channels == 1 else 2)
    values = np.rint(1000 * signal(channels))
    with open_writer(tmp_path / "a.npy", form) as writer:
        for start in range(0, LENGTH, 500):
            writer.write(values[:, start : start + 500])
    back = np.load(tmp_path / "a.npy")
    assert back.dtype == np.int16
    np.testing.assert_array_equal(np.atleast_2d(back), values)


def test_another_rate_has_another_length(made, tmp_path):
    target = tmp_path / "a.wav"
    with (
        open_reader(made("PCM_16.wav", 2)) as reader,
        open_writer(target, reader, sample_rate_hz=8000) as writer,
    ):
        writer.write(reader.read(0, 500))
    assert soundfile.info(tmp_path / "a.wav").samplerate == 8000
    assert soundfile.info(tmp_path / "a.wav").frames == 500


@pytest.mark.parametrize("form", ["a.mp3", "a.ogg", "a.opus", "a.flac", "MS_ADPCM.wav", "GSM610.wav"])
def test_pieces_of_compressed_audio_are_those_of_the_whole(tmp_path, form):
    path, time_s = tmp_path / form, np.arange(5 * 24000) / 24000
    kind = ("OGG", "OPUS") if form == "a.opus" else (None, path.stem if path.suffix == ".wav" else None)
    with soundfile.SoundFile(path, "w", 24000, 1, kind[1], format=kind[0]) as file:
        file.write(0.5 * np.sin(2 * np.pi * 440 * time_s))
    whole = soundfile.read(path, dtype="float32")[0]
    with open_reader(path) as reader:
        blocks = np.concatenate(list(reader.blocks(7777)), axis=1)[0]
        np.testing.assert_allclose(blocks, whole, rtol=0, atol=MP3_ROUNDING)
        for start in (1, 9001, 119_000, 60_000, 60_017, 100_000, 30):
            piece = reader.read(start, 900)[0]
            np.testing.assert_allclose(piece, whole[start : start + 900], rtol=0, atol=MP3_ROUNDING)


def chunk(name, content):
    return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def test_chunks_of_a_wav_that_nobody_knows_come_back(tmp_path):
    make_audio(tmp_path / "a.wav", 1, "PCM_24")
    guano = chunk(b"guan", b"GUANO|Version: 1.0\nSpecies: Myotis")
    content = (tmp_path / "a.wav").read_bytes() + guano + chunk(b"bext", bytes(603))
    (tmp_path / "a.wav").write_bytes(content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:])
    pass_through(tmp_path / "a.wav", tmp_path / "b.wav", 1000)
    pass_through(tmp_path / "b.wav", tmp_path / "c.wav", 1000)  # and do not become more
    for name in ("b.wav", "c.wav"):
        back = (tmp_path / name).read_bytes()
        assert back.count(guano) == 1 and back.count(b"bext") == 1
        assert int.from_bytes(back[4:8], "little") == len(back) - 8
        with soundfile.SoundFile(tmp_path / name) as file:
            assert (file.title, file.artist, file.frames) == ("A title", "An artist", LENGTH)
    np.testing.assert_array_equal(read(tmp_path / "c.wav").samples, read(tmp_path / "a.wav").samples)


def test_rf64_stays_rf64(tmp_path):
    with soundfile.SoundFile(tmp_path / "a.wav", "w", RATE_HZ, 2, "FLOAT", format="RF64") as file:
        file.title = "A title"
        file.write(signal(2).T)
    pass_through(tmp_path / "a.wav", tmp_path / "b.wav", 1000)
    with soundfile.SoundFile(tmp_path / "b.wav") as file:
        assert (file.format, file.title, file.frames) == ("RF64", "A title", LENGTH)
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(content[: len(content) // 2])
    with pytest.raises(DanError, match="cut short"):
        open_reader(tmp_path / "a.wav")


def test_more_than_a_wav_can_count_becomes_rf64(tmp_path):
    form = Form(tmp_path / "long", 16000.0, 2, 2**30, "FLOAT")
    with pytest.raises(DanError, match="0 of 1073741824"), open_writer(tmp_path / "a.wav", form):
        kind = next(tmp_path.iterdir()).read_bytes()[:4]
    assert kind == b"RF64"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000, 0x80000000])  # ffmpeg, sox, arecord
def test_a_wav_from_a_pipe_is_read_to_its_end(tmp_path, size):
    soundfile.write(tmp_path / "a.wav", signal(2).T, RATE_HZ, "PCM_16")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    place = content.index(b"data") + 4
    content[4:8] = content[place : place + 4] = size.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    with open_reader(tmp_path / "a.wav") as reader:
        assert sum(block.shape[1] for block in reader.blocks(500)) == LENGTH


def test_a_header_that_promises_more_samples_is_named(tmp_path):
    soundfile.write(tmp_path / "a.wav", signal(2).T, RATE_HZ, "PCM_16")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = (10**6).to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(DanError, match=r"a\.wav: it is cut short"):
        open_reader(tmp_path / "a.wav")


def test_a_header_with_a_rate_of_0_is_named(tmp_path):
    soundfile.write(tmp_path / "a.wav", signal(2).T, RATE_HZ, "PCM_16")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[24:28] = bytes(4)
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(DanError, match=r"a\.wav: its header says a sample rate of 0 Hz"):
        open_reader(tmp_path / "a.wav")


@pytest.mark.parametrize("value", [0.0, 0.5])
@pytest.mark.parametrize("length", [1, 100])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".npy", ".csv"])
def test_constants_and_one_sample_pass(tmp_path, suffix, length, value):
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    if suffix == ".csv":
        source.write_text("ecg\n" + f"{value}\n" * length)
    elif suffix == ".npy":
        np.save(source, np.full(length, value))
    else:
        soundfile.write(source, np.full(length, value), RATE_HZ)
    pass_through(source, target, 64)
    np.testing.assert_array_equal(read(target).samples, np.full(length, value))


@pytest.mark.parametrize("rate_hz", [0, -1, np.nan, np.inf])
@pytest.mark.parametrize("name", ["float32.npy", "a.csv", "PCM_16.wav", "a.edf"])
def test_a_rate_is_above_zero(made, name, rate_hz):
    with pytest.raises(DanError, match="above 0 Hz"):
        open_reader(made(name, 2), sample_rate_hz=rate_hz)


def test_recordings_are_found_in_order(tmp_path):
    for name in (
        "b/2.WAV",
        "b/1.flac",
        "a.npy",
        ".hidden/3.wav",
        "b/._1.flac",
        "~a.wav",
        "metadata.csv",
        "x.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.wav").mkdir()
    assert [str(path.relative_to(tmp_path)) for path in find_recordings(tmp_path)] == [
        "a.npy",
        "b/1.flac",
        "b/2.WAV",
    ]


def test_tables_are_found_where_there_is_nothing_else(tmp_path):
    for name in ("b.csv", "a.tsv", "readme.txt"):
        (tmp_path / name).write_text("")
    assert [path.name for path in find_recordings(tmp_path)] == ["a.tsv", "b.csv"]


def test_links_to_folders_are_followed_and_end(tmp_path):
    elsewhere, top = tmp_path / "elsewhere", tmp_path / "top"
    for folder in (elsewhere, top):
        folder.mkdir()
    np.save(elsewhere / "a.npy", np.zeros(10))
    (top / "first").symlink_to(elsewhere, target_is_directory=True)
    (top / "second").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "up").symlink_to(top, target_is_directory=True)
    assert len(find_recordings(top)) == 1


@pytest.mark.parametrize("name", ["none", "empty"])
def test_a_folder_without_recordings_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "readme.txt").write_text("")
    with pytest.raises(DanError, match=f"{name}: (there is no such folder|it holds no recordings)"):
        find_recordings(tmp_path / name)


def with_data_size(path, size):
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("size", [0, 1000, 1001])
def test_a_header_that_promises_fewer_samples_is_named(tmp_path, size):
    soundfile.write(tmp_path / "a.wav", signal(2).T, RATE_HZ, "PCM_16")
    left = 4 * LENGTH - size - size % 2
    with_data_size(tmp_path / "a.wav", size)
    message = (
        f"its header says {size} bytes of samples, and {left} bytes follow.*ffmpeg -ignore_length 1 -i a.wav"
    )
    with pytest.raises(DanError, match=message):
        open_reader(tmp_path / "a.wav")


@pytest.mark.parametrize("tail", [bytes(10_000), b"TAG" + bytes(range(125)), b"ID3" + bytes(range(256))])
def test_padding_and_tags_at_the_end_do_no_harm(tmp_path, tail):
    soundfile.write(tmp_path / "a.wav", signal(2).T, RATE_HZ, "PCM_16")
    with (tmp_path / "a.wav").open("ab") as file:
        file.write(tail)
    pass_through(tmp_path / "a.wav", tmp_path / "b.wav", 1000)
    with open_reader(tmp_path / "b.wav") as reader:
        assert reader.length_samples == LENGTH


def test_gsm_that_cannot_seek_is_written(tmp_path):
    soundfile.write(tmp_path / "a.wav", signal(1)[0], RATE_HZ, "GSM610")
    pass_through(tmp_path / "a.wav", tmp_path / "b.wav", 1000)
    assert soundfile.info(tmp_path / "b.wav").subtype == "GSM610"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="such a user may write anywhere")
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".npy"])
def test_a_folder_that_is_not_to_be_written_to_is_named(made, tmp_path, suffix):
    tmp_path.chmod(0o500)
    with pytest.raises(DanError, match=r"it cannot be written \(Permission denied"):
        pass_through(made("a.flac", 1), tmp_path / f"b{suffix}", 1000)


def test_tables_beside_recordings_are_told(made, tmp_path):
    shutil.copy(made("a.csv", 1), tmp_path / "a.csv")
    assert look_through(tmp_path).tables == []
    shutil.copy(made("a.flac", 1), tmp_path / "a.flac")
    assert look_through(tmp_path).tables == [tmp_path / "a.csv"]
    with pytest.raises(DanError, match=r"a\.flac: it is a file, not a folder"):
        find_recordings(tmp_path / "a.flac")
