"""Rollouts under load: by steps, by verb, taken back by measurement, through crashes, and without room."""

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.client import LoadResult
from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.installed import Operator
from e2e.then import Then
from e2e.when import When

STEPS: list[dict[str, Any]] = [
    {"setWeight": 20},
    {"pause": {"duration": "10s"}},
    {"setWeight": 60},
    {"pause": {"duration": "10s"}},
]
WAIT: list[dict[str, Any]] = [{"setWeight": 10}, {"pause": {}}]
FIGURES = {"interval": "5s", "minRequests": 30}
RATE = 30.0
# Of a fifth of these, which take some ms each, on a machine that is busy.
IN_FLIGHT = 3


def knob(name: str, **knobs: float) -> dict[str, Any]:
    """An application, with every knob that an earlier test has turned turned back."""
    turned_back = dict.fromkeys(("fail", "delay", "die_after"))
    return {"app": {"importPath": "apps:knobs", "args": {**turned_back, "name": name, **knobs}}}


@pytest.fixture(scope="module")
def operator(given: Given) -> Operator:
    return given.operator()


@pytest.fixture(scope="module")
def canary(given: Given, operator: Operator) -> Iterator[Served]:  # noqa: ARG001 - an operator must be there
    app = {"app": {"importPath": "apps:knobs", "args": {"name": "a"}}}
    served = given.knobs("canary", rollout={"steps": STEPS, "abortScaleDownDelaySeconds": 5}, **app)
    yield served
    given.cluster.delete("md", served.md.name, served.md.namespace)


def steps(*some: dict[str, Any], **rollout: Any) -> dict[str, Any]:
    """A whole `rollout`: what an earlier test has set is unset."""
    nothing = dict.fromkeys(("analysis", "maxSurge", "progressDeadlineSeconds", "strategy"))
    return {"rollout": {**nothing, "steps": list(some) or None, "abortScaleDownDelaySeconds": 5, **rollout}}


def assert_nothing_left_over(served: Served) -> None:
    """Pods, Services and status are those of one revision; others are but remembered."""
    stable = served.md.stable_revision()
    labels = [pod["metadata"]["labels"].get("eagleray.dev/revision", stable) for pod in served.md.pods("worker")]
    services = served.md.cluster.list("services", served.md.namespace, f"{served.md.selector},eagleray.dev/revision")
    assert set(labels) == {stable}
    assert [s["metadata"]["name"] for s in services] == [stable]
    assert "rollouts" not in served.md.status()


def share_of(result: LoadResult, revision: str) -> float:
    answered = sum(entry["count"] for entry in result.revisions.values())
    return result.revisions.get(revision, {"count": 0})["count"] / answered


def test_paused_looked_at_and_promoted_by_verb(canary: Served, when: When, then: Then) -> None:
    with when.loaded(canary, RATE) as load:
        when.changed(canary.md, {**knob("c"), **steps(*WAIT, {"setWeight": 50}, {"pause": {}})})
        found = then.phase(canary.md, "Paused")
        assert (found["weight"], found["step"]) == (10, 1)
        assert canary.md.condition("Paused")["status"] == "True"
        drawn = when.told(canary.md, "status")
        assert found["to"] in drawn
        assert "10%" in drawn
        when.told(canary.md, "pause")
        then.rollout(canary.md, "is paused by a person", lambda r: "by a person" in r["message"], within=10)
        when.told(canary.md, "resume")
        then.rollout(canary.md, "pauses by its step", lambda r: "step waits" in r["message"], within=10)
        when.told(canary.md, "promote")
        then.weight(canary.md, 50, within=30)
        when.told(canary.md, "promote", "--full")
        then.settled(canary.md)
    assert canary.md.stable_revision() == found["to"]
    then.no_request_failed(load.result, at_least=300)


def test_aborted_retried_and_changed_on_the_way(canary: Served, when: When, then: Then) -> None:
    """By verb; another change in the middle of the rollout takes its place."""
    old = canary.md.stable_revision()
    with when.loaded(canary, RATE) as load:
        when.changed(canary.md, {**knob("d"), **steps(*WAIT)})
        found = then.phase(canary.md, "Paused")
        when.told(canary.md, "abort")
        then.phase(canary.md, "Aborted", within=10)
        then.condition(canary.md, "Degraded", "True", reasons={"RolloutAborted"}, saying="a person", within=5)
        then.pods(canary.md, "worker", 1, within=60)
        assert canary.md.stable_revision() == old
        when.told(canary.md, "retry")
        assert then.phase(canary.md, "Paused")["to"] == found["to"]
        when.changed(canary.md, {**knob("e"), **steps()})
        then.settled(canary.md)
    assert canary.md.stable_revision() not in {old, found["to"]}
    assert_nothing_left_over(canary)
    then.no_request_failed(load.result, at_least=300)


def test_back_to_an_earlier_revision_by_verb(canary: Served, when: When, then: Then) -> None:
    """The next test's change ends it."""
    wanted = canary.md.stable_revision()
    assert wanted in when.told(canary.md, "revisions")
    with when.loaded(canary, RATE) as load:
        when.told(canary.md, "rollback")
        then.condition(canary.md, "Progressing", "False", reasons={"RolledBack"}, saying=wanted, within=90)
    assert canary.md.stable_revision() != wanted
    then.no_request_failed(load.result, at_least=300)


def test_taken_back_by_measurement(canary: Served, when: When, then: Then) -> None:
    """By one of two metrics."""
    old = canary.md.stable_revision()
    metrics = [{"name": "latency-p90", "max": "9s"}, {"name": "error-rate", "max": "1%"}]
    with when.loaded(canary, RATE) as load:
        when.changed(
            canary.md, {**knob("failing", fail=0.2), **steps(*STEPS, analysis={**FIGURES, "metrics": metrics})}
        )
        found = then.phase(canary.md, "Aborted")
        then.condition(canary.md, "Degraded", "True", reasons={"RolloutAborted"}, saying="error-rate", within=5)
        then.pods(canary.md, "worker", 1, within=60)
    assert found["message"].startswith("at 20%"), "its share never grew"
    assert canary.md.stable_revision() == old
    assert load.result.failed <= load.result.sent * 0.2 * 0.3, load.result.told()
    assert share_of(load.result, found["to"]) <= 0.3
    assert {m["name"]: m["verdict"] for m in found["analysis"]}["latency-p90"] == "Successful"


def test_without_requests_it_holds(canary: Served, when: When, then: Then) -> None:
    """Which a server of the user's own does not change: it says that all is well, and that is not enough."""
    own = {"name": "own", "max": "0", "web": {"url": canary.url, "path": "num"}}
    analysis = {**FIGURES, "interval": "2s", "metrics": [own, {"name": "error-rate", "max": "1%"}]}
    when.changed(canary.md, {**knob("quiet"), **steps({"setWeight": 50}, analysis=analysis)})
    then.weight(canary.md, 50)
    held = then.rollout(canary.md, "waits for requests", lambda r: "of 30 requests" in r["message"], within=30)
    assert held["phase"] == "Progressing"
    assert {m["name"]: m["verdict"] for m in held["analysis"]} == {"own": "Successful", "error-rate": "NoData"}
    with when.loaded(canary, RATE) as load:
        then.settled(canary.md)
    then.no_request_failed(load.result)


def test_what_never_gets_ready_is_never_given_a_share(canary: Served, when: When, then: Then) -> None:
    old = canary.md.stable_revision()
    with when.loaded(canary, RATE) as load:
        broken = {"app": {"importPath": "apps:raises", "args": None}, **steps(*STEPS, progressDeadlineSeconds=45)}
        when.changed(canary.md, broken)
        found = then.phase(canary.md, "Aborted")
    assert "vocabulary" in found["message"], found
    assert set(load.result.revisions) == {old}
    then.no_request_failed(load.result, at_least=300)


def test_what_dies_again_and_again_is_taken_back(canary: Served, when: When, then: Then) -> None:
    old = canary.md.stable_revision()
    with when.loaded(canary, RATE) as load:
        when.changed(canary.md, {**knob("dies", die_after=20), **steps({"setWeight": 20}, {"pause": {}})})
        found = then.phase(canary.md, "Aborted", within=300)
    assert canary.md.stable_revision() == old
    assert "none of its replicas" in found["message"] or "failed" in found["message"], found
    # An application's request is not sent twice: what was in flight in the three deaths that it is given. All else of
    # its share goes to the stable revision.
    assert load.result.failed <= 3 * IN_FLIGHT, load.result.told()


def test_every_operator_and_a_router_killed_in_a_step(
    operator: Operator, canary: Served, when: When, then: Then
) -> None:
    """By steps to the end: the same step and the same timer go on."""
    old = canary.md.stable_revision()
    with when.loaded(canary, RATE) as load:
        # Longer than new operators take to start, whoever else kills them.
        slow: list[dict[str, Any]] = [{"setWeight": 20}, {"pause": {"duration": "60s"}}, {"setWeight": 60}]
        when.changed(canary.md, {**knob("f"), **steps(*slow)})
        then.weight(canary.md, 20)
        before = then.rollout(canary.md, "pauses", lambda r: bool(r["step"] == 1), within=30)
        when.operator_killed(*operator.pods())
        when.pod_killed(canary.md.namespace, canary.md.live_pods("router")[0])
        operator.wait_until_ready()
        after = canary.md.rollout()
        assert (after["step"], after["stepStartedAt"]) == (before["step"], before["stepStartedAt"])
        when.told(canary.md, "promote")
        then.settled(canary.md)
    assert canary.md.stable_revision() == after["to"]
    assert set(load.result.revisions) == {old, after["to"]}
    assert_nothing_left_over(canary)
    then.no_request_failed(load.result, at_least=300)


def test_without_room_for_a_surge(given: Given, operator: Operator, when: When, then: Then) -> None:
    """Two replicas that ask for the node's two GPUs, on a node that has no third."""
    del operator
    gpus = {
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"nvidia.com/gpu": "1"}},
        "placement": {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]},
    }
    served = given.knobs("surge", replicas=2, **gpus)
    try:
        with when.loaded(served, RATE) as load:
            when.changed(served.md, {**knob("b"), **steps(maxSurge=1, progressDeadlineSeconds=20)})
            then.condition(served.md, "Degraded", "True", reasons={"Unschedulable"}, saying="nvidia.com/gpu", within=60)
            then.phase(served.md, "Aborted", within=90)
            when.changed(served.md, {**knob("c"), **steps({"setWeight": 50}, maxSurge=0)})
            then.settled(served.md)
        then.no_request_failed(load.result, at_least=300)
    finally:
        given.cluster.delete("md", served.md.name, ROLLOUT_NAMESPACE)
