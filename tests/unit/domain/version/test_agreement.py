"""A candidate that gets copies before it gets requests."""

import pytest

from eagleray.api.analysis import AnalysisMetric
from eagleray.domain.version.rollout.agreement import judge
from unit.domain.plan.test_plan import settle, weights
from unit.domain.version.test_rollout import rollout, until
from unit.domain.world import World, model

AGREEMENT = {"interval": "10s", "metrics": [{"name": "mirror-agreement", "min": "99%"}]}
STEPS = [{"setReplicas": 1}, {"analysis": AGREEMENT}, {"setWeight": 50}, {"pause": {}}]
MIRROR = {"mirror": {"version": "default", "percent": 100, "compare": True}}


def shadowed() -> World:
    """A settled world whose second model has just been asked for."""
    world = World(rollout={"steps": STEPS}, traffic=MIRROR)
    settle(world)
    assert mirrored(world) is None, "it would be compared with itself"
    world.set(model=model("2"))
    world.step()
    assert mirrored(world) is None, "it does not answer yet"
    until(world, lambda: rollout(world).step == 1)
    return world


def mirrored(world: World) -> str | None:
    assert world.router is not None
    return world.router.mirror.revision if world.router.mirror else None


def compared(world: World, agreed: int, of: int) -> None:
    """What each of the two routers found of the candidate, and of another revision."""
    world.agreed = {rollout(world).to: (agreed, of), rollout(world).from_: (0, 9999)}


def test_without_copies_it_holds_and_says_so() -> None:
    world = shadowed()
    world.run(100)
    assert (rollout(world).step, rollout(world).weight) == (1, 0)
    assert "0 of 50 answers compared so far" in rollout(world).message


def test_a_candidate_that_agrees_gets_requests_and_no_more_copies() -> None:
    world = shadowed()
    assert mirrored(world) == rollout(world).to
    compared(world, 497, 500)
    until(world, lambda: weights(world).get(rollout(world).to) == 50)
    world.step()
    assert mirrored(world) is None


def test_a_candidate_that_differs_never_gets_a_request() -> None:
    world = shadowed()
    compared(world, 450, 500)
    until(world, lambda: rollout(world).phase == "Aborted")
    assert "mirror-agreement 90.0% of 1000 answers, min 99%" in rollout(world).message
    assert world.traffic.answered[rollout(world).to] == 0
    assert mirrored(world) is None


@pytest.mark.parametrize(
    ("agreed", "of", "verdict"),
    [
        (49, 49, "NoData"),
        (50, 50, "Successful"),
        (99, 100, "Successful"),
        (97, 100, "Inconclusive"),
        (90, 100, "Failed"),
    ],
)
def test_too_few_are_no_proof(agreed: int, of: int, verdict: str) -> None:
    metric = AnalysisMetric.model_validate({"name": "mirror-agreement", "min": "99%"})
    assert judge(metric, agreed, of, 50).verdict == verdict
