"""`dan stream`."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from dan.cli.console import say
from dan.cli.options import Model, Strength
from dan.core.errors import DanError
from dan.core.stopping import Stopped


class SampleType(StrEnum):
    """Sample type of PCM in a pipe."""

    float32 = "float32"
    int16 = "int16"


def stream(
    model: Model,
    sample_rate: Annotated[float | None, typer.Option("--sample-rate", help="Of the PCM, in Hz.")] = None,
    dtype: Annotated[SampleType, typer.Option("--dtype", help="Of a sample.")] = SampleType.float32,
    channels: Annotated[int, typer.Option("--channels", min=1, max=1024, help="Interleaved.")] = 1,
    strength: Strength = 1.0,
    resample: Annotated[
        bool, typer.Option("--resample", help="Take another rate: to the model's and back.")
    ] = False,
) -> None:
    """Denoise PCM from stdin to stdout as it comes; ends with it, on Ctrl-C, or when nobody reads on."""
    from dan.inference.denoiser import load
    from dan.workflows.stream import pump

    if sys.stdin is None or sys.stdout is None:
        raise DanError("stdin or stdout", "it is closed", "Give both: dan stream MODEL < in.raw > out.raw")
    denoiser = load(model)
    opened = denoiser.stream(channels=channels, strength=strength, sample_rate=sample_rate, resample=resample)
    rate_hz = sample_rate or denoiser.info.sample_rate_hz
    latency = opened.latency_samples
    say(f"latency: {latency} samples, {1000 * latency / rate_hz:.1f} ms at {rate_hz:g} Hz")
    try:
        clipped = pump(opened, sys.stdin.buffer, sys.stdout.buffer, sample_type=dtype.value)
    except BrokenPipeError:
        _leave_quietly()
        return
    except (DanError, Stopped):
        _leave_quietly()
        raise
    if clipped:
        say(f"{clipped} samples clipped: lower the input")


def _leave_quietly() -> None:
    """End as a pipe ends: nothing more is written, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
