"""Whether what leads to the router from outside does, and the URL by which it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.exposure import RouterGateway, RouterIngress
from eagleray.api.router import Router
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.entrances import Entrance, EntranceKind
from eagleray.domain.facts.problem import PartOutcome, Problem
from eagleray.domain.status.verdict import Verdict, Verdicts
from eagleray.domain.traffic.entrances import HTTP_ROUTE, INGRESS, SERVICE

_PUBLISHED = ConditionType.PUBLISHED
_HTTPS = 443


@dataclass(frozen=True, slots=True)
class Outside:
    """What spec asks for that leads to the router from outside, and how it stands.

    Attributes:
        router: what spec says of the router.
        config: what the router is told.
        entrances: the children that lead to it.
        outcomes: how parts of the plan ended, where they did not end well.
    """

    router: Router
    config: RouterConfig
    entrances: tuple[Entrance, ...] = ()
    outcomes: Mapping[str, PartOutcome] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether spec asks for a load balancer."""
        return self.router.service is not None and self.router.service.type == "LoadBalancer"

    def of(self, kind: EntranceKind) -> Entrance | None:
        """The child of a kind, None where it is not there."""
        return next((each for each in self.entrances if each.kind == kind), None)

    @property
    def problem(self) -> Problem | None:
        """What a person has to set right, or None."""
        told = [verdict for verdict in _verdicts(self) if verdict.status == "False"]
        return Problem(told[0].reason, told[0].message) if told else None


def published_verdicts(outside: Outside) -> Verdicts:
    """Judge what leads to the router by the worst of it; nothing where spec asks for none."""
    found = _verdicts(outside)
    if not found:
        return {}
    for status in ("False", "Unknown"):
        if told := [verdict for verdict in found if verdict.status == status]:
            return {_PUBLISHED: told[0]}
    return {_PUBLISHED: Verdict("True", Reason.LEADS_HERE, "; ".join(verdict.message for verdict in found))}


def url(outside: Outside) -> str:
    """The URL by which the router is asked: from outside, where it is known to lead here, or else in the cluster."""
    gateway, ingress = outside.router.gateway, outside.router.ingress
    if gateway and (found := _gateway_url(gateway, outside.of(HTTP_ROUTE))):
        return found
    if ingress and outside.of(INGRESS):
        return f"{'https' if ingress.tls_secret_name else 'http'}://{ingress.host}{_below(ingress.path)}"
    scheme, service = "https" if outside.config.access.tls else "http", outside.of(SERVICE)
    if outside.balanced and service and service.addresses:
        return f"{scheme}://{_host(service.addresses[0])}"
    return f"{scheme}://{outside.config.name}.{outside.config.namespace}.svc"


def _verdicts(outside: Outside) -> list[Verdict]:
    gateway, ingress = outside.router.gateway, outside.router.ingress
    return [
        *([_of_gateway(gateway, outside)] if gateway else []),
        *([_of_ingress(ingress, outside)] if ingress else []),
        *([_of_balancer(outside)] if outside.balanced else []),
    ]


def _of_gateway(asked: RouterGateway, outside: Outside) -> Verdict:
    if outcome := outside.outcomes.get(HTTP_ROUTE):
        return Verdict("False", outcome.reason, outcome.message)
    route, name = outside.of(HTTP_ROUTE), outside.config.name
    refused = [word for word in route.words if word.refusal] if route else []
    if refused:
        said = "; ".join(f"Gateway {word.gateway} does not take it: {word.refusal}" for word in refused)
        return Verdict("False", Reason.ROUTE_REFUSED, f"HTTPRoute {name}: {said}")
    silent = len(asked.parent_refs) - len(route.words if route else ())
    if silent > 0:
        named = ", ".join("/".join(filter(None, (ref.namespace, ref.name))) for ref in asked.parent_refs)
        said = f"HTTPRoute {name} waits for {silent} of its Gateways ({named}): see that each is there and programmed"
        return Verdict("Unknown", Reason.ROUTE_PENDING, said)
    return Verdict("True", Reason.LEADS_HERE, f"HTTPRoute {name} is taken by its Gateways")


def _of_ingress(asked: RouterIngress, outside: Outside) -> Verdict:
    if outcome := outside.outcomes.get(INGRESS):
        return Verdict("False", outcome.reason, outcome.message)
    ingress, name = outside.of(INGRESS), outside.config.name
    if ingress and ingress.addresses:
        return Verdict("True", Reason.LEADS_HERE, f"Ingress {name} is at {ingress.addresses[0]}")
    whose = f"class {asked.class_name}" if asked.class_name else "the default class"
    said = f"Ingress {name} has no address: see that a controller of {whose} runs; some give none"
    return Verdict("Unknown", Reason.ADDRESS_PENDING, said)


def _of_balancer(outside: Outside) -> Verdict:
    service, name = outside.of(SERVICE), outside.config.name
    if service and service.addresses:
        return Verdict("True", Reason.LEADS_HERE, f"Service {name} is at {service.addresses[0]}")
    said = f"Service {name} has no address: see that the cluster makes load balancers, and `kubectl describe service`"
    return Verdict("Unknown", Reason.ADDRESS_PENDING, said)


def _gateway_url(asked: RouterGateway, route: Entrance | None) -> str:
    """By a host that is no pattern; where the listener is named as usual, that says whether it speaks TLS."""
    host = next((host for host in asked.hostnames or () if not host.startswith("*")), "")
    if not host or route is None or not any(not word.refusal for word in route.words):
        return ""
    tls = any(ref.port == _HTTPS or (ref.section_name or "").startswith("https") for ref in asked.parent_refs)
    return f"{'https' if tls else 'http'}://{host}{_below(asked.path)}"


def _below(path: str | None) -> str:
    return "" if path in {None, "/"} else str(path)


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
