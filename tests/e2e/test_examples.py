"""The examples of versions and rollouts, applied as they are and asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.client import MODELS, Client
from e2e.cluster import REPO
from e2e.deployment import ModelDeployment
from e2e.given import CHURN_NAMESPACE, Given, example
from e2e.then import Then
from e2e.when import When


@pytest.fixture(scope="module")
def models(given: Given) -> Client:
    """The claim with two models, of this year's customers and of the next's."""
    given.operator()
    given.trained_churn()
    client = given.client(CHURN_NAMESPACE, "models")
    client.run_source((REPO / "examples/churn/train.py").read_text(), "--out", f"{MODELS}/churn/2", "--seed", "8")
    return client


@pytest.fixture
def applied(given: Given, models: Client, request: pytest.FixtureRequest) -> Iterator[ModelDeployment]:  # noqa: ARG001
    md = given.settled(example(request.param, CHURN_NAMESPACE))
    yield md
    given.cluster.delete("md", md.name, md.namespace)


def body(given: Given) -> dict[str, Any]:
    return {"instances": given.trained_churn()["instances"][:1]}


def predict(md: ModelDeployment) -> str:
    return f"{md.url}/v1/models/{md.name}:predict"


@pytest.mark.parametrize("applied", ["ab-test"], indirect=True)
def test_ab_test(applied: ModelDeployment, models: Client, given: Given) -> None:
    assert [v["effectiveWeight"] for v in applied.status()["versions"]] == [80, 20]
    found = models.count(predict(applied), 300, users=100, body=body(given))
    assert set(found.statuses) == {"200"}
    assert {len(seen) for seen in found.users.values()} == {1}
    assert set(found.versions) == {"v1", "v2"}
    beta = models.count(predict(applied), 20, headers={"x-beta": "true"}, body=body(given))
    assert beta.versions == {"v2": 20}


@pytest.mark.parametrize("applied", ["shadow"], indirect=True)
def test_shadow(applied: ModelDeployment, models: Client, given: Given) -> None:
    assert models.count(predict(applied), 100, body=body(given)).versions == {"v1": 100}
    asked = models.count(predict(applied), 10, headers={"x-eagleray-version": "v2"}, body=body(given))
    assert (asked.versions, asked.statuses) == ({"v2": 10}, {"200": 10})


@pytest.mark.parametrize("applied", ["canary"], indirect=True)
def test_canary(applied: ModelDeployment, models: Client, given: Given, when: When, then: Then) -> None:
    with models.load(predict(applied), body=body(given), expected=None) as load:
        when.changed(applied, {"model": {"uri": "pvc://models/churn/2"}})
        then.weight(applied, 10)
        then.weight(applied, 50)
        then.settled(applied)
    then.no_request_failed(load.result, at_least=300)
    assert len(load.result.revisions) == 2
