"""The page's jobs: in order, stopped, failed in the command's own words, and never taking the page down."""

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
    assert job.state == "stopped" and jobs.latest("train") is job


def test_the_workspace_is_swept_at_the_end_and_a_killed_one_by_the_next(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "pid").write_text("999999999")
    with Workspace() as workspace:
        assert not left.exists()
        (workspace.new_folder("denoised") / "a.wav").write_bytes(b"x")
    assert not list(tmp_path.iterdir())
