from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from eagleray.api.conditions import Reason
from eagleray.domain.facts.pod_health import pod_problem
from eagleray.domain.facts.pods import Container, Pod, Role

POD = Pod("p", "u", "r", Role.WORKER, 1, 0, "Running", datetime(2026, 1, 1, tzinfo=UTC), ip="10.0.0.1", started=True)
FETCH = '{"reason": "ChecksumMismatch", "message": "sha256 of pvc://m/1 is aa, not bb"}'


def ended(**fields: Any) -> dict[str, Any]:
    return {"phase": "Failed", "containers": (Container(**{"name": "ray", "reason": "Error", **fields}),)}


@pytest.mark.parametrize(
    ("fields", "reason", "said"),
    [
        ({"unschedulable": "0/3 nodes: Insufficient cpu"}, Reason.UNSCHEDULABLE, "0/3 nodes: Insufficient cpu"),
        ({"containers": (Container("ray", ("ImagePullBackOff", "no x:1")),)}, Reason.IMAGE_PULL_FAILED, "no x:1"),
        ({"containers": (Container("ray", ("ErrImagePull", "denied")),)}, Reason.IMAGE_PULL_FAILED, "spec.image"),
        (
            {"containers": (Container("ray", ("CreateContainerConfigError", 'secret "s" not found')),)},
            Reason.CONTAINER_CONFIG_ERROR,
            'secret "s" not found',
        ),
        (ended(exit_code=137, reason="OOMKilled"), Reason.OUT_OF_MEMORY, "raise spec.resources memory"),
        (ended(exit_code=1, message="a\n\x1b[31mboom\x1b[0m\n\n"), Reason.CONTAINER_CRASHED, "exit code 1: boom"),
        (ended(exit_code=1, name="fetch", message=FETCH), Reason.CHECKSUM_MISMATCH, "sha256 of pvc://m/1"),
        (ended(exit_code=1, name="fetch", message="no JSON"), Reason.CONTAINER_CRASHED, "no JSON"),
        ({"phase": "Failed", "reason": "Evicted: node was low on memory"}, Reason.POD_FAILED, "Evicted"),
        ({"phase": "Failed"}, Reason.CONTAINER_CRASHED, "left no reason"),
        (
            {"containers": (Container("ray", ("ContainerCreating", "")),), "warning": 'FailedMount: no "ca"\x1b[2J'},
            Reason.POD_NOT_STARTED,
            'does not start: FailedMount: no "ca"',
        ),
    ],
)
def test_a_problem_is_named(fields: dict[str, Any], reason: Reason, said: str) -> None:
    problem = pod_problem(replace(POD, **fields))
    assert problem is not None
    assert problem.reason is reason
    assert said in problem.message
    assert "p" in problem.message.split()[1] or reason is Reason.CHECKSUM_MISMATCH


@pytest.mark.parametrize(
    ("fields", "unstarted"),
    [
        ({}, True),
        ({"containers": (Container("ray", ("ContainerCreating", "")),)}, True),
        ({"scheduled": False}, False),
        ({"deleting": True}, False),
        ({"started": True}, False),
        ({"containers": (Container("fetch", running=True), Container("ray", ("PodInitializing", "")))}, False),
        ({"containers": (Container("fetch", exit_code=0, ended=True), Container("ray"))}, False),
    ],
)
def test_a_pod_has_not_started_while_it_has_a_node_and_no_container_has(
    fields: dict[str, Any], *, unstarted: bool
) -> None:
    assert replace(POD, **{"started": False, "scheduled": True, **fields}).unstarted is unstarted


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"phase": "Succeeded"},
        {"containers": (Container("ray", ("ContainerCreating", "")),)},
        {"containers": (Container("fetch", exit_code=0, reason="Completed"),)},
    ],
)
def test_a_pod_that_is_well_has_none(fields: dict[str, Any]) -> None:
    assert pod_problem(replace(POD, **fields)) is None
