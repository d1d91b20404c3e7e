"""Many trainings on a cluster: what comes of each is what comes of it here."""

import os
import signal
import sys
from types import SimpleNamespace

import pytest
from safetensors.numpy import load_file

from dan.data.recordings_source import Folders
from dan.training.run_folder import Run
from dan.workflows.plan import PlannedTraining
from dan.workflows.train_many import train_one

pytest.importorskip("ray", reason="the extra [cluster] is not installed")

from dan.cluster import train_many as cluster
from dan.cluster.session import LOCAL, connected


@pytest.fixture(scope="module")
def local():
    """A cluster of one core, which all trainings of this module share."""
    with connected(LOCAL, cores=1):
        yield


@pytest.fixture
def training(tmp_path, tiny):
    def planned(name, where, **options):
        shares = {"cores": 1.0, "gpus": 0.0, "max_minutes": None, "force": False}
        return PlannedTraining(
            name, tiny(), tmp_path / where / name, **{"folders": Folders(), **shares, **options}
        )

    return planned


def weights_and_history(trained):
    run = Run(trained.folder)
    return load_file(run.model), [record | {"seconds": 0} for record in run.read_history()]


def check_same(one, other):
    (weights, history), (others, other_history) = weights_and_history(one), weights_and_history(other)
    assert all((others[name] == value).all() for name, value in weights.items())
    assert history == other_history


def test_trainings_on_a_cluster_are_those_of_this_machine(local, tmp_path, training):
    (tmp_path / "empty").mkdir()
    plan = [
        training("one", "cluster"),
        training("empty", "cluster", folders=Folders(clean=tmp_path / "empty")),
        training("two", "cluster"),
    ]
    done = {trained.name: trained for trained in cluster.train_many(plan, address=LOCAL)}
    states = {name: trained.state for name, trained in done.items()}
    assert states == {"one": "finished", "two": "finished", "empty": "failed"}
    assert "it holds no recordings" in done["empty"].error
    check_same(done["one"], train_one(training("one", "here")))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_that_is_killed_is_started_again_once_and_then_told(local, tmp_path, training, monkeypatch):
    def dying(training):
        """Train, but die (-9) as soon as there is a checkpoint after a validation."""
        import dan.workflows.train as session

        save = session.save_checkpoint

        def save_and_die(path, state):
            save(path, state)
            if state.history:
                (tmp_path / f"died {len([*tmp_path.glob('died*')])}").touch()
                os.kill(os.getpid(), signal.SIGKILL)

        session.save_checkpoint = save_and_die
        return train_one(training)

    monkeypatch.setattr(cluster, "train_one", dying)
    plan = [training("one", "cluster")]
    (trained,) = cluster.train_many(plan, address=LOCAL)
    assert trained.state == "failed" and len([*tmp_path.glob("died*")]) == 2
    assert "its process was lost (WorkerCrashedError" in trained.error
    resumed = train_one(plan[0])
    assert resumed.state == "finished"
    check_same(resumed, train_one(training("one", "here")))


def test_a_training_takes_its_share_of_cores_and_gpus(training):
    chosen = {}
    remote = SimpleNamespace(
        options=lambda **given: chosen.update(given) or SimpleNamespace(remote=lambda one: one)
    )
    planned = training("one", "x", cores=0.5, gpus=0.25)
    assert cluster._submitted(remote, planned) is planned
    assert chosen == {"num_cpus": 0.5, "num_gpus": 0.25, "max_retries": 1, "name": "one"}
