"""Section 4: an operator that may touch one namespace alone serves it, and sees no other."""

from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster
from e2e.given import Given
from e2e.installed import Operator
from e2e.then import Then

NAMESPACE = "e2e-tenant"


@pytest.fixture(scope="module")
def tenants_operator(given: Given) -> Iterator[Operator]:
    """In place of the usual one, which would serve the namespace too."""
    usual = Operator(given.cluster)
    usual.uninstall()
    given.namespace(NAMESPACE)
    operator = Operator(given.cluster, namespace=NAMESPACE, release="eagleray-tenant")
    operator.install(
        "--set", f"watchNamespaces={{{NAMESPACE}}}", "--set", "crds.install=false", "--set", "replicaCount=1"
    )
    yield operator
    operator.uninstall()
    usual.install()


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
