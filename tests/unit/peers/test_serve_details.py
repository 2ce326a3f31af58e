"""Serve's answer turned into the domain's words."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from eagleray.domain.facts.patience import Patience
from eagleray.domain.facts.serve import AppStatus, DeploymentStatus, ReplicaState, ServeState
from eagleray.peers.serve_details import (
    MOST_APPLICATIONS,
    MOST_DEPLOYMENTS,
    MOST_REPLICAS,
    MOST_RESOURCES,
    parse_serve_details,
)
from eagleray.peers.shape import ShapeError

REPLICA = {
    "node_id": "6512",
    "node_ip": "10.0.0.9",
    "node_instance_id": "churn-default-0-w0-1",
    "replica_id": "l920zvom",
    "state": "RUNNING",
    "pid": 91,
    "start_time_s": 1795446872.5,
}
STARTING = {"replica_id": "yuac2zao", "state": "STARTING", "start_time_s": 1795446880.0}
CONFIG = {
    "name": "churn",
    "import_path": "a:b",
    "deployments": [{"name": "Model", "graceful_shutdown_timeout_s": 65.0}, {"name": "Gone"}],
}


def details(**deployment: Any) -> dict[str, Any]:
    model = {
        "name": "Model",
        "status": "HEALTHY",
        "status_trigger": "CONFIG_UPDATE_COMPLETED",
        "message": "",
        "target_num_replicas": 2,
        "replicas": [REPLICA, STARTING],
    }
    application = {
        "name": "churn",
        "status": "RUNNING",
        "message": "\x1b[36mfine\x1b[39m",
        "deployed_app_config": CONFIG,
        "deployments": {"Model": model | deployment},
        "deployment_topology": {"app_name": "churn", "nodes": {}, "ingress_deployment": "Model"},
    }
    return {"controller_info": {}, "proxies": {}, "applications": {"churn": application}}


def parse(answer: dict[str, Any]) -> ServeState:
    return parse_serve_details(json.dumps(answer).encode())


def test_application() -> None:
    state = parse(details())
    application = state.application("churn")
    assert application is not None
    assert (application.status, application.message) == (AppStatus.RUNNING, "fine")
    ingress = application.ingress()
    assert ingress is not None
    assert (ingress.name, ingress.target_num_replicas, ingress.failing) == ("Model", 2, False)
    running, starting = ingress.replicas
    assert (running.state, running.pod) == (ReplicaState.RUNNING, "churn-default-0-w0-1")
    assert (starting.state, starting.pod) == (ReplicaState.STARTING, "")
    assert state.occupied_pods() == {"churn-default-0-w0-1"}


def test_when_a_replica_was_begun() -> None:
    (running, _) = parse(details()).applications[0].deployments[0].replicas
    begun = datetime.fromtimestamp(1795446872.5, UTC)
    assert running.start_time == begun
    assert not running.started_before(begun, 0)
    assert running.started_before(datetime.fromtimestamp(1795446893, UTC), 20)
    assert not running.started_before(datetime.fromtimestamp(1795446892, UTC), 20)


def test_serve_was_not_started_yet() -> None:
    before: dict[str, Any] = {"controller_info": {}, "proxies": {}, "applications": {}, "target_capacity": None}
    assert parse(before) == ServeState()


def test_while_serve_builds_there_is_no_ingress() -> None:
    answer = details()
    answer["applications"]["churn"] |= {
        "deployments": {},
        "deployment_topology": None,
        "deployed_app_config": None,
    }
    application = parse(answer).applications[0]
    assert application.ingress() is None
    assert application.deployments == ()


@pytest.mark.parametrize(
    ("deployment", "failing"),
    [
        ({"status": "UPDATING"}, False),
        ({"status": "UPDATING", "message": "Deployment 'Model' has 1 replicas that have taken more than 30s"}, False),
        ({"status": "UPDATING", "message": "A replica failed to start with exception. Retrying 2 more"}, True),
        ({"status": "UNHEALTHY"}, True),
        ({"status": "DEPLOY_FAILED"}, True),
        ({"status": "UPDATING", "status_trigger": "REPLICA_STARTUP_FAILED"}, True),
    ],
)
def test_failing(deployment: dict[str, Any], failing: bool) -> None:  # noqa: FBT001 -- a column of the table
    assert parse(details(**deployment)).applications[0].deployments[0].failing is failing


def test_how_long_serve_waits_and_who_said_so() -> None:
    config = {"name": "Model", "graceful_shutdown_timeout_s": 65.0, "health_check_timeout_s": 30}
    found = details(deployment_config=config, required_resources={"CPU": 0.5, "memory": 2**29})
    (model,) = parse(found).applications[0].deployments
    assert model.patience == Patience(65.0, 30.0)
    assert model.told == Patience(65.0, None)
    assert model.needs == {"CPU": 0.5, "memory": 2**29}
    (silent,) = parse(details()).applications[0].deployments
    assert (silent.patience, silent.needs) == (Patience(), {})


def test_states_of_a_newer_ray_are_unknown() -> None:
    answer = details(status="PONDERING")
    answer["applications"]["churn"]["status"] = "PONDERING"
    application = parse(answer).applications[0]
    assert application.status is AppStatus.UNKNOWN
    assert application.deployments[0].status is DeploymentStatus.UNKNOWN


APPLICATION = details()["applications"]["churn"]


@pytest.mark.parametrize(
    "answer",
    [
        {"applications": {str(n): APPLICATION for n in range(MOST_APPLICATIONS + 1)}},
        {"applications": {"churn": APPLICATION | {"deployments": {str(n): {} for n in range(MOST_DEPLOYMENTS + 1)}}}},
        details(replicas=[REPLICA] * (MOST_REPLICAS + 1)),
        details(replicas=[REPLICA | {"start_time_s": 1e30}]),
        details(replicas=[REPLICA | {"start_time_s": "1"}]),
        details(target_num_replicas=2.5),
        details(required_resources={"CPU": -1}),
        details(required_resources={str(n): 1 for n in range(MOST_RESOURCES + 1)}),
        details(deployment_config={"graceful_shutdown_timeout_s": "long"}),
        {"applications": [APPLICATION]},
        {"applications": {"churn": {}}},
    ],
    ids=[
        "applications",
        "deployments",
        "replicas",
        "late",
        "text",
        "half",
        "negative",
        "many",
        "words",
        "array",
        "nothing",
    ],
)
def test_what_serve_never_says_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(ShapeError):
        parse(answer)


def test_of_a_long_message_the_beginning_and_the_end_stay() -> None:
    message = "The deployment failed to start 3 times\n" + "  File x\n" * 10_000 + "ValueError: no weights"
    (deployment,) = parse(details(message=message)).applications[0].deployments
    assert len(deployment.message) < 20_000
    assert deployment.message.startswith("The deployment failed")
    assert deployment.message.endswith("ValueError: no weights")
