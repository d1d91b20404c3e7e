"""What telephones and cameras record: read to its end, written as WAV or FLAC."""

import sys

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.io.folder import find_recordings
from dan.io.recordings import open_reader, open_writer, read, written_name

av = pytest.importorskip("av")
RATE_HZ, LENGTH = 16_000, 40_000


def wave(channels=1):
    time_s = np.arange(LENGTH) / RATE_HZ
    return 0.5 * np.sin(2 * np.pi * 300 * np.arange(1, channels + 1)[:, None] * time_s).astype(np.float32)


def make(path, codec, layout="mono", *, kind="fltp", tags=None, picture=False):
    values = wave(2 if layout == "stereo" else 1)
    with av.open(str(path), "w") as file:
        file.metadata.update(tags or {})
        stream = file.add_stream(codec, rate=RATE_HZ, layout=layout)
        stream.codec_context.format = kind
        video = file.add_stream("mpeg4", rate=10) if picture else None
        if video:
            video.width = video.height = 16
            video.pix_fmt = "yuv420p"
            file.mux(video.encode(av.VideoFrame(16, 16, "yuv420p")))
        stored = values if kind == "fltp" else np.rint(values * 2**15).astype(np.int16)
        for start in range(0, LENGTH, 1024):
            part = np.ascontiguousarray(stored[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(part, format=kind, layout=layout)
            frame.sample_rate, frame.pts = RATE_HZ, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if video:
            file.mux(video.encode(None))
    return values


FORMS = [("a.m4a", "aac"), ("a.mp4", "aac"), ("a.mkv", "aac"), ("a.aac", "aac"), ("a.webm", "libvorbis")]


@pytest.mark.parametrize(("name", "codec"), FORMS)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_sound_is_read_to_its_end(tmp_path, name, codec, layout):
    try:
        values = make(tmp_path / name, codec, layout)
    except ValueError as error:
        pytest.skip(f"ffmpeg here cannot write it: {error}")
    recording = read(tmp_path / name)
    samples = np.atleast_2d(recording.samples)
    assert recording.sample_rate_hz == RATE_HZ and samples.shape[0] == len(values)
    assert LENGTH <= samples.shape[1] <= LENGTH + 3 * 1024  # what an encoder of frames puts around it
    errors = [np.abs(samples[0, k + 5000 : k + 6000] - values[0, 5000:6000]).sum() for k in range(3 * 1024)]
    late = int(np.argmin(errors))
    found = samples[:, late + 5000 : late + 30_000]
    assert np.corrcoef(found[0], values[0, 5000:30_000])[0, 1] > 0.99


def test_a_lossless_m4a_comes_out_bit_by_bit(tmp_path):
    values = make(tmp_path / "a.m4a", "alac", kind="s16p")
    with open_reader(tmp_path / "a.m4a") as reader, open_writer(tmp_path / "a.wav", reader) as writer:
        for block in reader.blocks(777):
            writer.write(block)
    back = read(tmp_path / "a.wav")
    assert back.encoding == "PCM_16"
    np.testing.assert_array_equal(back.samples, np.rint(values[0] * 2**15) / 2**15)


def test_pieces_are_those_of_the_whole(tmp_path):
    make(tmp_path / "a.m4a", "aac", "stereo")
    whole = read(tmp_path / "a.m4a").samples
    with open_reader(tmp_path / "a.m4a") as reader:
        for start in (0, 30_001, 77, 77, 39_000):
            np.testing.assert_array_equal(reader.read(start, 900), whole[:, start : start + 900])
        assert reader.read(10**6, 10).shape == (2, 0)
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(999)), axis=1), whole)


def test_tags_are_carried_over_or_told(tmp_path):
    make(tmp_path / "a.mkv", "aac", tags={"title": "pond", "site": "lake 7"}, picture=True)
    with open_reader(tmp_path / "a.mkv") as reader, open_writer(tmp_path / "a.flac", reader) as writer:
        for block in reader.blocks(10_000):
            writer.write(block)
    assert len(writer.notes) == 1 and "SITE" in writer.notes[0].upper() and "pictures" in writer.notes[0]
    with open_reader(tmp_path / "a.flac") as back:
        assert back.metadata["tags"]["title"] == "pond"


def test_they_are_read_only(tmp_path):
    make(tmp_path / "a.m4a", "aac")
    with (
        open_reader(tmp_path / "a.m4a") as reader,
        pytest.raises(DanError, match=r"b\.m4a: its suffix names no format that is written\. Write \.wav"),
        open_writer(tmp_path / "b.m4a", reader),
    ):
        pytest.fail("not to be reached")
    assert written_name(tmp_path / "a.m4a") == "a.wav" and written_name(tmp_path / "b.flac") == "b.flac"


def test_in_a_folder_they_count_by_their_content(tmp_path):
    make(tmp_path / "a.m4a", "aac")
    for name in ("b.m4a", "b.rec", "b.sph", "b.wave", "b.bwf", "b.npz", "b.mat"):
        (tmp_path / name).write_bytes(bytes(4000))
    assert find_recordings(tmp_path) == [tmp_path / "a.m4a"]


def test_one_under_another_suffix_is_read(tmp_path):
    make(tmp_path / "a.m4a", "aac")
    (tmp_path / "b.wav").write_bytes((tmp_path / "a.m4a").read_bytes())
    np.testing.assert_array_equal(read(tmp_path / "b.wav").samples, read(tmp_path / "a.m4a").samples)


@pytest.mark.parametrize("content", [b"junk" * 1000, b"\0\0\0\x20ftypM4A " + b"\0" * 3000])
def test_what_is_none_is_named(tmp_path, content):
    (tmp_path / "a.m4a").write_bytes(content)
    with pytest.raises(DanError, match=r"a\.m4a.*Copy or convert it again") as caught:
        read(tmp_path / "a.m4a")
    assert str(caught.value).count("a.m4a") == 1


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(
        DanError, match=r"a\.m4a: \.m4a files need PyAV\. pip install 'dan-denoiser\[media\]'"
    ):
        read(tmp_path / "a.m4a")
