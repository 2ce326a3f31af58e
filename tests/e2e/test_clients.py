"""Clients and proxies as they come: the table that the unit tests ask a router alone, at a whole application."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.scripts import script
from e2e.wait import NotYetError, eventually
from e2e.when import When

NAME = "echo"
TABLE: Any = script("clients")
HOST, PREFIX = "echo.example.com", "/models/echo"
EXPOSED = {
    "service": {"type": "NodePort", "annotations": {"example.com/kept": "no"}},
    "ingress": {"className": "nobodys", "host": HOST, "path": PREFIX, "tlsSecretName": "echo-outside"},
    "gateway": {"parentRefs": [{"name": "nobodys"}], "hostnames": [HOST]},
}
ASKED = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())
"""


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


def test_what_leads_to_it_from_outside_appears_is_said_and_goes(echo: Served, when: When) -> None:
    """The cluster has Ingresses and HTTPRoutes, and nobody who carries them out: so far they are what they are."""
    md, cluster = echo.md, echo.md.cluster

    def there() -> list[str]:
        kinds = "ingresses.networking.k8s.io,httproutes.gateway.networking.k8s.io"
        return sorted(item["kind"] for item in cluster.list(kinds, md.namespace, md.selector))

    def until(what: str, holds: Callable[[], bool]) -> None:
        def look() -> None:
            if not holds():
                raise NotYetError(what)

        eventually(what, look, within=60)

    when.changed(md, {"router": EXPOSED})
    until("both are there", lambda: there() == ["HTTPRoute", "Ingress"])
    until("who is waited for is said", lambda: md.condition("Published").get("reason") == "RoutePending")
    assert md.status()["url"] == f"https://{HOST}{PREFIX}"
    assert md.condition("Ready")["status"] == "True"
    service = cluster.get("service", NAME, md.namespace)
    assert service["spec"]["type"] == "NodePort"
    assert service["metadata"]["annotations"]["example.com/kept"] == "no"

    def told() -> bool:
        answer = json.loads(echo.client.run_source(ASKED, f"{md.url}{PREFIX}/a/b?c=d"))
        return (answer["path"], answer["headers"].get("x-forwarded-prefix")) == ("/a/b?c=d", PREFIX)

    until("the prefix is taken off and told", told)
    when.changed(md, {"router": dict.fromkeys(EXPOSED)})
    until("both go", lambda: not there())
    until("the URL is the cluster's own", lambda: md.status()["url"] == md.url)
    bare = cluster.get("service", NAME, md.namespace)
    assert bare["spec"]["type"] == "ClusterIP"
    assert "example.com/kept" not in bare["metadata"]["annotations"]
