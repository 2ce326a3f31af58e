"""Nodes of a Ray cluster as its GCS reports them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class NodeUse:
    """What the replicas on one worker Pod use and do.

    Attributes:
        cores: CPU cores that they use.
        gpus: how busy each of the Pod's GPUs is, in percent; of those that tell.
        ongoing: by Serve deployment, requests that its replicas here work on.
        queued: by Serve deployment, requests that wait here for a replica of it, wherever that is.
    """

    cores: float = 0.0
    gpus: tuple[float, ...] = ()
    ongoing: Mapping[str, float] = field(default_factory=dict)
    queued: Mapping[str, float] = field(default_factory=dict)
