"""Events are cut out without the signal that is always there."""

import numpy as np
import pytest

from dan.data.events import cut_events

PAUSES = [(0, 2000), (2500, 6000)]


def blinks(seed=0):
    """A signal of 20 Hz or so that is always there, and two slow events; 256 samples a second."""
    random = np.random.default_rng(seed)
    always = np.zeros(7000)
    phase = np.cumsum(2 * np.pi * (20 + random.standard_normal(7000)) / 256)
    always += np.sqrt(2) * np.sin(phase)
    slow = np.zeros(7000)
    slow[2000:2500] += 12 * np.hanning(500)
    slow[6100:6500] += 20 * np.hanning(400)
    return always, slow


def test_what_lies_between_pauses_stands_alone():
    always, slow = blinks()
    events = cut_events(always + slow, PAUSES)
    assert list(events) == [2000, 6000]
    for (start, event), length in zip(events.items(), (500, 1000), strict=True):
        assert event.dtype == np.float32 and len(event) == 3 * length
        assert (event[:length] == 0).all() and (event[2 * length :] == 0).all()
        middle, wanted = event[length : 2 * length], slow[start : start + length]
        assert np.abs(middle - wanted).max() < 0.15 * wanted.max()  # it fades at its ends
        left = np.abs(np.fft.rfft(np.hanning(length) * middle))[round(18 * length / 256) :].max()
        before = np.abs(np.fft.rfft(np.hanning(length) * (always + slow)[start : start + length]))
        assert left < before[round(18 * length / 256) :].max() / 5  # of the 20 Hz hardly anything


def test_digital_silence_is_no_event():
    always, slow = blinks()
    signal = always + slow
    signal[2300:2500] = signal[6500:] = 0
    events = cut_events(signal, PAUSES, silent=[(6500, 7000), (2300, 2500)])
    assert {start: len(event) // 3 for start, event in events.items()} == {2000: 300, 6000: 500}


def test_a_slope_and_an_offset_are_no_event():
    always, slow = blinks()
    slope = 100 + 0.01 * np.arange(7000)
    events, others = (cut_events(always + slow + add, PAUSES) for add in (0, slope))
    for start, event in events.items():
        np.testing.assert_allclose(others[start], event, atol=0.2)


@pytest.mark.parametrize("pauses", [[], [(0, 7000)], [(0, 3500), (3500, 7000)]])
def test_without_pauses_or_without_what_lies_between_there_are_none(pauses):
    assert cut_events(blinks()[0], pauses) == {}
