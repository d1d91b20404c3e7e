"""The simulated cluster: its limits are those that can be worked out, and the page says what it printed."""

import json
from pathlib import Path

import pytest
import simulate_cluster
from simulate_cluster import CORES, Costs, outgrown, render, replaced, simulate

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("cost", "nodes", "files_s"),
    [
        (Costs(driver_s=1e-6, storage_s=1e-6, core_s=1.0), 3, 3 * CORES),
        (Costs(driver_s=0.1, storage_s=1e-6, core_s=1.0), 3, 10),
        (Costs(driver_s=1e-6, storage_s=0.05, core_s=1.0), 3, 10),
    ],
)
def test_the_slowest_station_sets_the_rate(cost, nodes, files_s):
    run = simulate(nodes, cost)
    assert run.files_s == pytest.approx(files_s, rel=0.05)
    assert max(run.busy.values()) == pytest.approx(1, rel=0.05)


def test_a_cluster_is_outgrown_where_its_cores_ask_for_more_than_the_driver_gives():
    cost = Costs(driver_s=1 / (20 * CORES), storage_s=1e-9, core_s=1.0)  # enough for 20 nodes
    assert outgrown(cost, simulate(1, cost), most=100) == pytest.approx(20 / simulate_cluster.GOOD, abs=2)
    assert outgrown(cost, simulate(1, cost), most=10) is None


def test_the_page_says_what_the_simulation_prints():
    page = (DOCS / "scale.md").read_text(encoding="utf-8")
    measured = json.loads((DOCS / "benchmarks" / "scale.json").read_text(encoding="utf-8"))
    assert replaced(page, render(measured)) == page
