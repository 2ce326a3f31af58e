"""What is said of replicas that take long to start."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eagleray.api.template import VersionTemplate
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.facts.serve import DeploymentStatus, Replica, ReplicaState, ServeDeployment
from eagleray.domain.goals.revision import Revision
from eagleray.domain.revision.ray_cluster import RayCluster
from eagleray.domain.revision.slow_start import slow_start, slow_wakes

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEGUN = NOW - timedelta(seconds=30)


def revision(**template: Any) -> Revision:
    read = VersionTemplate.model_validate({"app": {"importPath": "a:b"}, **template})
    return Revision("m-default-1", "m", "ns", "default", read, "image")


def cluster(pods: int, group: str = "app") -> RayCluster:
    workers = tuple(
        Pod(f"w{n}", "u", "m-default-1", Role.WORKER, 0, n, "Running", NOW, group=group) for n in range(pods)
    )
    return RayCluster(0, None, workers, (), workers)


def deployment(name: str, needs: Mapping[str, float], pod: str = "", target: int = 1) -> ServeDeployment:
    replica = Replica("x7", ReplicaState.STARTING, pod, BEGUN)
    return ServeDeployment(name, DeploymentStatus.UPDATING, "", target, replicas=(replica,), needs=needs)


CPU = {"CPU": 1.0}
MIB = 2**20


@pytest.mark.parametrize(
    ("template", "pods", "deployments", "said"),
    [
        ({}, 1, [deployment("Back", CPU, pod="w0")], "its constructor has not returned in Pod w0"),
        (
            {"resources": {"requests": {"cpu": "250m"}}},
            1,
            [deployment("Back", CPU), deployment("Front", CPU)],
            "each replica: 1 CPU; all replicas of what shares its Pods ask for 2 CPU, and Ray has 1 CPU on 1 Pod:",
        ),
        (
            {},
            2,
            [deployment("Back", {"CPU": 0.5}, target=5), deployment("Front", CPU)],
            "ask for 3.5 CPU, and Ray has 2 CPU on 2 Pods",
        ),
        ({}, 1, [deployment("Back", {"CPU": 0.5}), deployment("Front", {"CPU": 0.5})], "or no node has room for it"),
        ({}, 1, [deployment("Back", {"memory": 768 * MIB})], "ask for 768Mi memory, and Ray has 512Mi memory on 1 Pod"),
        ({}, 1, [deployment("Back", {"GPU": 1})], "Ray has 0 GPU on 1 Pod: raise the GPUs of resources.limits"),
        ({}, 1, [deployment("Back", {"licence": 1})], "no Pod has licence; leave it out of ray_actor_options"),
        ({}, 0, [deployment("Back", CPU)], "or no node has room for it"),
    ],
)
def test_what_holds_a_replica_up(
    template: dict[str, Any], pods: int, deployments: list[ServeDeployment], said: str
) -> None:
    problem = slow_start(deployments, revision(**template), cluster(pods), NOW)
    assert problem is not None
    assert problem.message.startswith("replica x7 of Back has been starting since 11:59:30 UTC: ")
    assert said in problem.message


def test_deployments_with_pods_of_their_own_are_counted_apart() -> None:
    named = revision(app={"importPath": "a:b", "deployments": [{"name": "Back"}, {"name": "Front"}]})
    problem = slow_start([deployment("Back", CPU), deployment("Front", CPU)], named, cluster(1, "Back"), NOW)
    assert problem is not None
    assert "or no node has room for it" in problem.message


def test_it_is_said_after_twenty_seconds() -> None:
    back, begun = deployment("Back", CPU), BEGUN + timedelta(seconds=20)
    assert slow_start([back], revision(), cluster(1), begun) is None
    assert [wake.at for wake in slow_wakes([back], begun)] == [begun]
    assert slow_start([back], revision(), cluster(1), begun + timedelta(seconds=1)) is not None
