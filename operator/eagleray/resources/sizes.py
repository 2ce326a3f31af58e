"""What a replica needs, what a worker Pod needs for its replicas, and how Ray is told of it."""

import math
from dataclasses import dataclass
from decimal import Decimal

from eagleray.api.placement import GPUS, Resources
from eagleray.api.units import format_bytes, format_quantity, parse_quantity
from eagleray.domain.goals.groups import WorkerGroup

_MIB = 1024 * 1024
DEFAULT_CPU = Decimal("0.5")
DEFAULT_MEMORY = Decimal(512 * _MIB)


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


@dataclass(frozen=True, slots=True)
class ReplicaSize:
    """What one replica is in Ray's eyes.

    Attributes:
        cpus: Ray CPUs; whole, as a Ray node has only whole ones, and therefore not what the kernel enforces.
        gpus: GPUs; a share of one where replicas of a Pod share it.
        memory: bytes.
    """

    cpus: int
    gpus: Decimal
    memory: int


def replica_size(group: WorkerGroup) -> ReplicaSize:
    """Size a replica of `group`: requests, else limits, else defaults."""
    requests, limits = _requests(group), _limits(group)
    cpu = parse_quantity(requests["cpu"])
    gpus = sum((parse_quantity(limits.get(name, "0")) for name in GPUS), Decimal())
    memory = int(parse_quantity(requests["memory"]))
    return ReplicaSize(cpus=max(1, math.ceil(cpu)), gpus=gpus, memory=memory)


def pod_resources(group: WorkerGroup, overhead: Overhead = WORKER_OVERHEAD) -> dict[str, dict[str, str]]:
    """Size a Pod of `group`, as a container's `resources`: its replicas and what Ray needs beside them."""
    count = group.replicas_per_pod
    requests, limits = _requests(group), _limits(group)
    return {
        "requests": {name: _total(name, value, count, overhead.cpu, overhead) for name, value in requests.items()},
        "limits": {name: _total(name, value, count, overhead.cpu_limit, overhead) for name, value in limits.items()},
    }


def _total(name: str, value: str, count: int, cpus: Decimal, overhead: Overhead) -> str:
    amount = parse_quantity(value) * count
    if name == "cpu":
        return format_quantity(amount + cpus)
    if name == "memory":
        return format_bytes(amount + overhead.memory)
    return format_bytes(amount) if name == "ephemeral-storage" else format_quantity(amount)


def _requests(group: WorkerGroup) -> Resources:
    resources = group.resources
    requests = dict((resources and resources.requests) or {})
    limits = _limits(group)
    defaults = {"cpu": format_quantity(DEFAULT_CPU), "memory": format_bytes(DEFAULT_MEMORY)}
    # A device is requested where it is limited; Kubernetes wants both alike.
    return defaults | limits | requests


def _limits(group: WorkerGroup) -> Resources:
    resources = group.resources
    limits = dict((resources and resources.limits) or {})
    requests = dict((resources and resources.requests) or {})
    devices = {name: value for name, value in requests.items() if "/" in name}
    return devices | limits
