"""Rollouts where there is little room: a bounded surge, and `Recreate`."""

import pytest

from unit.domain.plan.test_plan import settle, weights
from unit.domain.version.test_rollout import STEPS, ask, rollout, until
from unit.domain.world import World, model


@pytest.mark.parametrize(("replicas", "per_pod"), [(2, 1), (3, 1), (5, 1), (4, 2), (5, 2), (9, 3)])
@pytest.mark.parametrize("surge", [0, 1, "25%"])
def test_a_bounded_surge_gets_through(replicas: int, per_pod: int, surge: int | str) -> None:
    world = World(replicas=replicas, workers={"replicasPerPod": per_pod}, rollout={"steps": STEPS, "maxSurge": surge})
    settle(world)
    world.set(model=model("2"))
    pods, most = len(world.workers()), 0
    for _ in range(400):
        world.step()
        most = max(most, len(world.workers()))
    settle(world)
    assert world.status.versions[0].stable == world.status.versions[0].wanted
    assert most <= pods + 2, "a surge of at most 25%, and what goes meanwhile"


def test_without_surge_the_share_follows_the_replicas() -> None:
    world = World(replicas=10, rollout={"maxSurge": 0})
    settle(world)
    world.set(model=model("2"))
    for _ in range(300):
        world.step()
        shares = weights(world)
        for revision in world.services:
            if share := shares.get(revision):
                assert share <= 10 * (world.answering(revision) + 2), shares
    settle(world)


@pytest.mark.parametrize("replicas", [2, 3, 5])
def test_without_surge_no_more_pods_than_replicas(replicas: int) -> None:
    world = World(replicas=replicas, rollout={"steps": STEPS, "maxSurge": 0})
    settle(world)
    world.set(model=model("2"))
    for _ in range(150):
        world.step()
        assert len(world.workers()) <= replicas + 1, "one goes while the next comes"
        assert sum(world.answering(r) for r in world.services) >= replicas - 1
    settle(world)
    assert world.status.ready == f"{replicas}/{replicas}"


def test_recreate_ends_the_old_one_first() -> None:
    world = World(replicas=2, rollout={"strategy": "Recreate"})
    settle(world)
    world.set(model=model("2"))
    for _ in range(60):
        world.step()
        assert len({w.revision for w in world.workers() if w.live}) <= 1
    settle(world)
    assert world.condition("Ready") == ("True", "Answering")


def test_recreate_does_not_wait_for_a_person_while_nobody_answers() -> None:
    world = World(replicas=1, rollout={"strategy": "Recreate"})
    settle(world)
    world.set(model=model("2"))
    world.step()
    ask(world, "pause", f"{rollout(world).to}/1")
    until(world, lambda: not world.status.rollouts)
    assert world.condition("Ready") == ("True", "Answering")
