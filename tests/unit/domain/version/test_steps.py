"""The kinds of steps of a rollout, and the times that a rollout and scaling want to be looked at."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from eagleray.api import rollout as api
from eagleray.api.rollout import Rollout, RolloutStep
from eagleray.domain.goals.installation import Installation
from eagleray.domain.version.desired import parse
from eagleray.domain.version.rollout.course import course_of
from eagleray.domain.version.rollout.steps.table import STEPS, step_of
from eagleray.domain.version.version_view import view_versions
from unit.domain.version.test_autoscaler import load, scaled
from unit.domain.version.test_rollout import at_weight, canary
from unit.domain.world import FLEET, IMAGES, START, World

METRICS = {"metrics": [{"name": "error-rate", "max": "1%"}]}
KINDS: list[tuple[dict[str, Any], str, tuple[int | None, int | None]]] = [
    ({"setWeight": 25}, "setWeight 25", (25, None)),
    ({"setReplicas": 3}, "setReplicas 3", (None, 3)),
    ({"pause": {"duration": "2m"}}, "pause 2m", (None, None)),
    ({"pause": {}}, "pause until promoted", (None, None)),
    ({"analysis": METRICS}, "analysis", (None, None)),
]


def test_the_table_of_steps_is_that_of_the_api() -> None:
    assert list(STEPS) == list(RolloutStep.model_fields)
    assert [to_camel(name) for name in STEPS] == list(api._KINDS)
    assert {next(iter(spec)) for spec, _, _ in KINDS} == set(api._KINDS)


@pytest.mark.parametrize(("spec", "says", "aim"), KINDS)
def test_a_step_says_what_it_is_and_what_holds_from_it_on(
    spec: dict[str, Any], says: str, aim: tuple[int | None, int | None]
) -> None:
    step = step_of(RolloutStep.model_validate(spec))
    assert (step.say(), (step.aim.weight, step.aim.replicas)) == (says, aim)
    assert (step.analysis is not None) == ("analysis" in spec)
    assert step.promotable == ("setWeight" not in spec)
    wake = step.wake(START)
    assert (wake.at if wake else None) == (START + timedelta(minutes=2) if says == "pause 2m" else None)


def test_the_hash_of_steps_tells_them_apart_and_stays_from_version_to_version() -> None:
    def hashed(*steps: dict[str, Any]) -> str:
        return course_of(Rollout.model_validate({"steps": list(steps)}), 2, again=False).steps_hash

    hashes = [hashed(spec) for spec, _, _ in KINDS]
    assert len(set(hashes)) == len(KINDS)
    assert hashed({"setWeight": 25}) == "4da24b6b"


def wakes(world: World) -> dict[str, float]:
    """Seconds from now, by what they are about."""
    desired = parse(world.manifest(), Installation(IMAGES, FLEET), world.observed())
    versions = view_versions(desired, world.observed(), world.now)
    named = [wake for version in versions for wake in version.wakes if wake.at > world.now]
    return {wake.why: round((wake.at - world.now).total_seconds()) for wake in reversed(named)}


def test_a_rollout_names_the_ends_of_its_pause_its_deadline_and_its_delay() -> None:
    world = canary()
    assert wakes(world)["the rollout's deadline"] in {599, 600}
    at_weight(world, 10)
    world.run(5)
    assert 20 <= wakes(world)["the pause is over"] <= 30
    world.annotations = {"eagleray.dev/abort": f"{world.status.rollouts[0].to}/1"}
    world.run(5)
    assert 20 <= wakes(world)["the candidate goes"] <= 30


def test_an_analysis_names_its_next_measurement() -> None:
    world = canary(analysis={"interval": "10s", **METRICS})
    at_weight(world, 10)
    world.run(3)
    assert 1 <= wakes(world)["error-rate is to be measured"] <= 10


def test_scaling_names_windows_schedules_sleep_and_its_own_beginning() -> None:
    world = scaled(schedules=[{"name": "night", "cron": "10 0 * * *", "minReplicas": 2}])
    assert wakes(world)["schedule night begins"] == 600 - (world.now - START).total_seconds()
    load(world, 12)
    world.run(40)
    load(world, 0)
    world.run(3)
    assert 1 <= wakes(world)["a stabilization window ends"] <= 10
    world.samples = world.samples[-2:]
    assert 20 <= wakes(world)["the routers were looked at for long enough"] <= 30
    sleeper = scaled(idle={"after": "90s"})
    assert 0 < wakes(sleeper)["no request for 90s"] <= 90


def test_what_is_asked_of_others_is_asked_again_and_grows_old() -> None:
    metric = {"type": "Prometheus", "target": 1, "server": "http://p:9090", "query": "queue"}
    world = World(autoscaling={"maxReplicas": 2, "metrics": [metric]})
    world.provider = 1.0
    world.run(20)
    named = wakes(world)
    assert 0 < named["http://p:9090 is to be asked"] <= 15
    assert 30 < named["the answer of http://p:9090 is too old"] <= 45
