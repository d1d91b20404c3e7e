"""The page's jobs: in order, stopped, failed in the command's own words, and never taking the page down."""

import os
import time

import pytest

from dan.app.jobs import Job, Jobs
from dan.app.workspace import PREFIX, Workspace

TONES = ["dan", "info", "tones"]


def wait(job, seconds=60.0):
    end = time.monotonic() + seconds
    while not job.is_over:
        assert time.monotonic() < end, f"{job.state}: {job.messages}"
        time.sleep(0.02)
    return job


@pytest.fixture
def jobs():
    with Jobs() as found:
        yield found


def test_a_job_runs_its_command_and_keeps_what_it_says(jobs):
    job = wait(jobs.add(Job("info", [TONES])))
    assert job.state == "done" and job.fraction == 1.0
    assert any("tones" in line for line in job.messages)


def test_a_command_that_fails_says_why_in_its_own_words(jobs):
    job = wait(jobs.add(Job("info", [["dan", "info", "nowhere"]])))
    assert job.state == "failed"
    assert "there is no such run folder, file or model" in job.messages[-1]


def test_jobs_wait_for_each_other_and_a_waiting_one_is_stopped_without_a_start(jobs):
    first, second = (
        jobs.add(Job("info", [TONES])),
        jobs.add(Job("info", [TONES])),
    )
    assert jobs.waiting_before(second) == 1
    jobs.stop(second.key)
    wait(first)
    assert second.state == "stopped" and second.messages == [] and first.state == "done"


def test_a_running_job_is_stopped_as_by_ctrl_c(jobs, tmp_path):
    line = ["dan", "train", "tones", "--out", str(tmp_path / "run"), "--set", "training.epochs=5000"]
    job = jobs.add(Job("train", [line]))
    while job.state != "running":
        time.sleep(0.02)
    time.sleep(1.0)
    jobs.stop(job.key)
    assert job._process is not None
    job._process.wait(timeout=30)
    assert job.state == "stopped"


def test_a_killed_job_fails_by_itself_and_the_next_one_runs(jobs, tmp_path):
    line = ["dan", "train", "tones", "--out", str(tmp_path / "run"), "--set", "training.epochs=5000"]
    killed, after = jobs.add(Job("train", [line])), jobs.add(Job("info", [TONES]))
    while killed._process is None:
        time.sleep(0.02)
    killed._process.kill()
    assert wait(after).state == "done"
    assert killed.state == "failed" and "signal 9" in killed.messages[-1]


def test_a_job_that_does_not_heed_ctrl_c_is_killed_with_its_children_and_the_next_one_runs(
    jobs, tmp_path, monkeypatch
):
    monkeypatch.setattr("dan.app.jobs.SECONDS_UNTIL_KILLED", 0.2)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "stubborn.py").write_text(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('begun', flush=True)\n"
        "time.sleep(600)\n"
    )
    stubborn, after = jobs.add(Job("train", [["stubborn"]])), jobs.add(Job("info", [TONES]))
    while not stubborn.messages:
        time.sleep(0.02)
    jobs.stop(stubborn.key)
    assert wait(after).state == "done" and stubborn.state == "stopped"


def test_a_corrupt_model_is_named_by_the_commands_own_sentence(jobs, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    line = ["dan", "denoise", str(tmp_path / "model.safetensors"), "a.wav"]
    job = wait(jobs.add(Job("denoise", [line])))
    assert job.state == "failed" and "model.safetensors" in job.messages[-1]


@pytest.mark.parametrize("line", [["dan", "info", "a\0b"], ["dan.app", "--"]])
def test_a_command_that_does_not_start_does_not_end_the_queue(line, jobs):
    assert wait(jobs.add(Job("info", [line]))).state == "failed"
    assert wait(jobs.add(Job("info", [TONES]))).state == "done"


@pytest.mark.parametrize(
    "line",
    [
        '{"progress": 0.',
        '{"progress": 0.5}',
        '{"progress": null, "label": "Training", "note": ""}',
        '{"progress": 0.{"progress": 0.5, "label": "Training", "note": ""}',
    ],
)
def test_progress_that_is_cut_is_a_message(line):
    job = Job("train", [], state="running")
    job.take(line)
    assert (job.messages, job.fraction, job.doing) == ([line], 0.0, "")


def test_a_garbled_line_ends_neither_its_command_nor_the_queue(jobs, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "garbling.py").write_text("print('{\"progress\": 0.5}')\nprint('still here')\n")
    assert wait(jobs.add(Job("info", [["garbling"]]))).messages == ['{"progress": 0.5}', "still here"]
    assert wait(jobs.add(Job("info", [TONES]))).state == "done"


def test_a_command_whose_words_cannot_be_taken_is_ended_and_the_next_one_runs(jobs, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "lasting.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    job = Job("info", [["lasting"]])
    monkeypatch.setattr(job, "take", {}.__getitem__)
    after = jobs.add(job) and jobs.add(Job("info", [TONES]))
    assert wait(after).state == "done" and job.state == "failed"
    assert job._process is not None and job._process.poll() is not None


def test_the_time_left_counts_from_where_a_resumed_job_began(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    job = Job("train", [], state="running")
    job.take('{"progress": 0.5, "label": "Training", "note": ""}')
    assert job.seconds_left is None
    now[0] += 10
    job.take('{"progress": 0.6, "label": "Training", "note": "loss 1"}')
    assert job.seconds_left == pytest.approx(40) and job.doing == "Training loss 1"


def test_the_workspace_is_swept_at_the_end_and_a_killed_one_by_the_next(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "pid").write_text("999999999")
    with Workspace() as workspace:
        assert not left.exists()
        (workspace.new_folder("denoised") / "a.wav").write_bytes(b"x")
    assert not list(tmp_path.iterdir())
