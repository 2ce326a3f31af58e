"""Fixtures of the end-to-end tests: one cluster and a few long-lived objects, shared by all of them."""

from collections.abc import Iterator

import pytest

from e2e import bucket, modules
from e2e.cluster import Cluster
from e2e.diagnostics import describe
from e2e.given import Given
from e2e.images import Images
from e2e.sharing import pytest_collection_modifyitems, pytest_configure, pytest_xdist_make_scheduler
from e2e.then import Then
from e2e.when import When

__all__ = ["pytest_collection_modifyitems", "pytest_configure", "pytest_xdist_make_scheduler"]
IMAGES = Images()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to build what the chosen tests need; one worker does it for all."""
    chosen = [item.path.stem for item in session.items if item.path.parent.name == "e2e"]
    names = modules.images(chosen)
    worker = getattr(session.config, "workerinput", {"workerid": "gw0"})["workerid"]
    if names and worker == "gw0" and not session.config.option.collectonly:
        IMAGES.begin(names)


def pytest_unconfigure() -> None:
    """Leave nothing running."""
    IMAGES.end()


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    return Cluster.from_harness()


@pytest.fixture(scope="module", autouse=True)
def images_there(request: pytest.FixtureRequest) -> None:
    """The images of this module are on the nodes before anything else of it begins."""
    IMAGES.ensure(modules.MODULES[request.path.stem].images)


@pytest.fixture(scope="session")
def then(cluster: Cluster) -> Then:
    return Then(cluster)


@pytest.fixture(scope="session")
def given(cluster: Cluster, then: Then) -> Given:
    return Given(cluster, then)


@pytest.fixture(scope="session")
def when(cluster: Cluster) -> When:
    return When(cluster)


@pytest.fixture(scope="session")
def store(cluster: Cluster) -> Iterator[bucket.Store]:
    """A bucket that asks for keys, reached by Pods, too."""
    with bucket.served(cluster) as filled:
        yield filled


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what is in the cluster below the failure of a test."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    given = getattr(item, "funcargs", {}).get("given")
    if report.failed and call.when in {"setup", "call"} and isinstance(given, Given):
        report.sections.append(("the cluster", describe(given.cluster, given.namespaces)))
