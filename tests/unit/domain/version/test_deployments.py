"""Applications whose deployments have Pods of their own, in the small world."""

from dataclasses import replace
from typing import Any

import pytest

from eagleray.domain.actions.actions import SetReplicas
from eagleray.domain.facts.ports import CALLS_FIRST, replica_ports
from eagleray.domain.facts.ray_nodes import NodeUse
from unit.domain.world import World

FRONT = {"name": "Front"}
SCORER = {"name": "Scorer", "replicas": 3, "workers": {"replicasPerPod": 2}}
SCALED = {"name": "Scorer", "autoscaling": {"maxReplicas": 6, "metrics": [{"type": "OngoingRequests", "target": 2}]}}


def pipeline(*deployments: dict[str, Any], number: int = 1, **spec: Any) -> World:
    """A settled world of an application whose first deployment answers requests."""
    world = World(app=app(*deployments, number=number), **spec)
    world.ingress = "Front"
    world.run(40)
    return world


def app(*deployments: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"importPath": "a:b", "args": {"n": number}, "deployments": list(deployments)}


def groups(world: World, revision: str = "") -> dict[str, int]:
    """Worker Pods by worker group."""
    found: dict[str, int] = {}
    for pod in world.workers():
        if pod.revision.startswith(revision):
            found[pod.group] = found.get(pod.group, 0) + 1
    return found


def busy(world: World, requests: float) -> None:
    """So many requests are inside the scorer from now on, a half of them waiting at the front."""
    scorers = [p.name for p in world.workers() if p.group == "Scorer"]
    world.use = {p.name: NodeUse(queued={"Scorer": requests / 2}) for p in world.workers() if p.group == "Front"}
    world.use |= {name: NodeUse(ongoing={"Scorer": requests / 2 / len(scorers)}) for name in scorers}


def follow(world: World, requests: float, seconds: int) -> None:
    for _ in range(seconds):
        busy(world, requests)
        world.step()


def test_each_has_its_own_number_and_its_own_pods() -> None:
    world = pipeline(FRONT, SCORER, replicas=2)
    assert groups(world) == {"Front": 2, "Scorer": 2}
    assert len(world.placed("Scorer")) == 3
    assert world.condition("Ready")[0] == "True"
    assert (world.status.replicas, world.status.ready_replicas, world.status.ready) == (2, 2, "2/2")


def test_the_router_is_told_whether_it_serves_a_model() -> None:
    model, application = World(), pipeline(FRONT)
    model.run(3)
    assert [world.router and world.router.model for world in (model, application)] == [True, False]


def test_the_number_of_one_makes_no_new_revision_and_leaves_the_others_alone() -> None:
    world = pipeline(FRONT, SCORER)
    world.set(app=app(FRONT, SCORER | {"replicas": 6}))
    world.run(30)
    assert groups(world) == {"Front": 1, "Scorer": 3}
    world.set(app=app(FRONT, SCORER | {"replicas": 1}))
    world.run(30)
    assert groups(world) == {"Front": 1, "Scorer": 1}
    assert len(world.revisions) == 1


def test_kubectl_scale_is_for_those_without_a_number() -> None:
    world = pipeline(FRONT, SCORER)
    world.set(replicas=3)
    world.run(30)
    assert groups(world) == {"Front": 3, "Scorer": 2}
    world.set(replicas=0)
    world.run(40)
    assert groups(world) == {}


def test_it_is_ready_when_every_one_of_them_is() -> None:
    world = World(app=app(FRONT, SCORER))
    world.ingress = "Front"
    for _ in range(40):
        world.step()
        if world.condition("Ready")[0] == "True":
            break
    assert len(world.placed("Scorer")) == 3


def test_a_lost_pod_of_one_group_is_replaced_in_that_group() -> None:
    world = pipeline(FRONT, SCORER)
    world.kill(next(p.name for p in world.workers() if p.group == "Scorer"))
    world.run(20)
    assert groups(world) == {"Front": 1, "Scorer": 2}
    assert len(world.placed("Scorer")) == 3


def test_one_that_spec_leaves_out_is_named() -> None:
    world = pipeline(FRONT, SCORER)
    world.unnamed = ("Cache",)
    world.run(3)
    assert world.condition("Degraded") == ("True", "DeploymentNotNamed")
    assert world.condition("Ready")[0] == "True"


@pytest.mark.parametrize(("requests", "replicas"), [(2, 1), (6, 3), (100, 6)])
def test_one_is_scaled_by_the_requests_inside_it(requests: float, replicas: int) -> None:
    world = pipeline(FRONT, SCALED)
    follow(world, requests, 60)
    assert groups(world) == {"Front": 1, "Scorer": replicas}
    (record,) = world.status.scaling
    assert (record.deployment, record.desired) == ("Scorer", replicas)


def test_without_the_figures_of_its_callers_it_never_shrinks() -> None:
    world = pipeline(FRONT, SCALED)
    follow(world, 8, 60)
    world.use = {name: NodeUse() for name in world.use if "Scorer" in name}
    world.run(600)
    assert groups(world)["Scorer"] == 4
    assert world.condition("ScalingActive") == ("False", "FailedGetMetric")


def test_a_new_revision_begins_with_what_the_old_one_has() -> None:
    world = pipeline(FRONT, SCALED)
    follow(world, 8, 60)
    world.set(app=app(FRONT, SCALED, number=2))
    follow(world, 8, 30)
    assert len(world.revisions) == 2
    stable = world.status.versions[0].stable or ""
    assert world.revisions[stable].template.app is not None
    assert groups(world, stable) == {"Front": 1, "Scorer": 4}


def test_a_candidate_has_its_share_of_every_group() -> None:
    world = pipeline(FRONT, SCORER | {"replicas": 4}, replicas=4, rollout={"steps": [{"setWeight": 50}, {"pause": {}}]})
    old = world.status.versions[0].stable or ""
    world.set(app=app(FRONT, SCORER | {"replicas": 4}, number=2))
    world.run(40)
    new = next(name for name in world.revisions if name != old)
    assert (groups(world, old), groups(world, new)) == ({"Front": 4, "Scorer": 2}, {"Front": 2, "Scorer": 1})


def test_one_without_room_is_not_complete_and_the_others_go_on() -> None:
    world = pipeline(FRONT, SCORER)
    before = set(world.pods)
    world.set(app=app(FRONT, SCORER | {"replicas": 5}))
    world.step()
    for name in set(world.pods) - before:
        waits: dict[str, Any] = {"phase": "Pending", "started": False, "ready": False, "unschedulable": "no room"}
        world.pods[name] = replace(world.pods[name], **waits)
    world.run(5)
    assert before <= set(world.pods)
    assert world.condition("Degraded") == ("True", "Unschedulable")
    assert world.condition("Ready")[0] == "True"
    assert not [v for v in world.history[-1].actions if isinstance(v, SetReplicas)]
    assert world.targets[world.heads()[0].name] == {"Front": 1, "Scorer": 4}


def test_a_version_that_leaves_keeps_what_its_load_asked_for() -> None:
    world = pipeline(FRONT, SCALED)
    follow(world, 8, 60)
    old = world.status.versions[0].stable or ""
    world.set(versions=[{"name": "new", "weight": 100}])
    for _ in range(6):
        busy(world, 8)
        world.step()
        assert groups(world, old)["Scorer"] == 4


def test_it_sleeps_and_wakes_as_a_whole() -> None:
    rules = {"maxReplicas": 2, "idle": {"after": "20s"}}
    world = pipeline(FRONT, SCALED, autoscaling=rules)
    follow(world, 0, 90)
    assert groups(world) == {}
    assert world.condition("Ready") == ("True", "Idle")
    world.traffic.rate = 1.0
    world.run(40)
    assert not world.traffic.failed
    assert groups(world) == {"Front": 1, "Scorer": 1}


def test_routers_ask_replicas_of_a_grpc_service_at_the_ports_where_they_take_calls() -> None:
    world = World(app={"importPath": "a:b", "grpcServicers": ["a_pb2_grpc:add_A_to_server"]})
    world.run(40)
    assert world.router is not None
    (target,) = world.router.targets
    assert (target.calls, target.ports) == (True, replica_ports(1, CALLS_FIRST))
    assert max(replica_ports(64)) < CALLS_FIRST
