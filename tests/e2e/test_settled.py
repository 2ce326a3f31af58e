"""Section 8.5: what is settled costs the API server nothing. Writes are counted by the API server itself."""

import time
from functools import partial

import pytest

from e2e.given import Given, Served
from e2e.installed import Operator
from e2e.then import Then
from e2e.wait import NotYetError, eventually, stays
from e2e.when import When

QUIET_SECONDS = 60.0  # several of the operator's own periods
LATE_WRITES_SECONDS = 20.0


@pytest.fixture(scope="module")
def operator(given: Given) -> Operator:
    operator = given.operator()
    operator.count_writes()
    return operator


@pytest.fixture(scope="module")
def square(operator: Operator, given: Given) -> Served:
    """At rest, as each of these tests leaves it."""
    served = given.square(replicas=2)
    wait_until_quiet(operator)
    return served


def no_more_writes(operator: Operator, before: dict[str, int]) -> None:
    now = operator.writes()
    if now != before:
        raise NotYetError(f"the operator wrote: {before} became {now}")


def wait_until_quiet(operator: Operator) -> None:
    """The last events and status writes of what came before may still be under way."""

    def look() -> None:
        before, since = operator.writes(), time.monotonic()
        while time.monotonic() - since < LATE_WRITES_SECONDS:
            no_more_writes(operator, before)
            time.sleep(1)

    eventually("the operator comes to rest", look, within=120)


def test_zero_writes_for_a_minute(operator: Operator, square: Served, given: Given, when: When, then: Then) -> None:
    """In which the same manifest is applied again."""
    then.settled(square.md)
    before, leases = operator.writes(), operator.lease_writes()
    version = square.md.manifest()["metadata"]["resourceVersion"]
    quiet = partial(no_more_writes, operator, before)
    stays("settled objects", quiet, for_seconds=QUIET_SECONDS / 2, poll=5)
    manifest = given.square_manifest(square.md.namespace)
    manifest["spec"]["replicas"] = 2
    when.applied(manifest)
    stays("applied again", quiet, for_seconds=QUIET_SECONDS / 2, poll=2)
    assert square.md.manifest()["metadata"]["resourceVersion"] == version
    assert operator.lease_writes() > leases, "the API server does not count: not even the Lease was renewed"


def test_a_restarted_operator_changes_nothing(operator: Operator, square: Served, when: When, then: Then) -> None:
    before = operator.writes()
    pods = {role: square.md.live_pods(role) for role in ("head", "worker", "router")}
    when.operator_killed(*operator.pods())
    operator.wait_until_ready()
    no_writes = {kind: n for kind, n in before.items() if kind != "events"}

    def look() -> None:
        no_more = {kind: n for kind, n in operator.writes().items() if kind != "events"}
        if no_more != no_writes:
            raise NotYetError(f"the new operator wrote: {no_writes} became {no_more}")

    stays("after a restart", look, for_seconds=30, poll=2)
    then.settled(square.md)
    assert pods == {role: square.md.live_pods(role) for role in pods}
