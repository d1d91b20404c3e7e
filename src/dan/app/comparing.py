"""The view Compare: two models blind by ear, with the votes kept, and by scores."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from dan.app import commands
from dan.app.denoising import recordings
from dan.app.jobs import Job, Jobs
from dan.app.player import player
from dan.app.remembered import POLLED, remembered, shown_line
from dan.app.status import refusal, status_line
from dan.app.traces import Traces
from dan.app.workspace import Workspace
from dan.core.errors import DanError
from dan.workflows.denoise import plan

VOTES = {"first": "The first is better", "none": "No difference", "second": "The second is better"}
"""Name of a vote in the file, and on its button."""

LABELS = {"before": "First", "after": "Second"}
HEADERS = ["", "SNR (dB)", "SNR gain (dB)", "SI-SDR (dB)"]


@dataclass
class CompareView:
    """Builds the view and answers its events."""

    workspace: Workspace
    jobs: Jobs
    traces: Traces
    models: list[tuple[str, str]]
    """Label and name of each model."""
    model: str
    folder: Path
    """File in which the votes are kept."""

    def build(self) -> list[gr.Dropdown]:
        """Lay out the components and connect them; called within a page.

        Returns:
            The menus of models.
        """
        gr.Markdown(
            "Both denoise the same recordings. For each, chance draws which comes first; you are told after "
            "your vote. Clean recordings of the same names give scores as well."
        )
        with gr.Row():
            files = gr.File(
                label="Noisy recordings", file_count="multiple", elem_id="compare-files", height=150
            )
            clean = gr.File(
                label="Clean ones (optional)",
                file_count="multiple",
                elem_id="compare-clean",
                height=150,
            )
        with gr.Row():
            menus = [
                gr.Dropdown(self.models, value=value, label=label, allow_custom_value=True)
                for label, value in (
                    ("Model 1", self.model),
                    ("Model 2", commands.FILTER + commands.FILTERS[0]),
                )
            ]
        start = gr.Button("Denoise with both", variant="primary", elem_id="compare")
        status = gr.HTML(value="", elem_id="compare-status")
        chosen = gr.Dropdown([], label="Recording heard", visible=False, elem_id="compared")
        screen = player(self.traces, elem_id="compare-player")
        with gr.Row(visible=False) as ballot:
            votes = [gr.Button(text, elem_id=f"vote-{name}") for name, text in VOTES.items()]
        answer = gr.HTML(elem_id="told")
        scores = gr.Dataframe(label="Scores, means over the recordings", visible=False, elem_id="scores")
        key, shown = remembered("compare-job"), shown_line()
        start.click(self.start, [files, clean, *menus], [key, status], show_progress="hidden")
        outputs = [status, shown, chosen, screen, ballot, answer, scores]
        gr.Timer(0.5).tick(self.poll, [key, shown], outputs, **POLLED)
        chosen.input(self.show, [key, chosen], [screen, answer], show_progress="hidden")
        for button, vote in zip(votes, VOTES, strict=True):
            button.click(
                lambda job, name, vote=vote: self.vote(job, name, vote),
                [key, chosen],
                [answer],
                show_progress="hidden",
            )
        self._build_table(menus)
        return menus

    def _build_table(self, menus: Sequence[gr.Dropdown]) -> None:
        """Lay out the score table of `dan evaluate` on a data folder."""
        gr.Markdown("### On a data folder\n`dan evaluate` with both, beside filters tuned to the data.")
        with gr.Row():
            data = gr.Textbox(label="Data folder, by its path on this machine", elem_id="compare-data")
            judge = gr.Button("Score table", elem_id="judge")
        judged = gr.HTML(value="", elem_id="judge-status")
        table = gr.Dataframe(label="Scores, means over the signals", visible=False, elem_id="table")
        key, shown = remembered("judge-job"), shown_line()
        judge.click(self.judge, [data, *menus], [key, judged], show_progress="hidden")
        outputs = [judged, shown, table]
        gr.Timer(1.0).tick(self.poll_table, [key, shown], outputs, **POLLED)

    def start(
        self, files: Sequence[str] | None, clean: Sequence[str] | None, one: str, two: str
    ) -> tuple[Any, str]:
        """Queue both denoisings of each recording, and their scores, in orders that are not told."""
        if not files:
            return gr.skip(), refusal("Drop a recording first.")
        if one == two:
            return gr.skip(), refusal(f"Both are {one}: choose another.")
        try:
            sources = recordings(self.workspace.take_in(files))
            references = recordings(self.workspace.take_in(clean or []))
        except DanError as error:
            return gr.skip(), refusal(str(error))
        outs = [self.workspace.new_folder("compared") for _ in (one, two)]
        table = self.workspace.new_folder("scored") / "scores.json"
        lines = [
            commands.denoise(model, sources, out, resample=True)
            for model, out in zip((one, two), outs, strict=True)
        ]
        lines += [commands.score(table, references, sources, outs)] if references else []
        details = {
            "models": (one, two),
            "outs": outs,
            "sources": {source.name: source for source in sources},
            "clean": {reference.stem: reference for reference in references},
            "swapped": {source.name: random.random() < 0.5 for source in sources},
            "voted": {},
            "table": table,
        }
        job = self.jobs.add(Job("compare", lines, details))
        return job.key, status_line(job, waiting=self.jobs.waiting_before(job), quiet=True)

    def poll(self, key: str | None, shown: str) -> list[Any]:
        """Tell how far it is, and open both in the player."""
        job = self.jobs.get(key)
        if job is None:
            return [gr.skip()] * 7
        quiet = job.state != "failed"  # a message would name the model
        line = status_line(job, waiting=self.jobs.waiting_before(job), quiet=quiet)
        if line == shown:
            return [gr.skip()] * 7
        done = job.state == "done"
        return [
            line,
            line,
            *(self._result(job) if done else [gr.skip(), gr.skip(), _shown(False), "", _shown(False)]),
        ]

    def _result(self, job: Job) -> list[Any]:
        names = list(job.details["sources"])
        menu = gr.update(choices=names, value=names[0], visible=len(names) > 1)
        scores = gr.update(value=_scores(job), visible=True) if job.details["clean"] else _shown(False)
        return [menu, self._open(job, names[0]), _shown(True), _answer(job, names[0]), scores]

    def show(self, key: str | None, name: str) -> tuple[Any, str]:
        """Open another of the recordings in the player."""
        job = self.jobs.get(key)
        return (self._open(job, name), _answer(job, name)) if job else (gr.skip(), "")

    def _open(self, job: Job, name: str) -> Any:
        source: Path = job.details["sources"][name]
        after = [plan([source], out)[source] for out in job.details["outs"]]
        first, second = reversed(after) if job.details["swapped"][name] else after
        clean = job.details["clean"].get(source.stem)
        try:
            return self.traces.add(first, second, name=name, labels=LABELS, clean=clean)
        except DanError as error:
            gr.Warning(str(error))
            return gr.skip()

    def vote(self, key: str | None, name: str, vote: str) -> str:
        """Keep the first vote on a recording, and tell which model was which."""
        job = self.jobs.get(key)
        if job is None or job.state != "done":
            return refusal("Denoise with both first.")
        if name not in job.details["voted"]:
            first, second = _order(job, name)
            job.details["voted"][name] = vote
            line = {"time": time.time(), "file": name, "first": first, "second": second, "vote": vote}
            self._votes.parent.mkdir(parents=True, exist_ok=True)
            with self._votes.open("a", encoding="utf-8") as votes:
                votes.write(json.dumps(line) + "\n")
            job.details["tally"] = f"{self._tally(job)} All votes are kept in {self._votes.resolve()}."
        return _answer(job, name)

    @property
    def _votes(self) -> Path:
        return self.folder / "votes.jsonl"

    def _tally(self, job: Job) -> str:
        """Count all votes on these two models."""
        models = job.details["models"]
        lines = [json.loads(line) for line in self._votes.read_text(encoding="utf-8").splitlines()]
        ours = [line for line in lines if {line["first"], line["second"]} == set(models)]
        won = Counter(line.get(line["vote"], "no difference") for line in ours)
        return (
            "Votes so far: " + ", ".join(f"{name} {won[name]}" for name in (*models, "no difference")) + "."
        )

    def judge(self, data: str, one: str, two: str) -> tuple[Any, str]:
        """Queue the score tables of both models on a data folder."""
        if not data.strip():
            return gr.skip(), refusal("Give the path of a data folder first.")
        models = [
            model for model in (one, two) if not model.startswith(commands.FILTER)
        ]  # they have rows anyway
        if not models:
            return gr.skip(), refusal("Both are filters: choose a model.")
        outs = [self.workspace.new_folder("judged") / "table.json" for _ in models]
        folder = Path(data.strip()).expanduser()
        lines = [commands.evaluate(model, folder, out) for model, out in zip(models, outs, strict=True)]
        job = self.jobs.add(Job("judge", lines, {"outs": outs, "models": models}))
        return job.key, status_line(job, waiting=self.jobs.waiting_before(job))

    def poll_table(self, key: str | None, shown: str) -> list[Any]:
        """Show the tables once they are there."""
        job = self.jobs.get(key)
        if job is None:
            return [gr.skip()] * 3
        line = status_line(job, waiting=self.jobs.waiting_before(job), quiet=job.state != "failed")
        if line == shown:
            return [gr.skip()] * 3
        return [
            line,
            line,
            gr.update(value=_table(job), visible=True) if job.state == "done" else _shown(False),
        ]


def _shown(visible: bool) -> Any:
    return gr.update(visible=visible)


def _order(job: Job, name: str) -> tuple[str, str]:
    """Return the models in the order in which chance drew them for a recording."""
    one, two = job.details["models"]
    return (two, one) if job.details["swapped"][name] else (one, two)


def _answer(job: Job, name: str) -> str:
    """Say which was which, once there is a vote on the recording."""
    vote = job.details["voted"].get(name)
    if vote is None:
        return ""
    first, second = (escape(model) for model in _order(job, name))
    voted = f"{VOTES[vote]}: your vote on {escape(name)}."
    which = f"The first was <strong>{first}</strong>, the second <strong>{second}</strong>."
    return f"<div role='status'><p>{voted} {which}</p><p>{escape(job.details['tally'])}</p></div>"


def _scores(job: Job) -> dict[str, Any]:
    """Return the scores of the recordings that have a clean one, noisy ones first."""
    found = json.loads(job.details["table"].read_text(encoding="utf-8"))
    before_db = found[0]["snr_db"]
    rows = [
        [name, *(round(value, 2) for value in (row["snr_db"], row["snr_db"] - before_db, row["si_sdr_db"]))]
        for name, row in zip(("noisy", *job.details["models"]), found, strict=True)
    ]
    return {"headers": HEADERS, "data": rows}


def _table(job: Job) -> dict[str, Any]:
    """Return the rows of both tables of `dan evaluate`, those that they share once."""
    rows: dict[str, list[Any]] = {}
    for model, out in zip(job.details["models"], job.details["outs"], strict=True):
        for row in json.loads(out.read_text(encoding="utf-8"))["rows"]:
            name = model if row["name"] == "dan" else row["name"]
            values = [round(row[key], 2) for key in ("snr_db", "snr_gain_db", "si_sdr_db")]
            rows.setdefault(name, [name, *values])
    return {"headers": HEADERS, "data": list(rows.values())}
