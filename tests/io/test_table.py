"""Tables: which column is what, what is refused by its line, and that all else comes back as it stood."""

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.io.recordings import open_reader, open_writer, read


@pytest.fixture
def table(tmp_path):
    def write(text, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def halve(source, target):
    with open_reader(source, sample_rate_hz=None) as reader, open_writer(target, reader) as writer:
        for block in reader.blocks(2):
            writer.write(block / 2)
    return target.read_bytes()


def test_only_channels_change(table, tmp_path):
    path = table(
        b"\xef\xbb\xbf# made by hand\r\n'time',\"lead, I\",adc,remark\r\n"
        b"0.00, 1.50,7,\xb5 a\r\n0.01,-0.25,8,\r\n0.02,1e-3,-9,b"
    )
    assert halve(path, tmp_path / "b.csv") == (
        b"\xef\xbb\xbf# made by hand\r\n'time',\"lead, I\",adc,remark\r\n"
        b"0.00, 0.75,4,\xb5 a\r\n0.01,-0.125,4,\r\n0.02,0.0005,-4,b"
    )
    with open_reader(path) as reader:
        assert (reader.sample_rate_hz, reader.length_samples) == (100, 3)
        assert reader.metadata == {"channels": ["lead, I", "adc"]}


@pytest.mark.parametrize(
    ("text", "rate_hz", "first"),
    [
        ("time,x\n0,1\n0.5,2\n1,3\n", 2, [1]),
        ("t_ms;x\n0;1\n4;2\n8;3\n", 250, [1]),
        ("Time [us]\tx\n0\t1\n1000\t2\n2000\t3\n", 1000, [1]),
        ("timestamp,x,y\n1700000000.000,1,5\n1700000000.004,2,6\n1700000000.008,3,7\n", 250, [1, 5]),
        ("0.0,1\n0.1,2\n0.2,3\n", 10, [1]),  # no names, evenly rising
        ("0,1\n1,2\n2,3\n", None, [1]),  # these count lines
        (",x\n0,1\n1,4\n2,3\n", None, [1]),  # as pandas writes them
        ("sample,x\n10,1\n11,4\n12,3\n", None, [1]),
        ("x\n1\n2\n3\n", None, [1]),
        ("1\n5\n2\n", None, [1]),
        ("time,1,2\n0,3,4\n1,5,6\n", 1, [3, 4]),  # channels named by numbers
        ("name,x\na,1\nb,2\n", None, [1]),
        ("'Elapsed time','MLII'\n'seconds','mV'\n0.000,-0.5\n0.004,1\n0.008,1\n0.012,1\n", 250, [-0.5]),
        ("x,y\n1,2\n3,4\n\n\n", None, [1, 2]),
    ],
)  # fmt: skip
def test_columns_are_told_apart(table, text, rate_hz, first):
    with open_reader(table(text)) as reader:
        assert reader.sample_rate_hz == pytest.approx(rate_hz, abs=0.01)
        assert reader.read(0, 1)[:, 0].tolist() == first


@pytest.mark.parametrize("rate_hz", [256, 360, 11025, 250_000, 44.1, 99.5])
@pytest.mark.parametrize("decimals", [4, 6, 9])
def test_rates_survive_the_rounding_of_times(table, rate_hz, decimals):
    length = 5000
    path = table("time,x\n" + "".join(f"{i / rate_hz:.{decimals}f},0\n" for i in range(length)))
    with open_reader(path) as reader:
        # Start and end are each off by half a digit at most.
        assert reader.sample_rate_hz == pytest.approx(
            rate_hz, rel=10.0**-decimals / (length / rate_hz) + 1e-9
        )
        assert sum(block.shape[1] for block in reader.blocks(999)) == length


def test_a_rate_given_wins_over_the_times_with_a_note(table):
    assert read(table("12:00:00,1\n12:00:01,2\n"), sample_rate_hz=256).sample_rate_hz == 256
    path = table("time,x\n0,1\n0.004,5\n0.008,3\n")
    for rate_hz, note in ((250, ""), (360, "'time' says 250 Hz; 360 Hz are taken, as given")):
        with open_reader(path, sample_rate_hz=rate_hz) as reader:
            assert reader.sample_rate_hz == rate_hz
            assert note in " ".join(reader.notes)


def ticks(count, step=1):
    return [step * place for place in range(count)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("a,b\nc,d\n", "no line .* a number; the first says 'a,b'"),
        ("x,y\n1,2\n".encode("utf-16"), "UTF-16"),
        ("x,y\n1,2\n3\n5,6\n", "line 3: it has 1 cells"),
        ("x,y\n1,2\n3,4,5\n", "line 3: it has 3 cells"),
        ("x,y\n1,2\n3,none\n5,6\n", "line 3, column 2: 'none': a number is missing"),
        ("x,y\n1,2\n3,\n5,6\n", "line 3, column 2: '': a number is missing"),
        ("x,y\n1,2\n3,nan\n5,6\n", "line 3, column 2: 'nan': a number is missing"),
        ("x\n1\n\n3\n5\n", "line 3: it is empty: a missing sample, or nothing"),
        ("x,y\n1,2\n3,4 V\n5,6\n7,1\n" + 20 * "8,3\n", "line 3, column 2: '4 V' is no number"),
        ("x;y\n0,5;0\n0.25;2\n" + 20 * "0,1;3\n", "line 3, column 1: '0.25' is no number.*0,5"),
        ("x,y\n1,2\n9,inf\n5,6\n", "has inf at sample 1 of channel 1"),
        (
            "time,x\n" + "".join(f"{t},1.5\n" for t in [*ticks(50), *range(51, 90)]),
            "line 52: its time is off",
        ),
        (
            "time,x\n" + "".join(f"{t},1.5\n" for t in [*ticks(50), *range(49, 90)]),
            "line 52: its time is off",
        ),
        ("time,x\n3,1\n2,2\n1,3\n", "its time column 'time' goes from 3 to 1"),
        ("time,x\n0,1\n0,2\n", "its time column 'time' goes from 0 to 0"),
        ("time,remark\n0,a\n1,b\n", r"no column seems to be a signal: time \(time\), remark \(text\)"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(table, text, reason):
    path = table(text)
    with pytest.raises(DanError, match=reason) as caught:
        read(path)
    assert path.name in str(caught.value)


@pytest.mark.parametrize("lost", [1, 2, 5000, 9998])
def test_a_single_lost_line_is_found_anywhere(table, lost):
    lines = [f"{i / 360:.6f},0.5\n" for i in range(10_000)]
    del lines[lost]
    with (
        open_reader(table("time,x\n" + "".join(lines))) as reader,
        pytest.raises(DanError, match="its time is off"),
    ):
        list(reader.blocks(1000))


def test_digits_of_numbers_are_kept(table, tmp_path):
    path = table("x\n0.123456789012345\n-2.5e-7\n300\n")
    with open_reader(path) as reader, open_writer(tmp_path / "b.csv", reader) as writer:
        writer.write(reader.read(0, 3))
    np.testing.assert_array_equal(read(tmp_path / "b.csv").samples, read(path).samples)


def test_reading_by_seeking_finds_the_line(table):
    values = np.arange(20_000)[::-1] ** 2 % 9973
    with open_reader(table("x\n" + "".join(f"{value}\n" for value in values))) as reader:
        for start in (0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 19_998):  # about where the index has entries
            np.testing.assert_array_equal(reader.read(start, 3)[0], values[start : start + 3])


@pytest.mark.parametrize("decimals", [4, 6])
def test_a_pause_is_named_by_its_line_and_times_can_be_left_out(table, decimals):
    times = [i / 250 + (i >= 2000) for i in range(3000)]
    path = table("time,x\n" + "".join(f"{time:.{decimals}f},0.5\n" for time in times))
    said = r"line 2002: its time is off the even steps of 250 Hz.*--sample-rate 250"
    with open_reader(path) as reader, pytest.raises(DanError, match=said):
        list(reader.blocks(1000))
    assert read(path, sample_rate_hz=250).samples.shape == (3000,)


def test_a_last_line_that_is_cut_off_is_named(table):
    path = table("time,x\n" + "".join(f"{i / 250},0.5\n" for i in range(400)) + "0.")
    with pytest.raises(DanError, match="line 402: it has 1 cells"):
        open_reader(path)
