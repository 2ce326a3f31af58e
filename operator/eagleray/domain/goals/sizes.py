"""What a replica needs, and what of it Ray knows."""

import math
from dataclasses import dataclass
from decimal import Decimal

from eagleray.api.placement import GPUS, Resources
from eagleray.api.units import format_bytes, format_quantity, parse_quantity
from eagleray.domain.goals.groups import WorkerGroup

DEFAULT_CPU = Decimal("0.5")
DEFAULT_MEMORY = Decimal(512 * 1024 * 1024)


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

    def amounts(self, replicas: int) -> dict[str, float]:
        """What so many of them take, or a Pod for so many has, by Ray's name of the resource."""
        return {"CPU": self.cpus * replicas, "GPU": float(self.gpus * replicas), "memory": self.memory * replicas}


def replica_size(group: WorkerGroup) -> ReplicaSize:
    """Size a replica of `group`: requests, else limits, else defaults."""
    requests, limits = requests_of(group), limits_of(group)
    cpu = parse_quantity(requests["cpu"])
    gpus = sum((parse_quantity(limits.get(name, "0")) for name in GPUS), Decimal())
    memory = int(parse_quantity(requests["memory"]))
    return ReplicaSize(cpus=max(1, math.ceil(cpu)), gpus=gpus, memory=memory)


def requests_of(group: WorkerGroup) -> Resources:
    """What is requested for a replica, with what Kubernetes or Ray must be told where spec says nothing."""
    resources = group.resources
    requests = dict((resources and resources.requests) or {})
    defaults = {"cpu": format_quantity(DEFAULT_CPU), "memory": format_bytes(DEFAULT_MEMORY)}
    # A device is requested where it is limited; Kubernetes wants both alike.
    return defaults | limits_of(group) | requests


def limits_of(group: WorkerGroup) -> Resources:
    """What a replica is limited to; of devices, what is requested."""
    resources = group.resources
    limits = dict((resources and resources.limits) or {})
    requests = dict((resources and resources.requests) or {})
    devices = {name: value for name, value in requests.items() if "/" in name}
    return devices | limits
