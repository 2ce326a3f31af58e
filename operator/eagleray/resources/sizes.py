"""What a worker Pod needs for its replicas, and for Ray beside them."""

from dataclasses import dataclass, replace
from decimal import Decimal

from eagleray.api.units import format_bytes, format_quantity, parse_quantity
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.goals.sizes import limits_of, requests_of

_MIB = 1024 * 1024
DISK = "ephemeral-storage"
POD_DISK = "1Gi"
"""What a Ray Pod asks of its node's disk where nothing is said: Ray's logs, and a small model."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """What a Pod needs beside its replicas.

    Attributes:
        cpu: CPUs that are requested.
        cpu_limit: CPUs on top of a limit: it also throttles the start of Ray, which has several CPU seconds to do.
        memory: bytes.
    """

    cpu: Decimal
    cpu_limit: Decimal
    memory: Decimal


# Raylet and its two agents, measured at 240 MiB without any replica, and an object store that was touched.
WORKER_OVERHEAD = Overhead(Decimal("0.05"), Decimal("0.5"), Decimal(320 * _MIB))
# A head and a worker in one, and Ray Data: what leads has 250 MiB, and so has each of its three helpers.
BATCH_OVERHEAD = Overhead(Decimal("0.25"), Decimal(1), Decimal(1536 * _MIB))


def pod_resources(
    group: WorkerGroup, more_memory: Decimal, overhead: Overhead = WORKER_OVERHEAD
) -> dict[str, dict[str, str]]:
    """Size a Pod of `group`, as a container's `resources`: its replicas and what Ray needs beside them.

    Args:
        group: the worker group.
        more_memory: bytes that are shared by its replicas.
        overhead: what Ray needs.
    """
    overhead = replace(overhead, memory=overhead.memory + more_memory)
    count = group.replicas_per_pod
    requests, limits = requests_of(group), limits_of(group)
    disk = {} if DISK in requests or DISK in limits else {DISK: POD_DISK}
    return {
        "requests": {name: _total(name, value, count, overhead.cpu, overhead) for name, value in requests.items()}
        | disk,
        "limits": {name: _total(name, value, count, overhead.cpu_limit, overhead) for name, value in limits.items()},
    }


def _total(name: str, value: str, count: int, cpus: Decimal, overhead: Overhead) -> str:
    amount = parse_quantity(value) * count
    if name == "cpu":
        return format_quantity(amount + cpus)
    if name == "memory":
        return format_bytes(amount + overhead.memory)
    return format_bytes(amount) if name == DISK else format_quantity(amount)
