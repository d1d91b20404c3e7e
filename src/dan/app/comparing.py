"""The view Compare: two models blind by ear, with the votes kept, and by the score table."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dan.app import commands
from dan.app.filtering import NAMES, PREFIX
from dan.app.jobs import Job, Jobs
from dan.app.player import player
from dan.app.status import describe, status_line
from dan.app.traces import Traces
from dan.app.workspace import Workspace
from dan.core.errors import DanError

VOTES = {"first": "The first is better", "none": "No difference", "second": "The second is better"}
"""What a vote is called in the file, and on its button."""

LABELS = {"before": "First", "after": "Second"}


@dataclass
class CompareView:
    """Builds the view and answers its events."""

    workspace: Workspace
    jobs: Jobs
    traces: Traces
    models: list[str]
    folder: Path
    """Where the votes are kept."""

    def build(self) -> None:
        """Lay out the components and connect them; called within a page."""
        choices = [*self.models, *(PREFIX + name for name in NAMES)]
        gr.Markdown(
            "Both denoise the same file, in an order that chance draws. Which is which is told after "
            "your vote."
        )
        file = gr.File(label="A recording", elem_id="compare-file")
        with gr.Row():
            one = gr.Dropdown(choices, value=self.models[0], label="Model 1", allow_custom_value=True)
            two = gr.Dropdown(choices, value=PREFIX + NAMES[0], label="Model 2", allow_custom_value=True)
        start = gr.Button("Denoise with both", variant="primary", elem_id="compare")
        status = gr.HTML(value="", elem_id="compare-status")
        screen = player(self.traces, elem_id="compare-player")
        with gr.Row():
            votes = [gr.Button(text) for text in VOTES.values()]
        told = gr.Markdown(elem_id="told")
        gr.Markdown("### By figures\nWhere you have clean and noisy recordings of the same names:")
        with gr.Row():
            data = gr.Textbox(label="Data folder", elem_id="compare-data")
            judge = gr.Button("Score table", elem_id="judge")
        table = gr.Dataframe(label="Scores (dB, mean over signals)", interactive=False, elem_id="scores")
        judged = gr.HTML(value="")
        key, delivered, judging = gr.State(None), gr.State(None), gr.State(None)
        start.click(self.start, [file, one, two], [key, status])
        judge.click(self.judge, [data, one, two], [judging])
        timer = gr.Timer(0.5)
        timer.tick(self.poll, [key, delivered], [status, screen, delivered], show_progress="hidden")
        timer.tick(self.poll_scores, [judging], [judged, table, judging], show_progress="hidden")
        for button, vote in zip(votes, VOTES, strict=True):
            button.click(lambda job, vote=vote: self.vote(job, vote), [key], [told])

    def start(self, file: str | None, one: str, two: str) -> tuple[str | None, str]:
        """Queue both denoisings of a file, in an order that is not told."""
        if not file:
            return None, status_line("failed", ["Drop a recording first."])
        models, source = [one, two], Path(file)
        random.shuffle(models)
        outs = [self.workspace.new_folder("compared") for _ in models]
        lines = [
            commands.denoise(model, [source], out, resample=True)
            for model, out in zip(models, outs, strict=True)
        ]
        details = {"models": models, "outs": outs, "source": source}
        return self.jobs.add(Job("compare", lines, details)).key, status_line("queued", [])

    def poll(self, key: str | None, delivered: str | None) -> list[Any]:
        """Tell how far it is, and open both in the player."""
        job = self.jobs.get(key)
        if job is None or delivered == job.key:
            return [gr.skip()] * 3
        quiet = job.state != "failed"  # a message would name the model
        line = describe(job, waiting=self.jobs.waiting_before(job), quiet=quiet)
        if job.state != "done":
            return [line, gr.skip(), job.key if job.is_over else delivered]
        outs: list[Path] = job.details["outs"]
        source: Path = job.details["source"]
        first, second = (out / source.name for out in outs)
        try:
            opened = self.traces.add(first, second, name=source.name, labels=LABELS)
        except DanError as error:
            return [status_line("failed", [str(error)]), gr.skip(), job.key]
        return [line, opened, job.key]

    def vote(self, key: str | None, vote: str) -> str:
        """Keep a vote, and tell which model was which."""
        job = self.jobs.get(key)
        if job is None or job.state != "done":
            return "Denoise with both first."
        first, second = job.details["models"]
        source: Path = job.details["source"]
        line = {"time": time.time(), "file": source.name, "first": first, "second": second, "vote": vote}
        path = self.folder / "votes.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as votes:
            votes.write(json.dumps(line) + "\n")
        return f"The first was **{first}**, the second **{second}**. Your vote is kept in `{path}`."

    def judge(self, data: str, one: str, two: str) -> str:
        """Queue the score tables of both models on a data folder."""
        outs = [self.workspace.new_folder("judged") / "table.json" for _ in range(2)]
        models = [model for model in (one, two) if not model.startswith(PREFIX)]  # filters have rows anyway
        lines = [
            commands.evaluate(model, Path(data.strip()), out)
            for model, out in zip(models, outs, strict=False)
        ]
        return self.jobs.add(Job("judge", lines, {"outs": outs[: len(models)], "models": models})).key

    def poll_scores(self, key: str | None) -> list[Any]:
        """Show the tables once they are there."""
        job = self.jobs.get(key)
        if job is None:
            return [gr.skip()] * 3
        line = describe(job, waiting=self.jobs.waiting_before(job), quiet=job.state != "failed")
        if not job.is_over:
            return [line, gr.skip(), key]
        return [line, gr.update(value=_scores(job)) if job.state == "done" else gr.skip(), None]


def _scores(job: Job) -> dict[str, Any]:
    """Return the rows of both tables as a data frame takes them, filters once."""
    rows: list[list[Any]] = []
    outs: list[Path] = job.details["outs"]
    models: list[str] = job.details["models"]
    for model, out in zip(models, outs, strict=True):
        for row in json.loads(out.read_text(encoding="utf-8"))["rows"]:
            name = model if row["name"] == "dan" else row["name"]
            if all(name != there[0] for there in rows):
                rows.append([name, *(round(row[key], 2) for key in ("snr_db", "snr_gain_db", "si_sdr_db"))])
    return {"headers": ["", "SNR", "SNR gain", "SI-SDR"], "data": rows}
