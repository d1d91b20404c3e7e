"""The view Train: folders on this machine in, a run folder of `dan train` out, watched as it learns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from dan.app import commands
from dan.app.curves import drawn, gain_plot, losses_plot
from dan.app.jobs import Job, Jobs
from dan.app.player import player
from dan.app.remembered import POLLED, remembered, shown_line
from dan.app.status import refusal, status_line
from dan.app.traces import Traces
from dan.app.workspace import Workspace
from dan.config.load import load_recipe, recipe_names
from dan.core.errors import DanError
from dan.data.index import index
from dan.training.history import Record
from dan.training.run_folder import Run, recordings_around
from dan.workflows.denoise import plan

FOLDERS = {"--clean": "Clean recordings", "--noise": "Noise", "--noisy": "Noisy recordings"}
"""Options of `dan train` that are folders, and what the view calls them."""
KINDS = {
    "speech": ("Speech", "speech-16k"),
    "ecg": ("ECG", "ecg-360"),
    "eeg": ("EEG", "eeg-256"),
    "other": ("Birds, animals, anything else", "field-44k"),
    "tones": ("Tones (nothing to record)", "tones"),
}
"""Kinds of signals: what the view calls them, and the recipe that is proposed."""
WORDS = (
    "Clean recordings and noise, or noisy recordings where there are no clean ones. A folder is a path on "
    "this machine: nothing in it is copied or sent. What is dropped is kept beside the runs, so that a "
    "training can go on another day."
)


@dataclass
class TrainView:
    """Builds the view and answers its events."""

    workspace: Workspace
    jobs: Jobs
    samples: Jobs
    """A queue of its own: listening does not wait for the training's end."""
    traces: Traces
    folder: Path
    """Folder in which run folders are made."""

    def build(self) -> None:
        """Lay out the components and connect them; called within a page."""
        gr.Markdown(WORDS)
        folders = []
        with gr.Row():
            for option, title in FOLDERS.items():
                with gr.Column(min_width=240):
                    what = option.strip("-")
                    folder = gr.Textbox(label=f"{title}: a folder", elem_id=what)
                    dropped = gr.File(
                        label="or files", file_count="multiple", height=150, elem_id=f"{what}-files"
                    )
                    dropped.upload(partial(self.drop, what), [dropped], [folder])
                    folders.append(folder)
        rate = gr.Textbox(label="Sample rate in Hz, where files do not say it", elem_id="train-rate")
        look = gr.Button("What is there?", elem_id="look")
        found = gr.HTML(elem_id="found")
        kind = gr.Radio(
            [(word, name) for name, (word, _) in KINDS.items()], value="speech", label="What is recorded?"
        )
        with gr.Row():
            recipe = gr.Dropdown(
                _recipes("speech"),
                value="speech-16k",
                label="Recipe: by its name, or a file",
                allow_custom_value=True,
                elem_id="recipe",
            )
            name = gr.Textbox("mine", label="Name of the run", elem_id="run")
        with gr.Row():
            start_from = gr.Textbox(label="Go on from a model: its name or run folder (optional)")
            minutes = gr.Textbox(label="Minutes at most (optional)", elem_id="minutes")
        with gr.Row():
            start = gr.Button("Train, or go on", variant="primary", elem_id="train")
            stop = gr.Button("Stop (it can go on later)", elem_id="stop")
        command = gr.Code(
            label="The same in a terminal", language="shell", interactive=False, visible=False, lines=1,
            wrap_lines=True, elem_id="command",
        )  # fmt: skip
        status = gr.HTML(value="", elem_id="train-status")
        diagnosis = gr.HTML(value="", elem_id="diagnosis")
        with gr.Row(visible=False) as curves:
            gain = gain_plot()
            with gr.Column():
                losses = losses_plot()
                legend = gr.HTML(value="", elem_id="legend")
        gr.Markdown(
            "### Listen as it learns\nThe best model so far denoises validation signals, or your file."
        )
        sample = gr.File(label="Your own (optional)", elem_id="sample", height=150)
        screen = player(self.traces, elem_id="train-player")
        key, shown, seen = remembered("train-job"), shown_line(), gr.State(-1)
        listening, heard = gr.State(None), gr.State(None)
        kind.change(_recipes_of, [kind], [recipe], show_progress="hidden")
        look.click(_look, [*folders, rate], [found])
        inputs = [recipe, name, minutes, start_from, rate, *folders]
        start.click(self.start, inputs, [key, status, command], show_progress="hidden")
        stop.click(self.jobs.stop, [key], None, show_progress="hidden")
        timer = gr.Timer(1.0)
        outputs = [status, shown, diagnosis, curves, gain, losses, legend, command, seen]
        timer.tick(self.poll, [key, shown, seen], outputs, **POLLED)
        timer.tick(self.listen, [key, sample, listening, heard], [screen, listening, heard], **POLLED)

    def drop(self, what: str, files: Sequence[str]) -> Any:
        """Keep dropped recordings beside the runs; return the folder they are in."""
        folder = self.folder / f"dropped-{time.strftime('%Y%m%d-%H%M%S')}-{what}"
        try:
            self.workspace.take_in(files, folder)
        except DanError as error:
            gr.Warning(str(error))
        return str(folder)

    def start(
        self, recipe: str, name: str, minutes: str, start_from: str, rate: str, *folders: str
    ) -> tuple[Any, str, Any]:
        """Queue a training; return the job's key, a line and the command."""
        if not name.strip() or Path(name).name != name:
            problem = f"Run {name!r}: a name is one word without slashes. Give another."
            return gr.skip(), refusal(problem), gr.skip()
        out = self.folder / name
        given = {option: _absolute(path) for option, path in zip(FOLDERS, folders, strict=True)}
        if problem := _among_recordings(self.folder, list(given.values())):
            return gr.skip(), refusal(problem), gr.skip()
        try:
            rate_hz = commands.typed_rate_hz(rate)
        except DanError as error:
            return gr.skip(), refusal(str(error)), gr.skip()
        given["--sample-rate"] = f"{rate_hz:.12g}" if rate_hz else ""
        options = {**given, "--from": start_from.strip(), "--max-minutes": minutes.strip()}
        arguments = commands.train(recipe, out, options=options)
        details = {"out": out, "folders": given, "command": commands.as_text(arguments)}
        job = self.jobs.add(Job("train", [arguments], details))
        shown = gr.update(value=job.details["command"], visible=True)
        return job.key, status_line(job, waiting=self.jobs.waiting_before(job)), shown

    def poll(self, key: str | None, shown: str, seen: int) -> list[Any]:
        """Tell how far the training is; draw the curves again where there is a new validation.

        Args:
            key: of the job.
            shown: the line that stands there.
            seen: validations that were drawn.
        """
        job = self.jobs.get(key)
        if job is None:
            return [gr.skip()] * 9
        line = status_line(job, waiting=self.jobs.waiting_before(job))
        if not shown:
            command = gr.update(value=job.details["command"], visible=True)
            return [line, line, *[gr.skip()] * 5, command, seen]
        records = history(job.details["out"])
        if (line, len(records)) == (shown, seen):
            return [gr.skip()] * 9
        drawings = [gr.skip()] * 5 if len(records) == seen else drawn(records)
        return [line, line, *drawings, gr.skip(), len(records)]

    def listen(
        self, key: str | None, sample: str | None, listening: str | None, heard: str | None
    ) -> list[Any]:
        """Have the best model so far denoise, and open what it made in the player.

        Args:
            key: of the training.
            sample: a recording of the user's; without one, validation signals are taken.
            listening: key of the job that denoises, or did last.
            heard: key of the one that the player shows.
        """
        training, job = self.jobs.get(key), self.samples.get(listening)
        if training is None or (job and not job.is_over):
            return [gr.skip()] * 3
        if job and job.state == "done" and heard != job.key:
            return [self._open(job), listening, job.key]
        model: Path = training.details["out"] / "model.safetensors"
        made_at = model.stat().st_mtime if model.is_file() else 0.0
        asked = (made_at, sample, training.key)
        if not made_at or (job and job.details["asked"] == asked):
            return [gr.skip()] * 3
        return [gr.skip(), self._denoise(training, sample, asked).key, heard]

    def _denoise(self, training: Job, sample: str | None, asked: tuple[Any, ...]) -> Job:
        """Queue the denoising of a recording, or of validation signals, written where they are missing."""
        lines: list[list[str]] = []
        run, out, details = training.details["out"], self.workspace.new_folder("heard"), training.details
        if "validation" not in details:
            details["validation"] = self.workspace.new_folder("validation")
        source = Path(sample) if sample else details["validation"] / commands.VALIDATION_NOISY
        if not sample and not source.is_file():
            lines.append(commands.validation(run, details["validation"], options=details["folders"]))
        lines.append(commands.denoise(str(run), [source], out, resample=bool(sample)))
        heard = {"source": source, "out": out, "asked": asked, "is_validation": not sample}
        return self.samples.add(Job("listen", lines, heard))

    def _open(self, job: Job) -> Any:
        source: Path = job.details["source"]
        options: dict[str, Any] = {"name": source.name}
        if job.details["is_validation"]:
            clean = source.with_name(commands.VALIDATION_CLEAN)
            count = commands.VALIDATION_SIGNALS
            options = {"name": "Validation signals", "clean": clean if clean.is_file() else None}
            options["channels"] = [f"signal {place + 1}" for place in range(count)]
        try:
            (after,) = plan([source], job.details["out"]).values()
            return self.traces.add(source, after, **options)
        except DanError as error:
            gr.Warning(str(error))
            return gr.skip()


def history(run: Path) -> list[Record]:
    """Return the validations of a run folder, none where there are none yet."""
    with suppress(OSError, DanError):
        return Run(run).read_history()
    return []


def _recipes(kind: str) -> list[tuple[str, str]]:
    """Return the recipes of a kind of signals: what is shown, and the name."""
    recipes = [load_recipe(name) for name in recipe_names()]
    return [(f"{one.name}: {one.summary}", one.name) for one in recipes if one.signal.kind == kind]


def _recipes_of(kind: str) -> Any:
    return gr.update(choices=_recipes(kind), value=KINDS[kind][1])


def _absolute(folder: str) -> str:
    return str(Path(folder.strip()).expanduser().resolve()) if folder.strip() else ""


def _among_recordings(runs: Path, folders: Sequence[str]) -> str:
    """Return why runs cannot be kept where they are, and the way out; empty where they can."""
    outermost = recordings_around(runs, [Path(folder) for folder in folders if folder])
    if outermost is None:
        return ""
    line = commands.as_text(["dan", "app", "--folder", str(outermost.parent / "runs")])
    return (
        f"{runs.resolve()}, where this page keeps its runs: it lies within {outermost}, whose recordings are "
        f"read. End the page (Ctrl-C), and start it with {line}"
    )


def _look(*given: str) -> str:
    """Say what lies in the folders: files, minutes, rates, and what cannot be used."""
    *folders, rate = given
    try:
        rate_hz = commands.typed_rate_hz(rate)
    except DanError as error:
        return refusal(str(error))
    named = {title: _absolute(folder) for title, folder in zip(FOLDERS.values(), folders, strict=True)}
    parts = [_describe(title, Path(folder), rate_hz) for title, folder in named.items() if folder]
    return "".join(parts) or refusal("Give a folder first, or drop files.")


def _describe(title: str, folder: Path, rate_hz: float | None) -> str:
    try:
        corpus = index(folder, sample_rate_hz=rate_hz)
    except DanError as error:
        return f"<p><strong>{title}</strong></p><pre style='white-space:pre-wrap'>{escape(str(error))}</pre>"
    rates = sorted({entry.sample_rate_hz for entry in corpus.entries})
    listed = ", ".join(f"{rate:g} Hz" for rate in rates)
    count = len(corpus.entries)
    minutes = f"{count} recording{'s' if count > 1 else ''}, {corpus.duration_s / 60:.1f} minutes, {listed}"
    notes = "".join(f"<li>{escape(note)}</li>" for note in corpus.notes)
    return f"<p><strong>{title}</strong>: {minutes}</p><ul>{notes}</ul>"
