"""How busy the GPUs of a replica's Pod are."""

from typing import ClassVar

from eagleray.domain.facts.ray_nodes import NodeUse
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.version.scaling.metrics.use import PodUse


class Gpu(PodUse):
    """The mean over the Pod's GPUs in percent."""

    type: ClassVar[str] = "GPU"

    def percent(self, use: NodeUse, group: WorkerGroup) -> float | str:  # noqa: ARG002 -- one for all
        """Of those that tell."""
        if not use.gpus:
            return "Ray tells no use of a GPU; a share of one (MIG) has none"
        return sum(use.gpus) / len(use.gpus)
