"""`dan train` in several processes: stopped together, resumed by any number of them, and what breaks is said.

The processes are started with the variables that `torchrun` sets, as Slurm's and other launchers do.
"""

import os
import signal
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from dan.cli.main import app
from dan.config.load import dump_recipe
from dan.training.run_folder import Run

HANGS_AFTER_S = 240
SPECTRAL = {"kind": "spectral", "band_hz": [0, 32], "residual_channels": 3, "hidden_channels": 4}
WITHOUT_BATCH_NORM = {
    "generator": SPECTRAL | {"dilations": [1]},
    "discriminator": {"kind": "spectral", "fft_sizes": [16]},
    "losses.weights.l1": 1.0,
    "losses.weights.adversarial": 0.1,
    "data.validation_count": 5,
    "training.ema_decay": 0.5,
}
"""In single precision, Adam makes of the rounding of a gradient of 0 before a batch normalisation a step."""

pytestmark = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="this torch has no gloo",
)


def started(*arguments, count=2):
    """So many processes of one command; their stderr goes to pipes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    line = [sys.executable, "-m", "dan", "train", *map(str, arguments)]
    return [
        subprocess.Popen(
            line,
            env=os.environ | shared | {"RANK": str(rank), "DAN_PROGRESS": "json"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]


def ended(processes):
    """Codes, and what they said: of each stdout and stderr."""
    try:
        message = [process.communicate(timeout=HANGS_AFTER_S) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], message


def under_way(process):
    """Wait until a process has trained a step."""
    assert any('"Training"' in line for line in process.stderr)


@pytest.fixture
def recipe_file(tmp_path, tiny):
    """Writes a tiny recipe with some values changed."""

    def write(changes):
        file = tmp_path / "recipe.toml"
        file.write_text(dump_recipe(tiny(WITHOUT_BATCH_NORM | changes)), encoding="utf-8")
        return file

    return write


def test_processes_die_stop_and_go_on_to_the_weights_of_a_training_left_alone(recipe_file, tmp_path):
    recipe, run = recipe_file({"training.epochs": 4, "training.steps_per_epoch": 40}), tmp_path / "run"
    two = started(recipe, "--out", run)
    under_way(two[0])
    two[1].kill()
    codes, message = ended(two)
    assert codes == [1, -signal.SIGKILL]
    assert "has ended" in message[0][1] and "Traceback" not in message[0][1]
    two = started(recipe, "--out", run)
    under_way(two[0])
    two[1].send_signal(signal.SIGTERM)  # one of them is enough
    codes, message = ended(two)
    assert codes == [143, 143]
    assert "the same command resumes" in message[0][1]
    assert message[1] == ("", "")  # the first one speaks
    result = CliRunner().invoke(app, ["train", str(recipe), "--out", str(run)])
    assert result.exit_code == 0, result.output
    CliRunner().invoke(app, ["train", str(recipe), "--out", str(tmp_path / "alone")])
    stopped, alone = (load_file(Run(folder).checkpoint) for folder in (run, tmp_path / "alone"))
    for name, value in alone.items():
        torch.testing.assert_close(stopped[name], value, rtol=0, atol=1e-5)
    assert [record["epoch"] for record in Run(run).read_history()] == [1, 2, 3, 4]
