"""State of a job, as a line of HTML that screen readers hear."""

from __future__ import annotations

import re
from html import escape

from dan.app.jobs import Job, JobState
from dan.app.workspace import PREFIX

WORDS: dict[JobState, str] = {
    "queued": "Waiting",
    "running": "Under way",
    "done": "Done",
    "failed": "Not done",
    "stopped": "Stopped",
}
LINES_SHOWN = 200
STYLE = "white-space:pre-wrap; overflow-wrap:anywhere; max-height:16rem; overflow-y:auto"


def status_line(job: Job | None = None, *, waiting: int = 0, quiet: bool = False) -> str:
    """Return how a job stands: its state, a bar while it runs, and what its commands said, escaped.

    Args:
        job: None for nothing at all.
        waiting: jobs that are to end before it begins.
        quiet: what its commands say is kept from the user.
    """
    if job is None:
        return ""
    words = WORDS[job.state]
    if job.state == "queued" and waiting:
        words += f": {waiting} before it"
    if job.state == "done":
        words += f" in {clock(job.seconds)}"
    bar = _bar(job) if job.state == "running" else ""
    lines = [] if quiet else job.messages[-LINES_SHOWN:]
    shown = "\n".join(_without_folder(line) for line in lines)
    text = f"<pre tabindex='0' aria-label='Messages' style='{STYLE}'>{escape(shown)}</pre>" if shown else ""
    return (
        f"<div role='status' data-state='{job.state}' data-job='{job.key}'>"
        f"<strong>{words}</strong>{bar}{text}</div>"
    )


def refusal(message: str) -> str:
    """Return a line that says why no job was begun."""
    return f"<div role='alert' data-state='failed' data-job=''><strong>{escape(message)}</strong></div>"


def _bar(job: Job) -> str:
    done = f" value='{job.fraction:.3f}'" if job.fraction else ""
    parts = [f" <progress max='1'{done} aria-label='Progress'></progress>"]
    parts += [f"{100 * job.fraction:.0f} %"] if job.fraction else []
    parts += [f"{clock(job.seconds_left)} left"] if job.seconds_left is not None else []
    return " ".join([*parts, escape(job.doing)])


def clock(seconds: float) -> str:
    """Return a time as it is said: 2.4 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _without_folder(line: str) -> str:
    """Return a message without the page's own folder in front of the files' names."""
    return re.sub(rf"\S*{PREFIX}\w+/\w+-\w+/", "", line)
