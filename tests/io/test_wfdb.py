"""WFDB records of every format and header: each channel as wide as it was, and read back."""

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.io.recordings import open_reader, open_writer, read

wfdb = pytest.importorskip("wfdb")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

LENGTH, RATE_HZ = 1001, 256
WAVES = np.rint(1000 * np.random.default_rng(0).standard_normal((2, LENGTH)).clip(-2, 2)).astype(int)


def line(file, fmt="16", gain="1000/mV", name="I", between=" "):
    return between.join([file, fmt, gain, "16", "0", "0", "0", "0", name])


def header(folder, lines, record=None, length=LENGTH):
    first = record or f"a {len(lines)} {RATE_HZ} {length} 10:00:00 01/01/2020"
    (folder / "a.hea").write_text("\n".join([first, *lines, "# Age: 71", ""]))


def pass_through(folder, change=lambda block: block, **options):
    with (
        open_reader(folder / "a.hea", missing="fill", **options) as reader,
        open_writer(folder / "b.hea", reader) as writer,
    ):
        for block in reader.blocks(177):
            writer.write(reader.gaps.put_back(change(block), writer.written_samples))
    return writer


def records(folder, **options):
    return [wfdb.rdrecord(str(folder / name), **options) for name in "ab"]


def interleaved(dtype="<i2"):
    return WAVES.T.astype(dtype).tobytes()


@pytest.mark.parametrize(
    "lines",
    [
        [line("a.dat", between="  "), line("a.dat", name="lead II", between="   ")],
        [line("a.dat", between="\t"), line("a.dat", name="II", between=" \t")],
        ["a.dat 16", "a.dat 16"],
        ["a.dat 16 1000(5)/uV 12", "a.dat 16 200"],
        ["", line("a.dat"), "# between", line("a.dat", name="II")],
    ],
)
@pytest.mark.parametrize("record", [None, f"a\t2\t{RATE_HZ}\t{LENGTH}", f"a  2  {RATE_HZ}/100(3)  {LENGTH}"])
def test_headers_of_any_white_space_are_written_anew(tmp_path, lines, record):
    header(tmp_path, lines, record or f"a 2 {RATE_HZ} {LENGTH}")
    (tmp_path / "a.dat").write_bytes(interleaved())
    pass_through(tmp_path)
    before, after = records(tmp_path)
    np.testing.assert_array_equal(after.p_signal, before.p_signal)
    for name in ("fs", "sig_name", "units", "adc_gain", "baseline", "comments", "sig_len", "counter_freq"):
        assert getattr(after, name) == getattr(before, name), name


@pytest.mark.parametrize(("dtype", "fmt"), [(">i2", "61"), ("<i4", "32"), ("<u2", "160"), ("<i2", "16+24")])
def test_formats_keep_their_width(tmp_path, dtype, fmt):
    header(tmp_path, [line("a.dat", fmt), line("a.dat", fmt, name="II")])
    shift = 2**15 if fmt == "160" else 0
    (tmp_path / "a.dat").write_bytes(
        bytes(24 if "+" in fmt else 0) + (WAVES.T + shift).astype(dtype).tobytes()
    )
    pass_through(tmp_path)
    before, after = records(tmp_path)
    np.testing.assert_array_equal(after.p_signal, before.p_signal)
    np.testing.assert_array_equal(after.p_signal.T, WAVES / 1000)
    assert after.fmt == ["32" if fmt == "32" else "16"] * 2


@pytest.mark.parametrize("fmt", ["508", "516", "524"])
def test_compressed_records_are_written_as_wide(tmp_path, fmt):
    scale = {"508": 0.05, "516": 10, "524": 3000}[fmt]
    wfdb.wrsamp(
        "a", RATE_HZ, ["mV"] * 2, ["I", "II"], d_signal=np.rint(WAVES.T * scale).astype(int), fmt=[fmt] * 2,
        adc_gain=[100.0] * 2, baseline=[0, 0], write_dir=str(tmp_path),
    )  # fmt: skip
    assert pass_through(tmp_path).clipped_samples == 0
    before, after = records(tmp_path)
    np.testing.assert_array_equal(after.p_signal, before.p_signal)


def test_channels_of_several_formats_stay_as_wide_as_they_were(tmp_path):
    header(tmp_path, [line("a.dat"), line("c.dat", "32", "300000/mV", "II")])
    (tmp_path / "a.dat").write_bytes(WAVES[0].astype("<i2").tobytes())
    (tmp_path / "c.dat").write_bytes((WAVES[1] * 1000).astype("<i4").tobytes())
    assert pass_through(tmp_path, lambda block: block / 2).clipped_samples == 0
    before, after = records(tmp_path)
    assert after.fmt == ["16", "32"] and after.file_name == ["b_1.dat", "b_2.dat"]
    np.testing.assert_allclose(after.p_signal, before.p_signal / 2, atol=0.0005)


def test_missing_samples_and_skew_come_back_as_missing(tmp_path):
    header(tmp_path, [line("a.dat", "16:3"), line("a.dat", name="II")])
    stored = WAVES.T.astype("<i2").copy()
    stored[500:520, 1] = -32768
    (tmp_path / "a.dat").write_bytes(stored.tobytes())
    pass_through(tmp_path)
    before, after = records(tmp_path)
    assert np.isnan(after.p_signal).sum() == 23
    np.testing.assert_array_equal(after.p_signal, before.p_signal)


def test_channels_of_several_samples_a_frame(tmp_path):
    header(tmp_path, [line("a.dat", "16x4"), line("a.dat", "16x1", name="resp")], length=250)
    frames = np.concatenate([WAVES[0, :1000].reshape(250, 4), WAVES[1, :250, None]], axis=1)
    (tmp_path / "a.dat").write_bytes(frames.astype("<i2").tobytes())
    with pytest.raises(DanError, match=r"a\.hea: it has channels of 256 and 1024 Hz.*--sample-rate"):
        read(tmp_path / "a.hea")
    np.testing.assert_array_equal(
        read(tmp_path / "a.hea", sample_rate_hz=1024).samples, WAVES[0, :1000] / 1000
    )
    pass_through(tmp_path, lambda block: block / 2, sample_rate_hz=1024)
    before, after = records(tmp_path, smooth_frames=False)
    np.testing.assert_allclose(after.e_p_signal[0], before.e_p_signal[0] / 2, atol=0.0006)
    np.testing.assert_array_equal(after.e_p_signal[1], before.e_p_signal[1])


@pytest.mark.parametrize("is_variable", [False, True])
def test_segments_become_one(tmp_path, is_variable):
    """The second lacks a channel and has another gain; a gap lies between the two."""
    layout = "l 0\n" if is_variable else ""
    segments = f"{layout}c {LENGTH}\n~ 50\nd {LENGTH}\n# x\n"
    count = 4 if is_variable else 3
    (tmp_path / "a.hea").write_text(f"a/{count} 2 {RATE_HZ} {2 * LENGTH + 50} 10:00:00\n{segments}")
    lines = [line("~", "0"), line("~", "0", name="II")]
    (tmp_path / "l.hea").write_text("\n".join([f"l 2 {RATE_HZ} 0", *lines, ""]))
    for name, signals, gain in (("c", ["I", "II"], "1000/mV"), ("d", ["II"], "500/mV")):
        lines = [line(f"{name}.dat", gain=gain, name=signal) for signal in signals]
        (tmp_path / f"{name}.hea").write_text(
            "\n".join([f"{name} {len(lines)} {RATE_HZ} {LENGTH}", *lines, ""])
        )
        (tmp_path / f"{name}.dat").write_bytes(WAVES[: len(lines)].T.astype("<i2").tobytes())
    writer = pass_through(tmp_path)
    after = wfdb.rdrecord(str(tmp_path / "b"))
    assert writer.clipped_samples == 0
    assert (after.sig_name, after.comments, after.fmt) == (["I", "II"], ["x"], ["16", "32"])
    gap = np.full((2, 50), np.nan)
    last = np.stack([np.full(LENGTH, np.nan), WAVES[0] / 500])
    np.testing.assert_allclose(after.p_signal.T, np.concatenate([WAVES / 1000, gap, last], axis=1), atol=1e-9)


@pytest.mark.parametrize("rate_hz", ["360.0123456", "0.00001", "1000000", "333.3333333333333"])
def test_segments_that_become_one_keep_their_rate_to_the_last_digit(tmp_path, rate_hz):
    (tmp_path / "a.hea").write_text(f"a/2 1 {rate_hz} {2 * LENGTH}\nc {LENGTH}\nc {LENGTH}\n")
    (tmp_path / "c.hea").write_text(f"c 1 {rate_hz} {LENGTH}\n{line('c.dat')}\n")
    (tmp_path / "c.dat").write_bytes(WAVES[0].astype("<i2").tobytes())
    pass_through(tmp_path)
    assert read(tmp_path / "b.hea").sample_rate_hz == float(rate_hz)
    assert (tmp_path / "b.hea").read_text().split()[2] == rate_hz


def test_a_name_that_wfdb_cannot_read_is_refused_before_it_is_there(tmp_path):
    header(tmp_path, [line("a.dat"), line("a.dat", name="II")])
    (tmp_path / "a.dat").write_bytes(interleaved())
    with (
        open_reader(tmp_path / "a.hea") as reader,
        pytest.raises(DanError, match=r"b c\.hea: read back, it is no WFDB record.*letters, digits"),
        open_writer(tmp_path / "b c.hea", reader) as writer,
    ):
        writer.write(reader.read(0, LENGTH))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.dat", "a.hea"]


def test_a_record_without_its_samples_is_named(tmp_path):
    header(tmp_path, [line("a.dat")])
    with pytest.raises(DanError, match=r"a\.hea: its file of samples a\.dat is not there"):
        read(tmp_path / "a.hea")
