"""Reads Serve's `ServeInstanceDetails` (`serve/schema.py`, Ray 2.60) into the domain's words."""

from collections.abc import Mapping
from typing import Any, Final

from eagleray.domain.facts.patience import UNKNOWN, Patience
from eagleray.domain.facts.serve import (
    Application,
    AppStatus,
    DeploymentStatus,
    Replica,
    ReplicaState,
    ServeDeployment,
    ServeState,
)
from eagleray.domain.facts.serve_failures import RETRYING
from eagleray.peers.shape import items, loads, mapping, moment, number, text, whole, word

MOST_APPLICATIONS: Final = 64
MOST_DEPLOYMENTS: Final = 256
MOST_REPLICAS: Final = 4096
MOST_RESOURCES: Final = 64
# Of a traceback, the beginning tells what failed, and the end why.
_MOST_MESSAGE: Final = 16 * 1024
_BEGINNING: Final = 1024
# What made a deployment the way it is, where that is a failure (`DeploymentStatusTrigger`).
_FAILURES: Final = {"REPLICA_STARTUP_FAILED", "DEPLOYMENT_ACTOR_FAILED", "HEALTH_CHECK_FAILED", "INTERNAL_ERROR"}
_FAILED: Final = {DeploymentStatus.UNHEALTHY, DeploymentStatus.DEPLOY_FAILED}


def parse_serve_details(body: bytes) -> ServeState:
    """Read the answer of `GET /api/serve/applications/`; a state of a newer Ray becomes `UNKNOWN`.

    Raises:
        ShapeError: it is not Serve's, or has more of anything than Serve has.
    """
    details = mapping(loads(body), "it")
    applications = mapping(details.get("applications") or {}, "applications", MOST_APPLICATIONS)
    return ServeState(tuple(_application(mapping(a, "application")) for a in applications.values()))


def _application(app: Mapping[str, Any]) -> Application:
    topology = mapping(app.get("deployment_topology") or {}, "deployment_topology")
    ingress = text(topology.get("ingress_deployment") or "", "ingress_deployment")
    deployments = mapping(app.get("deployments") or {}, "deployments", MOST_DEPLOYMENTS)
    told = _told(mapping(app.get("deployed_app_config") or {}, "deployed_app_config"))
    return Application(
        name=text(app.get("name"), "application.name"),
        status=word(AppStatus, app.get("status"), "application.status"),
        message=_message(app.get("message")),
        deployments=tuple(_deployment(mapping(d, "deployment"), ingress, told) for d in deployments.values()),
    )


def _told(config: Mapping[str, Any]) -> dict[str, Patience]:
    """What the last PUT said of deployments, by their names."""
    given = items(config.get("deployments") or [], "deployed_app_config.deployments", MOST_DEPLOYMENTS)
    deployments = [mapping(d, "deployed_app_config.deployment") for d in given]
    return {text(d.get("name"), "deployed_app_config.deployment.name"): _patience(d) for d in deployments}


def _patience(options: Mapping[str, Any]) -> Patience:
    shutdown, health = (options.get(name) for name in ("graceful_shutdown_timeout_s", "health_check_timeout_s"))
    return Patience(
        None if shutdown is None else number(shutdown, "graceful_shutdown_timeout_s"),
        None if health is None else number(health, "health_check_timeout_s"),
    )


def _deployment(deployment: Mapping[str, Any], ingress: str, told: Mapping[str, Patience]) -> ServeDeployment:
    name = text(deployment.get("name"), "deployment.name")
    status = word(DeploymentStatus, deployment.get("status"), "deployment.status")
    message = _message(deployment.get("message"))
    trigger = text(deployment.get("status_trigger") or "", "deployment.status_trigger")
    return ServeDeployment(
        name=name,
        status=status,
        message=message,
        target_num_replicas=whole(deployment.get("target_num_replicas") or 0, "deployment.target_num_replicas"),
        is_ingress=name == ingress,
        replicas=tuple(
            _replica(mapping(r, "replica"))
            for r in items(deployment.get("replicas") or [], "deployment.replicas", MOST_REPLICAS)
        ),
        failing=status in _FAILED or trigger in _FAILURES or message.startswith(RETRYING),
        needs={
            text(resource, "deployment.required_resources"): number(amount, "deployment.required_resources")
            for resource, amount in mapping(
                deployment.get("required_resources") or {}, "deployment.required_resources", MOST_RESOURCES
            ).items()
        },
        patience=_patience(mapping(deployment.get("deployment_config") or {}, "deployment.deployment_config")),
        told=told.get(name, UNKNOWN),
    )


def _replica(replica: Mapping[str, Any]) -> Replica:
    return Replica(
        replica_id=text(replica.get("replica_id"), "replica.replica_id"),
        state=word(ReplicaState, replica.get("state"), "replica.state"),
        pod=text(replica.get("node_instance_id") or "", "replica.node_instance_id"),
        start_time=moment(replica.get("start_time_s"), "replica.start_time_s"),
    )


def _message(value: object) -> str:
    if isinstance(value, str) and len(value) > _MOST_MESSAGE:
        value = f"{value[:_BEGINNING]}\n…\n{value[_BEGINNING - _MOST_MESSAGE :]}"
    return text(value or "", "message", _MOST_MESSAGE + _BEGINNING)
