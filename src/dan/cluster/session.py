"""A session on Ray: a cluster on this machine, or one that is there already."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from dan.core.cores import usable_cores
from dan.core.errors import DanError
from dan.core.extras import require
from dan.core.stopping import SIGNALS

LOCAL = "local"
"""The address of a cluster that is started here for the work and ends with it."""
ADDRESS = re.compile(r"auto|local|ray://.+|[\w.-]+:\d+")
"""Pattern of an address of Ray: the cluster that this machine is part of, or one reached over the network."""
ANSWER_S = 10.0
"""Time for which an address is waited for."""
STORE_BYTES = 2**27
"""Size of a local cluster's object store: models pass through it, recordings do not."""


@contextmanager
def connected(address: str = LOCAL, *, cores: int | None = None) -> Iterator[Any]:
    """Yield `ray`, connected to a cluster; a session that the caller has opened is used, and left open.

    Nothing is sent to anybody, and no dashboard is opened. What Ray prints goes to stderr.

    Args:
        address: "local" for a cluster on this machine alone; "auto" for the one that this machine is part of;
            ``ray://HOST:PORT`` or ``HOST:PORT`` for another.
        cores: of a local cluster; None for all that this process may use.

    Raises:
        DanError: if Ray is not installed, or no cluster starts or answers.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray would warn of
    ray = require("ray", extra="cluster", what="--ray")
    if ray.is_initialized():
        yield ray
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        _open(ray, address, cores)
    finally:
        for number, handler in handlers.items():  # Ray sets its own
            signal.signal(number, handler)
    try:
        with redirect_stdout(sys.stderr):
            yield ray
    finally:
        ray.shutdown()


def _open(ray: Any, address: str, cores: int | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    local: dict[str, Any] = {
        "num_cpus": cores or usable_cores(), "include_dashboard": False, "object_store_memory": STORE_BYTES,
    }  # fmt: skip
    try:
        if place := re.fullmatch(
            r"(?:ray://)?([^/:]+):(\d+)", address
        ):  # Ray itself would try for many minutes
            socket.create_connection((place[1], int(place[2])), timeout=ANSWER_S).close()
        ray.init(address, **quiet, **(local if address == LOCAL else {}))
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        if address == LOCAL:
            way_out = "Leave --ray out: all cores of this machine are used without it too"
            raise DanError("--ray", f"no Ray cluster starts on this machine ({why})", way_out) from error
        raise DanError(
            f"--ray {address}",
            f"no Ray cluster answers there ({why})",
            "Start one with ray start --head, or give --ray alone for one on this machine",
        ) from error
