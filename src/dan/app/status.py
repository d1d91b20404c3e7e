"""How a job stands, as a line of HTML that screen readers hear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from dan.app.jobs import Job, State
from dan.app.workspace import PREFIX

WORDS: dict[State, str] = {
    "queued": "Waiting",
    "running": "Under way",
    "done": "Done",
    "failed": "Not done",
    "stopped": "Stopped",
}
LINES_SHOWN = 12


def status_line(
    state: State,
    messages: Sequence[str],
    *,
    fraction: float = 0.0,
    doing: str = "",
    waiting: int = 0,
    seconds: float = 0.0,
    key: str = "",
) -> str:
    """Return the state, a bar while it runs, and the last messages of the command, escaped."""
    words = WORDS[state]
    if state == "queued" and waiting:
        words += f": {waiting} before it"
    if state == "done" and seconds:
        words += f" in {seconds:.1f} s"
    bar = ""
    if state == "running":
        done = f" value='{fraction:.3f}'" if fraction else ""
        bar = f" <progress max='1'{done} aria-label='Progress'></progress>"
        bar += f" {100 * fraction:.0f} %" if fraction else ""
        bar += f" {escape(doing)}" if doing else ""
    said = "\n".join(_without_folder(line) for line in messages[-LINES_SHOWN:])
    text = f"<pre style='white-space:pre-wrap'>{escape(said)}</pre>" if said else ""
    return (
        f"<div role='status' data-state='{state}' data-job='{key}'><strong>{words}</strong>{bar}{text}</div>"
    )


def _without_folder(line: str) -> str:
    """Return a message without the page's own folder in front of the files' names."""
    return re.sub(rf"\S*{PREFIX}\w+/\w+-\w+/", "", line)


def describe(job: Job, *, waiting: int, quiet: bool = False) -> str:
    """Return the line of a job; a quiet one keeps what its commands said to itself."""
    return status_line(
        job.state,
        [] if quiet else job.messages,
        fraction=job.fraction,
        doing=job.doing,
        waiting=waiting,
        seconds=job.seconds,
        key=job.key,
    )
