"""`dan stream`."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from dan.cli.console import say
from dan.cli.options import ModelName, Strength
from dan.core.errors import DanError
from dan.core.stopping import Stopped


def stream(
    model: ModelName,
    sample_rate: Annotated[float | None, typer.Option("--sample-rate", help="Of the PCM, in Hz.")] = None,
    dtype: Annotated[
        str, typer.Option("--dtype", help="Of a sample: f32, f64, s16, s24, s32, u8, or numpy's names.")
    ] = "float32",
    channels: Annotated[
        int | None, typer.Option("--channels", min=1, max=1024, help="Interleaved; 1 if not said.")
    ] = None,
    strength: Strength = 1.0,
    resample: Annotated[
        bool, typer.Option("--resample", help="Take another rate: to the model's and back.")
    ] = False,
) -> None:
    """Denoise PCM from stdin to stdout as it comes; ends with it, on Ctrl-C, or when nobody reads on.

    A WAV, FLAC, Ogg, MP3, m4a or webm file that comes in is known by its header, which says rate and
    channels. What goes out is PCM all the same.
    """
    from dan.inference.denoiser import load
    from dan.workflows.stream import open_input, pump, sample_type_of

    if sys.stdin is None or sys.stdout is None:
        raise DanError("stdin or stdout", "it is closed", "Give both: dan stream MODEL < in.raw > out.raw")
    sample_type, denoiser = sample_type_of(dtype), load(model)
    try:
        with ExitStack() as stack:
            given = open_input(
                sys.stdin.buffer,
                stack,
                sample_type=sample_type,
                channels=channels,
                sample_rate_hz=sample_rate,
            )
            rate_hz = given.sample_rate_hz = given.sample_rate_hz or denoiser.sample_rate_hz
            opened = denoiser.stream(
                channels=given.channels, strength=strength, sample_rate=rate_hz, resample=resample
            )
            if given.what != "PCM":
                read = f"{given.what}, channels: {given.channels}, {rate_hz:g} Hz"
                say(f"input: {read}; output: PCM, {sample_type}")
            latency = opened.latency_samples
            say(f"latency: {latency} samples, {1000 * latency / rate_hz:.1f} ms at {rate_hz:g} Hz")
            clipped = pump(opened, given, sys.stdout.buffer, sample_type=sample_type)
            for note in denoiser.notes(opened):
                say(f"{note}.")
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
