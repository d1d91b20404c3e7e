"""`dan models`."""

from __future__ import annotations

import typer


def models() -> None:
    """List the models that come with DAN, each with its rate, its latency and what it is for."""
    from dan.inference.model_file import card_summary, find_model, model_names, read_info

    for name in model_names():
        info = read_info(find_model(name))
        latency_ms = 1000 * info.latency_samples / info.sample_rate_hz
        figures = f"{info.sample_rate_hz:g} Hz, latency {latency_ms:.0f} ms, {info.parameters:,} parameters"
        typer.echo(f"{name:<14}{figures}\n{'':<14}{card_summary(name)}")
