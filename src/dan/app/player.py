"""The player of the page: before and after to see and to hear, on one axis and in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from dan.app.traces import Traces

HERE = Path(__file__).parent


def player(traces: Traces, *, elem_id: str) -> gr.HTML:
    """Make a player; its value is what `Traces.add` returned, or None."""

    def view(asked: list[Any]) -> dict[str, Any]:
        return traces.view(*asked)

    def chunk(asked: list[Any]) -> dict[str, Any]:
        return traces.chunk(*asked)

    return gr.HTML(
        value=None,
        html_template=(HERE / "player.html").read_text(encoding="utf-8"),
        css_template=(HERE / "player.css").read_text(encoding="utf-8"),
        js_on_load=(HERE / "player.js").read_text(encoding="utf-8"),
        server_functions=[view, chunk],
        elem_id=elem_id,
        apply_default_css=False,
    )
