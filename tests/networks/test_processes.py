"""Several processes make of a batch what one process makes of it, in every network and every loss.

Run by `torchrun` with a file's name, this module trains the cases and leaves their weights there.
"""

import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dan.config.load import check_recipe
from dan.core.errors import DanError
from dan.data.batches import Batch
from dan.losses import RECONSTRUCTION
from dan.networks import processes
from dan.networks.factory import build_generator
from dan.training.loop import training_step
from dan.training.state import new_state

STEPS, BATCH, RATE_HZ = 3, 4, 4000
HANGS_AFTER_S = 240

SPECTRAL = {"kind": "spectral", "band_hz": [0, 2000], "residual_channels": 3, "hidden_channels": 4}
GENERATORS = {
    "classic": {"kind": "classic", "encoder_channels": 2, "decoder_channels": 3, "kernel_size": 8},
    "spectral": SPECTRAL | {"dilations": [1, 2]},
    "causal": {"kind": "causal", "residual_channels": 6, "hidden_channels": 5, "level_frames": 9},
    "recurrent": {"kind": "recurrent", "filters": 4, "hidden_channels": 5, "bands": 6, "depth": 1},
}
DISCRIMINATORS = {
    "classic": {"kind": "classic", "kernel_size": 8, "hidden_units": 3},
    "spectral": {"kind": "spectral", "fft_sizes": [16, 32]},
    "conditional": {"kind": "conditional", "fft_sizes": [16, 32], "depth": 2},
}
ADVERSARIAL = {"l1": 3.0, "adversarial": 2.0, "feature_matching": 1.0}
CASES = (
    {f"loss {name}": {"losses": {"weights": {"l1": 0.1} | {name: 1.0}}} for name in RECONSTRUCTION}
    | {f"generator {name}": {"generator": settings} for name, settings in GENERATORS.items()}
    | {
        f"discriminator {name}": {"discriminator": settings, "losses": {"weights": ADVERSARIAL}}
        for name, settings in DISCRIMINATORS.items()
    }
    | {
        "average and clipping": {
            "training": {"batch_size": BATCH, "ema_decay": 0.9},
            "generator_optimiser": {"max_grad_norm": 0.1, "muon_learning_rate": 0.01},
            "generator": GENERATORS["spectral"],
        },
        "balance": {
            "discriminator": DISCRIMINATORS["conditional"],
            "losses": {"weights": ADVERSARIAL, "adversarial_balance": "gradient"},
        },
        "replay": {"generator": GENERATORS["recurrent"], "fine_tuning": {"replay_weight": 1.0}},
    }
)


def recipe(case):
    """A recipe whose signals have 800 samples, enough for envelopes and critical bands."""
    base = {
        "name": "case",
        "summary": "of a test",
        "signal": {"sample_rate_hz": RATE_HZ, "duration_s": 0.2},
        "generator": GENERATORS["classic"],
        "losses": {"n_fft": 32},
        "training": {"batch_size": BATCH},
    }
    changes = {key: base.get(key, {}) | value for key, value in CASES[case].items() if key == "losses"}
    return check_recipe(base | CASES[case] | changes, name="case")


def batches():
    """Batches in double precision, in which the order of a sum does not matter to Adam."""
    random = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        clean = torch.randn(BATCH, 1, RATE_HZ // 5, generator=random, dtype=torch.float64)
        clean *= torch.tensor([1.0, 0.1, 3.0, 0.5])[:, None, None]  # signals count unlike each other
        noise = torch.randn(clean.shape, generator=random, dtype=torch.float64)
        yield Batch(noisy=clean + 0.3 * noise, clean=clean)


def trained(case):
    """Weights, running statistics and losses after a few steps."""
    settings = recipe(case)
    start = build_generator(settings.generator, settings.signal) if case == "replay" else None
    torch.manual_seed(1)
    state = new_state(settings, start=start)
    networks = {"generator": state.generator, "discriminator": state.discriminator, "average": state.average}
    networks = {name: network for name, network in networks.items() if network is not None}
    for network in [*networks.values(), *([state.teacher] if state.teacher else [])]:
        network.double()
    found = {}
    for batch in batches():
        losses = training_step(state, batch)
        found |= {
            f"{name} at step {state.step}": torch.tensor(loss, dtype=torch.float64)
            for name, loss in losses.items()
        }
        state.step += 1
    for name, network in networks.items():
        found |= {f"{name}.{key}": tensor for key, tensor in network.state_dict().items()}
    return found


def main(out):
    """Train every case in this process and the others, and leave what came of it."""
    with processes.joined("cpu"):
        found = {case: trained(case) for case in CASES}
        with pytest.raises(DanError, match=r"batch_size=3.*Start as many processes as one of 1, 3"):
            processes.part(torch.zeros(3, 1, 8))
        with pytest.raises(DanError, match="signals of 2 processes: it is not the same"):
            processes.check_alike(recipe="one", signals=processes.rank())
        assert processes.largest(5 * processes.rank()) == 5
        whole = np.arange(6, dtype=np.float32).reshape(3, 2)
        own = whole[processes.stretch(3)]
        assert np.array_equal(processes.gathered(own, total=3), whole)
    assert not {thread for thread in threads() if "gloo" in thread}  # one that outlives Python aborts it
    if processes.launched()[0] == 0:
        torch.save(found, out)


def threads():
    """Names of this process's threads, where the system tells them."""
    return {file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")}


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    """What two processes came to."""
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("this torch has no gloo")
    out = tmp_path_factory.mktemp("two") / "found.pt"
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*line, __file__, str(out)], check=True, timeout=HANGS_AFTER_S)
    return torch.load(out, weights_only=True)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_come_to_the_weights_of_one(case, of_two):
    one = trained(case)
    assert one.keys() == of_two[case].keys()
    for name, value in one.items():
        # Adam makes steps of rounding where a gradient is nothing else; accuracies are in single precision.
        torch.testing.assert_close(
            of_two[case][name], value, rtol=1e-6, atol=1e-6, msg=lambda m, n=name: n + m
        )


def test_the_error_of_a_process_that_has_gone_does_not_hold_the_group(monkeypatch):
    groups = []

    def gone(*_):
        group = nn.Identity()
        groups.append(weakref.ref(group))
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(processes, "_are_several", lambda: True)
    monkeypatch.setattr(torch.distributed, "all_reduce", gone)
    with pytest.raises(DanError, match="Connection closed by peer") as caught:
        processes.largest(1)
    assert caught.value.__cause__ is not None
    assert groups[0]() is None


if __name__ == "__main__":
    main(sys.argv[1])
