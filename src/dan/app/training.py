"""The view Train: folders on this machine in, a run folder of `dan train` out, watched as it learns."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from dan.app import commands
from dan.app.jobs import Job, Jobs
from dan.app.player import player
from dan.app.status import describe, status_line
from dan.app.traces import Traces
from dan.app.workspace import Workspace
from dan.config.load import recipe_names
from dan.core.errors import DanError
from dan.data.index import index
from dan.training.history import Record
from dan.training.run_folder import Run

OPTIONS = ("--clean", "--noise", "--noisy", "--from")
"""Options of `dan train` that the view's fields fill."""


@dataclass
class TrainView:
    """Builds the view and answers its events."""

    workspace: Workspace
    jobs: Jobs
    samples: Jobs
    """A queue of its own: listening does not wait for the training's end."""
    traces: Traces
    folder: Path
    """Where run folders are made."""

    def build(self) -> None:
        """Lay out the components and connect them; called within a page."""
        gr.Markdown("Folders are paths on this machine; nothing is copied or sent.")
        with gr.Row():
            clean = gr.Textbox(label="Clean recordings (folder)", elem_id="clean")
            noise = gr.Textbox(label="Noise (folder)", elem_id="noise")
            noisy = gr.Textbox(label="Noisy recordings (folder), where there are no clean ones")
        look = gr.Button("What is there?", elem_id="look")
        found = gr.Markdown(elem_id="found")
        with gr.Row():
            recipe = gr.Dropdown(
                recipe_names(),
                value="speech-16k",
                label="Recipe (a name or a file)",
                allow_custom_value=True,
                elem_id="recipe",
            )
            name = gr.Textbox("mine", label="Name of the run", elem_id="run")
            start_from = gr.Textbox(label="Go on from a model (optional)")
            minutes = gr.Number(None, label="At most minutes (optional)", minimum=0, elem_id="minutes")
        with gr.Row():
            start = gr.Button("Train, or go on", variant="primary", elem_id="train")
            stop = gr.Button("Stop (it can go on later)", elem_id="stop")
        command = gr.Code(label="The same in a terminal", language="shell", interactive=False)
        status = gr.HTML(value="", elem_id="train-status")
        with gr.Row():
            gain = gr.LinePlot(x="step", y="val_snr_gain_db", title="Validation: SNR gain (dB)")
            losses = gr.LinePlot(x="step", y="loss", color="name", title="Training: losses")
        gr.Markdown("To hear it as it learns, drop a noisy recording: the best model so far denoises it.")
        sample = gr.File(label="A noisy recording", elem_id="sample")
        screen = player(self.traces, elem_id="train-player")
        key, seen = gr.BrowserState(None), gr.State(-1)
        listening, heard = gr.State(None), gr.State(None)
        look.click(_look, [clean, noise, noisy], [found])
        inputs = [recipe, name, minutes, clean, noise, noisy, start_from]
        start.click(self.start, inputs, [key, status, command, seen])
        stop.click(self.jobs.stop, [key], None)
        timer = gr.Timer(1.0)
        timer.tick(
            self.poll, [key, seen, sample], [status, gain, losses, seen, listening], show_progress="hidden"
        )
        timer.tick(self.poll_sample, [listening, heard], [screen, heard], show_progress="hidden")

    def start(
        self, recipe: str, name: str, minutes: float | None, *folders: str
    ) -> tuple[str | None, str, str, int]:
        """Queue a training; return the job's key, a line, the command and no validations seen."""
        if not name.strip() or Path(name).name != name:
            said = f"Run {name!r}: a name is one word without slashes. Give another."
            return None, status_line("failed", [said]), "", -1
        out = self.folder / name
        arguments = commands.train(
            recipe,
            out,
            folders={option: given.strip() for option, given in zip(OPTIONS, folders, strict=True)},
            minutes=minutes or None,
        )
        job = self.jobs.add(Job("train", [arguments], {"out": out}))
        return job.key, status_line(job.state, []), commands.as_text(arguments), -1

    def poll(self, key: str | None, seen: int, sample: str | None) -> list[Any]:
        """Tell how far the training is; draw the curves again where there is a new validation."""
        job = self.jobs.get(key)
        if job is None:
            return [gr.skip()] * 5
        line = describe(job, waiting=self.jobs.waiting_before(job))
        records = history(Path(str(job.details["out"])))
        if len(records) == seen:
            return [line, gr.skip(), gr.skip(), seen, gr.skip()]
        listening = self._listen(Path(str(job.details["out"])), sample) if records else gr.skip()
        return [line, _gains(records), _losses(records), len(records), listening]

    def _listen(self, run: Path, sample: str | None) -> Any:
        """Queue the denoising of the dropped recording by the run's best model so far."""
        if not sample or not (run / "model.safetensors").is_file():
            return gr.skip()
        out = self.workspace.new_folder("heard")
        command = commands.denoise(str(run), [Path(sample)], out, resample=True)
        return self.samples.add(Job("listen", [command], {"before": sample, "out": out})).key

    def poll_sample(self, key: str | None, heard: str | None) -> list[Any]:
        """Open the dropped recording in the player once it is denoised."""
        job = self.samples.get(key)
        if job is None or job.state != "done" or heard == key:
            return [gr.skip()] * 2
        before = Path(str(job.details["before"]))
        after = Path(str(job.details["out"])) / before.name
        return [self.traces.add(before, after, name=before.name), key]


def history(run: Path) -> list[Record]:
    """Return the validations of a run folder, none where there are none yet."""
    with suppress(OSError, DanError):
        return Run(run).read_history()
    return []


def _gains(records: list[Record]) -> pd.DataFrame:
    rows = [(record["step"], record["val_snr_gain_db"]) for record in records]
    return pd.DataFrame(rows, columns=["step", "val_snr_gain_db"])


def _losses(records: list[Record]) -> pd.DataFrame:
    rows = [
        (record["step"], name.removeprefix("train_"), value)
        for record in records
        for name, value in record.items()
        if name.startswith("train_") and isinstance(value, int | float)
    ]
    return pd.DataFrame(rows, columns=["step", "name", "loss"])


def _look(clean: str, noise: str, noisy: str) -> str:
    """Say what lies in the folders: files, minutes, rates, and what cannot be used."""
    given = {"Clean": clean.strip(), "Noise": noise.strip(), "Noisy": noisy.strip()}
    parts = [_describe(title, Path(folder)) for title, folder in given.items() if folder]
    return "\n\n".join(parts) or "Give a folder first."


def _describe(title: str, folder: Path) -> str:
    try:
        corpus = index(folder)
    except DanError as error:
        return f"**{title}**: {error}"
    rates = sorted({entry.sample_rate_hz for entry in corpus.entries})
    said = ", ".join(f"{rate:g} Hz" for rate in rates)
    lines = [f"**{title}**: {len(corpus.entries)} recordings, {corpus.duration_s / 60:.1f} minutes, {said}"]
    return "\n".join([*lines, *(f"- {note}" for note in corpus.notes)])
