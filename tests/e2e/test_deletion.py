"""Section 8.6: deleting leaves nothing, whatever comes after; without an operator: test_uninstalled.py."""

from functools import partial

from e2e.deployment import ModelDeployment
from e2e.given import SQUARE_NAMESPACE, Given
from e2e.then import Then
from e2e.wait import NotYetError, eventually
from e2e.when import When

# Half of what Ray has a worker wait.
SOON = 45.0


def test_one_that_is_made_again_at_once_does_not_wait_for_the_old_pods(given: Given, when: When, then: Then) -> None:
    """Its Pods have the old one's labels, and would have their names."""
    given.operator()
    old = given.square(replicas=1).md
    before = uids(old)
    when.deleted(old)
    again = when.applied(given.square_manifest(SQUARE_NAMESPACE))
    eventually("the old Pods are gone", partial(none_left, again, before), within=SOON)
    then.settled(again)
    assert not before & uids(again)


def uids(md: ModelDeployment) -> set[str]:
    return {pod["metadata"]["uid"] for role in ("head", "worker") for pod in md.pods(role)}


def none_left(md: ModelDeployment, uids_before: set[str]) -> None:
    if left := uids_before & uids(md):
        raise NotYetError(f"{len(left)} are there")


def test_deleting_leaves_no_child(given: Given, when: When, then: Then) -> None:
    """Workers that the collector deletes wait for their replicas to move; an operator ends them."""
    given.operator()
    churn = given.churn(replicas=2)
    assert churn.md.children()
    when.deleted(churn.md)
    then.nothing_left(churn.md, within=SOON)
