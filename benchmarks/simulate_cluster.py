"""Simulates an archive on a cluster of up to 1,000 nodes, and names what stops it from growing.

    python -m benchmarks.simulate_cluster docs/benchmarks/scale.json [--page docs/scale.md]

Each file passes the driver, which hands it out; a core, which reads, denoises and writes it; and the storage
that all nodes share, once each way. Driver and storage serve one after the other, first come first served.
What a file costs was measured (`benchmarks.measure_cluster`); cores, storage and network are assumed.
"""

from __future__ import annotations

import argparse
import heapq
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import typer

NODES = (1, 10, 30, 100, 300, 1000)
CORES = 16
"""Cores of a node."""
STORAGE_BYTES_S = 10e9
"""Bandwidth of the shared storage, of a parallel file system or an object store."""
NODE_BYTES_S = 1.25e9
"""Bandwidth of a node, 10 Gbit/s."""
BYTES_PER_AUDIO_S = 32000
"""16 bits at 16 kHz."""
CORE_HOUR_USD = 0.04
"""About what a cloud takes for an hour of a core."""
IN_FLIGHT = 2
"""Files handed out for each core."""
FILES_PER_CORE = 12
GOOD = 0.9
"""Share of what so many single nodes would do, under which a cluster has outgrown something."""
BEGIN, END = "<!-- simulation: made by benchmarks/simulate_cluster.py -->", "<!-- simulation ends -->"


@dataclass(frozen=True)
class Costs:
    """What one file costs, in seconds of each station."""

    driver_s: float
    storage_s: float
    """Of one way."""
    core_s: float


@dataclass(frozen=True)
class Run:
    """What a cluster came to."""

    files_s: float
    """Files a second, between a quarter and three quarters of the files."""
    busy: dict[str, float]
    """Share of that time in which each station served."""


def costs(measured: dict[str, float], seconds: float) -> Costs:
    """Return the costs of a file of so many seconds; a node's own network counts as work of the core."""
    size = BYTES_PER_AUDIO_S * seconds
    work_s = measured["work_s_per_file"] + measured["work_s_per_audio_s"] * seconds
    return Costs(measured["driver_s_per_file"], size / STORAGE_BYTES_S, work_s + 2 * size / NODE_BYTES_S)


def simulate(nodes: int, cost: Costs) -> Run:
    """Run a cluster, event by event: handed out, read, denoised, written."""
    cores = nodes * CORES
    files = FILES_PER_CORE * cores
    free, ready, left, done = cores, deque[int](), files, list[float]()
    driver = storage = 0.0
    events: list[tuple[float, int, str]] = []
    order = count()

    def at(time: float, what: str) -> None:
        heapq.heappush(events, (time, next(order), what))

    def hand_out(now: float) -> None:
        nonlocal driver, left
        if left:
            left -= 1
            driver = max(driver, now) + cost.driver_s
            at(driver, "arrives")

    def pass_storage(now: float, then: str) -> None:
        nonlocal storage
        storage = max(storage, now) + cost.storage_s
        at(storage, then)

    for _ in range(IN_FLIGHT * cores):
        hand_out(0.0)
    while events:
        now, number, what = heapq.heappop(events)
        if what == "read":
            at(now + cost.core_s, "denoised")
        elif what == "denoised":
            pass_storage(now, "written")
        else:
            if what == "arrives":
                ready.append(number)
            else:
                free += 1
                done.append(now)
                hand_out(now)
            while free and ready:
                ready.popleft()
                free -= 1
                pass_storage(now, "read")
    rate = (files // 2) / (done[3 * files // 4 - 1] - done[files // 4 - 1])
    busy = {"driver": cost.driver_s, "storage": 2 * cost.storage_s, "cores": cost.core_s / cores}
    return Run(rate, {name: rate * seconds for name, seconds in busy.items()})


def outgrown(cost: Costs, one: Run, *, most: int) -> int | None:
    """Return the least number of nodes that do less than they should; None up to the most."""

    def is_good(nodes: int) -> bool:
        return simulate(nodes, cost).files_s >= GOOD * nodes * one.files_s

    if is_good(most):
        return None
    low, high = 1, most
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        low, high = (middle, high) if is_good(middle) else (low, middle)
    return high


def render(measured: dict[str, float]) -> str:
    """Return the tables and what they say, in Markdown."""
    return "\n".join(lines(measured)) + "\n"


def lines(measured: dict[str, float]) -> Iterator[str]:
    """Yield the page, line by line."""
    second_ms, file_ms, driver_ms = (
        f"{1e3 * measured[key]:.1f} ms"
        for key in ("work_s_per_audio_s", "work_s_per_file", "driver_s_per_file")
    )
    core_s = 3600 * measured["work_s_per_audio_s"]
    price = 1e6 * CORE_HOUR_USD * core_s / 3600
    yield (
        f"An hour of audio takes {core_s:.1f} s of a core ({measured['model']}, 16 kHz), and at "
        f"{CORE_HOUR_USD} USD for a core's hour {price:.0f} millionths of a USD."
    )
    yield ""
    yield (
        f"Measured: {second_ms} of a core for a second of audio, {file_ms} for a file of any length, and "
        f"{driver_ms} of the driver for a file. Assumed: {CORES} cores a node, storage of "
        f"{STORAGE_BYTES_S / 1e9:g} GB/s that all share, {8 * NODE_BYTES_S / 1e9:g} Gbit/s a node, 16 bits a "
        "sample. Hours are those of audio that are done in an hour."
    )
    for seconds, words in ((30.0, "Files of 30 s"), (3600.0, "Files of an hour")):
        yield from _table(measured, seconds, words)
    together = NODES[-1] * measured["model_bytes"] / NODE_BYTES_S
    yield ""
    yield (
        f"The model has {measured['model_bytes'] / 1e6:.2f} MB and goes to each node once: even one after "
        f"the other, {NODES[-1]:,} nodes have it within {together:.2f} s."
    )


def _table(measured: dict[str, float], seconds: float, words: str) -> Iterator[str]:
    cost = costs(measured, seconds)
    one = simulate(1, cost)
    yield from ("", f"| {words}: nodes | hours in an hour | of ideal | driver | storage | cores |")
    yield "| --: | --: | --: | --: | --: | --: |"
    last = one
    for nodes in NODES:
        last = simulate(nodes, cost)
        hours, ideal = last.files_s * seconds, last.files_s / (nodes * one.files_s)
        shares = " | ".join(f"{share:.0%}" for share in last.busy.values())
        yield f"| {nodes:,} | {hours:,.0f} | {ideal:.0%} | {shares} |"
    yield ""
    yield _verdict(words, cost, one, last)


def _verdict(words: str, cost: Costs, one: Run, last: Run) -> str:
    nodes = outgrown(cost, one, most=NODES[-1])
    if nodes is None:
        nearest = max(("driver", "storage"), key=lambda name: last.busy[name])
        return f"{words}: no bottleneck up to {NODES[-1]:,} nodes; the nearest is the {nearest}."
    run = simulate(nodes, cost)
    first = max(("driver", "storage"), key=lambda name: run.busy[name])
    return f"{words}: the first bottleneck is the {first}, from {nodes} nodes on."


def replaced(page: str, made: str) -> str:
    """Return the page with the simulation's part made anew."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{made}{END}{rest.partition(END)[2]}"


def main() -> None:
    """Simulate, and print or write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measured", type=Path)
    parser.add_argument("--page", type=Path, help="write it into this page as well")
    said = parser.parse_args()
    made = render(json.loads(said.measured.read_text(encoding="utf-8")))
    typer.echo(made)
    if said.page:
        said.page.write_text(replaced(said.page.read_text(encoding="utf-8"), made), encoding="utf-8")


if __name__ == "__main__":
    main()
