"""Tables: which column is what, what is refused by its line, and that all else comes back as it stood."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    with open_reader(table("fs: 250 Hz\nx\n1.5\n5.25\n-3\n"), sample_rate_hz=100) as reader:
        assert told(reader)[1:] == (100, "its header says 250 Hz; 100 Hz are taken, as given")


AS_TIMED = "its header says 500 Hz; 360 Hz are taken, as its time column 't' says"
AS_SAID = "its time column 't' says {} Hz; 500 Hz are taken, as its header says"


@pytest.mark.parametrize(
    ("head", "times_hz", "taken", "note"),
    [
        ("Sample rate: 500 Hz", 360, 360, AS_TIMED),
        ("Sample rate: 500 Hz", 501, 500, AS_SAID.format(501)),
        ("Sample rate: 500 Hz", 0.5, 500, AS_SAID.format(0.5)),
        ("Sample rate: 360 Hz", 360, 360, None),
        ("Fs: 500 Hz, display fs: 60 Hz", 360, 360, None),
    ],
)
def test_a_header_and_times_that_differ_are_noted(table, head, times_hz, taken, note):
    path = table(lines(f"{head}\nt,ecg\n", lambda i, x: f"{i / times_hz:.6f},{x:.4f}"))
    with open_reader(path) as reader:
        assert reader.sample_rate_hz == taken
        assert [said for said in reader.notes if "are taken" in said] == ([note] if note else [])


def test_a_header_of_two_rates_leaves_the_rate_open(table):
    head = "# Original sample rate: 1000 Hz\n# Sample rate: 360 Hz\necg\n"
    with open_reader(table(lines(head, lambda i, x: f"{x:.4f}"))) as reader:
        assert reader.sample_rate_hz is None
        assert reader.rate_unknown == "its header says 1000 and 360 Hz"


def ticks(count, step=1):
    return [step * place for place in range(count)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("a,b\nc,d\n", "no line .* a number; the first says 'a,b'"),
        ("x,y\n1,2\n".encode("utf-16")[:-1], "truncated data"),
        ("x,y\n1,2\n3\n5,6\n", "line 3: it has 1 cells"),
        ("x,y\n1,2\n3,4,5\n", "line 3: it has 3 cells"),
        ("x,y\n1,2\n3,none\n5,6\n", "line 3, column 2: 'none': a number is missing"),
        ("x,y\n1,2\n3,\n5,6\n", "line 3, column 2: '': a number is missing"),
        ("x,y\n1,2\n3,nan\n5,6\n", "line 3, column 2: 'nan': a number is missing"),
        ("x\n1\n\n3\n5\n", "line 3: it is empty: a missing sample, or nothing"),
        ("x,y\n1,2\n3,4 V\n5,6\n7,1\n" + 20 * "8,3\n", "line 3, column 2: '4 V' is no number"),
        ("x;y\n0,5;0\n0.25;2\n" + 20 * "0,1;3\n", "line 3, column 1: '0.25' is no number.*0,5"),
        ("x,y\n1,2\n9,inf\n5,6\n", "has inf at sample 1 of channel 1: .*1 of those from 0 to 2 is not"),
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


N = 600
X = np.sin(np.arange(N) * 0.7) + 0.3 * np.random.default_rng(0).standard_normal(N)
"""A signal at 250 Hz in most of the tables below."""


def lines(head, row, end="\n"):
    return head + "".join(row(i, X[i]) + end for i in range(N))


def told(reader):
    return reader.metadata["channels"], reader.sample_rate_hz, " ".join(reader.notes)


@pytest.mark.parametrize(
    "name", ["Time/s", '"Time, s"', "Zeit (s)", "X [s]", "seconds_elapsed", "unix_time", "t"]
)
def test_times_are_known_by_what_they_are_called(table, name):
    with open_reader(table(lines(f"{name},ecg\n", lambda i, x: f"{i / 250:.3f},{x:.4f}"))) as reader:
        assert told(reader)[:2] == (["ecg"], 250)


@pytest.mark.parametrize("name", ["X", "COUNTER", "Unnamed: 0", "foo", "Datenpunkt"])
@pytest.mark.parametrize("step", [1, 0.004])
def test_what_rises_evenly_is_no_signal_whatever_its_name(table, name, step):
    with open_reader(table(lines(f"{name},ecg\n", lambda i, x: f"{round(i * step, 3)},{x:.4f}"))) as reader:
        assert told(reader)[:2] == (["ecg"], None)
        if name != "COUNTER":
            assert reader.rate_unknown == (
                f"its column {name!r} rises by {step:g}, as times and counters do, but names no unit"
            )


@pytest.mark.parametrize(
    ("head", "row", "rate_hz"),
    [
        ("Time,Channel A\n(ms),(mV)\n\n", lambda i, x: f"{4 * i:.5f},{x:.5f}", 250),
        ("x-axis,1\nsecond,Volt\n", lambda i, x: f"{i / 250:+.9E},{x:+.6E}", 250),
        ("time,ecg\n", lambda i, x: f"{1698501144401724700 + 4_000_000 * i},{x:.4f}", 250),
        ("time,ecg\n", lambda i, x: f"{1698501144401 + 4 * i},{x:.4f}", 250),
        ("ts;ecg\n", lambda i, x: f"{1698501144.25 + i / 256:.3f};{x:.4f}".replace(".", ","), 256),
        ("millis,ecg\n", lambda i, x: f"{round(1000 * i / 256)},{x:.4f}", 256),
        ("at,ecg\n", lambda i, x: f"2024-02-28T23:59:{58 + i // 250:02d}.{4 * i % 1000:03d}Z,{x:.4f}", 250),
        ("at,ecg\n", lambda i, x: f"1/2/2024 11:59:{50 + i // 250}.{4 * i % 1000:03d} PM,{x:.4f}", 250),
        ("at\tecg\n", lambda i, x: f"23:59:{57 + i // 250},{4 * i % 1000:03d}\t{x:.4f}", 250),
        ("'Elapsed time','MLII'\n'hh:mm:ss.mmm','mV'\n", lambda i, x: f"'0:{i / 250:06.3f}',{x:.3f}", 250),
        ("fs: 250 Hz\nn,ecg\n", lambda i, x: f"{i},{x:.3f}", 250),
        ("Delta_X\t0,004\nX_Value\tU\n", lambda i, x: f"{i / 250:.6f}\t{x:.6f}".replace(".", ","), 250),
        ("X,CH1,Start,Increment\nSequence,VOLT,-0.2,4e-3\n", lambda i, x: f"{i},{x:.3e},,", 250),
        ("%Sample Rate = 250 Hz\nSample Index, EXG\n", lambda i, x: f"{i % 256}.0, {x:.5f}", 250),
        ("1606398355.5\n64.0\n", lambda i, x: f"{30 * x:.2f}", 64),
    ],
)  # fmt: skip
def test_rates_are_told_by_units_stamps_and_headers(table, head, row, rate_hz):
    with open_reader(table(lines(head, row))) as reader:
        assert reader.sample_rate_hz == rate_hz
        assert reader.length_samples == N
        scale = 30 if head.startswith("16") else 1
        np.testing.assert_allclose(reader.read(0, N)[0], scale * X, atol=6e-3)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("Marker0", lambda i: int(i % 100 == 0), "by its name"),
        ("State", lambda i: i // 100, "6 whole numbers"),
        ("pos", lambda i: f"{i // 300}.0", "2 whole numbers"),
        ("idx", lambda i: i % 40, "a counter"),
        ("Trigger", lambda i: 7.5 * (i % 7), "by its name"),
        ("remark", lambda i: '"rest, eyes ""closed"""', "text"),
        ("U", lambda i: 3.3, "always the same"),
        ("accX", lambda i: (i * 37) % 101 / 7, "by its name, beside signals"),
        ("gap", lambda i: "" if i % 3 else i * i % 89, "mostly empty"),
    ],
)  # fmt: skip
def test_what_is_no_signal_is_copied_and_told(table, tmp_path, name, value, why):
    path = table(lines(f"ecg,{name}\n", lambda i, x: f"{x:.4f},{value(i)}"))
    written = halve(path, tmp_path / "b.csv").decode().splitlines()
    assert [line.partition(",")[2] for line in written[1:]] == [str(value(i)) for i in range(N)]
    with open_reader(path) as reader:
        assert told(reader) == (["ecg"], None, f"columns denoised: ecg; copied: {name} ({why})")
    with open_reader(path, columns=["ecg"]) as reader:
        assert reader.metadata["channels"] == ["ecg"]


def test_columns_and_times_are_what_the_user_says(table):
    path = table(lines("a,Marker,b\n", lambda i, x: f"{i / 250:.3f},{i % 5},{x:.4f}"))
    with open_reader(path, columns=["marker", "3"], time_column="A") as reader:
        assert told(reader)[:2] == (["Marker", "b"], 250)
    with pytest.raises(DanError, match=r"column 'c': there is none of that name. It has a, Marker, b"):
        open_reader(path, columns=["c"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "\n".join(",".join(f"{v:.2f}" for v in X[:188]) for _ in range(300)),
            "188 columns of numbers and 300 rows",
        ),
        (",".join(f"{v:.2f}" for v in X), "600 columns of numbers and 1 row: .*Transpose it"),
        (
            "Zeit,EKG\n" + "0,004,0,25\n" * 40,
            "two cells for each name: decimal commas, it seems. Save it with ;",
        ),
        ("512,498\n730,411\n", "such as 512,498, are two whole numbers or one with a decimal comma"),
        (lines("time,x\n", lambda i, x: f"12:00:0{i // 250},{x:.3f}"), None),
        (lines("Time,x\n", lambda i, x: f"{4 * i},{x:.3f}"), None),
    ],
)
def test_what_cannot_be_told_is_said(table, text, reason):
    if reason is None:
        with open_reader(table(text)) as reader:
            assert reader.sample_rate_hz is None
            assert "too coarse" in reader.rate_unknown or "below 1 Hz: its unit" in reader.rate_unknown
        return
    with pytest.raises(DanError, match=reason):
        open_reader(table(text))


@pytest.mark.parametrize("head", ["", "EKG\n"])
def test_one_column_of_decimal_commas_is_read(table, tmp_path, head):
    path = table(lines(head, lambda i, x: f"{x:.4f}".replace(".", ",")))
    np.testing.assert_allclose(read(path).samples, X, atol=6e-5)
    assert halve(path, tmp_path / "b.csv").decode().splitlines()[-1] == f"{X[-1] / 2:.4f}".replace(".", ",")


def test_whole_numbers_at_the_start_round_nothing_further_on(table, tmp_path):
    path = table("x\n" + "0\n" * 40_000 + lines("", lambda i, x: f"{x:.4f}"))
    halve(path, tmp_path / "b.csv")
    np.testing.assert_allclose(read(tmp_path / "b.csv").samples[-N:], X / 2, atol=1e-4)


def test_markers_that_turn_into_a_signal_are_no_silent_loss(table):
    values = np.zeros(300_000)
    values[200_500] = 0.5  # between the places that are sampled
    path = table("x,y\n" + "".join(f"{v:g},{i * i % 997}\n" for i, v in enumerate(values)))
    with open_reader(path) as reader, pytest.raises(DanError, match=r"line 200502, column 'x'.*--columns"):
        list(reader.blocks(2**16))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_table_that_is_not_changed_comes_back_byte_by_byte(tmp_path, data):
    draw = data.draw
    comma = draw(st.booleans())
    mark = draw(st.sampled_from(["\t", ";", "|", *([] if comma else [",", ", ", " "])]))
    end, quote = draw(st.sampled_from(["\n", "\r\n", "\r"])), draw(st.sampled_from(["", '"']))
    rows, columns, gap = (
        draw(st.integers(20, 40)),
        draw(st.integers(1, 4)),
        draw(st.sampled_from(["", "NaN"])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    style = draw(st.sampled_from([".4f", ".3e", ".17g", "+.2f"]))
    gone = (rng.random((rows, columns)) < 0.1) & (mark != " ") & (np.arange(rows)[:, None] > 5)

    def cell(value, is_gone):
        text = gap if is_gone else f"{value:{style}}"
        return quote + (text.replace(".", ",") if comma else text) + quote

    grid = zip(rng.standard_normal((rows, columns)), gone, strict=True)
    body = [mark.join([*map(cell, *row), "a b" if mark != " " else "c"]) for row in grid]
    head = draw(st.sampled_from(["", "# made by hand\n", "Rate: 256 Hz\n", "\xef\xbb\xbf"]))
    head += draw(st.sampled_from(["", mark.join("pqrs"[:columns] + "u") + "\n"]))
    text = head.replace("\n", end) + end.join(body) + draw(st.sampled_from(["", end, end + end]))
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_bytes(text.encode("latin-1"))
    with (
        open_reader(source, missing="fill") as reader,
        open_writer(target, reader, force=True) as writer,
    ):
        for block in reader.blocks(7):
            writer.write(reader.gaps.put_back(block, writer.written_samples))
    assert reader.length_samples == rows
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf_16_is_read_and_written_as_utf_8(table, tmp_path, encoding):
    text = "\ufeff" * (encoding != "utf-16") + "Zeit s,µV\r\n0,2\r\n0.5,-4\r\n1,6\r\n"
    path = table(text.encode(encoding))
    with open_reader(path) as reader:
        assert any("UTF-16" in note for note in reader.notes)
        copy = reader.text_path
        assert copy != path and copy.exists()
    assert halve(path, tmp_path / "b.csv").decode() == "Zeit s,µV\r\n0,1\r\n0.5,-2\r\n1,3\r\n"
    del reader
    assert not copy.exists()


@pytest.mark.parametrize("whole", ["902", "-7"])
def test_commas_of_which_nothing_says_what_they_are_are_refused(tmp_path, whole):
    cells = [whole if row % 3 else f'"{1 + row % 7},{row % 900 + 99:03d}"' for row in range(60)]
    path = tmp_path / "a.csv"
    path.write_text("t,v\n" + "".join(f"{row / 64:.6f},{cell}\n" for row, cell in enumerate(cells)))
    with pytest.raises(DanError, match=r"column 'v'.*may be before decimals or behind thousands"):
        open_reader(path)
    path.write_text(path.read_text().replace(f",{whole}\n", ',"0,5"\n'))
    with open_reader(path) as reader:
        assert 0 < reader.read(0, 60).min() == 0.5
