"""Rates and intervals in words are read as they are meant, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dan.io._stated import OPEN, stated_rate_hz
from dan.io.recordings import open_reader

PREFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
UNITS_S = {
    "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "MSEC": 1e-3, "milliseconds": 1e-3, "us": 1e-6,
    "usec": 1e-6, "microseconds": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "\u00b5sec": 1e-6,
    "\u03bcsec": 1e-6, "ns": 1e-9, "min": 60.0,
}  # fmt: skip
NUMBERS = st.floats(1e-3, 1e6).map("{:.9g}".format).filter(lambda number: not OPEN.fullmatch(number))
BETWEEN = st.sampled_from([": ", " = ", ",", ";", "\t", '","'])


@given(
    st.sampled_from(["Sample rate", "# Sampling Frequency", "sampling_rate", "fs"]), BETWEEN, NUMBERS,
    st.sampled_from([*PREFIXES]), st.sampled_from(["Hz", "hz", "S/s", "Sa/s", "samples/s", "sps"]),
)  # fmt: skip
def test_a_rate_is_read_with_the_prefix_of_its_unit(name, between, number, prefix, unit):
    wanted = pytest.approx(float(number) * PREFIXES[prefix])
    for before in ("", " ", ",", " ["):
        assert stated_rate_hz(f"Device 7\n{name}{between}{number}{before}{prefix}{unit}\nGain: 5") == wanted
    assert stated_rate_hz(f"{name} ({prefix}{unit}){between}{number}") == wanted


@given(
    st.sampled_from(["Sampling interval", "# Sample_Period", "sampling time", "Delta_X", "Increment"]),
    BETWEEN, NUMBERS, st.sampled_from([*UNITS_S]), st.sampled_from([" ", "", ",", " ("]),
)  # fmt: skip
def test_an_interval_is_read_in_its_unit(name, between, number, unit, before):
    wanted = pytest.approx(1 / (float(number) * UNITS_S[unit]))
    assert stated_rate_hz(f"Recorder 7\n{name}{between}{number}{before}{unit}\nGain: 5") == wanted
    assert stated_rate_hz(f"{name} in {unit}{between}{number}") == wanted


DATES = ["%Y-%m-%d %H:%M:%S", "%H:%M:%S", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y", "%b %d, %Y", "%Y%m%dT%H%M%S"]


@given(st.datetimes(), st.sampled_from(DATES))
def test_dates_and_times_of_day_are_no_intervals(when, pattern):
    said = f"Sampling time: {when.strftime(pattern)}"
    assert stated_rate_hz(said) is None
    assert stated_rate_hz(f"{said}\nSampling interval: 4 ms") == 250


@pytest.mark.parametrize(
    ("text", "rate_hz"),
    [
        ("Sample rate: 0.5 mHz", None),
        ("Sample rate: 1 mhz", None),
        ("Sample rate: 60 samples/min", None),
        ("Sample rate: 1,000 Hz", None),  # a thousand, or one with three decimals
        ("Sample rate: 1.000 Hz", None),
        ("Sample rate: 44.100", None),
        ("Sample rate: 1,024.5 Hz", 1024.5),
        ("Sample rate: 1,000,000 Hz", 1e6),
        ("Sample rate: 1.024,5 Hz", None),
        ("Sample rate: 10 000 Hz", None),
        ("Sample rate: 512,5 Hz", 512.5),
        ("Sample rate,250,16", None),
        ("Sample rate,1000,Hz", 1000),
        ("Sampling rate divisor: 4", None),
        ("Sampling rate of the ECG: 250 Hz", 250),
        ("Sampling interval: .004 s", 250),
        ("Sampling interval: 0,004", 250),
        ("Sampling interval: 4,000 ms", None),
        ("Sampling interval: 4 000 \u00b5s", None),
        ("Sampling interval: 1/250 s", None),
        ("Sampling interval: 4 ticks", None),
        ("Sampling interval: 0 s", None),
        ("Sampling interval: 4 ms/sample", 250),
        ("Sample Interval,4.000000e-03,,0.000,0.1", 250),
        ("Sample Interval,0.004,1.2", 250),
        ("Delta_X\t0.004\t0.004", 250),
        ("Zinc: 30", None),
        ("Sample rate: -360 Hz", None),
        ("Sample rate \u2212360 Hz", None),
        ("Sample rate - 360 Hz", 360),
        ("Sample interval -0.1 s", None),
        ("Sampling rate of low-pass filter 40 Hz", None),
        ("Sampling rate, cut-off: 40 Hz", None),
        ("Sample rate/bandwidth: 40 Hz", None),
        ("Sampling rate: 500 Hz, filter: 40 Hz", 500),
        ("Increment,1", None),
        ("Increment: 5", None),
        ("Increment,0.004", 250),
        ("Increment,1,ms", 1000),
        ("X Increment,1", 1),
        ("Time Increment: 1", 1),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(text, rate_hz):
    assert stated_rate_hz(text) == rate_hz


@pytest.mark.parametrize(
    ("text", "rate_hz"),
    [
        ("# Original sample rate: 1000 Hz\n# Sample rate: 360 Hz", None),
        ("Display sampling rate: 60 Hz\nADC sampling rate: 360 Hz", None),
        ("# Fs: 360\n# Fs: 500", None),
        ("Fs: 360 Hz\nSampling interval: 4 ms", None),
        ("Sample rate: 360 Hz\nfs = 360", 360),
        ("Fs: 360 Hz\nFs: 361 Hz", None),
        ("Fs: 360 Hz\nSampling interval: 2.8 ms", 360),  # rounded
        ("Fs: 256 Hz\nSampling interval: 3.9 ms", 256),
    ],
)
def test_rates_that_differ_are_not_chosen_from(text, rate_hz):
    assert stated_rate_hz(text) == rate_hz
    assert stated_rate_hz("\n".join(reversed(text.split("\n")))) == rate_hz


def test_a_table_whose_header_says_less_than_1_hz_has_no_rate(tmp_path):
    (tmp_path / "a.csv").write_text("Sampling period: 1 min\nx\n0.25\n0.5\n0.75\n-1.5\n")
    with open_reader(tmp_path / "a.csv") as reader:
        assert reader.sample_rate_hz is None
        assert reader.rate_unknown == (
            "its header says 0.0166667 Hz, below 1 Hz: its unit seems to be another"
        )
