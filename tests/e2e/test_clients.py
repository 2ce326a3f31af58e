"""Clients and proxies as they come: the table that the unit tests ask a router alone, at a whole application."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.scripts import script
from e2e.wait import NotYetError, eventually
from e2e.when import When

NAME = "echo"
TABLE: Any = script("clients")


@pytest.fixture(scope="module")
def echo(given: Given) -> Iterator[Served]:
    given.operator()
    client = given.client(ROLLOUT_NAMESPACE)
    md = given.settled(given.knobs_manifest(NAME, app={"importPath": "apps:echo"}, router=TABLE.SETTINGS))
    yield Served(md=md, client=client, path="/", body={}, expected=None)
    given.cluster.delete("md", NAME, ROLLOUT_NAMESPACE)


def wrong(served: Served, *groups: str) -> dict[str, list[str]]:
    """What is wrong with the answers to the table, by client."""
    address = served.md.cluster.get("service", NAME, served.md.namespace)["spec"]["clusterIP"]
    found: dict[str, list[str]] = json.loads(served.client.python("clients.py", address, "80", *groups, timeout=300))
    return found


def test_whoever_asks_gets_the_answer_or_is_told_why_not(echo: Served) -> None:
    assert wrong(echo, TABLE.ANY, TABLE.EDGE) == {}


def test_behind_a_trusted_ingress_the_application_sees_https_and_no_pod_is_made_anew(echo: Served, when: When) -> None:
    before = [pod["metadata"]["uid"] for role in ("router", "worker") for pod in echo.md.pods(role)]
    when.changed(echo.md, {"router": {**TABLE.SETTINGS, "trustedHops": 1}})

    def look() -> None:
        found = wrong(echo, TABLE.BEHIND_PROXY, TABLE.APPLICATION)
        if found:
            raise NotYetError(str(found))

    eventually("both routers trust their proxy", look, within=60)
    assert wrong(echo, TABLE.ANY) == {}
    assert [pod["metadata"]["uid"] for role in ("router", "worker") for pod in echo.md.pods(role)] == before
