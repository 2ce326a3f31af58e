"""Fixtures of the end-to-end tests: one cluster and a few long-lived objects, shared by all of them."""

from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster
from e2e.diagnostics import describe
from e2e.given import Given
from e2e.then import Then
from e2e.when import When

# Objects are shared, so that the suite takes minutes. Rollouts first, while nothing else takes the cluster's cores;
# then what needs the most of a shared object, and what removes things last.
ORDER = (
    "test_examples", "test_frameworks", "test_object_store", "test_image_classifier", "test_vision_stream",
    "test_recommender", "test_own_apps", "test_versions", "test_rollout", "test_autoscaling",
    "test_app_deployments", "test_placement", "test_nodes", "test_zero", "test_churn", "test_square", "test_scale",
    "test_template_change", "test_chaos", "test_settled", "test_bad_input", "test_one_namespace", "test_deletion",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder and put their files into order."""
    ours = [item for item in items if item.path.parent.name == "e2e"]
    for item in ours:
        item.add_marker(pytest.mark.e2e)
    ours.sort(key=lambda item: ORDER.index(item.path.stem))
    others = [item for item in items if item.path.parent.name != "e2e"]
    items[:] = others + ours


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    return Cluster.from_harness()


@pytest.fixture(scope="session")
def then(cluster: Cluster) -> Then:
    return Then(cluster)


@pytest.fixture(scope="session")
def given(cluster: Cluster, then: Then) -> Given:
    return Given(cluster, then)


@pytest.fixture(scope="session")
def when(cluster: Cluster) -> When:
    return When(cluster)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what is in the cluster below the failure of a test."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    given = getattr(item, "funcargs", {}).get("given")
    if report.failed and call.when in {"setup", "call"} and isinstance(given, Given):
        report.sections.append(("the cluster", describe(given.cluster, given.namespaces)))
