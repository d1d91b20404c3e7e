"""EDF and BDF as devices write them: what is no signal is copied, and a bad channel never costs the file."""

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.io.recordings import open_reader, open_writer, read

RATE, RECORDS = 256, 8
FULL = (-3276.8, 3276.7, -32768, 32767)


def text(value, width):
    return str(value).encode().ljust(width)[:width]


def wave(scale=4000, rate=RATE):
    return np.rint(scale * np.random.default_rng(0).standard_normal(rate * RECORDS)).clip(-32768, 32767)


def make(path, channels, *, version="", count=RECORDS, duration_s=1, onsets=None, extra=b"", cut=0):
    """Write an EDF file of (label, physical minimum, maximum, digital minimum, maximum, samples)."""
    rows = [(*row[:5], np.asarray(row[5]).reshape(RECORDS, -1)) for row in channels]
    if onsets:
        notes = [f"+{onset}\x14\x14\0".encode().ljust(60, b"\0") for onset in onsets]
        rows.append(
            ("EDF Annotations", -1, 1, -32768, 32767, np.frombuffer(b"".join(notes), "<i2").reshape(8, 30))
        )
    n = len(rows)
    fixed = [("0", 8), ("X", 80), ("Y", 80), ("01.01.20", 8), ("10.00.00", 8), (256 * (n + 1), 8),
             (version, 44), (count, 8), (duration_s, 8), (n, 4)]  # fmt: skip
    fields = [([r[0] for r in rows], 16), ([""] * n, 80), (["uV"] * n, 8),
              *(([r[k] for r in rows], 8) for k in (1, 2, 3, 4)),
              ([""] * n, 80), ([r[5].shape[1] for r in rows], 8), ([""] * n, 32)]  # fmt: skip
    head = b"".join(text(*field) for field in fixed)
    head += b"".join(text(value, width) for values, width in fields for value in values)
    body = b"".join(row[5][k].astype("<i2").tobytes() for k in range(RECORDS) for row in rows)
    whole = head + body + extra
    path.write_bytes(whole[: len(whole) - cut])


def pass_through(source, target, change=lambda block: block, **options):
    with open_reader(source, **options) as reader, open_writer(target, reader) as writer:
        for block in reader.blocks(300):
            writer.write(change(block))
    return reader.metadata["channels"], reader.notes, writer.clipped_samples


def stored(path):
    """Digital samples of each channel, by an independent reader."""
    edfio = pytest.importorskip("edfio")
    return [signal.digital.astype(float) for signal in edfio.read_edf(path).signals]


EEG = ("EEG Fp1", *FULL, wave())
CODES = np.where(np.arange(RATE * RECORDS) % 300 == 9, 5, 0)


@pytest.mark.parametrize(
    "other",
    [
        ("STI 014", -1, 1, -32768, 32767, CODES),
        ("Event Marker", *FULL, CODES),
        ("Trigger in", *FULL, CODES),
        ("Battery", 0, 5, -32768, 32767, wave()),
        ("Status", *FULL, wave()),
        ("X1", *FULL, CODES),  # by its values
        ("X2", *FULL, np.arange(RATE * RECORDS) % 7),
        ("X3", *FULL, np.full(RATE * RECORDS, 900)),
        ("-", -1, 1, 0, 0, np.zeros(RATE * RECORDS)),
        ("EEG Ref", 0, 0, -32768, 32767, wave()),
        ("EEG bad", "no", "", -32768, 32767, wave()),
        ("Resp", *FULL, wave(rate=32)),
    ],
)
def test_what_is_no_signal_is_copied_and_told(tmp_path, other):
    make(tmp_path / "a.edf", [EEG, other, ("EEG Resting", *FULL, wave(300))])
    rate_hz = RATE if other[0] == "Resp" else None
    taken, notes, _ = pass_through(
        tmp_path / "a.edf", tmp_path / "b.edf", lambda block: block / 2, sample_rate_hz=rate_hz
    )
    assert taken == ["EEG Fp1", "EEG Resting"]
    assert (
        len(notes) == 1
        and notes[0].startswith("not taken, and copied where")
        and notes[0].endswith(f": {other[0]}")
    )
    before, after = stored(tmp_path / "a.edf"), stored(tmp_path / "b.edf")
    np.testing.assert_array_equal(after[1], before[1])
    for channel in (0, 2):  # half of the physical value, within a step
        np.testing.assert_allclose(after[channel], before[channel] / 2, atol=1)


def test_a_file_of_constant_channels_alone_is_read(tmp_path):
    make(tmp_path / "a.edf", [("C3", *FULL, np.full(RATE * RECORDS, 100))])
    pass_through(tmp_path / "a.edf", tmp_path / "b.edf")
    assert (tmp_path / "a.edf").read_bytes() == (tmp_path / "b.edf").read_bytes()


def test_a_file_of_markers_alone_is_refused(tmp_path):
    make(tmp_path / "a.edf", [("Marker", *FULL, CODES)])
    with pytest.raises(DanError, match=r"a\.edf: none of its channels is a signal\. Rename"):
        read(tmp_path / "a.edf")


@pytest.mark.parametrize("version", ["", "EDF+C", "EDF+D"])
def test_contiguous_files_come_back_byte_by_byte(tmp_path, version):
    make(tmp_path / "a.edf", [EEG], version=version, onsets=range(RECORDS), extra=b"\1" * 700)
    pass_through(tmp_path / "a.edf", tmp_path / "b.edf")
    assert (tmp_path / "b.edf").read_bytes() == (tmp_path / "a.edf").read_bytes()


def test_a_gap_is_named(tmp_path):
    make(tmp_path / "a.edf", [EEG], version="EDF+D", onsets=[0, 1, 2, 3, 10, 11, 12, 13])
    with pytest.raises(DanError, match=r"a\.edf: it has a gap: record 5 begins 6 s later.*Split it"):
        read(tmp_path / "a.edf")


def test_an_open_count_and_a_cut_record_are_told_by_the_size(tmp_path):
    for name, options, records in (
        ("a", {"count": -1}, 8),
        ("b", {"cut": 300}, 7),
        ("c", {"count": -1, "cut": 3}, 7),
    ):
        make(tmp_path / f"{name}.edf", [EEG], **options)
        _, notes, _ = pass_through(tmp_path / f"{name}.edf", tmp_path / f"{name}2.edf")
        assert len(notes) == (records == 7)
        back = (tmp_path / f"{name}2.edf").read_bytes()
        assert back[236:244] == text(records, 8) and len(back) == 512 + 512 * records
        np.testing.assert_array_equal(stored(tmp_path / f"{name}2.edf")[0], wave()[: 256 * records])


@pytest.mark.parametrize(
    ("count", "extra", "stands"),
    [
        (6, b"", "2 more records"),
        (7, b"", "1 more record"),
        (8, b"\1" * 30, "bytes of no whole record (30)"),
        (7, b"\1" * 30, "1 more record and bytes of no whole record (30)"),
    ],
)
def test_what_the_header_does_not_count_is_copied_and_told(tmp_path, count, extra, stands):
    make(tmp_path / "a.edf", [EEG], count=count, extra=extra)
    half = lambda block: block / 2  # noqa: E731
    _, notes, _ = pass_through(tmp_path / "a.edf", tmp_path / "b.edf", half)
    behind = f"behind the {count} records that its header counts stand {stands}"
    assert notes == [f"{behind}: not taken, and copied where the file is written"]
    before, after = ((tmp_path / name).read_bytes() for name in ("a.edf", "b.edf"))
    assert after[512 + 512 * count :] == before[512 + 512 * count :] and after != before


@pytest.mark.parametrize("given_hz", [85.3333333, 85.3333, 256 / 3])
def test_the_rates_that_a_refusal_names_can_be_given(tmp_path, given_hz):
    make(tmp_path / "a.edf", [("C3", *FULL, wave()), ("C4", *FULL, wave(rate=768))], duration_s=3)
    with pytest.raises(DanError, match=r"it has channels of 85\.3333333 and 256 Hz"):
        open_reader(tmp_path / "a.edf")
    with open_reader(tmp_path / "a.edf", sample_rate_hz=given_hz) as reader:
        assert reader.metadata["channels"] == ["C3"] and reader.sample_rate_hz == 256 / 3
        assert reader.notes == ["not taken, and copied where the file is written, of another rate: C4"]


@pytest.mark.parametrize("count", [-1, 0, 1])
@pytest.mark.parametrize("samples", [16, 400])
def test_a_header_alone_holds_no_samples(tmp_path, count, samples):
    make(tmp_path / "a.edf", [("C3", *FULL, np.arange(samples * RECORDS))], count=count)
    (tmp_path / "a.edf").write_bytes((tmp_path / "a.edf").read_bytes()[:512])
    said = "it is cut short: 0 of 1 records are there" if count > 0 else "it holds no samples"
    with pytest.raises(DanError, match=rf"a\.edf: {said}\. Export"):
        read(tmp_path / "a.edf")


def test_more_than_a_record_cut_off_is_refused(tmp_path):
    make(tmp_path / "a.edf", [EEG], cut=600)
    with pytest.raises(DanError, match=r"a\.edf: it is cut short: 6 of 8 records are there"):
        read(tmp_path / "a.edf")


def test_samples_beyond_the_declared_range_are_kept(tmp_path):
    make(tmp_path / "a.edf", [("C3", -204.7, 204.7, -2047, 2047, wave(3000))])
    *_, clipped = pass_through(tmp_path / "a.edf", tmp_path / "b.edf")
    assert clipped == 0
    assert (tmp_path / "b.edf").read_bytes() == (tmp_path / "a.edf").read_bytes()
    make(tmp_path / "c.edf", [("C3", -204.7, 204.7, -2047, 2047, wave(300))])
    *_, clipped = pass_through(tmp_path / "c.edf", tmp_path / "d.edf", lambda block: 10 * block)
    assert clipped and np.abs(stored(tmp_path / "d.edf")[0]).max() == 2047


def test_a_file_named_rec_is_what_it_holds(tmp_path):
    make(tmp_path / "a.rec", [EEG])
    pass_through(tmp_path / "a.rec", tmp_path / "b.rec")
    assert (tmp_path / "b.rec").read_bytes() == (tmp_path / "a.rec").read_bytes()


@pytest.mark.parametrize(
    ("place", "content", "said"),
    [
        (252, b"abcd", r"'abcd' for the number of channels"),
        (252, b"0   ", "no channels"),
        (244, b"0       ", "a record lasts 0 s"),
        (256 + 216, b"-5      ", "-5 samples of channel 0"),
        (256 + 216, b"0       ", "records without samples"),
        (256 + 216, b"1e400   ", "no number"),
    ],
)
def test_a_damaged_header_is_named_once_with_a_way_out(tmp_path, place, content, said):
    make(tmp_path / "a.edf", [EEG])
    whole = (tmp_path / "a.edf").read_bytes()
    (tmp_path / "a.edf").write_bytes(whole[:place] + content + whole[place + len(content) :])
    with pytest.raises(DanError, match=rf"{said}.*EDFbrowser") as caught:
        read(tmp_path / "a.edf")
    assert str(caught.value).count("a.edf") == 1
