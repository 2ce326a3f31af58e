from typing import Any

import pytest

from eagleray.cli.pods import read_pod
from unit.cli.objects import OLD, pod


def container(ready: bool = False, restarts: int = 0, **state: Any) -> dict[str, Any]:  # noqa: FBT001, FBT002
    return {"ready": ready, "restartCount": restarts, "state": state}


WAITING = container(waiting={"reason": "CrashLoopBackOff"})
INITIALIZING = container(waiting={"reason": "PodInitializing"})
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({}, "Running"),
        ({"phase": "Pending", "containerStatuses": []}, "Pending"),
        ({"phase": "Pending", "containerStatuses": [], "conditions": [UNSCHEDULABLE]}, "Unschedulable"),
        ({"containerStatuses": [WAITING]}, "CrashLoopBackOff"),
        ({"containerStatuses": [container(terminated={"exitCode": 137, "reason": "OOMKilled"})]}, "OOMKilled"),
        ({"containerStatuses": [container(terminated={"exitCode": 3})]}, "ExitCode:3"),
        ({"containerStatuses": [container(terminated={"exitCode": 0})], "phase": "Succeeded"}, "Succeeded"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"initContainerStatuses": [WAITING], "containerStatuses": [INITIALIZING]}, "Init:CrashLoopBackOff"),
        ({"initContainerStatuses": [container(running={})], "containerStatuses": [INITIALIZING]}, "Running"),
    ],
)
def test_status_is_one_word(status: dict[str, Any], word: str) -> None:
    assert read_pod(pod("x", "worker", OLD, **status)).status == word


def test_a_pod_that_goes_is_terminating() -> None:
    manifest = pod("x", "worker", OLD)
    manifest["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    assert read_pod(manifest).status == "Terminating"


def test_counts() -> None:
    status = [container(ready=True, restarts=2, running={}), container(restarts=1, running={})]
    manifest = pod("x", "worker", OLD, containerStatuses=status)
    manifest["spec"] = {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}
    read = read_pod(manifest)
    assert (read.ready, read.containers, read.restarts, read.node) == (1, 3, 3, "")


def test_a_router_pod_is_of_no_revision() -> None:
    read = read_pod(pod("x", "router"))
    assert (read.role, read.version, read.revision) == ("router", "", "")
