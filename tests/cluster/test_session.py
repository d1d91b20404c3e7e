"""A session on Ray that does not begin: what is said is true of the place."""

import sys

import pytest

from dan.cluster.session import LOCAL, connected
from dan.core.errors import DanError

pytest.importorskip("ray", reason="pip install 'dan-denoiser[cluster]'")


def test_a_machine_whose_python_may_not_be_run_is_not_told_to_start_a_cluster(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.touch()
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(DanError, match=r"starts on this machine.*denied") as reported, connected(LOCAL):
        pytest.fail("a cluster has started")
    assert "Leave --ray out" in str(reported.value) and "ray start" not in str(reported.value)
