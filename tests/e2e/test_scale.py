"""Section 8.3: `kubectl scale` under load, up and down."""

import pytest

from e2e.deployment import name_of
from e2e.given import Given, Served
from e2e.pods import watching
from e2e.then import Then
from e2e.when import When


@pytest.fixture(scope="module")
def square(given: Given) -> Served:
    given.operator()
    return given.square(replicas=2)


def test_up_and_down_under_load(given: Given, square: Served, when: When, then: Then) -> None:
    before = then.pods(square.md, "worker", 2)
    head = square.md.live_pods("head")

    with watching(square.md) as history, when.loaded(square) as load:
        when.scaled(square.md, 4)
        then.settled(square.md)
        more = then.pods(square.md, "worker", 4)
        when.scaled(square.md, 2)
        then.settled(square.md)
        after = then.pods(square.md, "worker", 2)

    assert set(before) < set(more), "scaling up replaced Pods"
    assert set(after) < set(more), "scaling down replaced Pods"
    assert square.md.live_pods("head") == head
    added = history.created_since(set(before), "worker")
    pinned = {record.manifest["spec"]["containers"][0]["image"] for record in added}
    assert pinned == {square.md.status()["revisions"][0]["image"]}, "they run what the first ones run"
    assert "@sha256:" in pinned.pop()
    then.no_request_failed(load.result, at_least=200)
    gone = {name_of(record.manifest) for record in history.deleted("worker")}
    assert gone == set(more) - set(after)
    assert_drained_first(given, gone)


def assert_drained_first(given: Given, pods: set[str]) -> None:
    """The operator deleted them only after Ray had let go of them."""
    said = [line for line in given.operator().log() if line.get("pod") in pods]
    for pod in pods:
        words = [f"{line['msg']} {line.get('why', '')}" for line in said if line["pod"] == pod]
        drained = next((i for i, text in enumerate(words) if "drain" in text.lower()), None)
        deleted = next((i for i, text in enumerate(words) if text.startswith("Deleting")), None)
        assert drained is not None, f"{pod} was not drained: {words}"
        assert deleted is not None, f"{pod} was not deleted by the operator: {words}"
        assert drained < deleted, words


def test_to_zero_and_back(square: Served, when: When, then: Then) -> None:
    """No replica is wanted: an honest 503 instead of a hang, and no worker Pod is left."""
    when.scaled(square.md, 0)
    then.condition(square.md, "Ready", "False", reasons={"ScaledToZero"}, saying="replicas", within=60)
    then.pods(square.md, "worker", 0)
    answer = square.client.ask("POST", square.url, square.body)
    assert answer.status == 503, answer
    assert "ScaledToZero" in answer.body, answer

    when.scaled(square.md, 2)
    then.settled(square.md)
    then.answers(square.client, square.url, square.body, square.expected)
