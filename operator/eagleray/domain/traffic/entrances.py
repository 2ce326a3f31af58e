"""What spec asks for that leads to the router from outside the cluster."""

from collections.abc import Mapping
from typing import Final

from eagleray.api.exposure import RouterGateway, RouterIngress
from eagleray.api.router import Router
from eagleray.domain.facts.entrances import EntranceKind

SERVICE: Final = "Service"
INGRESS: Final = "Ingress"
HTTP_ROUTE: Final = "HTTPRoute"


def asked_entrances(router: Router | None) -> Mapping[EntranceKind, RouterIngress | RouterGateway]:
    """By kind, the children that spec asks for beside the router's Service."""
    if router is None:
        return {}
    asked: dict[EntranceKind, RouterIngress | RouterGateway | None] = {
        INGRESS: router.ingress,
        HTTP_ROUTE: router.gateway,
    }
    return {kind: said for kind, said in asked.items() if said is not None}


def prefixes(router: Router) -> tuple[str, ...]:
    """The path prefixes that are taken off, the longest first: a shorter one may begin a longer one."""
    paths = {said.path for said in asked_entrances(router).values() if said.path and said.path != "/"}
    return tuple(sorted(paths, key=lambda path: (-len(path), path)))
