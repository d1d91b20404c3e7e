"""Speed of one training in several processes, and of several trainings side by side, on this machine.

    python -m benchmarks.training_scale [--steps 15] [--json FILE]

The recordings are made here and are nothing worth hearing: only the time counts. A step's seconds are those
of the second epoch, start-up and first batches left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ, SECONDS, FILES = 8000, 10, 8
RECIPE, BATCH = "speech-8k", 24
WAYS = {"1 process, 1 thread": (1, 1), "1 process, 2 threads": (1, 2), "2 processes, 1 thread each": (2, 1)}


def main() -> None:
    """Measure, and print or write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=("processes", "many"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = write_recordings(Path(folder))
        found: dict[str, object] = {
            "recipe": RECIPE,
            "batch_size": BATCH,
            "cores": len(os.sched_getaffinity(0)),
        }
        if options.only != "many":
            found["seconds_per_step"] = {
                way: round(step_s(made, *shape, steps=options.steps), 4) for way, shape in WAYS.items()
            }
        if options.only != "processes":
            found["seconds_for_two_trainings"] = {
                f"--jobs {jobs}": round(many_s(made, jobs, steps=options.steps), 1) for jobs in (1, 2)
            }
    text = json.dumps(found, indent=2)
    print(text)  # noqa: T201
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


def write_recordings(folder: Path) -> Path:
    """Write clean recordings and noise."""
    random = np.random.default_rng(0)
    for kind in ("clean", "noise"):
        (folder / kind).mkdir()
        for number in range(FILES):
            signal = 0.1 * random.standard_normal(RATE_HZ * SECONDS)
            signal *= np.repeat(random.random(2 * SECONDS), RATE_HZ // 2)
            soundfile.write(folder / kind / f"{number}.wav", signal, RATE_HZ)
    return folder


def settings(steps: int) -> list[str]:
    """Return what makes the recipe a short one."""
    return ["training.epochs=2", f"training.steps_per_epoch={steps}", "data.validation_count=4"]


def step_s(made: Path, processes: int, threads: int, *, steps: int) -> float:
    """Return the seconds of a step in so many processes of so many threads."""
    out = made / f"run-{processes}-{threads}"
    folders = ["--clean", made / "clean", "--noise", made / "noise", "--out", out]
    overrides = [
        part for setting in [*settings(steps), f"training.batch_size={BATCH}"] for part in ("--set", setting)
    ]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes]
    line = [*(launcher if processes > 1 else []), "-m", "dan", "train", RECIPE, *folders, *overrides]
    run(line, threads)
    first, second = (json.loads(record) for record in (out / "history.jsonl").read_text().splitlines())
    return float((second["seconds"] - first["seconds"]) / steps)


def many_s(made: Path, jobs: int, *, steps: int) -> float:
    """Return the seconds that two trainings take, so many at once."""
    plan = made / "plan.toml"
    plan.write_text(
        f'recipe = "{RECIPE}"\nout = "many-{jobs}"\nclean = "clean"\nnoise = "noise"\n'
        f'set = {json.dumps(settings(steps))}\n[[train]]\nname = "a"\n[[train]]\nname = "b"\n'
    )
    started = time.perf_counter()
    run(["-m", "dan", "train-many", plan, "--jobs", jobs], 1)
    return time.perf_counter() - started


def run(line: list[object], threads: int) -> None:
    """Run a command of Python's in so many threads."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run([sys.executable, *map(str, line)], check=True, env=environment, capture_output=True)


if __name__ == "__main__":
    main()
