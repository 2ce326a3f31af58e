from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eagleray.domain.actions.actions import (
    CreateHead,
    DeletePod,
    EnsureRevision,
    EnsureRouter,
    PutApplication,
    SetReplicas,
)
from eagleray.domain.facts.pods import Container
from eagleray.domain.plan.pace import SETTLED_SECONDS
from unit.domain.world import START, World, model

DECLARATIVE = (EnsureRouter, EnsureRevision)


def settle(world: World) -> None:
    decision = world.run()
    assert [a for a in decision.actions if not isinstance(a, DECLARATIVE)] == []
    assert decision.polling.routers == SETTLED_SECONDS
    assert world.condition("Progressing") == ("False", "Settled")


def weights(world: World) -> dict[str, int]:
    assert world.router is not None
    shares = {t.revision: 0 for t in world.router.targets}
    for share in world.router.split:
        shares[share.revision] += share.slots
    return {revision: slots // 100 for revision, slots in shares.items()}


def test_a_new_object_comes_to_answer() -> None:
    world = World(replicas=3)
    last = world.step()
    assert [type(a).__name__ for a in world.history[0].actions] == ["EnsureRouter"], "its names may be taken"
    assert [type(a).__name__ for a in last.actions] == [
        "EnsureRouter", "EnsureRevision", "CreateHead", "CreateWorker", "CreateWorker", "CreateWorker",
    ]  # fmt: skip
    assert world.condition("Ready") == ("False", "HeadStarting")
    settle(world)
    assert world.condition("Ready") == ("True", "Answering")
    assert world.status.ready == "3/3"
    assert world.status.traffic == "default 100%"
    assert set(weights(world).values()) == {100}


def test_no_weight_before_the_first_answer() -> None:
    world = World()
    while not world.status.versions or world.status.versions[0].stable is None:
        world.step()
        if world.status.versions[0].stable is None:
            assert set(weights(world).values()) == {0}


def test_a_settled_object_is_left_alone() -> None:
    world = World(replicas=2)
    settle(world)
    before = world.writes
    world.run(120)
    assert world.writes == before


def test_the_application_is_deployed_once_and_scaled_afterwards() -> None:
    world = World(replicas=1)
    settle(world)
    world.set(replicas=3)
    settle(world)
    done = [a for p in world.history for a in p.actions]
    assert len([a for a in done if isinstance(a, PutApplication)]) == 1
    assert [a.replicas for a in done if isinstance(a, SetReplicas)] == [3]
    assert len(world.workers()) == 3


def test_scaling_down_takes_only_emptied_workers() -> None:
    world = World(replicas=4)
    settle(world)
    world.set(replicas=2)
    for _ in range(30):
        placed = {w for head in world.replicas.values() for w in head.values()}
        decision = world.step()
        assert not placed & {a.name for a in decision.actions if isinstance(a, DeletePod)}
    settle(world)
    assert len(world.workers()) == 2
    assert world.draining


def test_replicas_share_a_pod() -> None:
    world = World(replicas=5, workers={"replicasPerPod": 2})
    world.step()
    assert len(world.workers()) == 3


def test_a_killed_worker_is_replaced() -> None:
    world = World(replicas=2)
    settle(world)
    gone = world.workers()[0].name
    world.kill(gone)
    world.step()
    assert len(world.workers()) == 2
    settle(world)
    assert world.status.ready == "2/2"


def test_a_lost_head_is_replaced_while_the_old_workers_serve() -> None:
    world = World(replicas=2)
    settle(world)
    old = {w.name for w in world.workers()}
    revision = world.heads()[0].revision
    world.kill(world.heads()[0].name)
    for _ in range(40):
        decision = world.step()
        assert world.answering(revision) >= 2
        assert [a.incarnation for a in decision.actions if isinstance(a, CreateHead)] in ([], [2])
    assert old <= set(world.pods), "old workers stay until the longest request has had its time"
    settle(world)
    assert not old & set(world.pods)
    assert {p.incarnation for p in world.pods.values()} == {2}


def test_a_template_change_switches_only_when_every_replica_has_answered() -> None:
    world = World(replicas=2)
    settle(world)
    old = world.heads()[0].revision
    world.set(model=model("2"))
    while world.status.versions[0].candidate or world.status.versions[0].stable == old:
        world.step()
        current = weights(world)
        assert sum(current.values()) == 100
        winner = max(current, key=lambda r: current[r])
        assert world.answering(winner) == 2
    settle(world)
    assert {p.revision for p in world.pods.values()} == {world.status.versions[0].stable} != {old}
    assert set(world.services) == {world.status.versions[0].stable}


def test_a_broken_candidate_leaves_the_stable_revision_alone() -> None:
    world = World(replicas=2)
    settle(world)
    old = world.heads()[0].revision
    world.set(model=model("2"))
    world.step()
    candidate = world.status.versions[0].candidate
    assert candidate is not None
    world.broken.add(candidate)
    for name, pod in world.pods.items():
        if pod.revision == candidate:
            waiting = (Container("ray", waiting=("ImagePullBackOff", "no such image")),)
            world.pods[name] = replace(pod, phase="Pending", started=False, containers=waiting)
    world.run(30)
    assert weights(world)[old] == 100
    assert world.condition("Ready") == ("True", "Answering")
    assert world.condition("Degraded") == ("True", "ImagePullFailed")
    assert world.condition("Progressing")[0] == "True"


def test_a_to_b_to_a_ends_on_the_old_cluster() -> None:
    world = World(replicas=1)
    settle(world)
    before = set(world.pods)
    world.set(model=model("2"))
    world.run(3)
    world.set(model=model("1"))
    settle(world)
    assert set(world.pods) == before


def test_c_during_b_abandons_b() -> None:
    world = World(replicas=1)
    settle(world)
    world.set(model=model("2"))
    world.run(2)
    abandoned = world.status.versions[0].candidate
    world.set(model=model("3"))
    world.step()
    assert all(p.deleting for p in world.pods.values() if p.revision == abandoned) or abandoned not in world.services
    settle(world)
    assert len(world.services) == 1


def test_a_changed_number_of_replicas_is_no_new_revision() -> None:
    world = World(replicas=1)
    settle(world)
    world.set(replicas=2, requestTimeout="5s")
    settle(world)
    assert len({p.revision for p in world.pods.values()}) == 1
    assert world.router is not None
    assert world.router.request_timeout == 5


def test_what_clients_may_send_is_the_routers_matter_alone() -> None:
    world = World(replicas=1)
    settle(world)
    sizes = {"maxRequestBytes": 5, "maxHeaderBytes": 8192, "maxHeaders": 50}
    world.set(router={**sizes, "trustedHops": 1, "cors": {"allowOrigins": ["*"], "maxAge": "1h"}})
    settle(world)
    assert len({p.revision for p in world.pods.values()}) == 1
    assert world.router is not None
    assert (world.router.max_request_bytes, world.router.trusted_hops) == (5, 1)
    assert (world.router.max_header_bytes, world.router.max_headers) == (8192, 50)
    assert world.router.cors is not None
    assert (world.router.cors.origins, world.router.cors.max_age) == (("*",), 3600)


def test_a_failing_pod_is_replaced_with_growing_delays_and_its_reason_kept() -> None:
    world = World(replicas=1)
    settle(world)
    created = []
    for _ in range(200):
        for pod in world.workers():
            if pod.phase == "Running" and pod.live and pod.started and (world.now - pod.created_at).total_seconds() > 1:
                world.fail(pod.name, containers=(Container("ray", exit_code=1, reason="Error", message="x\nboom"),))
        created += [world.now for a in world.step().actions if type(a).__name__ == "CreateWorker"]
    gaps = [(b - a).total_seconds() for a, b in pairwise(created)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 30
    assert "boom" in world.status.revisions[0].failure.message  # type: ignore[union-attr]


def test_a_lost_worker_that_was_drained_is_no_failure() -> None:
    world = World(replicas=2)
    settle(world)
    world.set(replicas=1)
    world.step()
    world.step()
    empty = {w.name for w in world.workers()} - {w for h in world.replicas.values() for _, w in h.values()}
    for name in empty:
        world.fail(name, containers=(Container("ray", exit_code=1, reason="Error"),))
    settle(world)
    assert world.status.revisions[0].failure is None


@pytest.mark.parametrize("replicas", [1, 3])
def test_scaled_to_zero_is_said(replicas: int) -> None:
    world = World(replicas=replicas)
    settle(world)
    world.set(replicas=0)
    world.run()
    assert world.condition("Ready") == ("False", "ScaledToZero")
    assert set(weights(world).values()) == {0}
    assert world.workers() == []


fault = st.sampled_from(["kill_worker", "kill_head", "scale", "change", "back", "restart", "none"])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(faults=st.lists(st.tuples(fault, st.integers(1, 25)), max_size=8))
def test_whatever_happens_it_serves_and_converges(faults: list[tuple[str, int]]) -> None:
    """Invariants 1, 2, 4 and 6: weights sum up, a weighted revision answers, and all settles on what was asked for."""
    world = World(replicas=2)
    settle(world)
    number = 1
    for kind, steps in faults:
        if kind == "kill_worker" and len([w for w in world.workers() if w.live]) > 1:
            world.kill(world.workers()[0].name)
        elif kind == "kill_head" and world.heads():
            world.kill(world.heads()[0].name)
        elif kind == "scale":
            world.set(replicas=1 + world.generation % 4)
        elif kind in {"change", "back"}:
            number += 1 if kind == "change" else -1
            world.set(model=model(str(number)))
        elif kind == "restart":
            world.probes.clear()
        for _ in range(steps):
            world.step()
            current = weights(world)
            assert sum(current.values()) == 100
    world.run(160)
    settle(world)
    assert len(world.services) == 1
    assert world.status.versions[0].stable == next(iter(world.services))
    assert world.now > START + timedelta(seconds=60)


def test_answers_are_compared_as_the_user_says_and_figures_are_told() -> None:
    mirror = {"version": "default", "percent": 50, "compare": True, "tolerance": {"relative": 0.1}, "bodies": True}
    versions = [{"name": "default", "weight": 0}, {"name": "other", "weight": 100}]
    world = World(versions=versions, traffic={"mirror": mirror})
    first = next(a for a in world.step().actions if isinstance(a, EnsureRouter)).config
    assert (first.compares, first.mirror) == (True, None)
    last = next(a for a in world.run().actions if isinstance(a, EnsureRouter)).config
    assert last.compares
    assert last.mirror is not None
    assert (last.mirror.percent, last.mirror.relative, last.mirror.absolute, last.mirror.bodies) == (
        50,
        0.1,
        1e-9,
        True,
    )
    assert world.status.mirror is not None
    assert (world.status.mirror.revision, world.status.mirror.compared) == (last.mirror.revision, 0)
