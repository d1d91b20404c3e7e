"""The page: its three views and what they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from dan.app.commands import FILTER, FILTERS
from dan.app.comparing import CompareView
from dan.app.denoising import DenoiseView
from dan.app.jobs import Jobs
from dan.app.traces import Traces
from dan.app.training import TrainView
from dan.app.workspace import Workspace
from dan.inference.model_file import card_summary, model_names

FONTS = ["system-ui", "sans-serif"]
CSS = """
.gradio-container { max-width: 1200px !important; }
footer { display: none !important; }
progress { appearance: auto; accent-color: var(--color-accent); }
.dark { --color-accent: var(--primary-400) !important; }
.gradio-container input[role=combobox] { text-overflow: ellipsis; padding-right: 2rem; }
@media (max-width: 500px) { .gradio-container > main { padding: 8px !important; } }
"""
DEFAULT = "speech-16k"

Choices = list[tuple[str, str]]


def build(workspace: Workspace, jobs: Jobs, samples: Jobs, *, model: str | None, folder: Path) -> gr.Blocks:
    """Build the page.

    Args:
        workspace: where dropped files and outputs lie.
        jobs: the queue of commands.
        samples: the queue of what is only listened to.
        model: the one chosen at first; None for a shipped one.
        folder: where run folders and votes go.
    """
    traces, chosen = Traces(), model or DEFAULT
    models, filters = _models(folder, chosen), [(FILTER + name, FILTER + name) for name in FILTERS]
    page: gr.Blocks = gr.Blocks(title="DAN", analytics_enabled=False)
    with page:
        gr.Markdown("# DAN: denoise, train, compare\nEverything stays on this machine.")
        with gr.Tab("Denoise") as first:
            menu = DenoiseView(workspace, jobs, traces, models, chosen).build()
        with gr.Tab("Train"):
            TrainView(workspace, jobs, samples, traces, folder).build()
        with gr.Tab("Compare") as last:
            menus = CompareView(workspace, jobs, traces, [*models, *filters], chosen, folder).build()

        def renewed(count: int, more: Choices) -> Any:
            """Return the menus with the runs that there are by now."""
            found = [gr.update(choices=[*_models(folder, chosen), *more]) for _ in range(count)]
            return found if count > 1 else found[0]

        gr.on([page.load, first.select], lambda: renewed(1, []), outputs=[menu], show_progress="hidden")
        gr.on([page.load, last.select], lambda: renewed(2, filters), outputs=menus, show_progress="hidden")
    return page


def theme() -> gr.themes.Base:
    """Return a theme with the fonts of the system, of which none is fetched, and enough contrast."""
    base = gr.themes.Default(primary_hue="teal", font=FONTS, font_mono=["ui-monospace", "monospace"])
    found: gr.themes.Base = base.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        color_accent="*primary_700",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        input_placeholder_color="*neutral_600",
        input_placeholder_color_dark="*neutral_400",
        checkbox_background_color_selected="*primary_700",
    )
    return found


def _models(folder: Path, chosen: str) -> Choices:
    """Return what is shown of each model and its name: the chosen one, the packaged ones, the runs."""
    named = {name: f"{name}: {card_summary(name)}" for name in model_names()}
    runs = {str(path.parent): str(path.parent) for path in sorted(folder.glob("*/model.safetensors"))}
    return [(words, name) for name, words in ({chosen: chosen} | named | runs).items()]
