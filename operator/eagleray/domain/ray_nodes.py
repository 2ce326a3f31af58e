"""Nodes of a Ray cluster as its GCS reports them."""

from dataclasses import dataclass
from enum import StrEnum


class NodeStatus(StrEnum):
    """State of a Ray node (`NodeStatus` in `autoscaler.proto`)."""

    UNSPECIFIED = "UNSPECIFIED"
    RUNNING = "RUNNING"
    DEAD = "DEAD"
    IDLE = "IDLE"
    DRAINING = "DRAINING"


@dataclass(frozen=True, slots=True)
class NodeState:
    """One Ray node.

    Attributes:
        pod: the Pod that it runs in (RAY_CLOUD_INSTANCE_ID).
        node_id: Ray's id of it.
        status: what it does.
    """

    pod: str
    node_id: bytes
    status: NodeStatus
