"""Many trainings on a cluster: what comes of each is what comes of it here."""

import pytest
from safetensors.numpy import load_file

from dan.data.recordings_source import Folders
from dan.training.run_folder import Run
from dan.workflows.plan import Training
from dan.workflows.train_many import train_one

pytest.importorskip("ray", reason="the extra [cluster] is not installed")

from dan.cluster.session import LOCAL
from dan.cluster.train_many import train_many


def test_trainings_on_a_cluster_are_those_of_this_machine(tmp_path, tiny):
    (tmp_path / "empty").mkdir()

    def training(name, where, **options):
        shares = {"cores": 0.5, "gpus": 0.0, "max_minutes": None, "force": False}
        out = tmp_path / where / name
        return Training(name, tiny(), out, **{"folders": Folders(), **shares, **options})

    plan = [
        training("one", "cluster"),
        training("empty", "cluster", folders=Folders(clean=tmp_path / "empty")),
        training("two", "cluster"),
    ]
    done = {trained.name: trained for trained in train_many(plan, address=LOCAL, cores=1)}
    states = {name: trained.state for name, trained in done.items()}
    assert states == {"one": "finished", "two": "finished", "empty": "failed"}
    assert "it holds no recordings" in done["empty"].error
    here = train_one(training("one", "here"))
    weights, others = (load_file(Run(trained.folder).model) for trained in (done["one"], here))
    assert all((others[name] == value).all() for name, value in weights.items())
    without_seconds = [
        [record | {"seconds": 0} for record in Run(trained.folder).read_history()]
        for trained in (done["one"], here)
    ]
    assert without_seconds[0] == without_seconds[1]
