"""Versions that their load scales, in the small world: up, down, apart, to zero and back."""

from datetime import timedelta
from typing import Any

import pytest

from eagleray.domain.actions.actions import DeletePod
from unit.domain.version.test_rollout import ask
from unit.domain.world import World, model

QUICK = {"scaleDown": {"stabilizationWindowSeconds": 10}}


def scaled(**rules: Any) -> World:
    """A settled world that scales between one and ten replicas by two requests in progress."""
    metrics = [{"type": "OngoingRequests", "target": 2}]
    world = World(autoscaling={"maxReplicas": 10, "metrics": metrics, "behavior": QUICK, **rules})
    world.run(60)
    return world


def load(world: World, in_progress: float) -> None:
    """So many requests in progress from now on: each takes a second."""
    world.traffic.rate = in_progress / 2  # at each of two routers
    world.traffic.latency_ms = dict.fromkeys(world.revisions, 1000.0)


def workers(world: World, revision: str = "") -> int:
    return sum(w.revision.startswith(revision) for w in world.workers())


def test_it_begins_with_the_fewest() -> None:
    assert workers(scaled(minReplicas=2)) == 2
    assert workers(scaled()) == 1


def test_what_spec_said_before_counts_at_first() -> None:
    world = World(replicas=6)
    world.run(40)
    world.set(replicas=1, autoscaling={"maxReplicas": 8})
    world.step()
    assert world.status.scaling
    assert world.status.scaling[0].desired == 6


@pytest.mark.parametrize(("in_progress", "replicas"), [(2, 1), (4, 2), (9, 5), (16, 8), (100, 10)])
def test_replicas_follow_the_formula(in_progress: float, replicas: int) -> None:
    world = scaled()
    load(world, in_progress)
    world.run(90)
    assert workers(world) == replicas
    assert world.status.replicas == world.status.ready_replicas == replicas
    assert not world.traffic.failed


def test_down_after_the_window_and_never_below_the_fewest() -> None:
    world = scaled(minReplicas=2)
    load(world, 12)
    world.run(60)
    assert workers(world) == 6
    load(world, 0)
    world.run(8)
    assert workers(world) == 6
    world.run(60)
    assert workers(world) == 2
    assert not world.traffic.failed


def test_a_steady_load_writes_nothing() -> None:
    world = scaled()
    load(world, 6)
    world.run(90)
    before = world.writes
    world.run(60)
    assert world.writes == before


def test_a_silent_router_scales_nothing_down_and_is_named() -> None:
    world = scaled()
    load(world, 12)
    world.run(60)
    load(world, 0)
    world.routers_answer = False
    world.run(120)
    assert workers(world) == 6
    assert world.condition("ScalingActive") == ("False", "FailedGetMetric")
    world.routers_answer = True
    world.run(60)
    assert workers(world) == 1
    assert world.condition("ScalingActive") == ("True", "ValidMetricFound")


def test_an_operator_that_starts_scales_nothing_down_at_once() -> None:
    world = scaled()
    load(world, 12)
    world.run(60)
    load(world, 0)
    world.samples = ()
    world.run(25)
    assert workers(world) == 6
    world.run(60)
    assert workers(world) == 1


def test_two_versions_scale_apart() -> None:
    rules = {"maxReplicas": 10, "metrics": [{"type": "OngoingRequests", "target": 2}]}
    versions = [{"name": "a", "weight": 90, "model": model("1")}, {"name": "b", "weight": 10, "model": model("2")}]
    world = World(versions=versions, model={"framework": "sklearn"}, autoscaling=rules)
    world.run(60)
    load(world, 10)
    world.run(90)
    assert (workers(world, "m-a"), workers(world, "m-b")) == (5, 1)


def test_in_a_canary_each_side_scales_by_its_own_load_and_none_shrinks() -> None:
    steps = [{"setWeight": 50}, {"pause": {}}]
    world = scaled()
    load(world, 8)
    world.run(60)
    (stable,) = world.revisions
    world.set(model=model("2"), rollout={"steps": steps})
    world.run(60)
    (candidate,) = world.revisions.keys() - {stable}
    assert workers(world, stable) == 4, "half of its requests are gone, and it keeps what it had"
    world.traffic.latency_ms[candidate] = 5000.0
    world.run(60)
    assert (workers(world, stable), workers(world, candidate)) == (4, 10)
    assert not world.traffic.failed
    ask(world, "promote", f"{candidate}/1/full")
    world.run(60)
    assert workers(world, candidate) == workers(world)


def test_bounds_follow_the_clock() -> None:
    evening = {"name": "evening", "cron": "1 0 * * *", "minReplicas": 3}
    night = {"name": "night", "cron": "5 0 * * *", "minReplicas": 1}
    world = scaled(schedules=[evening, night])
    world.run(120)
    assert workers(world) == 3
    world.run(240)
    assert workers(world) == 1


def idle(**rules: Any) -> World:
    world = scaled(idle={"after": "60s", **rules})
    assert workers(world) == 1
    return world


def test_an_idle_version_goes_head_and_all_and_says_so() -> None:
    world = idle()
    world.run(90)
    assert not world.pods
    assert world.condition("Ready") == ("True", "Idle")
    assert world.condition("ScalingActive") == ("False", "ScalingDisabled")
    before = world.writes
    world.run(120)
    assert world.writes == before
    assert world.history[-1].polling.held


def test_an_operator_that_starts_lets_it_sleep_on() -> None:
    world = idle()
    world.run(90)
    world.samples = ()
    world.run(60)
    assert not world.pods
    assert world.condition("Ready") == ("True", "Idle")


def test_its_pods_go_only_when_the_routers_hold() -> None:
    world = idle()
    held_at = gone_at = None
    for _ in range(90):
        world.step()
        if held_at is None and world.router and any(t.hold for t in world.router.targets):
            held_at = len(world.history)
        if gone_at is None and any(isinstance(a, DeletePod) for a in world.history[-1].actions):
            gone_at = len(world.history)
    assert held_at is not None
    assert gone_at is not None
    assert held_at < gone_at


def test_requests_keep_it_awake() -> None:
    world = idle()
    world.traffic.rate = 0.05
    world.run(300)
    assert workers(world) == 1


def test_a_request_wakes_it_and_is_held_until_it_answers() -> None:
    world = idle()
    world.run(90)
    world.traffic.rate = 1.0
    world.step()
    world.step()
    assert world.condition("Ready") == ("True", "Waking")
    world.run(30)
    assert workers(world) == 1
    assert world.condition("Ready") == ("True", "Answering")
    assert not world.traffic.failed
    assert not world.traffic.held
    assert world.status.scaling
    assert world.status.scaling[0].start_seconds


def test_a_request_on_the_way_to_sleep_costs_no_restart() -> None:
    world = idle()
    while not (world.router and any(t.hold for t in world.router.targets)):
        world.step()
    head = world.heads()[0].uid
    world.traffic.rate = 1.0
    world.traffic.send(world.router, 1, world.answering)
    world.run(10)
    assert world.heads()[0].uid == head
    assert not world.traffic.failed
    assert not world.traffic.held


def test_another_spec_wakes_it_for_its_rollout() -> None:
    world = idle()
    world.run(90)
    world.set(model=model("2"))
    world.run(40)
    assert {p.revision for p in world.workers()} == {v.stable for v in world.status.versions}
    assert world.condition("Ready") == ("True", "Answering")


def test_suspended_goes_at_once_and_comes_back() -> None:
    world = scaled()
    load(world, 4)
    world.run(60)
    world.set(suspend=True)
    world.run(90)
    assert not world.pods
    assert world.condition("Ready") == ("False", "Suspended")
    assert world.router is not None
    assert not world.router.split
    world.set(suspend=False)
    world.run(60)
    assert world.condition("Ready") == ("True", "Answering")


def test_killed_between_any_two_actions_it_still_sleeps_and_wakes() -> None:
    for after in range(4):
        world = idle()
        for _ in range(90):
            world.step(crash_after=after)
            world.step()
        world.now += timedelta(seconds=120)
        world.run(120)
        assert not world.pods, f"killed after {after} actions"
        world.traffic.rate = 1.0
        world.run(40)
        assert not world.traffic.failed
