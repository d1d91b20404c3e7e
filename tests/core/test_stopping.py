"""Ctrl-C and SIGTERM: the first unwinds, blocks that are undivided end first, the second ends at once."""

import _thread
import signal
import subprocess
import sys
import threading
import time

import pytest

from dan.core.stopping import SIGNALS, Stopped, awaited, stoppable, undivided


@pytest.fixture(params=SIGNALS)
def number(request):
    before = {one: signal.getsignal(one) for one in SIGNALS}
    yield request.param
    assert {one: signal.getsignal(one) for one in SIGNALS} == before


def test_the_first_unwinds_with_the_code_of_the_shell(number):
    cleaned = []
    with pytest.raises(Stopped) as raised, stoppable():
        try:
            signal.raise_signal(number)
            time.sleep(60)
        finally:
            cleaned.append(True)
    assert raised.value.code == 128 + number and cleaned


def test_an_undivided_block_ends_first(number):
    done = []
    with pytest.raises(Stopped), stoppable():
        with undivided():
            signal.raise_signal(number)
            done.append("whole")
        done.append("never")
    assert done == ["whole"]


def test_a_signal_is_taken_note_of_where_the_work_stops_by_agreement(number):
    with awaited() as asked:
        assert asked() == 0
        with undivided():
            signal.raise_signal(number)
            assert asked() == 0
        assert asked() == number


def test_an_undivided_block_keeps_the_interrupt_of_a_notebook():
    done = []
    with pytest.raises(KeyboardInterrupt), undivided():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # more of them are one
        done.append("whole")
    assert done == ["whole"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_from_within_comes_also_where_the_signal_is_blocked():
    """As in a worker of Ray whose task is cancelled."""
    done = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with pytest.raises(KeyboardInterrupt):
            with undivided():
                _thread.interrupt_main()
                done.append("whole")
            done.append("never")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert done == ["whole"]


def test_in_another_thread_a_block_is_just_a_block():
    done = []

    def work():
        with undivided():
            done.append("whole")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["whole"]


def test_what_is_ignored_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGTERM)
            with undivided():
                signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


STUBBORN = """
import time
from dan.core.stopping import stoppable, undivided
with stoppable():
    try:
        {block}
            print("ready", flush=True)
            time.sleep(0.5)
            time.sleep(60)
    finally:
        print("unwinding", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("block", ["with undivided():", "if True:"])
def test_the_second_ends_at_once(number, block):
    line = [sys.executable, "-c", STUBBORN.format(block=block)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        if "if" in block:
            assert running.stdout.readline() == "unwinding\n"
        else:
            time.sleep(0.3)  # the first is held: nothing tells of it
        started = time.monotonic()
        running.send_signal(number)
        assert running.wait(timeout=30) == 128 + number
    assert time.monotonic() - started < 10
