"""The view Compare without a browser: one vote a recording, kept and counted."""

import json

import pytest

pytest.importorskip("gradio", reason="pip install 'dan-denoiser[app]'")
from dan.app.comparing import CompareView, _scores
from dan.app.jobs import Job, Jobs
from dan.app.traces import Traces
from dan.app.workspace import Workspace


@pytest.fixture
def view(tmp_path):
    with Workspace() as workspace, Jobs() as jobs:
        yield CompareView(workspace, jobs, Traces(), [], "tones", tmp_path)


@pytest.fixture
def job(view, tmp_path):
    details = {"models": ("tones", "<b>"), "swapped": {"a": True, "c": False}, "voted": {}, "clean": {}}
    done = Job("compare", [], details, state="done")
    view.jobs.all[done.key] = done
    return done


def test_the_first_vote_on_a_recording_is_kept_and_tells_which_was_which(view, job, tmp_path):
    reported = view.vote(job.key, "a", "first")
    assert "The first was <strong>&lt;b&gt;</strong>, the second <strong>tones</strong>" in reported
    view.vote(job.key, "a", "second")
    view.vote(job.key, "c", "none")
    votes = [json.loads(line) for line in (tmp_path / "votes.jsonl").read_text().splitlines()]
    assert [(vote["file"], vote["first"], vote["second"], vote["vote"]) for vote in votes] == [
        ("a", "<b>", "tones", "first"),
        ("c", "tones", "<b>", "none"),
    ]
    assert "tones 0, &lt;b&gt; 1, no difference 1" in view.vote(job.key, "c", "first")


def test_chance_draws_both_orders(view, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"")
    drawn = set()
    for _ in range(40):
        key, _ = view.start([str(tmp_path / "a.wav")], None, "tones", "tones-wide")
        view.jobs.stop(key)
        drawn |= set(view.jobs.get(key).details["swapped"].values())
    assert drawn == {True, False}


def test_the_same_model_twice_is_refused(view, tmp_path):
    assert "choose another" in view.start([str(tmp_path / "a.wav")], None, "tones", "tones")[1]


def test_scores_stand_beside_the_noisy_ones(job, tmp_path):
    job.details["table"] = tmp_path / "scores.json"
    found = [{"snr_db": snr_db, "si_sdr_db": 1.0} for snr_db in (3, 7.004, 2)]
    job.details["table"].write_text(json.dumps(found))
    rows = _scores(job)["data"]
    assert rows == [["noisy", 3, 0, 1], ["tones", 7.0, 4.0, 1], ["<b>", 2, -1, 1]]
