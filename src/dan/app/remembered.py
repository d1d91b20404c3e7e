"""Memory of a browser tab: its job, so that a reload finds it again, and what it shows."""

from __future__ import annotations

from typing import Any

import gradio as gr

POLLED: dict[str, Any] = {"show_progress": "hidden", "queue": False}
"""Settings of requests that a tab repeats: each is one of its own.

An answer that is lost on the queue's stream of events would keep it from ever asking again.
"""

REMEMBER = """
const name = `dan-${element.closest("[id$=-job]").id}`;
const stored = (where) => { try { return where(); } catch { return null; } }; // a browser may forbid it
if (!props.value) {
  const kept = stored(() => sessionStorage.getItem(name) || localStorage.getItem(name));
  if (kept) props.value = kept;
}
watch("value", () => {
  if (!props.value) return;
  for (const place of ["sessionStorage", "localStorage"]) {
    stored(() => window[place].setItem(name, props.value));
  }
});
"""


def remembered(elem_id: str) -> gr.HTML:
    """Make a component whose value, a job's key, outlives a reload: each tab has its own."""
    return gr.HTML(
        value=None,
        html_template="<span hidden></span>",
        js_on_load=REMEMBER,
        elem_id=elem_id,
        visible="hidden",
    )


def shown_line() -> gr.Textbox:
    """Make what holds the line that a tab shows: in the browser, so that one that it missed is sent again."""
    return gr.Textbox("", visible="hidden")
