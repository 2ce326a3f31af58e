"""Reads Serve's `ServeInstanceDetails` (`serve/schema.py`, Ray 2.60) into the domain's words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from eagleray.domain.ray_cluster.serve import (
    Application,
    AppStatus,
    Deployment,
    DeploymentStatus,
    Replica,
    ReplicaState,
    ServeState,
)
from eagleray.domain.ray_cluster.serve_failures import RETRYING
from eagleray.domain.status.text import strip_ansi

_S = TypeVar("_S", bound=StrEnum)
# What made a deployment the way it is, where that is a failure (`DeploymentStatusTrigger`).
_FAILURES = {"REPLICA_STARTUP_FAILED", "DEPLOYMENT_ACTOR_FAILED", "HEALTH_CHECK_FAILED", "INTERNAL_ERROR"}
_FAILED = {DeploymentStatus.UNHEALTHY, DeploymentStatus.DEPLOY_FAILED}


def parse_serve_details(details: Mapping[str, Any]) -> ServeState:
    """Read the answer of `GET /api/serve/applications/`; a state of a newer Ray becomes `UNKNOWN`."""
    return ServeState(tuple(_application(a) for a in (details.get("applications") or {}).values()))


def _application(app: Mapping[str, Any]) -> Application:
    topology = app.get("deployment_topology") or {}
    ingress = topology.get("ingress_deployment") or ""
    return Application(
        name=app["name"],
        status=_enum(AppStatus, app["status"]),
        message=strip_ansi(app.get("message") or ""),
        deployments=tuple(_deployment(d, ingress) for d in (app.get("deployments") or {}).values()),
        deployed_config=app.get("deployed_app_config") or {},
    )


def _deployment(deployment: Mapping[str, Any], ingress: str) -> Deployment:
    status = _enum(DeploymentStatus, deployment["status"])
    message = strip_ansi(deployment.get("message") or "")
    failing = status in _FAILED or deployment.get("status_trigger") in _FAILURES or message.startswith(RETRYING)
    return Deployment(
        name=deployment["name"],
        status=status,
        message=message,
        target_num_replicas=deployment.get("target_num_replicas") or 0,
        is_ingress=deployment["name"] == ingress,
        replicas=tuple(_replica(r) for r in deployment.get("replicas") or ()),
        failing=failing,
    )


def _replica(replica: Mapping[str, Any]) -> Replica:
    return Replica(
        replica_id=replica["replica_id"],
        state=_enum(ReplicaState, replica["state"]),
        pod=replica.get("node_instance_id") or "",
        start_time=datetime.fromtimestamp(replica["start_time_s"], UTC),
    )


def _enum(kind: type[_S], value: str) -> _S:
    return kind(value) if value in kind.__members__ else kind("UNKNOWN")
