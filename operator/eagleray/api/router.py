"""The router in front of the revisions."""

from typing import Annotated

from pydantic import Field

from eagleray.api.access import RouterAuth, RouterTLS
from eagleray.api.base import ApiModel, Later, PositiveDuration, Rule, matches
from eagleray.api.exposure import RouterGateway, RouterIngress, RouterService
from eagleray.api.placement import ResourceRequirements
from eagleray.api.pod_template import RouterPodTemplate
from eagleray.api.traffic import Name
from eagleray.api.units import parse_duration, parse_quantity

ANY_ORIGIN = "*"
ORIGIN = matches(
    r"^([*]|https?://([*][.])?[A-Za-z0-9.-]+(:[0-9]+)?)$",
    "write an origin such as https://app.example.com, https://*.example.com, or * for any",
)


class RouterCors(ApiModel):
    """What pages of other origins may ask from a browser (CORS); the router itself answers preflights."""

    cel_rules = (
        Rule(
            f"!has(self.allowCredentials) || !self.allowCredentials || !('{ANY_ORIGIN}' in self.allowOrigins)",
            "with allowCredentials any page could ask in its visitor's name; write the origins in place of *",
            field_path=".allowOrigins",
            python=lambda cors: not cors.allow_credentials or ANY_ORIGIN not in cors.allow_origins,
        ),
    )

    allow_origins: list[Annotated[str, Field(max_length=253), ORIGIN]] = Field(min_length=1, max_length=32)
    """Origins of the pages, such as `https://*.example.com`; `*` is any."""
    allow_methods: list[Annotated[str, Field(max_length=16, pattern="^[A-Z]+$")]] | None = Field(None, max_length=16)
    """Methods; DELETE, GET, HEAD, PATCH, POST, PUT where it is left out."""
    allow_headers: list[Name] | None = Field(None, max_length=64)
    """Headers of requests; authorization, content-type, x-request-id and the router's where it is left out."""
    expose_headers: list[Name] | None = Field(None, max_length=64)
    """Headers of answers that pages may read; x-request-id and the router's where it is left out."""
    allow_credentials: bool | None = None
    """Whether cookies come along."""
    max_age: PositiveDuration | None = None
    """How long a browser remembers a preflight; 10m where it is left out."""


class PerClient(ApiModel):
    """How much one client may ask of one router Pod: a client that `auth` knows, or an address."""

    requests: int = Field(ge=1, le=1_000_000)
    """Requests in that time; one more is answered 429."""
    per: PositiveDuration | None = None
    """The time; `1s` where it is left out."""

    cel_rules = (
        Rule(
            "!has(self.per) || duration(self.per) >= duration('50ms') && duration(self.per) <= duration('24h')",
            "write a time from 50ms to 24h, such as 1s or 1m",
            field_path=".per",
            python=lambda client: client.per is None or 0.05 <= parse_duration(client.per) <= 86400,
        ),
    )


class RouterLimits(ApiModel):
    """Bounds on what clients may ask of each router Pod."""

    per_client: PerClient | None = None
    """How much one client may ask."""
    connections: int | None = Field(None, ge=1, le=20_000)
    """Connections at one time; further ones are closed. Where it is left out, and at most, as many as the memory of
    `router.resources` has room for."""


LEAST_MEMORY = "256Mi"


def _limit_of_memory(router: "Router") -> str | int | None:
    limits = (router.resources and router.resources.limits) or {}
    return limits.get("memory")


def _enough_memory(router: "Router") -> bool:
    limit = _limit_of_memory(router)
    return limit is None or parse_quantity(limit) >= parse_quantity(LEAST_MEMORY)


_LIMIT = "self.resources.limits['memory']"


class Router(ApiModel):
    """The Envoy Pods in front of the revisions of one ModelDeployment."""

    cel_rules = (
        Rule(
            "!(has(self.resources) && has(self.resources.limits) && 'memory' in self.resources.limits"
            f" && isQuantity(string({_LIMIT})))"
            f" || quantity(string({_LIMIT})).compareTo(quantity('{LEAST_MEMORY}')) >= 0",
            f"a router has no room for requests with less memory than {LEAST_MEMORY}; write so much, or leave it out",
            field_path=".resources",
            python=_enough_memory,
        ),
        Rule(
            "!has(self.tls) || !(has(self.ingress) || has(self.gateway))",
            "an Ingress or a Gateway ends TLS itself and asks the router by plain HTTP; leave tls out, or lead to the"
            " router's Service by an Ingress or a Gateway of your own that speaks TLS to it",
            field_path=".tls",
            python=lambda router: router.tls is None or router.ingress is router.gateway is None,
        ),
    )

    replicas: Annotated[int | None, Later] = Field(None, ge=1, le=50)
    """Number of router Pods."""
    resources: ResourceRequirements | None = None
    """Requests and limits of Envoy in a router Pod, each over what it has by itself: 50m CPU and 96Mi, 512Mi at most.
    How many connections and requests it takes at one time follows from the limit of memory."""
    timeout: Annotated[PositiveDuration | None, Later] = None
    """Longest time for one request where the version says nothing."""
    max_request_bytes: int | None = Field(None, ge=1, le=2**40)
    """Largest request body in bytes, 104857600 where it is left out; a larger one is answered 413."""
    retry_body_bytes: int | None = Field(None, ge=0, le=4 * 1024 * 1024)
    """Body in bytes up to which a request is sent again where its replica was lost, 65536 where it is left out. So much
    of each request is kept until the answer begins: with more the router takes fewer requests at one time."""
    max_header_bytes: int | None = Field(None, ge=8192, le=1048576, multiple_of=1024)
    """All headers of a request in bytes, 61440 where it is left out; more are answered 431."""
    max_headers: int | None = Field(None, ge=50, le=1000)
    """Number of headers of a request, 100 where it is left out; more are answered 431."""
    trusted_hops: int | None = Field(None, ge=0, le=16)
    """Proxies in front whose X-Forwarded-* headers are believed, 0 where it is left out: what clients write there is
    then overwritten."""
    cors: RouterCors | None = None
    """What pages of other origins may ask from a browser."""
    pod_template: RouterPodTemplate | None = None
    """Metadata and PodSpec merged last over what the operator builds; a change replaces the Pods one by one."""
    retries: Annotated[int | None, Later] = Field(None, ge=0, le=10)
    """How often a request that was not processed is sent to another replica."""
    limits: RouterLimits | None = None
    """Bounds on what clients may ask."""
    auth: RouterAuth | None = None
    """Who may ask; everybody who reaches the router where it is left out."""
    tls: RouterTLS | None = None
    """TLS at the router; plain HTTP where it is left out."""
    service: RouterService | None = None
    """The Service in front of the router; of type `ClusterIP` where it is left out."""
    ingress: RouterIngress | None = None
    """An Ingress that leads to the router."""
    gateway: RouterGateway | None = None
    """An HTTPRoute that leads to the router; the cluster has the CRDs of the Gateway API."""
