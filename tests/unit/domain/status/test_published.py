"""What is said of that which leads to the router from outside, and the URL by which it is asked."""

from typing import Any

import pytest

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.router import Router
from eagleray.domain.actions.access import Access, Mounted, Tls
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.entrances import Entrance, GatewayWord
from eagleray.domain.facts.problem import PartOutcome
from eagleray.domain.status.published import Outside, published_verdicts, url
from unit.domain.world import World

INSIDE = "http://m.ns.svc"
SERVICE = Entrance("Service", "s")
BALANCED = Entrance("Service", "s", addresses=("192.0.2.7",))
INGRESS = Entrance("Ingress", "i")
AT = Entrance("Ingress", "i", addresses=("lb.example.com",))
TAKEN = Entrance("HTTPRoute", "r", words=(GatewayWord("infra/public"),))
REFUSED = Entrance("HTTPRoute", "r", words=(GatewayWord("public", "NotAllowedByListeners: no"), GatewayWord("inner")))
GATEWAY = {"parentRefs": [{"name": "public", "namespace": "infra"}], "hostnames": ["*.example.com", "m.example.com"]}
HOST = {"host": "m.example.com", "path": "/m"}
BALANCER = {"type": "LoadBalancer"}


def outside(asked: dict[str, Any], *entrances: Entrance, failed: str = "", tls: bool = False) -> Outside:
    at = World().now
    outcomes = {failed: PartOutcome(failed, Reason.GATEWAY_API_MISSING, "it has none", at)} if failed else {}
    access = Access(tls=Tls(Mounted("Secret", "m-tls"))) if tls else Access()
    return Outside(Router.model_validate(asked), RouterConfig("m", "ns", access=access), (*entrances,), outcomes)


@pytest.mark.parametrize(
    ("asked", "entrances", "status", "reason", "word"),
    [
        ({"service": BALANCER}, (SERVICE,), "Unknown", Reason.ADDRESS_PENDING, "kubectl describe"),
        ({"service": BALANCER}, (BALANCED,), "True", Reason.LEADS_HERE, "192.0.2.7"),
        ({"ingress": HOST}, (SERVICE,), "Unknown", Reason.ADDRESS_PENDING, "default class"),
        ({"ingress": HOST | {"className": "nginx"}}, (INGRESS,), "Unknown", Reason.ADDRESS_PENDING, "class nginx"),
        ({"ingress": HOST}, (AT,), "True", Reason.LEADS_HERE, "lb.example.com"),
        ({"gateway": GATEWAY}, (SERVICE,), "Unknown", Reason.ROUTE_PENDING, "infra/public"),
        ({"gateway": GATEWAY}, (TAKEN,), "True", Reason.LEADS_HERE, "taken"),
        ({"gateway": GATEWAY}, (REFUSED,), "False", Reason.ROUTE_REFUSED, "NotAllowedByListeners"),
        ({"gateway": GATEWAY, "ingress": HOST}, (TAKEN, INGRESS), "Unknown", Reason.ADDRESS_PENDING, "Ingress m"),
        ({"gateway": GATEWAY, "ingress": HOST}, (REFUSED, INGRESS), "False", Reason.ROUTE_REFUSED, "HTTPRoute m"),
    ],
)
def test_it_is_judged_by_the_worst_of_it(
    asked: dict[str, Any], entrances: tuple[Entrance, ...], status: str, reason: Reason, word: str
) -> None:
    verdict = published_verdicts(outside(asked, *entrances))[ConditionType.PUBLISHED]
    assert (verdict.status, verdict.reason) == (status, reason)
    assert word in verdict.message


@pytest.mark.parametrize("asked", [{}, {"service": {"type": "NodePort"}}])
def test_nothing_is_said_where_nothing_is_asked_for(asked: dict[str, Any]) -> None:
    assert published_verdicts(outside(asked, BALANCED, AT, TAKEN)) == {}


def test_what_could_not_be_made_is_said_and_is_a_persons_problem() -> None:
    missing = outside({"gateway": GATEWAY}, SERVICE, failed="HTTPRoute")
    verdict = published_verdicts(missing)[ConditionType.PUBLISHED]
    assert (verdict.status, verdict.reason, verdict.message) == ("False", Reason.GATEWAY_API_MISSING, "it has none")
    assert missing.problem
    assert missing.problem.reason is Reason.GATEWAY_API_MISSING
    assert outside({"ingress": HOST}, INGRESS).problem is None, "who waits for an address waits for no person"


@pytest.mark.parametrize(
    ("asked", "entrances", "expected"),
    [
        ({}, (BALANCED,), INSIDE),
        ({"service": {"type": "NodePort"}}, (SERVICE,), INSIDE),
        ({"service": BALANCER}, (SERVICE,), INSIDE),
        ({"service": BALANCER}, (BALANCED,), "http://192.0.2.7"),
        ({"service": BALANCER}, (Entrance("Service", "s", ("2001:db8::7",)),), "http://[2001:db8::7]"),
        ({"ingress": HOST}, (SERVICE,), INSIDE),
        ({"ingress": HOST}, (INGRESS,), "http://m.example.com/m"),
        ({"ingress": {"host": "m.example.com", "path": "/", "tlsSecretName": "a"}}, (AT,), "https://m.example.com"),
        ({"gateway": GATEWAY}, (Entrance("HTTPRoute", "r"),), INSIDE),
        ({"gateway": GATEWAY}, (TAKEN,), "http://m.example.com"),
        ({"gateway": {**GATEWAY, "parentRefs": [{"name": "public", "port": 443}]}}, (TAKEN,), "https://m.example.com"),
        ({"gateway": GATEWAY | {"hostnames": ["*.example.com"]}}, (TAKEN,), INSIDE),
        ({"gateway": GATEWAY, "ingress": HOST}, (REFUSED, AT), "http://m.example.com"),
    ],
)
def test_the_url_is_that_from_outside_where_it_leads_here(
    asked: dict[str, Any], entrances: tuple[Entrance, ...], expected: str
) -> None:
    assert url(outside(asked, *entrances)) == expected


def test_a_router_that_speaks_tls_is_asked_so() -> None:
    assert url(outside({}, SERVICE, tls=True)) == "https://m.ns.svc"
    assert url(outside({"service": BALANCER}, BALANCED, tls=True)) == "https://192.0.2.7"
