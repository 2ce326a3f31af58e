"""An application whose deployments have Pods of their own: where they run, and how each is scaled by its own load."""

from collections import Counter
from collections.abc import Iterator

import pytest

from e2e.cluster import GPU_NODE, Manifest
from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.then import SETTLED_SECONDS, Then
from e2e.wait import NotYetError, eventually
from e2e.when import When

ONGOING = {"type": "OngoingRequests", "target": 2}
FRONT = {"name": "Front", "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}}}
SCORER = {
    "name": "Scorer",
    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"nvidia.com/gpu": "1"}},
    "placement": {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]},
}


def app(*metrics: Manifest) -> Manifest:
    """The application, whose scorer is scaled by these metrics."""
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 10}}
    rules = {"maxReplicas": 2, "metrics": list(metrics), "behavior": behavior}
    deployments = [FRONT, {**SCORER, "autoscaling": rules}]
    return {"app": {"importPath": "apps:pipeline", "args": {"seconds": 0.5}, "deployments": deployments}}


@pytest.fixture(scope="module")
def pipeline(given: Given) -> Iterator[Served]:
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    md = When(given.cluster).applied(given.knobs_manifest("pipeline", **app(ONGOING)))
    given.then.ready(md)
    yield Served(md=md, client=client, path="/", body={"num": 7}, expected={"result": 49})
    given.cluster.delete("md", md.name, md.namespace)


def groups(served: Served) -> Counter[tuple[str, str]]:
    """Worker Pods by worker group and by the node that they run on."""
    pods = served.md.pods("worker")
    return Counter((p["metadata"]["labels"]["eagleray.dev/group"], p["spec"].get("nodeName", "")) for p in pods)


def scorers(served: Served, count: int) -> None:
    """So many scorers run, each on a GPU, and one front, on none; and nothing else is there."""

    def look() -> None:
        found = groups(served)
        fronts = sum(n for (group, node), n in found.items() if group == "Front" and node != GPU_NODE)
        if found["Scorer", GPU_NODE] != count or fronts != 1 or found.total() != count + 1:
            raise NotYetError(f"{found}: {served.md.status().get('scaling')}")

    eventually(f"{count} scorers run", look, within=SETTLED_SECONDS)


def test_each_part_runs_where_it_belongs_and_is_scaled_by_what_it_has_to_do(
    pipeline: Served, when: When, then: Then
) -> None:
    scorers(pipeline, 1)
    assert pipeline.md.status()["ready"] == "1/1"
    with when.crowded(pipeline, 8) as load:
        scorers(pipeline, 2)
        said = when.told(pipeline.md, "scaling")
    assert f"Scorer of {pipeline.md.stable_revision()}" in said
    scorers(pipeline, 1)
    then.no_request_failed(load.result, at_least=50)
    assert len(pipeline.md.status()["revisions"]) == 1, "how many there are is no content"


def test_gpus_that_do_not_tell_their_use_are_named(pipeline: Served, when: When, then: Then) -> None:
    """The nodes' GPUs have no silicon: what nobody measures is missing, and never idle."""
    when.changed(pipeline.md, app(ONGOING, {"type": "GPU", "target": "70%"}))
    saying = "Ray tells no use of a GPU"
    then.condition(pipeline.md, "ScalingActive", "False", reasons={"FailedGetMetric"}, saying=saying, within=60)
    assert pipeline.md.condition("Ready")["status"] == "True"


def test_a_deployment_that_the_application_has_not_is_named(pipeline: Served, when: When, then: Then) -> None:
    """The revision never answers, says why, and what serves goes on."""
    wrong = app(ONGOING)
    wrong["app"]["deployments"].append({**FRONT, "name": "Cache"})
    with when.loaded(pipeline, 3) as load:
        when.changed(pipeline.md, wrong)
        then.condition(pipeline.md, "Degraded", "True", reasons={"DeployFailed"}, saying="Cache", within=90)
    then.no_request_failed(load.result, at_least=10)
