"""Section 8.8: a changed template under load."""

from datetime import UTC, datetime

import pytest

from e2e.client import LoadResult
from e2e.deployment import revision_of
from e2e.given import Given, Served
from e2e.pods import PodHistory, watching
from e2e.then import Then
from e2e.when import When


@pytest.fixture(scope="module")
def square(given: Given) -> Served:
    given.operator()
    return given.square(replicas=2)


def color(value: str) -> dict[str, object]:
    return {"env": [{"name": "COLOR", "value": value}]}


def test_new_revision_answers_before_the_old_one_leaves(square: Served, when: When, then: Then) -> None:
    old = square.md.stable_revision()

    with watching(square.md) as history, when.loaded(square) as load:
        when.changed(square.md, color("blue"))
        then.settled(square.md)

    new = square.md.stable_revision()
    assert new != old
    then.no_request_failed(load.result, at_least=200)
    assert_answered_first(load.result, history, old, new)
    assert {revision_of(pod) for pod in (*square.md.pods("head"), *square.md.pods("worker"))} == {new}


def assert_answered_first(result: LoadResult, history: PodHistory, old: str, new: str) -> None:
    """No worker of the old revision was told to go before the new one had answered a user."""
    assert set(result.revisions) == {old, new}
    answered = datetime.fromtimestamp(result.revisions[new]["first"], UTC)
    left = {
        record.manifest["metadata"]["name"]: record.deleting_at
        for record in history.deleted("worker")
        if revision_of(record.manifest) == old
    }
    assert left
    assert all(at is not None and at > answered for at in left.values()), (
        f"first answer at {answered}, Pods left: {left}"
    )


def test_back_to_what_it_was(square: Served, when: When, then: Then) -> None:
    """A to B to A: the same content is the same revision, and a change that is taken back costs nothing."""
    before = square.md.stable_revision()
    workers = square.md.live_pods("worker")

    with when.loaded(square) as load:
        when.changed(square.md, color("green"))
        then.condition(square.md, "Progressing", "True", reasons={"RolloutInProgress"}, saying="revision", within=30)
        when.changed(square.md, color("blue"))
        then.settled(square.md)

    assert square.md.stable_revision() == before
    assert square.md.live_pods("worker") == workers
    then.no_request_failed(load.result)
