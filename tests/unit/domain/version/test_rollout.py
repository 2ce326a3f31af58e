"""Rollouts, driven through the plan in a small world."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from eagleray.domain.facts.pods import Container
from eagleray.domain.state.rollout import RolloutState
from unit.domain.plan.test_plan import settle, weights
from unit.domain.world import World, model

STEPS = [{"setWeight": 10}, {"pause": {"duration": "30s"}}, {"setWeight": 50}, {"pause": {"duration": "30s"}}]
ERRORS = {"interval": "10s", "metrics": [{"name": "error-rate", "max": "1%"}]}
SLOW = {"interval": "10s", "metrics": [{"name": "latency-p99", "max": "200ms"}]}


def canary(steps: list[dict[str, Any]] | None = None, **rollout: Any) -> World:
    """A settled world whose second model has just been asked for."""
    spec = {"steps": STEPS if steps is None else steps, **rollout}
    world = World(replicas=rollout.pop("replicas", 2), rollout=spec)
    settle(world)
    world.set(model=model("2"))
    world.step()
    return world


def rollout(world: World) -> RolloutState:
    assert world.status.rollouts, world.status.rollout
    return world.status.rollouts[0]


def until(world: World, condition: Any, steps: int = 300) -> None:
    for _ in range(steps):
        if condition():
            return
        world.step()
    raise AssertionError(f"not in {steps} s: {world.status.rollouts}")


def at_weight(world: World, percent: int) -> None:
    until(world, lambda: weights(world).get(rollout(world).to) == percent)


def ask(world: World, verb: str, item: str) -> None:
    world.annotations = {**world.annotations, f"eagleray.dev/{verb}": item}


def test_the_share_follows_the_steps_and_the_candidate_takes_over() -> None:
    world = canary()
    candidate = rollout(world).to
    seen: list[int] = []
    while world.status.rollouts:
        world.step()
        share = weights(world)[candidate]
        seen += [share] if share not in seen[-1:] else []
    assert seen == [0, 10, 50, 100]
    settle(world)
    assert world.status.versions[0].stable == candidate
    assert world.condition("Paused") == ("False", "Settled")


def test_a_pause_has_its_length_from_the_moment_the_routers_have_the_share() -> None:
    world = canary()
    at_weight(world, 10)
    since = world.now
    at_weight(world, 50)
    assert 30 <= (world.now - since).total_seconds() <= 35


def test_without_steps_or_analysis_all_requests_move_at_once() -> None:
    world = canary(steps=[])
    until(world, lambda: not world.status.rollouts)
    assert set(weights(world).values()) == {0, 100}


def test_no_share_before_every_replica_of_it_answers() -> None:
    world = canary([{"setWeight": 100}])
    candidate = rollout(world).to
    while world.status.rollouts:
        assert weights(world)[candidate] == 0 or world.answering(candidate) == 2
        world.step()


@pytest.mark.parametrize(("percent", "workers"), [(5, 1), (50, 2), (60, 3), (100, 4)])
def test_the_candidate_has_replicas_for_its_share(percent: int, workers: int) -> None:
    world = World(replicas=4, rollout={"steps": [{"setWeight": percent}, {"pause": {}}]})
    settle(world)
    world.set(model=model("2"))
    world.step()
    until(world, lambda: rollout(world).phase == "Paused")
    assert len([w for w in world.workers() if w.revision == rollout(world).to]) == workers


def test_set_replicas_asks_for_more_than_the_share_needs() -> None:
    world = canary([{"setReplicas": 2}, {"setWeight": 1}, {"pause": {}}])
    until(world, lambda: rollout(world).phase == "Paused")
    assert len([w for w in world.workers() if w.revision == rollout(world).to]) == 2


def test_a_candidate_with_errors_is_taken_back_and_the_numbers_are_told() -> None:
    world = canary(analysis=ERRORS)
    world.traffic.rate = 30
    world.traffic.errors[rollout(world).to] = 0.2
    until(world, lambda: rollout(world).phase == "Aborted")
    assert rollout(world).analysis
    assert "error-rate" in rollout(world).message
    assert "10%" in rollout(world).message, "the share that users saw"
    assert weights(world)[rollout(world).from_] == 100


def test_a_slow_candidate_is_taken_back() -> None:
    world = canary(analysis=SLOW)
    world.traffic.rate = 30
    world.traffic.latency_ms[rollout(world).to] = 400
    until(world, lambda: rollout(world).phase == "Aborted")
    assert "latency-p99" in rollout(world).message


def test_a_good_candidate_passes_its_analysis() -> None:
    world = canary(analysis=ERRORS)
    world.traffic.rate = 30
    until(world, lambda: not world.status.rollouts)
    settle(world)


def test_without_requests_it_holds_and_says_so() -> None:
    world = canary(analysis=ERRORS)
    at_weight(world, 10)
    world.run(900)
    assert rollout(world).phase == "Progressing"
    assert rollout(world).weight == 10
    assert "0 of 50 requests" in rollout(world).message
    world.traffic.rate = 30
    until(world, lambda: not world.status.rollouts)


def test_an_operator_without_memory_goes_on_at_the_same_step_with_the_same_timer() -> None:
    world = canary()
    at_weight(world, 10)
    world.run(15)
    before = rollout(world)
    world.samples = ()
    world.probes.clear()
    world.step()
    assert (rollout(world).step, rollout(world).step_started_at) == (before.step, before.step_started_at)
    at_weight(world, 50)
    assert 30 <= (world.now - before.step_started_at).total_seconds() <= 33


def test_the_deadline_takes_back_what_never_answers() -> None:
    world = canary(progressDeadlineSeconds=60)
    world.broken.add(rollout(world).to)
    world.run(3)
    for pod in [p for p in world.pods.values() if p.revision == rollout(world).to]:
        waiting = (Container("ray", waiting=("ImagePullBackOff", "no such image")),)
        world.pods[pod.name] = replace(pod, phase="Pending", started=False, containers=waiting)
    until(world, lambda: rollout(world).phase == "Aborted", 70)
    assert "no such image" in rollout(world).message
    assert weights(world)[rollout(world).from_] == 100


def test_whose_replicas_all_die_loses_its_share_at_once_and_no_request() -> None:
    world = canary()
    at_weight(world, 50)
    world.traffic.rate = 10.0
    for lost in (rollout(world).to, rollout(world).from_):
        for pod in [w for w in world.workers() if w.revision == lost]:
            world.kill(pod.name)
        world.step()
        assert weights(world)[lost] == 0
        at_weight(world, 50)
    until(world, lambda: not world.status.rollouts)
    assert world.traffic.failed == 0


def test_a_blind_operator_takes_nothing_back() -> None:
    world = canary([{"setWeight": 50}, {"pause": {}}], progressDeadlineSeconds=60)
    until(world, lambda: rollout(world).phase == "Paused")
    for _ in range(5):
        world.routers_answer = False
        world.run(20)
        world.routers_answer = True
        world.run(3)
    assert (rollout(world).phase, rollout(world).interruptions) == ("Paused", 0)
    assert weights(world)[rollout(world).to] == 50


def test_a_share_that_was_lost_does_not_come_back_while_nobody_can_see() -> None:
    world = canary([{"setWeight": 50}, {"pause": {}}])
    until(world, lambda: rollout(world).phase == "Paused")
    candidate = rollout(world).to
    world.broken.add(candidate)
    for pod in [w for w in world.workers() if w.revision == candidate]:
        world.kill(pod.name)
    world.run(2)
    assert weights(world)[candidate] == 0
    world.routers_answer = False
    world.run(3)
    assert weights(world)[candidate] == 0
    assert rollout(world).effective_weight == 0


def test_other_steps_begin_anew_with_the_first() -> None:
    world = canary([{"setWeight": 10}, {"pause": {}}])
    until(world, lambda: rollout(world).phase == "Paused")
    world.set(rollout={"steps": [{"setWeight": 30}, {"pause": {}}, {"setWeight": 60}]})
    until(world, lambda: rollout(world).phase == "Paused" and rollout(world).weight == 30)
    assert rollout(world).step == 1


def test_scaled_to_zero_a_rollout_holds() -> None:
    world = canary()
    world.broken.add(rollout(world).to)
    world.set(replicas=0)
    world.run(60)
    assert world.status.versions[0].stable == rollout(world).from_
    assert world.condition("Ready") == ("False", "ScaledToZero")
    world.broken.clear()
    world.set(replicas=2)
    until(world, lambda: not world.status.rollouts)


def test_a_paused_rollout_has_no_deadline() -> None:
    world = canary(progressDeadlineSeconds=30)
    world.broken.add(rollout(world).to)
    ask(world, "pause", f"{rollout(world).to}/1")
    world.run(120)
    assert rollout(world).phase == "Paused"


def test_a_settled_rollout_costs_no_write() -> None:
    world = canary([{"setWeight": 20}, {"pause": {}}])
    until(world, lambda: rollout(world).phase == "Paused")
    world.run(5)
    before = world.writes
    world.run(60)
    assert world.writes == before


def test_the_clock_of_a_rollout_is_the_plans() -> None:
    world = canary()
    assert timedelta(0) <= world.now - rollout(world).started_at <= timedelta(seconds=2)
