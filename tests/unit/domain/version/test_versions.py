"""Versions side by side, driven through the plan in a small world."""

import pytest

from eagleray.domain.goals.shares import apportion, replicas_by_weight
from eagleray.domain.status.report import COLUMN_LENGTH
from unit.domain.plan.test_plan import settle, weights
from unit.domain.world import World


def lanes(**shares: int) -> list[dict[str, object]]:
    return [{"name": n, "weight": w, "env": [{"name": "LANE", "value": n}]} for n, w in shares.items()]


def of(world: World, version: str) -> str:
    return next(v.stable or "" for v in world.status.versions if v.name == version)


def settle_versions(world: World) -> None:
    world.run(90)
    assert world.condition("Progressing") == ("False", "Settled")


def test_each_version_has_its_share_and_its_replicas() -> None:
    world = World(replicas=10, versions=lanes(a=60, b=30, c=10))
    settle_versions(world)
    assert [weights(world)[of(world, v)] for v in "abc"] == [60, 30, 10]
    assert [v.replicas for v in world.status.versions] == [6, 3, 1]
    assert world.status.traffic == "a 60% · b 30% · c 10%"


def test_the_share_of_a_version_without_replicas_goes_to_the_others_and_comes_back() -> None:
    world = World(replicas=3, versions=lanes(a=60, b=30, c=10))
    settle_versions(world)
    lost = of(world, "a")
    world.broken.add(lost)
    for pod in [w for w in world.workers() if w.revision == lost]:
        world.kill(pod.name)
    world.step()
    assert [weights(world)[of(world, v)] for v in "abc"] == [0, 75, 25]
    assert world.condition("Ready")[0] == "True"
    assert world.condition("Degraded") == ("True", "TrafficShifted")
    world.broken.clear()
    world.run(90)
    assert [weights(world)[of(world, v)] for v in "abc"] == [60, 30, 10]


def test_as_many_versions_as_may_be_rolling_at_once_fit_into_the_status() -> None:
    shares = dict.fromkeys((f"a-name-as-long-as-{n:02}" for n in range(8)), 10) | {"a-name-as-long-as-00": 30}
    steps = [{"setWeight": 10}, {"pause": {"duration": "1h"}}] * 10
    world = World(replicas=10, versions=lanes(**shares), rollout={"steps": steps})
    settle_versions(world)
    world.set(versions=[{**lane, "env": [{"name": "LANE", "value": "new"}]} for lane in lanes(**shares)])
    world.run(90)
    assert len(world.status.rollouts) == len(shares)
    assert len(world.status.traffic or "") <= len(world.status.rollout or "") == COLUMN_LENGTH


@pytest.mark.parametrize("other", [{"v1": 80, "v2": 20}, {"default2": 100}])
def test_other_names_for_versions_cost_no_request(other: dict[str, int]) -> None:
    world = World(replicas=2)
    settle(world)
    world.traffic.rate = 10
    world.set(versions=lanes(**other))
    settle_versions(world)
    assert world.traffic.failed == 0
    assert {v.name: v.effective_weight for v in world.status.versions} == other
    world.spec.pop("versions")
    world.set()
    settle_versions(world)
    assert world.traffic.failed == 0


def test_versions_with_long_names_are_told_in_short() -> None:
    names = [f"abcdefghijklmnopqr-{n}" for n in range(8)]
    world = World(replicas=8, versions=lanes(**dict.fromkeys(names, 0) | {names[0]: 100}))
    settle_versions(world)
    world.set(image="another")
    world.run(5)
    assert 0 < len(world.status.rollout or "") <= 256


@pytest.mark.parametrize(
    ("total", "shares", "expected"),
    [
        (10, {"a": 80, "b": 20}, {"a": 8, "b": 2}),
        (3, {"a": 80, "b": 20}, {"a": 2, "b": 1}),
        (2, {"a": 100, "b": 0}, {"a": 1, "b": 1}),
        (1, {"a": 50, "b": 50}, {"a": 1, "b": 1}),
        (0, {"a": 80, "b": 20}, {"a": 0, "b": 0}),
        (10, {"a": 97, "b": 1, "c": 2}, {"a": 8, "b": 1, "c": 1}),
    ],
)
def test_replicas_by_weight(total: int, shares: dict[str, int], expected: dict[str, int]) -> None:
    assert replicas_by_weight(total, shares) == expected


@pytest.mark.parametrize(
    ("total", "shares", "expected"),
    [(100, {"a": 1, "b": 1, "c": 1}, {"a": 34, "b": 33, "c": 33}), (100, {"a": 30, "b": 10}, {"a": 75, "b": 25})],
)
def test_apportion(total: int, shares: dict[str, int], expected: dict[str, int]) -> None:
    assert apportion(total, shares) == expected


def test_what_one_version_ignores_all_do() -> None:
    ignored = {"a": ["/healthz", "A/"], "b": ["/healthz", "B/"]}
    versions = [
        {"name": name, "weight": 50, "autoscaling": {"maxReplicas": 2, "idle": {"after": "5m", "ignore": ignore}}}
        for name, ignore in ignored.items()
    ]
    world = World(versions=versions)
    world.step()
    assert world.router is not None
    assert world.router.ignored == ("/healthz", "A/", "B/")
