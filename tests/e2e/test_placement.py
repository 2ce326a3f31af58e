"""Workers run where `placement` says, by the real scheduler."""

from collections.abc import Iterator

import pytest

from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.then import Then
from e2e.when import When

PRIORITY = "e2e-high"
TOLERATED = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
APART = {"topologyKey": "kubernetes.io/hostname", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
ON_LINUX = {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [ON_LINUX]}]}
    }
}


@pytest.fixture(scope="module")
def spread(given: Given) -> Iterator[Served]:
    given.operator()
    given.cluster.apply(
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": PRIORITY}, "value": 7}
    )
    placement = {"tolerations": TOLERATED, "spread": [APART], "affinity": AFFINITY, "priorityClassName": PRIORITY}
    served = given.knobs("spread", replicas=2, placement=placement)
    yield served
    given.cluster.delete("md", served.md.name, ROLLOUT_NAMESPACE)
    given.cluster.delete("priorityclass", PRIORITY)


def test_workers_are_on_nodes_of_their_own_and_have_their_priority(spread: Served) -> None:
    workers = spread.md.pods("worker")
    assert len({pod["spec"]["nodeName"] for pod in workers}) == len(workers) == 2
    assert {pod["spec"]["priority"] for pod in [*workers, *spread.md.pods("head")]} == {7}


def test_what_the_api_server_refuses_is_told_and_what_runs_goes_on(spread: Served, when: When, then: Then) -> None:
    when.changed(spread.md, {"placement": {"affinity": {"nodeAffinity": 5}}})
    then.condition(spread.md, "Degraded", "True", reasons={"PodsRefused"}, saying="nodeAffinity", within=30)
    assert spread.client.ask("POST", spread.url, spread.body).status == 200
