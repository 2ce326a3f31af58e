"""What is written of any state is accepted by the CRD, and what anybody wrote can be read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eagleray.api.status import RolloutPhase
from eagleray.domain.state.model import ShareState, State, VersionState
from eagleray.domain.state.revision import FailureState, RevisionState
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.state.scaling import MetricState, RecommendationState, ScalingState
from eagleray.domain.status.codec import LARGEST, read, write
from eagleray.domain.version.scaling.history import MOST_KEPT
from unit.domain.accepted import refusals
from unit.domain.world import World, model

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCALING = ScalingState("v", "m-v-1", "", 3, 1, 9, "DesiredWithinRange")
ROLLOUT = RolloutState("v", "m-v-1", "m-v-2", NOW, NOW)


def revision(number: int, last_active_at: datetime | None = None) -> RevisionState:
    return RevisionState(f"m-v-{number}", "v", str(number), NOW, last_active_at=last_active_at)


def written(state: State) -> dict[str, Any]:
    status = write(state).as_written()
    assert not refusals(status)
    return status


HUGE: dict[str, State] = {
    "texts": State(traffic="x" * 9999, url="u" * 9999, versions=(VersionState("n" * 99, 5, message="m" * 9999),)),
    "words that are no text": State(versions=(VersionState("v", 1, message="\ud800\x00"),)),
    "numbers": State(replicas=10**50, ready_replicas=-1, versions=(VersionState("v", 10**9),)),
    "versions": State(versions=tuple(VersionState(f"v{i}", 1, message="m" * 5000) for i in range(1000))),
    "revisions": State(revisions=tuple(revision(i, NOW) for i in range(1000))),
    "twice the same": State(versions=(VersionState("v", 1), VersionState("v", 2))),
    "a metric's answer": State(
        scaling=(replace(SCALING, metrics=(MetricState("P", "1", value=f"{1e40:.0f}", replicas=10**41),)),)
    ),
    "metrics": State(scaling=tuple(replace(SCALING, revision=f"r{i}") for i in range(999))),
    "a rollout": State(rollouts=(replace(ROLLOUT, weight=500, step=-3, message="x" * 9999, steps_hash="h" * 99),)),
    "a failure": State(revisions=(replace(revision(1), failure=FailureState("R" * 99, "m" * 9999, NOW, 10**12)),)),
    "split": State(split=tuple(ShareState(f"r{i}", 10) for i in range(1000))),
}


@pytest.mark.parametrize("state", HUGE.values(), ids=HUGE.keys())
def test_whatever_is_to_be_said_is_accepted(state: State) -> None:
    status = written(state)
    again = read(status)
    assert written(again) == status, "what was written once stays"


def test_the_words_of_five_versions_that_are_renamed_at_once_fit() -> None:
    def named(letter: str) -> list[dict[str, Any]]:
        names = [f"{letter * 19}{i}" for i in range(5)]
        return [{"name": n, "weight": 20, "env": [{"name": "V", "value": n}]} for n in names]

    world = World(versions=named("a"), model={"framework": "sklearn", "uri": "pvc://models/m/1"})
    world.run(30)
    world.set(versions=named("b"))
    world.run(60)
    assert world.condition("Ready") == ("True", "Answering")
    assert {v.name for v in world.status.versions} == {f"{'b' * 19}{i}" for i in range(5)}


def test_an_answer_without_measure_scales_to_the_most_and_no_further() -> None:
    metric = {"type": "Prometheus", "target": "0.001", "server": "http://p:9090", "query": "queue"}
    world = World(autoscaling={"maxReplicas": 3, "metrics": [metric]}, model=model("1"))
    for answer in (1e40, 1e308, -1e40, 5e-324):
        world.provider = answer
        world.run(40)
        assert not refusals(write(world.status).as_written())
    assert world.status.scaling[0].max_replicas == 3


def test_what_counts_is_kept() -> None:
    remembered = tuple(revision(i, NOW + timedelta(seconds=i)) for i in range(400))
    running = revision(1000)
    kept = read(written(State(revisions=(*remembered, running)))).revisions
    assert running in kept
    assert set(kept) == {running, *remembered[-255:]}
    aborted = tuple(replace(ROLLOUT, version=f"a{i}", phase=RolloutPhase.ABORTED) for i in range(20))
    assert replace(ROLLOUT, version="v") in read(written(State(rollouts=(*aborted, ROLLOUT)))).rollouts
    idle = tuple(VersionState(f"n{i}", 0) for i in range(20))
    serving = VersionState("s", 100, stable="m-s-1")
    assert serving in read(written(State(versions=(*idle, serving)))).versions


def test_of_what_was_asked_for_the_highest_stays_that_a_window_may_see() -> None:
    steps = tuple(RecommendationState(NOW + timedelta(seconds=i), 100 - i) for i in range(MOST_KEPT + 9))
    kept = read(written(State(scaling=(replace(SCALING, recommendations=steps),)))).scaling[0].recommendations
    assert len(kept) == MOST_KEPT
    assert (kept[0].replicas, kept[-1]) == (100, steps[-1])


ODD: dict[str, tuple[Any, State]] = {
    "nothing": (None, State()),
    "a text": ("ready", State()),
    "a list": ([1], State()),
    "wrong types": ({"versions": 3, "replicas": "4", "url": ["u"], "conditions": {"a": 1}}, State()),
    "unknown fields": ({"replicas": 2, "moons": 3}, State(replicas=2)),
    "an unknown phase": (
        {"rollouts": [{"version": "v", "from": "a", "to": "b", "phase": "Gliding", "startedAt": "2026-01-01T00:00:00Z",
                       "stepStartedAt": "2026-01-01T00:00:00Z"}]},
        State(rollouts=(RolloutState("v", "a", "b", NOW, NOW),)),
    ),
    "an item without its name": ({"versions": [{"weight": 1}, {"name": "v", "weight": 2}]},
                                 State(versions=(VersionState("v", 2),))),
    "numbers out of bounds": (
        {"replicas": 1e40, "readyReplicas": -5, "observedGeneration": float("nan")}, State(replicas=LARGEST)
    ),
    "a time that is none": ({"revisions": [{"name": "r", "version": "v", "hash": "1", "createdAt": "soon"}]}, State()),
    "a split that does not sum up": ({"split": [{"revision": "r", "slots": 9}]}, State()),
    "truth that is a number": ({"replicas": True}, State()),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "state"), ODD.values(), ids=ODD.keys())
def test_what_is_not_understood_is_left_out(raw: Any, state: State) -> None:
    assert read(raw) == state


def test_the_test_s_own_judge_refuses_what_the_schema_refuses() -> None:
    """The judge is written here: it is to find a text, a number and a list that do not fit."""
    assert refusals({"traffic": "x" * 300})
    assert refusals({"replicas": -1})
    assert refusals({"versions": [{"weight": 1}]})
    assert refusals({"versions": [{"name": "v", "weight": 1}] * 2})
    assert refusals({"rollouts": [{"version": "v"}]})
