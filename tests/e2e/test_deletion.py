"""Section 8.6: deleting leaves nothing, with the operator or without it."""

from e2e.given import Given
from e2e.then import Then
from e2e.when import When

# Half of what Ray has a worker wait.
SOON = 45.0


def test_deleting_leaves_no_child(given: Given, when: When, then: Then) -> None:
    """Workers that the collector deletes wait for their replicas to move; an operator ends them."""
    operator = given.operator()
    churn, square = given.churn(replicas=2), given.square(replicas=2)
    assert churn.md.children()
    when.deleted(churn.md)
    then.nothing_left(churn.md, within=SOON)

    pods = {role: square.md.live_pods(role) for role in ("head", "worker", "router")}
    with when.loaded(square) as load:
        operator.uninstall()
        then.answers(square.client, square.url, square.body, square.expected)
    assert pods == {role: square.md.live_pods(role) for role in pods}
    then.no_request_failed(load.result)

    when.deleted(square.md)
    then.nothing_left(square.md)
    operator.install()
