"""The view Denoise: files in, before and after to see and hear, files out."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dan.app import commands
from dan.app.jobs import Job, Jobs
from dan.app.player import player
from dan.app.status import describe, status_line
from dan.app.traces import Traces
from dan.app.workspace import Workspace
from dan.core.errors import DanError


@dataclass
class DenoiseView:
    """Builds the view and answers its events."""

    workspace: Workspace
    jobs: Jobs
    traces: Traces
    models: list[str]
    model: str

    def build(self) -> None:
        """Lay out the components and connect them; called within a page."""
        files = gr.File(
            label="Recordings of any format that DAN reads", file_count="multiple", elem_id="files"
        )
        with gr.Row():
            model = gr.Dropdown(
                self.models,
                value=self.model,
                label="Model (a name, or the path of a run folder)",
                allow_custom_value=True,
                elem_id="model",
            )
            rate = gr.Textbox(label="Sample rate in Hz, if not in the file", elem_id="rate", min_width=240)
            resample = gr.Checkbox(
                label="Take other rates too", value=True, elem_id="resample", min_width=240
            )
        with gr.Row():
            start = gr.Button("Denoise", variant="primary", elem_id="denoise")
            cancel = gr.Button("Cancel", elem_id="cancel")
        status = gr.HTML(value="", elem_id="denoise-status")
        chosen = gr.Dropdown([], label="Show", visible=False, elem_id="shown")
        screen = player(self.traces, elem_id="player")
        with gr.Row():
            strength = gr.Number(1.0, label="Strength of the files to save, 0 to 1", minimum=0, maximum=1)
            save = gr.Button("Prepare files to save", elem_id="save")
        saved = gr.File(label="Save", file_count="multiple", interactive=False, elem_id="saved")
        key, delivered = gr.BrowserState(None), gr.State(None)
        start.click(self.start, [files, model, rate, resample], [key, status])
        cancel.click(self.jobs.stop, [key], None)
        timer = gr.Timer(0.5)
        timer.tick(
            self.poll, [key, delivered], [status, chosen, screen, saved, delivered],
            show_progress="hidden",
        )  # fmt: skip
        chosen.input(self.show, [key, chosen], [screen])
        save.click(self.save, [key, strength], [key, status])

    def start(
        self, files: Sequence[str] | None, model: str, rate: str, resample: bool
    ) -> tuple[str | None, str]:
        """Queue the denoising of what was dropped; return the job's key and a line."""
        if not files:
            return None, status_line("failed", ["Drop a recording first."])
        try:
            rate_hz = float(rate.replace(",", ".")) if rate.strip() else None
        except ValueError:
            return None, status_line("failed", [f"Sample rate {rate}: it is no number. Give it in Hz."])
        sources = self._take_in([Path(name) for name in files])
        details = {"model": model, "sources": sources, "rate_hz": rate_hz, "resample": resample}
        return self._queue(details, 1.0)

    def save(self, key: str | None, strength: float) -> tuple[str | None, str]:
        """Queue the same files again at another strength."""
        job = self.jobs.get(key)
        if job is None or job.state != "done":
            return key, status_line("failed", ["Denoise something first."])
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
        details = details | {"out": out, "strength": strength}
        job = self.jobs.add(Job("denoise", [arguments], details))
        return job.key, status_line(job.state, [])

    def _take_in(self, files: Sequence[Path]) -> list[Path]:
        """Bring what was dropped into one folder, a header beside its samples."""
        folder = self.workspace.new_folder("dropped")
        copies = [Path(shutil.copy(file, folder / file.name)) for file in files]
        companions = {".dat", ".atr", ".qrs", ".mat"}  # of a record's header, no recordings of their own
        heads = {copy.stem for copy in copies if copy.suffix.lower() == ".hea"}
        return [
            copy for copy in copies if not (copy.suffix.lower() in companions and copy.stem in heads)
        ] or copies

    def poll(self, key: str | None, delivered: str | None) -> list[Any]:
        """Tell how far the job is, and show its result once it is there."""
        job = self.jobs.get(key)
        if job is None:
            return [gr.skip()] * 5
        line = describe(job, waiting=self.jobs.waiting_before(job))
        if not job.is_over or delivered == job.key:
            return [line, *[gr.skip()] * 4]
        pairs = _pairs(job)
        names = [before.name for before, _ in pairs]
        first = self._open(job, names[0]) if names else None
        files = self._to_save(job, [after for _, after in pairs])
        menu = gr.update(choices=names, value=names[0] if names else None, visible=len(names) > 1)
        return [line, menu, first if first is not None else gr.skip(), files, job.key]

    def show(self, key: str | None, name: str) -> Any:
        """Open another of the files in the player."""
        job = self.jobs.get(key)
        return self._open(job, name) if job else gr.skip()

    def _open(self, job: Job, name: str) -> Any:
        before, after = next(pair for pair in _pairs(job) if pair[0].name == name)
        rate = job.details["rate_hz"]
        try:
            return self.traces.add(before, after, name=name, sample_rate_hz=rate)
        except DanError as error:
            job.messages.append(str(error))
            return None

    def _to_save(self, job: Job, files: list[Path]) -> list[str]:
        if len(files) < 2:
            return [str(file) for file in files]
        archive = Path(str(job.details["out"])) / "denoised.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
            for file in files:
                packed.write(file, file.name)
        return [str(archive), *map(str, files)]


def _pairs(job: Job) -> list[tuple[Path, Path]]:
    """Return the dropped files that have a denoised one, with it."""
    sources: list[Path] = job.details["sources"]
    out = Path(str(job.details["out"]))
    return [(source, out / source.name) for source in sources if (out / source.name).is_file()]
