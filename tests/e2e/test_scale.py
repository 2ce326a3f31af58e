"""Section 8.3: `kubectl scale` under load, up and down."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from e2e.client import FIGURES_PORTS, Figures
from e2e.deployment import name_of
from e2e.given import API_VERSION, Given, Served
from e2e.pods import watching
from e2e.then import Then
from e2e.wait import NotYetError, eventually, stays
from e2e.when import When


@pytest.fixture(scope="module")
def square(given: Given) -> Served:
    given.operator()
    return given.square(replicas=2)


def test_up_and_down_under_load(given: Given, square: Served, when: When, then: Then) -> None:
    before = then.pods(square.md, "worker", 2)
    head = square.md.live_pods("head")

    with watching(square.md) as history, when.loaded(square) as load:
        when.scaled(square.md, 4)
        then.settled(square.md)
        more = then.pods(square.md, "worker", 4)
        when.scaled(square.md, 2)
        then.settled(square.md)
        after = then.pods(square.md, "worker", 2)

    assert set(before) < set(more), "scaling up replaced Pods"
    assert set(after) < set(more), "scaling down replaced Pods"
    assert square.md.live_pods("head") == head
    added = history.created_since(set(before), "worker")
    pinned = {record.manifest["spec"]["containers"][0]["image"] for record in added}
    assert pinned == {square.md.status()["revisions"][0]["image"]}, "they run what the first ones run"
    assert "@sha256:" in pinned.pop()
    then.no_request_failed(load.result, at_least=200)
    gone = {name_of(record.manifest) for record in history.deleted("worker")}
    assert gone == set(more) - set(after)
    given.operator().drained_first(gone)


@pytest.fixture
def external_metrics(square: Served) -> Iterator[Figures]:
    """Kubernetes' API of external metrics, answered by the client's Pod."""
    client = square.client
    meta = {"name": "figures", "namespace": client.namespace}
    address = client.cluster.get("pod", client.name, client.namespace)["status"]["podIP"]
    # By its address, as an API server need not reach the addresses of Services.
    service: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": meta}
    service["spec"] = {"type": "ExternalName", "externalName": address}
    version, group = "v1beta1", "external.metrics.k8s.io"
    api: dict[str, Any] = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService"}
    api["metadata"] = {"name": f"{version}.{group}"}
    api["spec"] = {"group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100}
    api["spec"] |= {"insecureSkipTLSVerify": True, "service": {**meta, "port": FIGURES_PORTS[1]}}
    try:
        with client.figures() as figures:
            figures.say("4")
            client.cluster.apply(service, api)
            ready = ("wait", "--for=condition=Available", f"apiservice/{version}.{group}", "--timeout=60s")
            client.cluster.kubectl(*ready, timeout=70)
            yield figures
    finally:
        # One that does not answer would spoil everybody's discovery.
        client.cluster.delete("apiservice", f"{version}.{group}")
        client.cluster.delete("service", meta["name"], meta["namespace"])


def test_a_horizontal_pod_autoscaler_has_the_last_word(
    square: Served, external_metrics: Figures, when: When, then: Then
) -> None:
    """Kubernetes' own sets `replicas` through the scale subresource; the operator follows, and never fights it."""
    metric = {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "2"}}
    autoscaler: dict[str, Any] = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    autoscaler["metadata"] = {"name": square.md.name, "namespace": square.md.namespace}
    autoscaler["spec"] = {
        "scaleTargetRef": {"apiVersion": API_VERSION, "kind": "ModelDeployment", "name": square.md.name},
        "minReplicas": 2,
        "maxReplicas": 4,
        "metrics": [{"type": "External", "external": metric}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    }
    square.md.cluster.apply(autoscaler)
    with when.loaded(square) as load:
        for figure, replicas in (("6", 3), ("2", 2)):
            external_metrics.say(figure)
            eventually(f"it asks for {replicas}", partial(asked_for, square, replicas), within=90)
            then.settled(square.md)
            then.pods(square.md, "worker", replicas)
    then.no_request_failed(load.result, at_least=100)
    before = square.md.manifest()["metadata"]["generation"]
    stays("nobody writes spec", lambda: generation_is(square, before), for_seconds=5)
    square.md.cluster.delete("hpa", square.md.name, square.md.namespace)


def asked_for(served: Served, replicas: int) -> None:
    found = served.md.manifest()["spec"]["replicas"]
    if found != replicas:
        raise NotYetError(f"spec.replicas is {found}")


def generation_is(served: Served, generation: int) -> None:
    found = served.md.manifest()["metadata"]["generation"]
    if found != generation:
        raise NotYetError(f"generation {found}")


def test_to_zero_and_back(square: Served, when: When, then: Then) -> None:
    """No replica is wanted: an honest 503 instead of a hang, and no worker Pod is left."""
    when.scaled(square.md, 0)
    then.condition(square.md, "Ready", "False", reasons={"ScaledToZero"}, saying="replicas", within=60)
    then.pods(square.md, "worker", 0)
    answer = square.client.ask("POST", square.url, square.body)
    assert answer.status == 503, answer
    assert "ScaledToZero" in answer.body, answer

    when.scaled(square.md, 2)
    then.settled(square.md)
    then.answers(square.client, square.url, square.body, square.expected)
