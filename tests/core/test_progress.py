"""Progress: heard by whoever listens, from loops that know nothing of each other."""

import time

import pytest

from dan.core.progress import Pace, at_least, listening, report, track


@pytest.fixture
def reported():
    heard = []
    with listening(lambda label, done, note: heard.append((label, done, note))):
        yield heard


def test_items_pass_and_their_share_is_told(reported):
    assert list(track("abcd", "Letters")) == list("abcd")
    assert reported == [("Letters", share, "") for share in (0, 0.25, 0.5, 0.75, 1)]


def test_a_loop_within_a_loop_is_part_of_its_item(reported):
    for _ in track([1, 2], "Outer"):
        for _ in track(range(2), "Inner"):
            pass
    assert {label for label, _, _ in reported} == {"Outer"}
    shares = [share for _, share, _ in reported]
    assert shares == sorted(shares) and set(shares) == {0, 0.25, 0.5, 0.75, 1}


def test_several_loops_in_one_item_never_go_back(reported):
    for _ in track(range(7), "Outer"):
        for _ in track(range(3), "First"):
            pass
        for _ in track(range(3), "Second"):
            pass
    shares = [share for _, share, _ in reported]
    assert shares == sorted(shares) and shares[-1] == 1


def test_a_loop_that_is_left_early_leaves_nothing_behind(reported):
    for item in track(range(10), "Left"):
        if item == 2:
            break
    report("After", 0.5, "note")
    assert reported[-1] == ("After", 0.5, "note")


def test_an_error_passes_and_leaves_nothing_behind(reported):
    with pytest.raises(ZeroDivisionError):
        for item in track([1, 0], "Dividing"):
            1 / item
    report("After", 0.5)
    assert reported[-1] == ("After", 0.5, "")


def test_the_length_may_be_given(reported):
    list(track(iter("ab"), "Unsized", total=4))
    assert [share for _, share, _ in reported] == [0, 0.25, 0.5]


def test_without_a_listener_nothing_is_asked_of_the_items():
    endless = track(iter(int, 1), "Endless")
    assert next(endless) == 0
    report("Nobody", 0.5)


def test_work_that_the_clock_may_end_tells_the_share_of_its_time_or_of_its_steps(reported):
    shares = iter([0.5, 0.9])
    with at_least(lambda: next(shares)):
        report("Training", 0.1, "loss 1")
        report("Training", 0.95)
    report("Training", 0.2)
    assert reported == [("Training", 0.5, "loss 1"), ("Training", 0.95, ""), ("Training", 0.2, "")]


def test_without_a_listener_the_clock_is_not_looked_at():
    with at_least(lambda: pytest.fail("asked")):
        report("Training", 0.1)


def test_a_block_ends_and_nobody_listens_any_more():
    heard = []
    with listening(lambda *message: heard.append(message)):
        pass
    list(track("ab", "Late"))
    assert heard == []


@pytest.fixture
def pace(monkeypatch):
    """Tells a pace what was done by when, and returns the seconds left."""
    pace, now = Pace(), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def reported(at_s, done, label="Training"):
        now[0] = at_s
        pace.take(label, done)
        return pace.seconds_left()

    return reported


def test_the_time_left_is_by_the_steps_after_the_first_which_carries_the_start(pace):
    assert pace(0, 0.0) is None and pace(60, 0.01) is None
    assert pace(61, 0.02) is None  # a second says little
    assert pace(70, 0.11) == pytest.approx(89)


@pytest.mark.parametrize("label", ["Training", "Scoring"])
def test_the_time_left_of_other_work_forgets_the_work_before(pace, label):
    assert [pace(at_s, at_s / 100) is None for at_s in (1, 50, 100)] == [True, False, False]
    assert pace(101, 0.01, label) is None
    assert pace(111, 0.21, label) == pytest.approx(39.5)
