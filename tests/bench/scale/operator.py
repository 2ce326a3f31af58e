"""The operator of this checkout as a process, and what it costs."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp

from bench.scale.audit import Audit, Counted
from bench.scale.control_plane import OPERATOR, ControlPlane
from bench.scale.processes import Running, free_ports, running

NAMESPACE = "eagleray-system"
QUIET_SECONDS = 60.0
_RECONCILES = "controller_runtime_reconcile_total"


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operator needs in a minute in which nothing happens.

    Attributes:
        cpu: share of one core, in percent.
        memory: MiB at the end.
        requests: to the API server.
    """

    cpu: float
    memory: float
    requests: Counted


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator that runs.

    Attributes:
        program: its process.
        metrics_port: of its metrics.
    """

    program: Running
    metrics_port: int

    async def looks(self) -> int:
        """How many looks it has ended; 0 where it does not tell yet."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.metrics_port}/metrics") as response,
            ):
                text = await response.text()
        except aiohttp.ClientError:
            return 0
        return int(sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(_RECONCILES)))


@contextmanager
def operator(plane: ControlPlane) -> Iterator[Operator]:
    """The operator as the chart starts it, until the context ends."""
    metrics, health = free_ports(2)
    environment = {
        "KUBECONFIG": str(plane.access(OPERATOR).kubeconfig(plane.folder / "operator.kubeconfig")),
        "EAGLERAY_NAMESPACE": NAMESPACE,
        "EAGLERAY_POD_NAME": OPERATOR,
        "EAGLERAY_METRICS_PORT": str(metrics),
        "EAGLERAY_HEALTH_PORT": str(health),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    words = [sys.executable, "-c", "from eagleray.cli.main import app; app()", "operator"]
    with running(words, plane.folder / "operator.log", environment) as program:
        yield Operator(program, metrics)


async def cost(program: Running, audit: Audit) -> Cost:
    """What an operator needs in the next `QUIET_SECONDS`."""
    audit.since_last()
    before = program.cpu_seconds()
    await asyncio.sleep(QUIET_SECONDS)
    used = program.cpu_seconds() - before
    return Cost(100 * used / QUIET_SECONDS, program.memory_mib(), audit.since_last())
