"""Measures what `benchmarks.simulate_cluster` starts from, on one core of this machine and Ray on it.

    python -m benchmarks.measure_cluster docs/benchmarks/scale.json

Seconds are processor time, which other work on the machine hardly touches: of the work a line through files
of two lengths, of the driver a run on Ray whose workers do nothing.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import typer

import dan.cluster.denoise
from dan.cluster.session import connected
from dan.cluster.work import Order, RecordingResult, RecordingTask
from dan.inference.denoiser import load
from dan.inference.model_file import find_model
from dan.inference.recording import Written
from dan.workflows.denoise import FileResult, denoise_files

MODEL, RATE_HZ = "speech-16k", 16000
LENGTHS_S = {2.0: 16, 60.0: 4}
"""Seconds of a file, and how many of them."""
EMPTY_FILES = 2000


def main() -> None:
    """Measure, and write what was found."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"model": MODEL, "machine": platform.processor() or platform.machine()}
        found |= of_files(Path(folder)) | of_driver(Path(folder))
        found |= {"model_bytes": find_model(MODEL).stat().st_size}
    text = json.dumps(found, indent=2)
    Path(sys.argv[1]).write_text(text + "\n", encoding="utf-8")
    typer.echo(text)


def write(folder: Path, seconds: float, count: int) -> Path:
    """Write recordings of noise, 16 bits a sample."""
    folder.mkdir()
    for number in range(count):
        noise = 0.1 * np.random.default_rng(number).standard_normal(round(seconds * RATE_HZ))
        soundfile.write(folder / f"{number:05}.wav", noise, RATE_HZ, subtype="PCM_16")
    return folder


def of_files(folder: Path) -> dict[str, float]:
    """Seconds of a core for each file and for each second of it, read, denoised and written."""
    denoiser, each = load(MODEL), {}
    for seconds, count in LENGTHS_S.items():
        source = write(folder / f"of-{seconds:g}", seconds, count)
        denoise_files(denoiser, [source], out=folder / f"warm-{seconds:g}", jobs=1)
        started = time.process_time()
        denoise_files(denoiser, [source], out=folder / f"out-{seconds:g}", jobs=1)
        each[seconds] = (time.process_time() - started) / count
    (short_s, low), (long_s, high) = each.items()
    slope = (high - low) / (long_s - short_s)
    return {
        "work_s_per_audio_s": round(slope, 5),
        "work_s_per_file": round(max(0.0, low - slope * short_s), 5),
    }


def nothing(_model: list[object], _order: Order, job: RecordingTask) -> RecordingResult:
    """Do nothing, in the place of the work."""
    return RecordingResult(FileResult(job.source, Written(job.target, 0, 1.0)))


def of_driver(folder: Path) -> dict[str, float]:
    """The driver's seconds a file, and those from a cluster's start to the first result."""
    (folder / "empty").mkdir()
    kept = next((folder / "of-2").iterdir())
    for number in range(EMPTY_FILES):
        (folder / "empty" / f"{number:05}.wav").symlink_to(kept)
    work = dan.cluster.denoise.denoise_job
    with connected(cores=2):
        one = [next((folder / "of-2").iterdir())]
        started = time.perf_counter()
        dan.cluster.denoise.denoise_files(load(MODEL), one, out=folder / "first.wav")
        first_s = time.perf_counter() - started
        dan.cluster.denoise.denoise_job = nothing  # type: ignore[assignment]
        started = time.process_time()
        dan.cluster.denoise.denoise_files(load(MODEL), [folder / "empty"], out=folder / "none")
        spent = time.process_time() - started
    dan.cluster.denoise.denoise_job = work
    return {"driver_s_per_file": round(spent / EMPTY_FILES, 5), "first_result_s": round(first_s, 2)}


if __name__ == "__main__":
    main()
