"""Pods, heads and clocks that do not behave: one case for each fault that was seen on a cluster."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eagleray.domain.actions.actions import CreateHead, PutApplication, SetReplicas
from eagleray.domain.facts.pods import OVERDUE_AFTER, Container
from eagleray.domain.facts.problem import PeerTrouble
from eagleray.domain.facts.serve import AppStatus
from eagleray.domain.plan.pace import MOVING_SECONDS, SETTLED, SETTLED_SECONDS, STEADY_SECONDS
from eagleray.domain.version.rollout.advance import CRASH_LOOP
from unit.domain.plan.test_plan import settle
from unit.domain.world import GRACE_SECONDS, World, model


@pytest.mark.parametrize("role", ["head", "worker"])
@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_pod_whose_ray_has_ended_is_replaced_though_a_sidecar_runs_on(role: str, exit_code: int) -> None:
    world = World(replicas=2)
    settle(world)
    pod = (world.heads() if role == "head" else world.workers())[0]
    world.end_main(pod.name, exit_code)
    world.step()
    assert pod.name not in world.pods
    assert (world.status.revisions[0].failure is not None) == (role == "head" or exit_code >= 0)
    world.run(200)
    assert world.status.ready == "2/2"


def test_a_sidecar_that_ends_is_no_end_of_a_pod() -> None:
    world = World(replicas=1)
    settle(world)
    pod = world.workers()[0]
    containers = (Container("ray", running=True), Container("proxy", exit_code=0, ended=True))
    world.pods[pod.name] = replace(pod, containers=containers)
    world.run(3)
    assert pod.name in world.pods


def test_a_failed_init_container_ends_a_pod_whatever_its_phase() -> None:
    pod = World(replicas=1)
    pod.step()
    worker = pod.workers()[0]
    fetch = Container("fetch", exit_code=1, ended=True, init=True)
    assert replace(worker, containers=(fetch,)).terminated
    assert not replace(worker, containers=(replace(fetch, exit_code=0),)).terminated
    assert not replace(worker, containers=(replace(fetch, init=False),)).terminated


def test_a_pod_that_only_terminates_holds_nothing_up() -> None:
    world = World(replicas=2)
    settle(world)
    stuck = world.workers()[0]
    world.stays.add(stuck.name)
    world.pods[stuck.name] = replace(stuck, deleting=True, leaves_by=world.now + timedelta(seconds=GRACE_SECONDS))
    world.run(10)
    assert world.condition("Progressing")[0] == "True", "within its grace it is waited for"
    decision = world.run(GRACE_SECONDS + round(OVERDUE_AFTER.total_seconds()))
    assert world.condition("Progressing") == ("False", "Settled")
    message = next(c.message for c in world.status.conditions if c.type == "Progressing")
    assert f"Pod {stuck.name} has been terminating since" in message
    assert decision.polling.routers == SETTLED_SECONDS
    assert world.status.ready == "2/2"
    assert len([w for w in world.workers() if w.live]) == 2, "its name is still taken"
    assert world.router is not None
    assert stuck.ip not in world.router.targets[0].addresses, "its address may be another Pod's by now"


def test_a_revision_that_leaves_waits_for_its_last_pod_and_the_object_does_not() -> None:
    world = World()
    settle(world)
    old = world.status.versions[0].stable or ""
    world.stays.add(world.heads()[0].name)
    world.set(model=model("2"))
    decision = world.run(120)
    assert world.condition("Progressing") == ("False", "Settled")
    assert old in world.services
    assert decision.polling.routers == SETTLED_SECONDS
    world.stays.clear()
    settle(world)
    assert old not in world.services


@settings(max_examples=6, deadline=None)
@given(after=st.integers(5, 590))
def test_what_fails_some_time_after_each_start_comes_to_a_crash_loop(after: int) -> None:
    """A wait that is longer than failures are remembered must not make them forgotten."""
    world = World(replicas=1)
    settle(world)
    counts: list[int] = []
    while len(counts) < 4:
        _until(world, lambda: bool(world.answering(world.status.versions[0].stable or "")))
        for _ in range(0, after, 5):
            world.step(5)
        world.app_status = AppStatus.DEPLOY_FAILED
        for head in world.replicas:
            world.replicas[head] = {}
            world.targets[head] = dict.fromkeys(world.targets[head], 0)
        old = world.heads()[0].name
        _until(world, partial(_gone, world, old))
        failure = world.status.revisions[0].failure
        assert failure is not None
        counts.append(failure.count)
        world.app_status = AppStatus.RUNNING
    assert counts == [1, 2, 3, 4]
    assert counts[-1] >= CRASH_LOOP


def _gone(world: World, pod: str) -> bool:
    return pod not in world.pods


def _until(world: World, done: Callable[[], bool]) -> None:
    for _ in range(1000):
        world.step(5)
        if done():
            return
    raise AssertionError("it never came about")


def test_failures_are_forgotten_when_it_has_been_well_for_long() -> None:
    world = World(replicas=1)
    settle(world)
    world.end_main(world.workers()[0].name)
    world.run(60)
    assert world.status.revisions[0].failure is not None
    for _ in range(150):
        world.step(5)
    assert world.status.revisions[0].failure is None


@pytest.mark.parametrize(("kind", "stalled"), [("unreachable", "False"), ("refused", "True")])
def test_only_a_refusal_says_that_an_application_cannot_be_deployed(kind: str, stalled: str) -> None:
    world = World()
    world.deploys = False
    world.run(6)
    world.serve_errors[world.heads()[0].name] = PeerTrouble(kind, "no answer within 10 s")  # type: ignore[arg-type]
    decision = world.step()
    assert world.condition("Stalled")[0] == stalled
    assert any(isinstance(a, PutApplication) for a in decision.actions), "it is asked again"


def test_nothing_is_deployed_on_a_head_without_tokens() -> None:
    world = World()
    world.step()
    world.unprotected[world.heads()[0].name] = "Ray takes requests without a token: its image sets RAY_AUTH_MODE"
    world.run(10)
    assert not [a for p in world.history for a in p.actions if isinstance(a, PutApplication | SetReplicas)]
    assert world.condition("Ready") == ("False", "RayUnprotected")
    assert world.condition("Stalled") == ("True", "RayUnprotected")


def test_a_download_is_progress_and_is_named() -> None:
    world = World(rollout={"progressDeadlineSeconds": 60})
    settle(world)
    world.set(model=model("2"))
    world.step()
    candidate = world.status.versions[0].candidate
    worker = next(w for w in world.workers() if w.revision == candidate)
    fetch = Container("fetch", running=True, init=True)
    world.pods[worker.name] = replace(worker, phase="Pending", started=False, ready=False, containers=(fetch,))
    world.run(200)
    assert world.status.rollouts
    rollout = world.status.rollouts[0]
    assert rollout.phase == "Progressing"
    assert f"Pod {worker.name}: container fetch downloads the model" in rollout.message
    world.broken.add(candidate or "")
    world.pods[worker.name] = replace(world.pods[worker.name], containers=(replace(fetch, running=False, ended=True),))
    world.run(70)
    assert world.status.rollouts[0].phase == "Aborted", "from its end on the time runs"


def test_a_lost_head_whose_pod_stays_is_followed_by_the_next_cluster() -> None:
    world = World(replicas=1)
    settle(world)
    head = world.heads()[0]
    world.stays.add(head.name)
    world.pods[head.name] = replace(head, deleting=True, leaves_by=world.now - timedelta(hours=1))
    decision = world.step()
    assert [a.incarnation for a in decision.actions if isinstance(a, CreateHead)] == [2]
    world.run(150)
    assert world.condition("Progressing") == ("False", "Settled")


def test_every_look_names_the_next_one() -> None:
    world = World(replicas=1)
    for _ in range(20):
        decision = world.step()
        assert decision.wake.at > world.history[-1].wake.at - timedelta(days=1)
        assert decision.wake.why
    assert decision.wake.at <= world.now + SETTLED


def test_a_head_that_gives_no_answer_for_long_is_asked_less_often() -> None:
    world = World(replicas=1)
    world.mute = True
    world.run(6)
    world.serve_errors[world.heads()[0].name] = PeerTrouble("unreachable", "the answer cannot be used")
    assert world.step().polling.seconds == MOVING_SECONDS
    world.now += timedelta(seconds=90)
    assert world.step().polling.seconds == STEADY_SECONDS
    assert any("the answer cannot be used" in c.message for c in world.status.conditions)
