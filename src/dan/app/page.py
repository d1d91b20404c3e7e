"""The page: its three views and what they share."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from dan.app.comparing import CompareView
from dan.app.denoising import DenoiseView
from dan.app.jobs import Jobs
from dan.app.traces import Traces
from dan.app.training import TrainView
from dan.app.workspace import Workspace
from dan.inference.model_file import model_names

FONTS = ["system-ui", "sans-serif"]
CSS = ".gradio-container { max-width: 1200px !important; } footer { display: none !important; }"


def build(workspace: Workspace, jobs: Jobs, samples: Jobs, *, model: str | None, folder: Path) -> gr.Blocks:
    """Build the page.

    Args:
        workspace: where dropped files and outputs lie.
        jobs: the queue of commands.
        samples: the queue of what is only listened to.
        model: the one chosen at first; None for a shipped one.
        folder: where run folders and votes go.
    """
    traces, models = Traces(), _models(folder)
    chosen = model or ("speech-16k" if "speech-16k" in models else models[0])
    models = models if chosen in models else [chosen, *models]
    page: gr.Blocks = gr.Blocks(title="DAN", analytics_enabled=False)
    with page:
        gr.Markdown("# DAN: denoise, train, compare\nEverything stays on this machine.")
        with gr.Tab("Denoise"):
            DenoiseView(workspace, jobs, traces, models, chosen).build()
        with gr.Tab("Train"):
            TrainView(workspace, jobs, samples, traces, folder).build()
        with gr.Tab("Compare"):
            CompareView(workspace, jobs, traces, models, folder).build()
    return page


def theme() -> gr.themes.Base:
    """Return a theme with the fonts of the system: none is fetched."""
    return gr.themes.Default(primary_hue="teal", font=FONTS, font_mono=["ui-monospace", "monospace"])


def _models(folder: Path) -> list[str]:
    runs = sorted(str(path.parent) for path in folder.glob("*/model.safetensors"))
    return [*model_names(), *runs]
