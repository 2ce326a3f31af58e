"""Versions side by side: who answers how many requests, sticky callers, rules, copies, and a version that is broken."""

import time
from collections.abc import Iterator
from math import sqrt
from typing import Any

import pytest

from e2e.client import Count
from e2e.given import Given, Served
from e2e.then import SETTLED_SECONDS, Then
from e2e.wait import NotYetError, eventually
from e2e.when import When

# A binomial count is within so many standard deviations of its mean in 99.9% of all cases.
SIGMAS = 3.29
CALLERS = 500
FORCE_SECONDS = 2.0


def version(name: str, weight: int, **spec: Any) -> dict[str, Any]:
    return {"name": name, "weight": weight, "app": {"args": {"name": name}}, **spec}


def three(*weights: int) -> list[dict[str, Any]]:
    return [version(f"v{n}", weight) for n, weight in enumerate(weights, start=1)]


@pytest.fixture(scope="module")
def ab(given: Given) -> Iterator[Served]:
    given.operator()
    served = given.knobs("ab", versions=three(80, 20, 0), replicas=3)
    yield served
    given.cluster.delete("md", served.md.name, served.md.namespace)


def assert_split(count: Count, *weights: int) -> None:
    sent = sum(count.versions.values())
    assert set(count.statuses) == {"200"}, count.statuses
    for name, weight in ((f"v{n}", w / 100) for n, w in enumerate(weights, start=1)):
        around, spread = sent * weight, SIGMAS * sqrt(sent * weight * (1 - weight))
        assert abs(count.versions.get(name, 0) - around) <= spread, count.versions


def changed(ab: Served, when: When, *weights: int, **spec: Any) -> None:
    """Change the weights and wait until every router runs them."""
    when.changed(ab.md, {"versions": three(*weights), **spec})

    def look() -> None:
        found = [v["effectiveWeight"] for v in ab.md.status()["versions"]]
        if found != list(weights) or ab.md.condition("Progressing").get("status") != "False":
            raise NotYetError(f"effective weights are {found}")

    eventually(f"weights {weights}", look, within=SETTLED_SECONDS)
    eventually("every router runs them", lambda: in_force(ab), within=30)


def in_force(ab: Served) -> None:
    """Every router Pod says that it runs what was written last."""
    written = ab.md.cluster.get("configmap", f"{ab.md.name}-router", ab.md.namespace)
    version = written["metadata"]["annotations"]["eagleray.dev/router-config"]
    addresses = [pod["status"]["podIP"] for pod in ab.md.pods("router")]
    running = {ab.client.ask("GET", f"http://{address}:9902/config-version").body for address in addresses}
    if not all(version in said for said in running):
        raise NotYetError(f"routers run {running}, written is {version}")


def test_the_split_is_what_the_weights_say(ab: Served, when: When) -> None:
    assert_split(ab.client.count(ab.url, 10_000), 80, 20, 0)
    changed(ab, when, 60, 30, 10)
    assert_split(ab.client.count(ab.url, 3_000), 60, 30, 10)


def test_weights_are_in_force_within_two_seconds(given: Given, when: When, then: Then) -> None:
    """The version that loses its whole share answers nobody later than that, and the other has all from then on."""
    given.operator()
    pair = given.knobs("pair", versions=three(0, 100), replicas=2)
    loser = pair.md.stable_revision("v2")
    with when.loaded(pair, 50) as load:
        when.changed(pair.md, {"versions": three(100, 0)})
        patched = time.time()
        changed(pair, when, 100, 0)
    winner = pair.md.stable_revision("v1")
    assert load.result.revisions[loser]["last"] - patched <= FORCE_SECONDS
    assert load.result.revisions[winner]["first"] - patched <= FORCE_SECONDS
    then.no_request_failed(load.result, at_least=50)
    given.cluster.delete("md", pair.md.name, pair.md.namespace)


def test_a_change_of_weights_under_load_loses_nothing(ab: Served, when: When, then: Then) -> None:
    with when.loaded(ab) as load:
        changed(ab, when, 50, 50, 0)
        assert_split(ab.client.count(ab.url, 2_000), 50, 50, 0)
        changed(ab, when, 80, 20, 0)
    then.no_request_failed(load.result, at_least=50)


def test_sticky_callers_move_only_where_they_must(ab: Served, when: When) -> None:
    changed(ab, when, 80, 20, 0, traffic={"sticky": {"header": "x-user-id"}})
    before = ab.client.count(ab.url, 2_000, users=CALLERS)
    assert set(before.statuses) == {"200"}
    assert {len(seen) for seen in before.users.values()} == {1}, "a caller met two versions"
    changed(ab, when, 50, 50, 0)
    after = ab.client.count(ab.url, 2_000, users=CALLERS)
    assert {len(seen) for seen in after.users.values()} == {1}
    moved = [user for user, seen in after.users.items() if seen != before.users[user]]
    assert {tuple(before.users[user]) for user in moved} == {("v1",)}, "only v1 had callers to give away"
    assert abs(len(moved) - 0.3 * CALLERS) <= SIGMAS * sqrt(CALLERS * 0.3 * 0.7)


def test_rules_and_names_choose_a_version(ab: Served, when: When) -> None:
    rules = [
        {"header": {"name": "x-beta", "value": "true"}, "version": "v3"},
        {"query": {"name": "model", "prefix": "v2-"}, "version": "v2"},
    ]
    changed(ab, when, 80, 20, 0, traffic={"rules": rules})
    assert ab.client.count(ab.url, 50, headers={"X-Beta": "true"}).versions == {"v3": 50}
    assert ab.client.count(f"{ab.url}?model=v2-large", 50).versions == {"v2": 50}
    assert ab.client.count(ab.url, 50, headers={"x-eagleray-version": "v1"}).versions == {"v1": 50}
    assert ab.client.count(ab.url, 5, headers={"x-eagleray-version": "v9"}).statuses == {"404": 5}


def test_copies_reach_the_mirrored_version_and_nobody_else_notices(ab: Served, when: When, then: Then) -> None:
    """Its answers take three seconds: nobody waits for them."""
    slow = version("v3", 0, app={"args": {"name": "v3", "delay": 3}})
    mirror = {"mirror": {"version": "v3", "percent": 100}, "rules": None}
    when.changed(ab.md, {"versions": [*three(80, 20), slow], "traffic": mirror})
    then.settled(ab.md)
    with when.loaded(ab, 10) as load:
        count = ab.client.count(ab.url, 500)
    assert_split(count, 80, 20, 0)
    then.no_request_failed(load.result)
    assert load.result.raw["latency_ms"]["p99"] < 3000


def test_a_mirrored_version_that_differs_on_a_tenth_of_the_inputs_is_found_out(
    ab: Served, when: When, then: Then
) -> None:
    """Its new revision gets copies before anything else, and a step's analysis judges them."""
    differing = version("v3", 0, app={"args": {"name": "v3", "differs": 10}})
    mirror = {"version": "v3", "percent": 100, "compare": True}
    metric = {"name": "mirror-agreement", "min": "99%"}
    agreement = {"interval": "2s", "count": 1000, "failureLimit": 1000, "metrics": [metric]}
    spec = {"versions": [*three(80, 20), differing], "traffic": {"mirror": mirror, "rules": None}}
    with when.loaded(ab, 10) as load:
        when.changed(ab.md, {**spec, "rollout": {"steps": [{"analysis": agreement}]}})
        candidate = then.rollout(ab.md, "is judged", lambda r: bool(r.get("stepAnalysis")), SETTLED_SECONDS)
        eventually("the routers compare", lambda: compared(ab, 1, candidate["to"]), within=120)
        router = ("deployment", f"{ab.md.name}-router", "-n", ab.md.namespace)
        ab.md.cluster.kubectl("rollout", "status", *router, "--timeout=120s", timeout=130)
    then.no_request_failed(load.result)
    before = ab.md.status()["mirror"]
    assert_split(ab.client.count(ab.url, 1000, body='{"num": NUMBER}'), 80, 20)
    enough = before["compared"] + 500
    eventually("enough were compared", lambda: asked_until_compared(ab, enough, candidate["to"]), within=180)
    found = ab.md.status()["mirror"]
    answers, agreed = (found[k] - before[k] for k in ("compared", "agreed"))
    assert abs(agreed - 0.9 * answers) <= SIGMAS * sqrt(answers * 0.9 * 0.1), found
    words = {k: {s[k] for s in found["samples"]} for k in ("path", "user", "mirror")}
    assert words == {"path": {"predictions[0]"}, "user": {'"same"'}, "mirror": {'"other"'}}
    assert not any("requestBody" in s for s in found["samples"])
    held = then.rollout(ab.md, "is judged", lambda r: r["stepAnalysis"][0]["verdict"] == "Failed", within=30)
    assert "mirror-agreement 9" in held["message"], held
    assert (held["weight"], held["phase"]) == (0, "Progressing")


def asked_until_compared(ab: Served, least: int, revision: str) -> None:
    """Ask a hundred times more: what a comparer cannot keep up with it does not compare, on a slow machine half."""
    assert set(ab.client.count(ab.url, 100, body='{"num": NUMBER}').statuses) == {"200"}
    compared(ab, least, revision)


def compared(ab: Served, least: int, revision: str) -> None:
    found = ab.md.status().get("mirror", {})
    if found.get("revision") != revision or found["compared"] < least:
        raise NotYetError(f"status.mirror is {found}")


def test_a_version_that_cannot_start_leaves_the_others_its_share(ab: Served, when: When, then: Then) -> None:
    broken = version("v4", 20, image=ab.md.manifest()["spec"]["image"] + "-nothing")
    with when.loaded(ab) as load:
        when.changed(ab.md, {"versions": [*three(60, 20, 0), broken], "traffic": None, "rollout": None})
        then.condition(ab.md, "Degraded", "True", reasons={"TrafficShifted"}, saying="version v4", within=90)
        assert "-nothing" in ab.md.condition("Degraded")["message"]
        assert ab.md.condition("Ready")["status"] == "True"
        assert [v["effectiveWeight"] for v in ab.md.status()["versions"]] == [75, 25, 0, 0]
        assert ab.client.count(ab.url, 5, headers={"x-eagleray-version": "v4"}).statuses == {"503": 5}
        changed(ab, when, 80, 20, 0)
    then.no_request_failed(load.result, at_least=50)
