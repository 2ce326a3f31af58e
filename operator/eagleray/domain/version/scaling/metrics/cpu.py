"""CPU that a replica uses."""

from typing import ClassVar

from eagleray.api.units import parse_quantity
from eagleray.domain.facts.ray_nodes import NodeUse
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.version.scaling.metrics.use import PodUse


class Cpu(PodUse):
    """CPU in percent of what is requested."""

    type: ClassVar[str] = "CPU"

    def percent(self, use: NodeUse, group: WorkerGroup) -> float | str:
        """Of the request of all replicas of the Pod."""
        request = ((group.resources and group.resources.requests) or {}).get("cpu")
        cores = float(parse_quantity(request)) * group.replicas_per_pod if request is not None else 0.0
        return 100 * use.cores / cores if cores else "write resources.requests.cpu"
