"""Scaling by load: up by the formula, down by the window, each version for itself; and nothing is lost meanwhile."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from e2e.cluster import Manifest
from e2e.deployment import name_of
from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.installed import Operator
from e2e.pods import watching
from e2e.then import SETTLED_SECONDS, Then
from e2e.wait import NotYetError, eventually, stays
from e2e.when import When

WINDOW = {"scaleDown": {"stabilizationWindowSeconds": 10}}
BUSY = {"delay": 1.0}


@pytest.fixture(scope="module")
def operator(given: Given) -> Operator:
    return given.operator()


@pytest.fixture(scope="module")
def predictor(given: Given, operator: Operator) -> Iterator[Served]:  # noqa: ARG001 - an operator must be there
    served = given.predictor(workers={"replicasPerPod": 2}, **scaling(2, 10))
    yield served
    given.cluster.delete("md", served.md.name, served.md.namespace)


@pytest.fixture(scope="module")
def lanes(given: Given, operator: Operator) -> Iterator[Served]:  # noqa: ARG001 - an operator must be there
    """Two versions, whose answers take a second: as many requests are in progress as come in a second."""
    versions = [
        {"name": "a", "weight": 90, "app": {"args": {"name": "a", **BUSY}}},
        {"name": "b", "weight": 10, "app": {"args": {"name": "b", **BUSY}}},
    ]
    served = given.knobs("lanes", versions=versions, **scaling(1, 6))
    yield served
    given.cluster.delete("md", served.md.name, served.md.namespace)


def scaling(least: int, most: int, *metrics: dict[str, Any]) -> Manifest:
    found = list(metrics) or [{"type": "OngoingRequests", "target": 5}]
    rules = {"minReplicas": least, "maxReplicas": most, "metrics": found, "behavior": WINDOW}
    return {"autoscaling": rules}


def record(served: Served, version: str = "") -> Manifest:
    """What was decided last about a version's stable revision."""
    status = served.md.status()
    stable = served.md.stable_revision(version)
    return next((s for s in status.get("scaling", []) if s["revision"] == stable), {})


def answering(served: Served, least: int, most: int, version: str = "", within: float = SETTLED_SECONDS) -> None:
    """So many replicas of a version come to answer, and are wanted."""

    def look() -> None:
        status = served.md.status()
        found: Manifest = next((v for v in status["versions"] if version in {"", v["name"]}), {})
        ready, wanted = found.get("readyReplicas", 0), record(served, version).get("desired", 0)
        if not (least <= ready <= most and least <= wanted <= most):
            raise NotYetError(f"{ready} replicas answer, {wanted} are wanted: {record(served, version)}")

    eventually(f"{least} to {most} replicas answer", look, within=within)


def changes(served: Served) -> list[tuple[int, int]]:
    """Each change of the number of replicas, the latest first."""
    return [(c["from"], c["to"]) for c in record(served).get("changes", [])]


def test_it_climbs_to_what_the_formula_says_and_comes_back_whoever_dies(
    predictor: Served, operator: Operator, when: When, then: Then
) -> None:
    """Twenty requests are always in progress, whatever the speed: four replicas for five each."""
    with when.crowded(predictor, 20) as load:
        eventually("it begins to grow", lambda: grown(predictor, 2), within=60)
        when.operator_killed(*operator.pods())
        answering(predictor, 3, 5)
        when.pod_killed(predictor.md.namespace, predictor.md.live_pods("router")[0])
        stays(
            "a router Pod's figures are missing, not zero", lambda: answering(predictor, 3, 5, within=1), for_seconds=15
        )
        said = when.told(predictor.md, "scaling")
    assert "OngoingRequests" in said
    assert "asked for" in said
    eventually("it begins to shrink", lambda: shrunk(predictor), within=SETTLED_SECONDS)
    when.operator_killed(*operator.pods())
    answering(predictor, 2, 2)
    assert min(to for _, to in changes(predictor)) == 2
    then.no_request_failed(load.result, at_least=500)


def grown(served: Served, more_than: int) -> None:
    if record(served).get("desired", 0) <= more_than:
        raise NotYetError(f"{record(served)}")


def shrunk(served: Served) -> None:
    last = (record(served).get("changes") or [{"from": 0, "to": 0}])[0]
    if last["to"] >= last["from"]:
        raise NotYetError(f"{record(served)}")


def test_cpu_rate_and_latency_are_measured_where_the_requests_are(
    predictor: Served, operator: Operator, when: When, then: Then
) -> None:
    """Forty requests a second, which take 20 ms but little CPU: what each metric says of them, and the most counts."""
    metrics: list[Manifest] = [
        {"type": "CPU", "target": "10%"},
        {"type": "RequestRate", "target": 10},
        {"type": "Latency", "target": "60s"},
    ]
    when.changed(predictor.md, scaling(2, 4, *metrics))
    with when.loaded(predictor, 40) as load:
        eventually("every metric is known", lambda: measured(predictor, operator), within=90)
        answering(predictor, 4, 4)
    then.no_request_failed(load.result, at_least=200)
    found = {m["name"]: m for m in record(predictor)["metrics"]}
    assert (found["RequestRate"]["target"], found["CPU"]["target"], found["Latency"]["target"]) == ("10", "10%", "60s")


def measured(served: Served, operator: Operator) -> None:
    """Each says something, and the first two ask for more than the fewest: live figures are the operator's metrics."""
    missing = [m["name"] for m in record(served).get("metrics", []) if "missingSince" in m]
    told = {"namespace": served.md.namespace, "name": served.md.name}
    asked = [
        operator.metric("eagleray_scaling_metric_replicas", metric=name, **told) or 0
        for name in ("CPU", "RequestRate", "Latency")
    ]
    if missing or asked[0] <= 2 or not 3 <= asked[1] <= 5 or not 1 <= asked[2] <= 2:
        raise NotYetError(f"{missing} are missing, {asked} replicas are asked for")


def test_down_under_load_pods_go_when_they_are_empty(given: Given, operator: Operator, when: When, then: Then) -> None:
    """Six replicas in three Pods become two in one, while long answers are on their way."""
    app = {"app": {"importPath": "apps:knobs", "args": BUSY}, "workers": {"replicasPerPod": 2}}
    served = given.knobs("packed", **app, **scaling(2, 6))
    try:
        with when.loaded(served, 30) as load:
            answering(served, 6, 6)
        then.no_request_failed(load.result, at_least=100)
        stream = replace(served, path="/stream")
        with watching(served.md) as history, when.loaded(served, 3) as load, when.loaded(stream, 1) as streams:
            answering(served, 2, 2)
            then.pods(served.md, "worker", 1)
        then.no_request_failed(load.result, at_least=30)
        then.no_request_failed(streams.result, at_least=10)
        gone = {name_of(pod.manifest) for pod in history.deleted("worker")}
        assert len(gone) == 2
        operator.drained_first(gone)
    finally:
        given.cluster.delete("md", served.md.name, served.md.namespace)


def test_versions_scale_apart_and_so_do_both_sides_of_a_canary(lanes: Served, when: When, then: Then) -> None:
    changed = [
        {"name": "a", "weight": 90, "app": {"args": {"name": "c", **BUSY}}},
        {"name": "b", "weight": 10, "app": {"args": {"name": "b", **BUSY}}},
    ]
    with when.loaded(lanes, 20) as load:
        answering(lanes, 3, 5, "a")
        assert record(lanes, "b")["desired"] <= 2
        before = record(lanes, "a")
        when.changed(lanes.md, {"versions": changed, "rollout": {"steps": [{"setWeight": 50}, {"pause": {}}]}})
        rollout = then.phase(lanes.md, "Paused")
        candidate = next(s for s in lanes.md.status()["scaling"] if s["revision"] == rollout["to"])
        assert 1 <= candidate["desired"] < before["desired"]
        assert record(lanes, "a")["desired"] >= before["desired"], "what is stable keeps what it has"
        when.told(lanes.md, "promote", "--full")
        eventually("the candidate is stable", lambda: stable_is(lanes, rollout["to"]), within=SETTLED_SECONDS)
        answering(lanes, 3, 5, "a")
    then.no_request_failed(load.result, at_least=300)


def stable_is(served: Served, revision: str) -> None:
    if served.md.stable_revision("a") != revision:
        raise NotYetError(f"{served.md.status()['versions']}")


def test_a_silent_metric_scales_nothing_down_and_is_named(lanes: Served, when: When) -> None:
    """Its server is down; and its word counts again when it is back."""
    figure = {"type": "Prometheus", "target": 1, "query": "sum(queue)"}
    with lanes.client.figures() as figures:
        figures.say("2")
        when.changed(lanes.md, scaling(1, 6, {**figure, "server": figures.url}))
        answering(lanes, 2, 2, "b")
        figures.say("")
        eventually("what it answers is named", partial(inactive, lanes, "answered 500"), within=60)
        assert record(lanes, "b")["changes"][0]["to"] == 2, "nothing was scaled down"
        figures.say("1")
        answering(lanes, 1, 1, "b")
    assert lanes.md.condition("ScalingActive")["status"] == "True"


def inactive(served: Served, said: str) -> None:
    found = served.md.condition("ScalingActive")
    message = found.get("message", "")
    if found.get("status") != "False" or not all(word in message for word in ("Prometheus", "since", said)):
        raise NotYetError(f"{found}")


def test_without_room_what_runs_goes_on_and_room_is_taken(
    given: Given,
    operator: Operator,  # noqa: ARG001 - an operator must be there
    when: When,
    then: Then,
) -> None:
    """Two replicas are wanted, each with a GPU; one of the node's two is somebody else's, for now."""
    gpus = {
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"nvidia.com/gpu": "1"}},
        "placement": {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]},
        "app": {"importPath": "apps:knobs", "args": BUSY},
    }
    given.gpu_taken()
    try:
        served = given.knobs("room", **gpus, **scaling(1, 2))
        with when.loaded(served, 9) as load:
            then.condition(served.md, "Degraded", "True", reasons={"Unschedulable"}, saying="nvidia.com/gpu", within=60)
            assert served.md.condition("Ready")["status"] == "True"
            given.gpu_given_back()
            answering(served, 2, 2)
        then.no_request_failed(load.result, at_least=100)
    finally:
        given.gpu_given_back()
        given.cluster.delete("md", "room", ROLLOUT_NAMESPACE)
