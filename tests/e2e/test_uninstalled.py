"""Without the usual operator: what runs answers, what is deleted goes, and one of a single namespace serves that."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.client import LoadResult
from e2e.cluster import Cluster
from e2e.deployment import ModelDeployment
from e2e.given import Given
from e2e.installed import Operator
from e2e.then import Then
from e2e.when import When

NAMESPACE = "e2e-tenant"


@dataclass(frozen=True, slots=True)
class Orphan:
    """An object that answered while its operator was uninstalled, and was deleted then.

    Attributes:
        md: the object.
        kept: whether its Pods stayed what they were until then.
        asked: what it answered meanwhile.
    """

    md: ModelDeployment
    kept: bool
    asked: LoadResult


@pytest.fixture(scope="module")
def orphan(given: Given, when: When, then: Then) -> Orphan:
    operator = given.operator()
    square = given.square(replicas=2)
    pods = {role: square.md.live_pods(role) for role in ("head", "worker", "router")}
    with when.loaded(square) as load:
        operator.uninstall()
        then.answers(square.client, square.url, square.body, square.expected)
    kept = pods == {role: square.md.live_pods(role) for role in pods}
    when.deleted(square.md)
    return Orphan(square.md, kept, load.result)


@pytest.fixture(scope="module")
def tenants_operator(given: Given, orphan: Orphan) -> Iterator[Operator]:  # noqa: ARG001 - the usual one is gone
    """In place of the usual one, which would serve the namespace too."""
    given.namespace(NAMESPACE)
    operator = Operator(given.cluster, namespace=NAMESPACE, release="eagleray-tenant")
    operator.install(
        "--set", f"watchNamespaces={{{NAMESPACE}}}", "--set", "crds.install=false", "--set", "replicaCount=1"
    )
    yield operator
    operator.uninstall()
    Operator(given.cluster).install()


def test_what_runs_answers_without_an_operator(orphan: Orphan, then: Then) -> None:
    assert orphan.kept
    then.no_request_failed(orphan.asked)


def test_it_serves_its_namespace(tenants_operator: Operator, given: Given, then: Then) -> None:
    manifest = given.square_manifest(tenants_operator.namespace)
    manifest["spec"]["replicas"] = 1
    md = given.settled(manifest)
    then.answers(given.client(NAMESPACE), f"{md.url}/", {"num": 7}, {"result": 49})
    md.cluster.delete("md", md.name, md.namespace)


def test_it_has_no_rights_elsewhere(tenants_operator: Operator, cluster: Cluster) -> None:
    selector = f"app.kubernetes.io/instance={tenants_operator.release}"
    assert not cluster.list("clusterroles", selector=selector)
    assert not cluster.list("clusterrolebindings", selector=selector)
    assert cluster.list("roles", NAMESPACE, selector)


def test_what_was_deleted_without_an_operator_is_gone(orphan: Orphan, then: Then) -> None:
    """Its workers wait for their replicas to move, which an operator would have ended; the collector does not."""
    then.nothing_left(orphan.md)
