"""Where peers are asked."""

from dataclasses import dataclass

from eagleray.domain.facts.ports import HEAD_DASHBOARD, HEAD_GCS, PROGRESS, RAYLET
from eagleray.domain.facts.router_layout import HTTP_PORT, OPS_PORT, WARMUP_PORT
from eagleray.resources.pod import METRICS_PORT


@dataclass(frozen=True, slots=True)
class RayHead:
    """A Ray head.

    Attributes:
        ip: its Pod's address, as the API server names it.
        token: the cluster's token.
    """

    ip: str
    token: str


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the processes of Pods listen; the defaults are those of Pods of ours.

    Attributes:
        dashboard: a head's REST API.
        gcs: a head's GCS.
        raylet: a node's raylet.
        metrics: a node's agent.
        progress: what tells how far it is.
        ops: a router's own.
        http: a router's, for requests of users.
        warmup: a router's, for the operator's own where users must say who they are.
    """

    dashboard: int = HEAD_DASHBOARD
    gcs: int = HEAD_GCS
    raylet: int = RAYLET
    metrics: int = METRICS_PORT
    progress: int = PROGRESS
    ops: int = OPS_PORT
    http: int = HTTP_PORT
    warmup: int = WARMUP_PORT
