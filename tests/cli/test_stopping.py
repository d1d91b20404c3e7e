"""Ctrl-C and SIGTERM stop every command within seconds, with the shell's code and nothing half-written.

The commands are processes of their own, as a terminal or a scheduler has them.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from dan.config.load import dump_recipe

STOPS_WITHIN_S = 30.0
"""A second or two on a machine that does nothing else; tests share theirs, and the work would take longer."""

HANGS_AFTER_S = 240.0

LONG = {"training.epochs": 100_000}


@pytest.fixture(scope="module")
def files(tmp_path_factory, tiny, write_data):
    """A recipe that would take hours, a data folder, and a folder of many recordings."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "long.toml").write_text(dump_recipe(tiny(LONG)), encoding="utf-8")
    one_step = tiny(LONG | {"training.steps_per_epoch": 1})
    (folder / "one_step.toml").write_text(dump_recipe(one_step), encoding="utf-8")
    write_data(tiny(), folder / "data")
    return folder


def started(*arguments, **options):
    """A command under way; its stderr goes to a pipe."""
    line = [sys.executable, "-m", "dan", *map(str, arguments)]
    environment = os.environ | {"DAN_PROGRESS": "json"}
    return subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=environment, **options)


def stopped(running, *, once, number):
    """Send a signal once stderr holds some words; the code, the seconds it took, and what was said."""
    late = threading.Timer(HANGS_AFTER_S, running.kill)
    late.start()
    try:
        return _stopped(running, once, number)
    finally:
        late.cancel()


def _stopped(running, once, number):
    for line in running.stderr:
        if once in line:
            break
    else:
        raise AssertionError(f"the command ended with {running.wait()} before it said {once!r}")
    sent = time.monotonic()
    running.send_signal(number)
    message = running.stderr.read()
    return running.wait(), time.monotonic() - sent, message


@pytest.mark.parametrize(("recipe", "number"), [("long", signal.SIGINT), ("one_step", signal.SIGTERM)])
def test_a_training_stops_and_resumes(files, tmp_path, recipe, number):
    line = ("train", files / f"{recipe}.toml", "--out", tmp_path / "run")
    code, seconds, message = stopped(started(*line), once='"Training"', number=number)
    assert code == 128 + number and seconds < STOPS_WITHIN_S and "the same command resumes" in message
    assert "Traceback" not in message and (tmp_path / "run" / "checkpoint" / "state.safetensors").is_file()
    code, _, message = stopped(started(*line), once="Resuming", number=number)
    assert code == 128 + number


STAGES = {
    "data": (
        ["data", "create", "tones", "--set", "data.train_count=10000", "--out", "OUT"],
        '"Writing train"',
    ),
    "evaluate": (["evaluate", "tones", "--data", "held_out"], '"Theoretical limit"'),
    "demo": (["demo", "--out", "OUT"], '"Training"'),
}


@pytest.mark.parametrize("name", STAGES)
def test_what_is_under_way_stops_and_leaves_nothing_half_written(files, tmp_path, name):
    line, once = STAGES[name]
    if name == "evaluate":
        made = ["data", "create", "tones", "--set", "data.train_count=2", "--out", str(files / "held_out")]
        subprocess.run([sys.executable, "-m", "dan", *made], check=True, capture_output=True)
    line = [str(tmp_path / "out") if word == "OUT" else word for word in line]
    code, seconds, message = stopped(started(*line, cwd=files), once=once, number=signal.SIGINT)
    assert code == 128 + signal.SIGINT and seconds < STOPS_WITHIN_S, message
    assert "Traceback" not in message and "dan: stopped" in message
    assert not list(tmp_path.rglob(".partial*"))


def test_a_stream_stops_while_it_waits():
    with started("stream", "tones", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        running.stdin.write("\0" * 4096)  # PCM, from which it tells that it is no recording
        running.stdin.flush()
        code, seconds, message = stopped(running, once="latency", number=signal.SIGINT)
    assert code == 128 + signal.SIGINT and seconds < STOPS_WITHIN_S and message == "dan: stopped\n"


def test_indexing_stops(tmp_path):
    for folder in ("clean", "noise"):
        (tmp_path / folder).mkdir()
        for number in range(400):
            np.save(
                tmp_path / folder / f"{number}.npy", np.random.default_rng(number).standard_normal(40_000)
            )
    line = [
        "train",
        "speech-8k",
        "--sample-rate",
        "8000",
        "--clean",
        "clean",
        "--noise",
        "noise",
        "--out",
        "run",
    ]
    code, seconds, message = stopped(started(*line, cwd=tmp_path), once='"Indexing', number=signal.SIGINT)
    assert code == 128 + signal.SIGINT and seconds < STOPS_WITHIN_S and "Traceback" not in message


@pytest.mark.skipif(os.name != "posix", reason="there are no pseudo-terminals")
def test_a_terminal_shows_one_bar_and_messages_on_lines_of_their_own(files, tmp_path):
    import pty

    main, side = pty.openpty()
    name = tmp_path / "run[red]:smile:"
    line = [sys.executable, "-m", "dan", "train", files / "long.toml", "--out", name]
    with subprocess.Popen([*map(str, line)], stdin=side, stdout=side, stderr=side) as running:
        os.close(side)
        shown = b""
        while b"validation" not in shown:
            shown += os.read(main, 4096)
        running.send_signal(signal.SIGINT)
        shown += read_to_the_end(main)
    assert running.returncode == 128 + signal.SIGINT
    text = shown.decode()
    frames = [frame for frame in text.split("\r") if "Training" in frame]
    assert frames and all(frame.count("Training") == 1 and "\n" not in frame for frame in frames)
    assert "\x1b[?25h" in text  # the cursor is back
    *_, before_last, last = text.replace("\r", "").splitlines()
    assert before_last.endswith("Stopped: the same command resumes.") and last == "dan: stopped"


def read_to_the_end(descriptor):
    """What is still to be read of a terminal whose program ends."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # Linux: the other side is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts)
