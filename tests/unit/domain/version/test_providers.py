"""Figures of others, driven through the plan in a small world."""

from typing import Any

import pytest

from eagleray.domain.actions.actions import AskProvider
from eagleray.domain.facts.providers.prometheus import PrometheusQuery
from eagleray.domain.facts.providers.web import WebQuery
from unit.domain.version.test_rollout import at_weight, canary, rollout, until
from unit.domain.world import World

STEPS = [{"setWeight": 10}, {"setWeight": 50}]
QUERY = {"server": "http://prometheus:9090", "query": 'loss{revision="$(candidate)"} - loss{revision="$(stable)"}'}
LOSS = {"name": "loss", "max": "0.5", "prometheus": QUERY}
SCORE = {"name": "score", "min": "0.9", "web": {"url": "http://judge/ask", "path": "data.score"}}


def judged(*metrics: dict[str, Any], **analysis: Any) -> World:
    return canary(STEPS, analysis={"interval": "10s", "metrics": list(metrics), **analysis})


def asked(world: World) -> list[AskProvider]:
    return [a for plan in world.history for a in plan.actions if isinstance(a, AskProvider)]


@pytest.mark.parametrize(
    ("metric", "good", "bad"), [(LOSS, 0.5, 0.51), (SCORE, 0.9, 0.89), ({**SCORE, "max": "1"}, 1, 1.1)]
)
def test_a_number_within_its_limits_passes_and_another_takes_back(
    metric: dict[str, Any], good: float, bad: float
) -> None:
    world = judged(metric)
    world.provider = good
    until(world, lambda: not world.status.rollouts)
    world = judged(metric)
    world.provider = bad
    until(world, lambda: rollout(world).phase == "Aborted")
    assert f"at 10%: {metric['name']} {bad:g}" in rollout(world).message


def test_who_does_not_answer_holds_the_rollout_and_is_asked_once_an_interval() -> None:
    world = judged(LOSS)
    at_weight(world, 10)
    world.run(200)
    assert rollout(world).phase == "Progressing"
    assert (rollout(world).weight, rollout(world).message) == (10, "loss: nobody is there")
    assert len(asked(world)) in {19, 20, 21}
    world.provider = 0.1
    until(world, lambda: not world.status.rollouts)


def test_a_question_names_the_rollout() -> None:
    world = judged(LOSS, SCORE)
    at_weight(world, 10)
    world.run(15)
    prometheus, other = (action.query for action in asked(world)[:2])
    new, old = rollout(world).to, rollout(world).from_
    assert isinstance(prometheus, PrometheusQuery)
    assert isinstance(other, WebQuery)
    assert prometheus.promql == f'loss{{revision="{new}"}} - loss{{revision="{old}"}}'
    told = {"name": "m", "namespace": "ns", "version": "default", "candidate": new, "stable": old}
    assert (other.url, other.path, dict(other.about)) == ("http://judge/ask", "data.score", told)


def test_failures_are_counted_as_those_of_the_router_are() -> None:
    world = judged(LOSS, failureLimit=2)
    world.provider = 1.0
    until(world, lambda: rollout(world).phase == "Aborted")
    assert [m.failed for m in rollout(world).analysis] == [3]


def test_beside_the_routers_figures_each_has_its_own_time() -> None:
    world = judged(LOSS, {"name": "error-rate", "max": "1%"}, count=3)
    world.provider, world.traffic.rate = 0.1, 30.0
    at_weight(world, 50)
    assert len(asked(world)) in {3, 4}
    until(world, lambda: not world.status.rollouts)


def test_an_operator_without_memory_asks_again() -> None:
    world = judged(LOSS)
    at_weight(world, 10)
    world.provider = 0.1
    world.run(9)
    world.step(crash_after=99)
    until(world, lambda: not world.status.rollouts)
