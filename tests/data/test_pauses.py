"""Pauses lie between the events, and nowhere else."""

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.data.pauses import annotated_pauses, find_pauses
from dan.io.annotations import Annotations, Mark

RATE_HZ = 1000


def events(seed=0, level=1.0, offset=0.0):
    """10 s of noise with tones 20 dB above it from 2 to 3 s and from 6 to 8 s."""
    signal = 0.1 * np.random.default_rng(seed).standard_normal(10 * RATE_HZ)
    time = np.arange(len(signal)) / RATE_HZ
    for start, stop in ((2, 3), (6, 8)):
        within = (time >= start) & (time < stop)
        signal[within] += 1.4 * np.sin(2 * np.pi * 50 * time[within])
    return level * signal + offset


@pytest.mark.parametrize("level", [1e-9, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 50.0])
def test_the_stretches_between_events_are_found(level, offset):
    found = find_pauses(events(level=level, offset=offset * level), sample_rate_hz=RATE_HZ)
    # frames of 25 ms, of which one is left off at each end
    assert found.stretches == ((0, 1975), (3025, 5975), (8025, 10000))
    assert found.samples == 1975 + 2950 + 1975


def test_a_higher_threshold_takes_more_and_a_longer_least_length_less():
    signal = events()
    signal[4000:4200] *= 2.5  # 8 dB
    spans = [find_pauses(signal, sample_rate_hz=RATE_HZ, threshold_db=db).samples for db in (6, 15)]
    assert spans[1] - spans[0] == 250  # the stretch, and a frame at each end of it
    assert len(find_pauses(signal, sample_rate_hz=RATE_HZ, shortest_s=1.5).stretches) == 3
    assert len(find_pauses(signal, sample_rate_hz=RATE_HZ, shortest_s=1.9).stretches) == 2


def test_digital_silence_is_no_noise():
    signal = events()
    signal[:2000] = 0.25
    assert find_pauses(signal, sample_rate_hz=RATE_HZ).stretches == ((3025, 5975), (8025, 10000))
    assert find_pauses(0 * signal, sample_rate_hz=RATE_HZ).stretches == ()


def bursts(levels, *, seed=0):
    """Sounds of 0.5 s with a second of digital silence before and behind each."""
    random, signal = np.random.default_rng(seed), np.zeros(1500 * len(levels) + 1000)
    for number, level in enumerate(levels):
        signal[1500 * number + 1000 : 1500 * (number + 1)] = level * random.standard_normal(500)
    return signal


def test_sounds_between_digital_silence_are_no_noise_however_quiet():
    assert find_pauses(bursts([1, 1, 1, 1]), sample_rate_hz=RATE_HZ).stretches == ()
    found = find_pauses(bursts([1, 0.01, 0.5, 0.01]), sample_rate_hz=RATE_HZ)
    assert found.stretches == () and found.silent_samples == 5000


def test_noise_that_a_gate_lets_through_behind_a_sound_is_taken():
    signal = bursts([1, 1, 1])
    for start in (1500, 3000, 4500):
        signal[start : start + 400] = 0.01 * np.random.default_rng(start).standard_normal(400)
    found = find_pauses(signal, sample_rate_hz=RATE_HZ)
    assert found.stretches == ((1525, 1875), (3025, 3375), (4525, 4875))


def test_silence_that_does_not_fill_its_frames_does_not_lower_the_floor():
    signal = events()
    signal[4010:4990:100] = 0
    for start in range(4010, 4990, 70):
        signal[start : start + 60] = 0  # at most 10 samples of each frame are left
    found = find_pauses(signal, sample_rate_hz=RATE_HZ)
    assert found.stretches == ((0, 1975), (3025, 3975), (5025, 5975), (8025, 10000))


def test_a_recording_in_which_nothing_stands_out_is_a_pause_where_the_signal_is_always_there_alone():
    hum = np.sin(2 * np.pi * 50 * np.arange(10 * RATE_HZ) / RATE_HZ)
    noise = np.random.default_rng(0).standard_normal(10 * RATE_HZ)
    for signal in (hum, noise, hum + noise):
        assert find_pauses(signal, sample_rate_hz=RATE_HZ).stretches == ()
        assert find_pauses(signal, sample_rate_hz=RATE_HZ, steady=True).stretches == ((0, 10000),)


def test_a_slow_drift_is_no_event():
    drift = 100 * np.sin(2 * np.pi * 0.05 * np.arange(10 * RATE_HZ) / RATE_HZ)
    found = find_pauses(0.1 * drift / 10 + events(), sample_rate_hz=RATE_HZ)
    assert found.samples > 6000


def test_slow_events_take_long_frames():
    slow = 0.02 * np.random.default_rng(0).standard_normal(10 * RATE_HZ)
    slow[4000:4500] += 0.3 * np.hanning(500)  # a blink
    found = [
        find_pauses(slow, sample_rate_hz=RATE_HZ, frame_s=frame_s, steady=True).stretches
        for frame_s in (0.025, 0.25)
    ]
    within = [any(start < 4250 < stop for start, stop in stretches) for stretches in found]
    assert within == [True, False]


def test_annotated_pauses_leave_digital_silence_out():
    signal = events()
    signal[500:1000] = 0
    levels = find_pauses(signal, sample_rate_hz=RATE_HZ)
    length = {"length_samples": len(signal), "sample_rate_hz": RATE_HZ}
    for marks in ([Mark(2, 9, "song")], [Mark(0, 2, "noise"), Mark(9, 11, "noise")]):
        found = annotated_pauses(levels, Annotations(tuple(marks), "a test"), **length)
        assert found.stretches == ((0, 500), (1000, 2000), (9000, 10000))


@pytest.mark.parametrize("option", ["threshold_db", "shortest_s", "frame_s"])
def test_values_that_make_no_sense_are_refused(option):
    with pytest.raises(DanError, match=f"{option}=0"):
        find_pauses(events(), sample_rate_hz=RATE_HZ, **{option: 0.0})


@pytest.mark.parametrize(
    ("marks", "around_s", "stretches"),
    [
        ([Mark(2, 3, "song"), Mark(2.5, 4, "call")], (0, 0), ((0, 2000), (4000, 10000))),
        ([Mark(2, 3, "song")], (0.5, 1), ((0, 1500), (4000, 10000))),
        ([Mark(2, 2), Mark(5, 5), Mark(9.95, 9.95)], (0, 2), ((0, 2000), (4000, 5000), (7000, 9950))),
        ([Mark(2, 3, "song"), Mark(5, 6, "Noise"), Mark(8, 8.1, "noise")], (0, 0), ((5000, 6000),)),
        ([Mark(9, 12, "noise")], (0, 0), ((9000, 10000),)),
    ],
)
def test_annotated_pauses_are_those_named_or_those_between(marks, around_s, stretches):
    found = annotated_pauses(
        find_pauses(events(), sample_rate_hz=RATE_HZ),
        Annotations(tuple(marks), "a test"),
        length_samples=10 * RATE_HZ,
        sample_rate_hz=RATE_HZ,
        around_s=around_s,
    )
    assert found.stretches == stretches
