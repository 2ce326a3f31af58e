"""To zero and back: nothing runs without requests, and no request is lost on the way down or up."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.client import Count
from e2e.given import Given, Served
from e2e.installed import Operator
from e2e.then import ROUTERS, SETTLED_SECONDS, Then
from e2e.wait import NotYetError, eventually, stays
from e2e.when import When

HELD = 50
WAIT_SECONDS = 120


@pytest.fixture(scope="module")
def operator(given: Given) -> Operator:
    return given.operator()


@pytest.fixture(scope="module")
def sleeper(given: Given, operator: Operator) -> Iterator[Served]:  # noqa: ARG001 - an operator must be there
    idle = {"after": "3s", "holdTimeout": f"{WAIT_SECONDS}s", "maxHeld": HELD, "ignore": ["/healthz", "UptimeRobot/"]}
    served = given.knobs("sleeper", autoscaling={"maxReplicas": 2, "idle": idle})
    yield served
    given.cluster.delete("md", served.md.name, served.md.namespace)


def sleeping(served: Served) -> None:
    ready = served.md.condition("Ready")
    pods = [*served.md.pods("head"), *served.md.pods("worker")]
    if (ready.get("status"), ready.get("reason")) != ("True", "Idle") or pods:
        raise NotYetError(f"Ready is {ready}; {len(pods)} Pods of Ray")


def asleep(served: Served, within: float = SETTLED_SECONDS) -> None:
    eventually(f"{served.md.name} sleeps", lambda: sleeping(served), within=within)


def children(served: Served) -> list[str]:
    """Its children but for the router's Pods, which may have been replaced."""
    return [name for name in served.md.children() if not name.startswith(("Pod/", "EndpointSlice/", "ReplicaSet/"))]


def ask(served: Served, requests: int, router: str = "") -> Count:
    """Send so many requests at once, to one router Pod where one is named."""
    url = f"http://{router}:8080/" if router else served.url
    return served.client.count(url, requests, at_once=requests, timeout=WAIT_SECONDS)


def test_one_request_wakes_it_and_fifty_wait_at_a_router(sleeper: Served) -> None:
    asleep(sleeper)
    before = children(sleeper)
    assert len(sleeper.md.pods("router")) == ROUTERS
    assert ask(sleeper, 1).statuses == {"200": 1}
    start = sleeper.md.status()["revisions"][0]["start"]
    assert "phase" not in start
    assert {"head", "load"} <= set(start["seconds"]) <= {"schedule", "image", "head", "worker", "load", "warm-up"}
    asleep(sleeper)
    assert children(sleeper) == before
    router = sleeper.md.pods("router")[0]["status"]["podIP"]
    found = ask(sleeper, HELD + 5, router)
    assert found.statuses == {"200": HELD, "503": 5}
    assert all(1 <= int(seconds) <= WAIT_SECONDS for seconds in found.retry_after), found.retry_after
    assert sum(found.retry_after.values()) == 5


def test_health_checks_and_monitors_wake_nothing(sleeper: Served) -> None:
    asleep(sleeper)
    told = sleeper.client.ask("GET", f"{sleeper.md.url}/healthz")
    assert (told.status, told.json()["state"]) == (200, "Asleep")
    for agent in ("kube-probe/1.34", "UptimeRobot/2.0"):
        found = sleeper.client.count(sleeper.url, 5, headers={"User-Agent": agent})
        assert found.statuses == {"200": 5}, agent
    stays("it sleeps on", lambda: sleeping(sleeper), for_seconds=5)


def test_whoever_is_killed_on_the_way_leaves_nothing_behind(sleeper: Served, operator: Operator, when: When) -> None:
    assert ask(sleeper, 1).statuses == {"200": 1}  # it is awake, wherever the test before has left it
    eventually("it is to sleep", lambda: falling(sleeper), within=60, poll=0.1)
    when.operator_killed(*operator.pods())
    asleep(sleeper)
    before = children(sleeper)
    with ThreadPoolExecutor() as pool:
        answers = pool.submit(ask, sleeper, 3)
        eventually("it wakes", lambda: waking(sleeper), within=60, poll=0.1)
        when.operator_killed(*operator.pods())
        assert answers.result().statuses == {"200": 3}
    asleep(sleeper)
    assert children(sleeper) == before


def falling(served: Served) -> None:
    scaling = served.md.status().get("scaling", [{}])
    if "idleSince" not in scaling[0]:
        raise NotYetError(f"{scaling}")


def waking(served: Served) -> None:
    ready = served.md.condition("Ready")
    if ready.get("reason") != "Waking":
        raise NotYetError(f"Ready is {ready}")


def test_suspended_is_answered_at_once_and_resumes(sleeper: Served, when: When, then: Then) -> None:
    when.changed(sleeper.md, {"suspend": True})
    then.condition(sleeper.md, "Ready", "False", reasons={"Suspended"}, saying="suspend", within=60)
    answer = sleeper.client.ask("POST", sleeper.url, sleeper.body)
    assert (answer.status, "Suspended" in answer.body) == (503, True), answer
    when.changed(sleeper.md, {"suspend": None, "autoscaling": {"idle": None}})
    then.ready(sleeper.md)
    assert ask(sleeper, 1).statuses == {"200": 1}
