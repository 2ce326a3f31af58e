"""Section 8.4: one thing after another is killed under load, and everything comes back by itself."""

import json
from pathlib import Path

import pytest

from e2e.client import LoadResult
from e2e.cluster import OPERATOR_NAMESPACE, REPO
from e2e.given import Given, Served
from e2e.installed import Operator
from e2e.then import Then
from e2e.when import When

RATE = 30.0
HEAD_LOSS = REPO / "build" / "bench" / "head-loss.json"


@pytest.fixture(scope="module")
def operator(given: Given) -> Operator:
    return given.operator()


@pytest.fixture
def churn(operator: Operator, given: Given) -> Served:
    operator.wait_until_ready()
    return given.churn(replicas=2)


@pytest.mark.parametrize("force", [False, True], ids=["gracefully", "by force"])
def test_kill_a_worker(churn: Served, when: When, then: Then, *, force: bool) -> None:
    victim = churn.md.live_pods("worker")[0]
    with when.loaded(churn, RATE) as load:
        when.pod_killed(churn.md.namespace, victim, force=force)
        then.pods(churn.md, "worker", 2)
        then.settled(churn.md)
    then.no_request_failed(load.result, at_least=100)


def test_kill_a_router(churn: Served, when: When, then: Then) -> None:
    victim = churn.md.live_pods("router")[0]
    with when.loaded(churn, RATE) as load:
        when.pod_killed(churn.md.namespace, victim)
        then.pods(churn.md, "router", 2)
        then.settled(churn.md)
    assert victim not in churn.md.live_pods("router")
    then.no_request_failed(load.result, at_least=100)


def test_kill_the_leader(operator: Operator, churn: Served, when: When, then: Then) -> None:
    victim = operator.leader()
    with when.loaded(churn, RATE) as load:
        when.operator_killed(victim)
        assert operator.leader() != victim
        operator.wait_until_ready()
        then.settled(churn.md)
    then.no_request_failed(load.result, at_least=100)


def test_kill_every_operator(operator: Operator, churn: Served, when: When, then: Then) -> None:
    """And a worker while there is no operator: the next one notices."""
    victim = churn.md.live_pods("worker")[0]
    with when.loaded(churn, RATE) as load:
        when.operator_killed(*operator.pods())
        when.pod_killed(churn.md.namespace, victim)
        operator.wait_until_ready()
        then.pods(churn.md, "worker", 2)
        then.settled(churn.md)
    assert victim not in churn.md.live_pods("worker")
    then.no_request_failed(load.result, at_least=100)


def test_kill_the_head(churn: Served, when: When, then: Then) -> None:
    """Recovers by itself. What is lost is written down for docs/benchmarks.md, and bounded."""
    victim = churn.md.live_pods("head")[0]
    with when.loaded(churn, RATE) as load:
        when.pod_killed(churn.md.namespace, victim, force=True)
        then.pods(churn.md, "head", 1)
        then.settled(churn.md)
    assert victim not in churn.md.live_pods("head")
    write_loss(HEAD_LOSS, load.result)
    assert load.result.failed <= load.result.sent // 10, load.result.told()


def test_no_crash_was_left_behind(operator: Operator) -> None:
    """The operators that run now have not restarted."""
    for pod in operator.cluster.list("pods", OPERATOR_NAMESPACE):
        for container in pod["status"].get("containerStatuses", []):
            assert container["restartCount"] == 0, pod["metadata"]["name"]


def write_loss(path: Path, result: LoadResult) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    seconds = result.raw["ended"] - result.raw["began"]
    times = [failure["time"] - result.raw["began"] for failure in result.raw["failures"]]
    loss = {
        "sent": result.sent,
        "failed": result.failed,
        "rate": RATE,
        "seconds": round(seconds, 1),
        "failing_from_to": [round(min(times), 1), round(max(times), 1)] if times else [],
        "latency_ms": result.raw["latency_ms"],
    }
    path.write_text(json.dumps(loss, indent=2) + "\n")
