"""Denoising on several cores and on Ray: how it scales, what it costs a file, and what survives a kill.

python benchmarks/cluster.py cores|ray|killed|driver|many [--files N] [--seconds S] [--model NAME]

Each part makes its recordings (noise whose level moves) in a temporary folder and prints what it measured.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
import typer

import dan.cluster.denoise
from dan.cluster.denoise import denoise_files as denoise_on_ray
from dan.cluster.session import connected
from dan.cluster.work import Order, RecordingResult, RecordingTask
from dan.inference.denoiser import Denoiser, load
from dan.inference.recording import Written
from dan.workflows.denoise import FileResult, denoise_files

KILLS = 5
TURNS = 3


def recordings(folder: Path, count: int, seconds: float, rate_hz: float) -> Path:
    """Make recordings, each another stretch of noise."""
    folder.mkdir(parents=True)
    length = round(seconds * rate_hz)
    for number in range(count):
        draw = np.random.default_rng(number)
        level = np.repeat(draw.uniform(0.01, 0.2, length // 1000 + 1), 1000)[:length]
        signal = (draw.standard_normal(length, dtype=np.float32) * level).astype(np.float32)
        soundfile.write(folder / f"{number:06}.wav", signal, round(rate_hz), subtype="PCM_16")
    return folder


def timed(work: Callable[[], object]) -> float:
    """Wall time of a call, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same recordings, byte for byte, and nothing half-written."""
    names = [
        sorted(file.name for file in folder.iterdir() if file.suffix == ".wav") for folder in (one, other)
    ]
    return names[0] == names[1] and filecmp.cmpfiles(one, other, names[0], shallow=False)[1:] == ([], [])


def cores(denoiser: Denoiser, top: Path, files: int, seconds: float) -> None:
    """`--jobs 2` beside `--jobs 1`, for many files and for an hour; and what two cores give at most."""
    rate_hz = denoiser.sample_rate_hz
    halves = [recordings(top / name, files // 2, seconds, rate_hz) for name in ("one half", "other half")]
    _cores(denoiser, f"{files} files", [recordings(top / "files", files, seconds, rate_hz)], halves, top)
    halves = [recordings(top / name, 1, 1800, rate_hz) for name in ("half an hour", "another")]
    _cores(denoiser, "one hour", [recordings(top / "hour", 1, 3600, rate_hz)], halves, top)


def _cores(denoiser: Denoiser, name: str, source: list[Path], halves: list[Path], top: Path) -> None:
    """Three ways in turns, of which the quickest counts: other work on the machine only ever adds."""
    ways: dict[str, Callable[[], float]] = {
        "--jobs 1": lambda: timed(lambda: denoise_files(denoiser, source, out=top / "1", jobs=1, force=True)),
        "--jobs 2": lambda: timed(lambda: denoise_files(denoiser, source, out=top / "2", jobs=2, force=True)),
        "two processes, each on a half": lambda: _apart(denoiser, halves, top),
    }
    walls = [{way: run() for way, run in ways.items()} for _ in range(TURNS)]
    best = {way: min(turn[way] for turn in walls) for way in ways}
    told = ", ".join(f"{way} {wall:.2f} s ({best['--jobs 1'] / wall:.2f})" for way, wall in best.items())
    typer.echo(f"{name}: {told}, the same bytes: {same(top / '1', top / '2')}")
    for jobs in "12":
        shutil.rmtree(top / jobs)


def _apart(denoiser: Denoiser, halves: list[Path], top: Path) -> float:
    """Wall time of processes of one core that have nothing to do with each other, from when all are ready."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(len(halves) + 1)
    workers = [
        context.Process(target=_alone, args=(denoiser, half, top / f"{half.name} out", gate))
        for half in halves
    ]
    for worker in workers:
        worker.start()
    gate.wait()
    wall = timed(gate.wait)
    for worker in workers:
        worker.join()
    return wall


def _alone(denoiser: Denoiser, source: Path, out: Path, gate: Any) -> None:
    gate.wait()
    denoise_files(denoiser, [source], out=out, jobs=1, force=True)
    gate.wait()


def on_ray(denoiser: Denoiser, top: Path, files: int, seconds: float) -> None:
    """Two workers of Ray beside one, without the seconds that Ray takes to start."""
    source, walls = recordings(top / "in", files, seconds, denoiser.sample_rate_hz), []
    for workers in (1, 2):
        begun = time.perf_counter()
        with connected(cores=workers):
            started = time.perf_counter() - begun
            denoise_on_ray(
                denoiser, [recordings(top / f"warm{workers}", 2 * workers, 1, denoiser.sample_rate_hz)]
            )
            walls.append(timed(lambda n=workers: denoise_on_ray(denoiser, [source], out=top / f"{n}")))
        typer.echo(f"{workers} workers: {walls[-1]:.2f} s; Ray took {started:.1f} s to start")
    typer.echo(f"{walls[0] / walls[1]:.2f} times as fast, the same bytes: {same(top / '1', top / '2')}")


def workers_now() -> list[int]:
    """Processes that work on a recording of this run: children of a child of this process."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            title = (process / "cmdline").read_text().strip("\0")
            if title.startswith("ray::denoise_job") and _parent(_parent(int(process.name))) == os.getpid():
                found.append(int(process.name))
        except (OSError, ValueError):
            continue
    return found


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def killed(denoiser: Denoiser, top: Path, files: int, seconds: float) -> None:
    """Kill a worker (-9) in the middle, five times at random."""
    source, out = recordings(top / "in", files, seconds, denoiser.sample_rate_hz), top / "out"
    denoise_files(denoiser, [source], out=top / "alone")
    kills: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while len(kills) < KILLS and not over.is_set():
            time.sleep(random.uniform(0.3, 1.5))
            if now := workers_now():
                kills.append(random.choice(now))
                os.kill(kills[-1], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    report = denoise_on_ray(denoiser, [source], out=out, jobs=2)
    over.set()
    thread.join()
    done = [line["path"] for line in lines(out) if line.get("status") == "done"]
    left = [file.name for file in out.iterdir() if file.name.startswith(".")]
    typer.echo(
        f"{len(kills)} workers killed, {len(report.written)} of {files} written, "
        f"{len(report.failures)} failed, done twice: {len(done) - len(set(done))}, half-written: {left}, "
        f"as a run left alone: {same(out, top / 'alone')}"
    )


def lines(out: Path) -> list[dict[str, object]]:
    """The whole lines of a manifest."""
    text = (out / "manifest.jsonl").read_text() if (out / "manifest.jsonl").exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def driver(denoiser: Denoiser, top: Path, files: int, seconds: float) -> None:
    """Kill the driver (-9) in the middle and give the same command again."""
    source, out = recordings(top / "in", files, seconds, denoiser.sample_rate_hz), top / "out"
    denoise_files(denoiser, [source], out=top / "alone")
    command = [
        sys.executable,
        "-m",
        "dan",
        "denoise",
        denoiser.info.name,
        str(source),
        "-o",
        str(out),
        "--ray",
    ]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while sum(line.get("status") == "done" for line in lines(out)) < files // 3:
        time.sleep(0.05)
    first.kill()
    first.wait()
    time.sleep(3)  # what is left of its workers ends
    before = {file.name: file.stat().st_mtime_ns for file in out.glob("*.wav") if file.name[0] != "."}
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    after = {file.name: file.stat().st_mtime_ns for file in out.glob("*.wav")}
    twice = sum(after[name] != then for name, then in before.items())
    typer.echo(
        f"{len(before)} of {files} were there when the driver was killed, {twice} of them computed again; "
        f"exit code {again.returncode}, {len(after)} there, as a run left alone: {same(out, top / 'alone')}"
    )
    typer.echo(again.stderr.strip().splitlines()[-1])


def stub(_model: list[object], _order: Order, job: RecordingTask) -> RecordingResult:
    """Do nothing, in the place of `denoise_job`."""
    return RecordingResult(FileResult(job.source, Written(job.target, 0, 1.0)))


def many(denoiser: Denoiser, top: Path, files: int, seconds: float) -> None:
    """What a file costs beside the work on it: links to one recording, and workers that do nothing."""
    (kept,) = recordings(top / "kept", 1, seconds, denoiser.sample_rate_hz).iterdir()
    (top / "in").mkdir()
    for number in range(files):
        (top / "in" / f"{number:06}.wav").symlink_to(kept)
    dan.cluster.denoise.denoise_job = stub  # type: ignore[assignment]
    with connected(cores=2):
        before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        wall = timed(lambda: denoise_on_ray(denoiser, [top / "in"], out=top / "out"))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    typer.echo(
        f"{files} files: {1e3 * wall / files:.2f} ms a file, driver {peak_mb:.0f} MB at most "
        f"({before_mb:.0f} MB before)"
    )


PARTS = {"cores": cores, "ray": on_ray, "killed": killed, "driver": driver, "many": many}


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--model", default="speech-16k")
    said = parser.parse_args()
    with TemporaryDirectory(prefix="dan-") as folder:
        PARTS[said.part](load(said.model), Path(folder), said.files, said.seconds)


if __name__ == "__main__":
    main()
