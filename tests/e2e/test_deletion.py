"""Section 8.6: deleting leaves nothing, with the operator or without it."""

import pytest

from e2e.given import Given
from e2e.installed import Operator
from e2e.then import Then
from e2e.when import When


@pytest.fixture(scope="module")
def operator(given: Given) -> Operator:
    return given.operator()


@pytest.mark.usefixtures("operator")
def test_deleting_the_object_leaves_no_child(given: Given, when: When, then: Then) -> None:
    churn = given.churn(replicas=2)
    assert churn.md.children()
    when.deleted(churn.md)
    then.nothing_left(churn.md)


def test_deleting_the_operator_first(operator: Operator, given: Given, when: When, then: Then) -> None:
    """Serving goes on untouched, and the object deletes cleanly."""
    square = given.square(replicas=2)
    pods = {role: square.md.live_pods(role) for role in ("head", "worker", "router")}

    with when.loaded(square) as load:
        operator.uninstall()
        then.answers(square.client, square.url, square.body, square.expected)
    assert pods == {role: square.md.live_pods(role) for role in pods}
    then.no_request_failed(load.result)

    when.deleted(square.md)
    then.nothing_left(square.md)
    operator.install()
