"""The view Denoise: files in, before and after to see and hear, files out."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dan.app import commands
from dan.app.jobs import Job, Jobs
from dan.app.player import player
from dan.app.remembered import POLLED, remembered, shown_line
from dan.app.status import refusal, status_line
from dan.app.traces import Traces
from dan.app.workspace import Workspace
from dan.core.errors import DanError
from dan.io.wfdb import files_of
from dan.workflows.denoise import plan

CHOSEN_STRENGTH = """(key, _) => {
  const player = document.querySelector("#player[data-strength], #player [data-strength]");
  return [key, Number(player?.dataset.strength ?? 1)];
}"""
"""Asks the player for its strength when files are to be saved."""

COMPANIONS = frozenset([".dat", ".atr", ".qrs", ".mat"])
"""Suffixes of what lies beside a record's header."""


@dataclass
class DenoiseView:
    """Builds the view and answers its events."""

    workspace: Workspace
    jobs: Jobs
    traces: Traces
    models: list[tuple[str, str]]
    """Label and name of each model."""
    model: str

    def build(self) -> gr.Dropdown:
        """Lay out the components and connect them; called within a page.

        Returns:
            The menu of models.
        """
        gr.Markdown("Recordings of any format that DAN reads; of a WFDB record, all of its files.")
        files = gr.File(label="Recordings", file_count="multiple", elem_id="files", height=150)
        model = gr.Dropdown(
            self.models,
            value=self.model,
            label="Model: one that comes along, or the path of a run folder",
            allow_custom_value=True,
            elem_id="model",
        )
        with gr.Row():
            rate = gr.Textbox(
                label="Sample rate in Hz, where a file does not say it", elem_id="rate", min_width=240
            )
            resample = gr.Checkbox(
                label="Take recordings of another rate than the model's",
                value=True,
                elem_id="resample",
                min_width=240,
            )
        with gr.Row():
            start = gr.Button("Denoise", variant="primary", elem_id="denoise")
            cancel = gr.Button("Cancel", elem_id="cancel")
        status = gr.HTML(value="", elem_id="denoise-status")
        chosen = gr.Dropdown([], label="Recording shown", visible=False, elem_id="shown")
        screen = player(self.traces, elem_id="player")
        saved = gr.File(
            label="Save", file_count="multiple", interactive=False, visible=False, elem_id="saved"
        )
        save = gr.Button("Make files at the strength chosen above", visible=False, elem_id="save")
        key, shown, opened = remembered("denoise-job"), shown_line(), shown_line()
        strength = gr.Number(1.0, visible=False)  # what the player says, when files are made
        start.click(self.start, [files, model, rate, resample], [key, status], show_progress="hidden")
        cancel.click(self.jobs.stop, [key], None, show_progress="hidden")
        outputs = [status, shown, chosen, screen, opened, saved, save]
        gr.Timer(0.5).tick(self.poll, [key, shown, opened], outputs, **POLLED)
        chosen.input(self.show, [key, chosen], [screen], show_progress="hidden")
        save.click(self.save, [key, strength], [key, status], js=CHOSEN_STRENGTH, show_progress="hidden")
        return model

    def start(self, files: Sequence[str] | None, model: str, rate: str, resample: bool) -> tuple[Any, str]:
        """Queue the denoising of what was dropped; return the job's key and a line."""
        if not files:
            return gr.skip(), refusal("Drop a recording first.")
        try:
            rate_hz = commands.typed_rate_hz(rate)
            sources = recordings(self.workspace.take_in(files))
        except DanError as error:
            return gr.skip(), refusal(str(error))
        details = {"model": model, "sources": sources, "rate_hz": rate_hz, "resample": resample}
        return self._queue(details, 1.0)

    def save(self, key: str | None, strength: float) -> tuple[Any, str]:
        """Queue the same files again at another strength."""
        job = self.jobs.get(key)
        if job is None or job.state != "done":
            return gr.skip(), refusal("Denoise something first.")
        return self._queue(dict(job.details), float(strength))

    def _queue(self, details: dict[str, Any], strength: float) -> tuple[str, str]:
        out = self.workspace.new_folder("denoised")
        arguments = commands.denoise(
            details["model"],
            details["sources"],
            out,
            strength=strength,
            resample=details["resample"],
            sample_rate_hz=details["rate_hz"],
        )
        details = {"whole": out} | details | {"out": out, "strength": strength}
        job = self.jobs.add(Job("denoise", [arguments], details))
        return job.key, status_line(job, waiting=self.jobs.waiting_before(job))

    def poll(self, key: str | None, shown: str, opened: str | None) -> list[Any]:
        """Tell how far the job is, and show its result once it is there.

        Args:
            key: of the job.
            shown: the line that stands there.
            opened: the folder whose recordings the player has.
        """
        job = self.jobs.get(key)
        if job is None:
            return [gr.skip()] * 7
        line = status_line(job, waiting=self.jobs.waiting_before(job))
        if line == shown:
            return [gr.skip()] * 7
        return [line, line, *(self._result(job, opened) if job.is_over else [gr.skip()] * 5)]

    def _result(self, job: Job, opened: str | None) -> list[Any]:
        names = [before.name for before, _ in _pairs(job)]
        label = f"Save (strength {job.details['strength']:g})"
        files = gr.update(value=_to_save(job), label=label, visible=bool(names))
        save = gr.update(visible=bool(names))
        if not names or opened == str(job.details["whole"]):
            return [gr.skip(), gr.skip(), gr.skip(), files, save]
        menu = gr.update(choices=names, value=names[0], visible=len(names) > 1)
        return [menu, self._open(job, names[0]), str(job.details["whole"]), files, save]

    def show(self, key: str | None, name: str) -> Any:
        """Open another of the files in the player."""
        job = self.jobs.get(key)
        return self._open(job, name) if job else gr.skip()

    def _open(self, job: Job, name: str) -> Any:
        before, after = next(pair for pair in _pairs(job) if pair[0].name == name)
        try:
            return self.traces.add(before, after, name=name, sample_rate_hz=job.details["rate_hz"])
        except DanError as error:
            job.messages.append(str(error))
            return gr.skip()


def recordings(files: Sequence[Path]) -> list[Path]:
    """Return the files that are recordings of their own: not those that a record's header names."""
    heads = [file for file in files if file.suffix.lower() == ".hea"]
    named = {name for head in heads for name in files_of(head)}
    stems = {head.stem for head in heads}
    return [
        file
        for file in files
        if file.name not in named and (file.suffix.lower() not in COMPANIONS or file.stem not in stems)
    ]


def _pairs(job: Job) -> list[tuple[Path, Path]]:
    """Return the dropped files that have a denoised one of all the strength, with it."""
    try:
        planned = plan(job.details["sources"], job.details["whole"])
    except DanError:  # as the command said
        return []
    return [(before, after) for before, after in planned.items() if after.is_file()]


def _to_save(job: Job) -> list[str] | None:
    """Return all that was written, several files in an archive before them."""
    out: Path = job.details["out"]
    archive = out / "denoised.zip"
    files = sorted(file for file in out.iterdir() if file.is_file() and file != archive)
    if len(files) < 2:
        return [str(file) for file in files] or None
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for file in files:
            packed.write(file, file.name)
    return [str(archive), *map(str, files)]
