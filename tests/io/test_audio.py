"""Audio as recorders, taggers and broadcasters write it: every sample is read, all that is beside kept."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.io.recordings import open_reader, open_writer, read

RATE_HZ = 8000
PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")
AMBISONIC_GUID = bytes.fromhex("010000002107d3118644c8c1ca000000")


def signal(length=1025, channels=1):
    return np.clip(0.2 * np.random.default_rng(0).standard_normal((length, channels)), -0.9, 0.9)


def chunk(name, content, pad=b"\0", order="little"):
    return name + len(content).to_bytes(4, order) + content + (pad if len(content) % 2 else b"")


def fmt(channels=1, bits=16):
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", 1, channels, RATE_HZ, RATE_HZ * block, block, bits))


def riff(*parts, form=b"RIFF"):
    body = b"WAVE" + b"".join(parts)
    return form + len(body).to_bytes(4, "little") + body


def pcm(values, bits=16):
    whole = np.rint(np.asarray(values).ravel() * 2 ** (bits - 1)).astype("<i4")
    return whole.view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()


def pass_through(source, target, change=lambda block: block):
    with open_reader(source) as reader, open_writer(target, reader) as writer:
        for block in reader.blocks(700):
            writer.write(change(block))
    return [*reader.notes, *writer.notes]


def test_chunks_are_found_with_a_pad_byte_or_without(tmp_path):
    values, list_chunk = signal(), chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"at the pond, 3 degrees"))
    for pad in (b"\0", b"", b"Q"):
        data = chunk(b"data", pcm(values, 24), pad)
        (tmp_path / "a.wav").write_bytes(riff(fmt(bits=24), data, list_chunk))
        target = tmp_path / f"b{len(pad)}{pad.hex()}.wav"
        assert pass_through(tmp_path / "a.wav", target) == []
        np.testing.assert_allclose(read(target).samples, values[:, 0], atol=2**-24)
        assert target.read_bytes().endswith(list_chunk)


JUNK = bytes(np.random.default_rng(1).integers(1, 256, 9000, dtype=np.uint8))


@pytest.mark.parametrize(
    "tail", [JUNK[:200], JUNK, b"<?xml version='1.0'?>" + b"x" * 300, riff(fmt(), chunk(b"data", bytes(100)))]
)
def test_a_tail_is_passed_over_and_told(tmp_path, tail):
    (tmp_path / "a.wav").write_bytes(riff(fmt(), chunk(b"data", pcm(signal()))) + tail)
    notes = pass_through(tmp_path / "a.wav", tmp_path / "b.wav")
    assert notes == [f"{len(tail)} bytes behind its end are not carried over"]
    np.testing.assert_allclose(read(tmp_path / "b.wav").samples, signal()[:, 0], atol=2**-16)


def test_samples_that_go_on_behind_the_header_are_refused(tmp_path):
    values = signal(20_000)
    whole = riff(fmt(), chunk(b"data", pcm(values[:5000]))) + pcm(values[5000:])
    (tmp_path / "a.wav").write_bytes(whole)
    with pytest.raises(DanError, match=r"10000 bytes of samples, and 30000 bytes follow that look like more"):
        read(tmp_path / "a.wav")


def test_a_chunk_of_a_binary_name_comes_back(tmp_path):
    odd = chunk(b"\x01\x00\x80z", JUNK[:200])
    (tmp_path / "a.wav").write_bytes(riff(fmt(), chunk(b"data", pcm(signal())), odd))
    assert pass_through(tmp_path / "a.wav", tmp_path / "b.wav") == []
    assert (tmp_path / "b.wav").read_bytes().endswith(odd)


@pytest.mark.parametrize("form", [b"RF64", b"BW64"])
def test_bw64_is_rf64_by_another_name(tmp_path, form):
    data = pcm(signal())
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 72 + len(data), len(data), 1025, 0))
    content = b"WAVE" + ds64 + fmt() + b"data\xff\xff\xff\xff" + data
    (tmp_path / "a.wav").write_bytes(form + b"\xff" * 4 + content)
    pass_through(tmp_path / "a.wav", tmp_path / "b.wav")
    assert soundfile.info(tmp_path / "b.wav").format == "RF64"
    np.testing.assert_array_equal(read(tmp_path / "b.wav").samples, read(tmp_path / "a.wav").samples)


def extensible(channels, speakers, bits=16, valid=None, guid=PCM_GUID):
    block = channels * bits // 8
    plain = struct.pack("<HHIIHH", 0xFFFE, channels, RATE_HZ, RATE_HZ * block, block, bits)
    return chunk(b"fmt ", plain + struct.pack("<HHI", 22, valid or bits, speakers) + guid)


@pytest.mark.parametrize(
    "head",
    [
        extensible(6, 0x60F),
        extensible(6, 0x3F),
        extensible(4, 0),
        extensible(4, 0, guid=AMBISONIC_GUID),
        extensible(1, 1),
        extensible(2, 3, bits=24, valid=20),
    ],
)
def test_speakers_valid_bits_and_sub_format_come_back(tmp_path, head):
    channels, bits = int.from_bytes(head[10:12], "little"), int.from_bytes(head[22:24], "little")
    for name in ("a.wav", "a.amb"):
        source, target = tmp_path / name, tmp_path / f"b{name}"
        source.write_bytes(riff(head, chunk(b"data", pcm(signal(channels=channels), bits))))
        pass_through(source, target, lambda block: block / 3)
        assert target.read_bytes()[12:60] == head
        expected = signal(channels=channels).T / 3
        valid = int.from_bytes(head[26:28], "little")
        samples = np.atleast_2d(read(target).samples)
        np.testing.assert_allclose(samples, expected, atol=2.0**-valid + 2.0**-bits)
        assert not (samples * 2.0 ** (valid - 1) % 1).any()  # nothing below the valid bits


def test_a_chunk_that_would_spoil_the_copy_is_named(tmp_path, monkeypatch):
    """A file that libsndfile reads with the chunk where it was, and not with the chunk at its end."""
    (tmp_path / "a.wav").write_bytes(riff(fmt(), chunk(b"data", pcm(signal())), chunk(b"bext", bytes(700))))

    def spoil(source, kind, target, target_kind):
        target.write_bytes(target.read_bytes()[:30])
        return []

    monkeypatch.setattr("dan.io._audio_writer.carry_over", spoil)
    with pytest.raises(DanError, match=r"b\.wav: what a\.wav holds beside its samples is damaged .*\.flac"):
        pass_through(tmp_path / "a.wav", tmp_path / "b.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


# MP3


def make_mp3(path, **options):
    """Quiet first, so that a variable rate begins low."""
    values = 0.5 * signal(60_000)[:, 0]
    values[:20_000] *= 0.001
    with soundfile.SoundFile(path, "w", 44100, 1, "MPEG_LAYER_III", format="MP3", **options) as file:
        file.write(values)
    return values


def without_header(content):
    """Without the first frame, which holds the encoder's count of frames."""
    place = max(content.find(b"Xing"), content.find(b"Info"))
    start = content.rfind(b"\xff\xfb", 0, place)
    return content[:start] + content[content.find(b"\xff\xfb", place) :]


def test_an_mp3_without_a_header_is_read_to_its_end(tmp_path):
    make_mp3(tmp_path / "a.mp3", bitrate_mode="VARIABLE")
    whole = read(tmp_path / "a.mp3").samples
    assert len(whole) == 60_000
    (tmp_path / "b.mp3").write_bytes(without_header((tmp_path / "a.mp3").read_bytes()))
    bare = read(tmp_path / "b.mp3").samples
    # Without its header nobody knows the delay of the coders, 1105 samples, and what fills up the end.
    assert 60_000 + 1105 <= len(bare) < 60_000 + 1105 + 2 * 1152 and len(bare) % 1152 == 0
    np.testing.assert_allclose(bare[1105:][:60_000], whole, atol=1e-6)


def test_mp3s_joined_end_to_end_are_read_to_the_end(tmp_path):
    make_mp3(tmp_path / "a.mp3")
    content = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "b.mp3").write_bytes(content + content)
    one, two = (read(tmp_path / name).samples for name in ("a.mp3", "b.mp3"))
    np.testing.assert_allclose(two[:60_000], one, atol=1e-3)  # its bit reservoir may serve the next
    late = next(k for k in range(60_000, 65_000) if np.allclose(two[k:][:59_000], one[:59_000], atol=1e-3))
    assert late > 60_000


@pytest.mark.parametrize(
    "suffix", ["wav", "flac", "aiff", "au", "caf", "w64", "ogg", "npy", "opus", "mp3", "sph"]
)
def test_an_mp3_becomes_anything(tmp_path, suffix):
    soundfile.write(tmp_path / "a.mp3", signal(24_000, 2), 24_000)
    notes = pass_through(tmp_path / "a.mp3", tmp_path / f"b.{suffix}")
    assert notes == []
    back = read(tmp_path / f"b.{suffix}", sample_rate_hz=24_000)
    assert back.samples.shape == (2, 24_000) and back.sample_rate_hz == 24_000
    if suffix in ("wav", "aiff", "au", "caf", "w64", "npy"):
        np.testing.assert_allclose(back.samples, read(tmp_path / "a.mp3").samples, atol=1e-6)


@pytest.mark.parametrize("kbps", [96, 160, 320])
def test_an_mp3_keeps_its_bit_rate(tmp_path, kbps):
    make_mp3(tmp_path / "a.mp3", bitrate_mode="CONSTANT", compression_level=(320 - kbps) / 288)
    pass_through(tmp_path / "a.mp3", tmp_path / "b.mp3")
    sizes = [(tmp_path / name).stat().st_size for name in ("a.mp3", "b.mp3")]
    assert sizes[0] == pytest.approx(kbps * 125 * 60_000 / 44_100, rel=0.1)
    assert sizes[1] == pytest.approx(sizes[0], rel=0.2)


@pytest.mark.parametrize("kbps", [64, 160, 192, 224, 320])
def test_an_mp3_keeps_its_level(tmp_path, kbps):
    """LAME lowers it by up to 0.45 dB at low bit rates."""
    tone = 0.6 * np.sin(2 * np.pi * 440 * np.arange(60_000) / 44_100)
    options = {"bitrate_mode": "CONSTANT", "compression_level": (320 - kbps) / 288}
    soundfile.write(tmp_path / "a.mp3", tone, 44_100, **options)
    pass_through(tmp_path / "a.mp3", tmp_path / "b.mp3")
    before, after = (read(tmp_path / name).samples for name in ("a.mp3", "b.mp3"))
    assert np.vdot(before, after) / np.vdot(before, before) == pytest.approx(1, abs=0.003)


def id3(*frames):
    body = b"".join(name + len(text).to_bytes(4, "big") + b"\0\0" + text for name, text in frames)
    return b"ID3\x03\0\0" + bytes([len(body) >> 7 * k & 127 for k in (3, 2, 1, 0)]) + body


TAG = id3(
    (b"TIT2", b"\0pond"), (b"TXXX", b"\0site\0lake7"), (b"APIC", b"\0image/jpeg\0\3\0" + b"\xff\xd8" * 300)
)


def test_tags_of_an_mp3_come_back_byte_by_byte(tmp_path):
    make_mp3(tmp_path / "plain.mp3")
    (tmp_path / "a.mp3").write_bytes(TAG + (tmp_path / "plain.mp3").read_bytes() + b"TAG".ljust(128, b"p"))
    assert pass_through(tmp_path / "a.mp3", tmp_path / "b.mp3") == []
    back = (tmp_path / "b.mp3").read_bytes()
    assert back.startswith(TAG) and back.endswith(b"TAG".ljust(128, b"p")) and back.count(b"TIT2") == 1
    with soundfile.SoundFile(tmp_path / "b.mp3") as file:
        assert file.title == "pond" and file.frames == 60_000


def test_tags_of_an_mp3_go_into_a_chunk_and_are_told_where_there_is_none(tmp_path):
    make_mp3(tmp_path / "plain.mp3")
    (tmp_path / "a.mp3").write_bytes(TAG + (tmp_path / "plain.mp3").read_bytes())
    assert pass_through(tmp_path / "a.mp3", tmp_path / "b.wav") == []
    assert chunk(b"id3 ", TAG) in (tmp_path / "b.wav").read_bytes()
    assert pass_through(tmp_path / "a.mp3", tmp_path / "b.flac") == [
        "not carried over from a.mp3: TXXX, APIC"
    ]
    assert soundfile.SoundFile(tmp_path / "b.flac").title == "pond"


# FLAC, Ogg and AIFF


def comments(*texts):
    parts = [b"maker", len(texts).to_bytes(4, "little")]
    body = len(parts[0]).to_bytes(4, "little") + parts[0] + parts[1]
    return body + b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def flac_blocks(content):
    place, blocks = 4, []
    while not blocks or not blocks[-1][0] & 0x80:
        size = int.from_bytes(content[place + 1 : place + 4], "big")
        blocks.append((content[place], content[place + 4 : place + 4 + size]))
        place += 4 + size
    return [(kind & 0x7F, body) for kind, body in blocks], content[place:]


PICTURE = struct.pack(">II9sIIIIII", 3, 9, b"image/png", 0, 1, 1, 24, 0, 8) + b"\x89PNGdata"
BLOCKS = [
    (4, comments(b"TITLE=pond", b"ARTIST=me", b"ARTIST=you", b"SITE=lake 7")),
    (6, PICTURE),
    (2, b"riffbext"),
]


def make_flac(path):
    soundfile.write(path, signal(), RATE_HZ, "PCM_16")
    own, frames = flac_blocks(path.read_bytes())
    parts = [bytes([kind]) + len(body).to_bytes(3, "big") + body for kind, body in [own[0], *BLOCKS[:-1]]]
    kind, body = BLOCKS[-1]
    last = bytes([kind | 0x80]) + len(body).to_bytes(3, "big") + body
    path.write_bytes(b"fLaC" + b"".join(parts) + last + frames)


def test_blocks_of_a_flac_come_back_byte_by_byte(tmp_path):
    make_flac(tmp_path / "a.flac")
    assert pass_through(tmp_path / "a.flac", tmp_path / "b.flac") == []
    assert flac_blocks((tmp_path / "b.flac").read_bytes())[0][1:] == BLOCKS
    np.testing.assert_array_equal(read(tmp_path / "b.flac").samples, read(tmp_path / "a.flac").samples)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.flac", "b.flac"]


def test_comments_pass_between_flac_and_ogg(tmp_path):
    mutagen = pytest.importorskip("mutagen")
    make_flac(tmp_path / "a.flac")
    notes = pass_through(tmp_path / "a.flac", tmp_path / "b.ogg")
    assert notes == ["not carried over from a.flac: picture, application data"]
    pass_through(tmp_path / "b.ogg", tmp_path / "c.ogg")
    pass_through(tmp_path / "c.ogg", tmp_path / "d.flac")
    for name in ("b.ogg", "c.ogg", "d.flac"):
        tags = mutagen.File(tmp_path / name).tags
        assert (tags["ARTIST"], tags["SITE"], tags["TITLE"]) == (["me", "you"], ["lake 7"], ["pond"])


def test_what_a_format_has_no_place_for_is_told(tmp_path):
    make_flac(tmp_path / "a.flac")
    notes = pass_through(tmp_path / "a.flac", tmp_path / "b.wav")
    assert notes == ["not carried over from a.flac: SITE, picture, application data"]
    wav = riff(fmt(), chunk(b"data", pcm(signal())), chunk(b"bext", bytes(602)), chunk(b"guan", b"x"))
    (tmp_path / "c.wav").write_bytes(wav)
    assert pass_through(tmp_path / "c.wav", tmp_path / "d.flac") == [
        "not carried over from c.wav: bext, guan"
    ]


@pytest.mark.parametrize("suffix", ["aiff", "aifc"])
def test_chunks_of_an_aiff_come_back(tmp_path, suffix):
    source, target = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    soundfile.write(source, signal(), RATE_HZ, "FLOAT" if suffix == "aifc" else "PCM_16", format="AIFF")
    mark = struct.pack(">H", 1) + struct.pack(">HI", 1, 100) + b"\x05start"
    parts = [(b"MARK", mark), (b"NAME", b"pond"), (b"ANNO", b"one"), (b"ID3 ", TAG), (b"APPL", b"stoctest")]
    extra = b"".join(chunk(name, content, order="big") for name, content in parts)
    content = source.read_bytes()
    source.write_bytes(content[:4] + (len(content) + len(extra) - 8).to_bytes(4, "big") + content[8:] + extra)
    assert pass_through(source, target) == []
    back = target.read_bytes()
    assert back.endswith(extra) and int.from_bytes(back[4:8], "big") == len(back) - 8
    np.testing.assert_array_equal(read(target).samples, read(source).samples)


def test_chunks_of_a_caf_come_back(tmp_path):
    soundfile.write(tmp_path / "a.caf", signal(), RATE_HZ, "PCM_16")
    extra = b"uuid" + (19).to_bytes(8, "big") + b"x" * 19
    with (tmp_path / "a.caf").open("ab") as file:
        file.write(extra)
    assert pass_through(tmp_path / "a.caf", tmp_path / "b.caf") == []
    assert (tmp_path / "b.caf").read_bytes().count(extra) == 1
    np.testing.assert_array_equal(read(tmp_path / "b.caf").samples, read(tmp_path / "a.caf").samples)


def test_lines_of_a_sphere_header_come_back(tmp_path):
    soundfile.write(tmp_path / "a.sph", signal(), RATE_HZ, "PCM_16", format="NIST")
    content = (tmp_path / "a.sph").read_bytes()
    lines = b"database_id -s5 TIMIT\nspeaker_id -s4 fcjf\n"
    head = content[:1024].rstrip().replace(b"end_head", lines + b"end_head")
    (tmp_path / "a.sph").write_bytes((head + b"\n").ljust(1024) + content[1024:])
    assert pass_through(tmp_path / "a.sph", tmp_path / "b.sph") == []
    assert lines in (tmp_path / "b.sph").read_bytes()[:1024]
    np.testing.assert_array_equal(read(tmp_path / "b.sph").samples, read(tmp_path / "a.sph").samples)
    notes = pass_through(tmp_path / "a.sph", tmp_path / "c.wav")
    assert notes == ["not carried over from a.sph: database_id, speaker_id"]


# What a file is


def test_content_goes_before_the_suffix(tmp_path):
    soundfile.write(tmp_path / "a.flac", signal(), RATE_HZ)
    np.save(tmp_path / "b.npy", signal()[:, 0])
    for source, name in (("a.flac", "c.wav"), ("a.flac", "c.npy"), ("b.npy", "c.flac"), ("b.npy", "c.csv")):
        (tmp_path / name).write_bytes((tmp_path / source).read_bytes())
        np.testing.assert_array_equal(read(tmp_path / name).samples, read(tmp_path / source).samples)


@pytest.mark.parametrize("suffix", [".wav", ".npy", ".edf", ".csv", ".hea"])
def test_what_stands_in_a_recordings_place_is_named(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    for content, message in (
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:abab\nsize 72862\n",
            "git-lfs pointer.*git lfs pull",
        ),
        ("<!DOCTYPE html><html><body>404</body></html>", "web page.*Download it again"),
        ("\n<html>", "web page"),
        ("", "it is empty"),
    ):
        path.write_text(content)
        with pytest.raises(DanError, match=rf"a\{suffix}: it is .*{message}|a\{suffix}: {message}"):
            read(path)


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".wav"])
def test_the_header_of_a_record_by_another_name_is_named(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("# by hand\n101 2 360 650000\n101.dat 212 200 11 1024 955 29832 0 MLII\n")
    with pytest.raises(DanError, match=r"header of a WFDB record.*Give its own path, NAME\.hea"):
        read(path, sample_rate_hz=360.0)
    path.write_text("101 2 360\n101 3 361\n")
    if suffix != ".wav":
        assert read(path, sample_rate_hz=360.0).samples.shape == (3, 2)


@pytest.mark.parametrize(("kind", "message"), [("PVF", "PVF"), ("HTK", "HTK")])
def test_what_is_only_taken_for_audio_is_refused(tmp_path, kind, message):
    soundfile.write(tmp_path / "eeg.wav", signal(), RATE_HZ, "PCM_16", format=kind)
    with pytest.raises(DanError, match=rf"eeg\.wav: it is an? {message} file.*Save it as \.npy"):
        read(tmp_path / "eeg.wav")


def test_a_written_mp3_is_checked_without_a_word(tmp_path, capfd):
    make_mp3(tmp_path / "a.mp3")
    pass_through(tmp_path / "a.mp3", tmp_path / "b.mp3")
    assert capfd.readouterr().err == ""


def test_copies_have_the_same_bytes(tmp_path):
    for number in (1, 2):
        soundfile.write(tmp_path / "a.wav", signal(), RATE_HZ, "FLOAT")
        pass_through(tmp_path / "a.wav", tmp_path / f"{number}.wav")
    assert (tmp_path / "1.wav").read_bytes() == (tmp_path / "2.wav").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are not listed elsewhere")
def test_a_closed_reader_keeps_no_file_open(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(riff(fmt(), chunk(b"data", pcm(signal()))) + JUNK)
    with open_reader(path) as reader:
        reader.read(0, 10)
    assert str(path) not in {str(link.resolve()) for link in Path("/proc/self/fd").iterdir()}


@pytest.mark.parametrize("word", ["FORMATTED", "RIFF", "RF64"])
def test_a_table_may_begin_with_the_name_of_a_format(tmp_path, word):
    (tmp_path / "a.csv").write_text(f"{word},other\n" + "0.5,1.5\n-0.5,2.5\n" * 20)
    with open_reader(tmp_path / "a.csv", sample_rate_hz=100) as reader:
        assert (reader.channels, reader.length_samples) == (2, 40)
