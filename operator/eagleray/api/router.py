"""The router in front of the revisions. Typed now, working later."""

from typing import Annotated, Literal

from pydantic import Field

from eagleray.api.base import ApiModel, PositiveDuration, Preserved
from eagleray.api.placement import ResourceRequirements


class RouterAuth(ApiModel):
    """Who may ask."""

    api_keys_secret: str | None = Field(None, max_length=253)
    """Secret whose values are the keys that are let in."""
    jwt_issuer: str | None = Field(None, max_length=2048)
    """Issuer whose tokens are let in."""
    jwks_uri: str | None = Field(None, max_length=2048)
    """Where the issuer's keys are."""


class RouterTLS(ApiModel):
    """TLS at the router."""

    secret_name: str = Field(max_length=253)
    """Secret of type `kubernetes.io/tls`."""


class RouterLimits(ApiModel):
    """Bounds on what callers may send."""

    requests_per_second: int | None = Field(None, ge=1, le=1_000_000)
    """Requests per second and router Pod; one more is answered with 429."""
    connections: int | None = Field(None, ge=1, le=1_000_000)
    """Connections per router Pod."""


class RouterService(ApiModel):
    """The Service in front of the router."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    """Type of the Service."""
    annotations: dict[str, Annotated[str, Field(max_length=4096)]] | None = Field(None, max_length=32)
    """Annotations of the Service."""


class RouterGateway(ApiModel):
    """Exposure through a Gateway."""

    parent_refs: list[Preserved] = Field(max_length=8)
    """Gateways, as in an HTTPRoute."""
    hostnames: list[Annotated[str, Field(max_length=253)]] | None = Field(None, max_length=16)
    """Host names."""
    path: str | None = Field(None, max_length=1024)
    """Path prefix, taken off before the model sees the request."""


class RouterIngress(ApiModel):
    """Exposure through an Ingress."""

    class_name: str | None = Field(None, max_length=253)
    """Ingress class."""
    host: str = Field(max_length=253)
    """Host name."""
    path: str | None = Field(None, max_length=1024)
    """Path prefix, taken off before the model sees the request."""
    tls_secret_name: str | None = Field(None, max_length=253)
    """Secret with the certificate."""


class Router(ApiModel):
    """The Envoy Pods in front of the revisions of one ModelDeployment."""

    replicas: int | None = Field(None, ge=1, le=50)
    """Number of router Pods."""
    resources: ResourceRequirements | None = None
    """Resources of a router Pod."""
    timeout: PositiveDuration | None = None
    """Longest time for one request where the version says nothing."""
    max_request_bytes: int | None = Field(None, ge=1, le=2**40)
    """Largest request body in bytes; a larger one is answered with 413."""
    retries: int | None = Field(None, ge=0, le=10)
    """How often a request that was not processed is sent to another replica."""
    limits: RouterLimits | None = None
    """Bounds on what callers may send."""
    auth: RouterAuth | None = None
    """Who may ask."""
    tls: RouterTLS | None = None
    """TLS at the router."""
    service: RouterService | None = None
    """The Service in front of the router."""
    gateway: RouterGateway | None = None
    """Exposure through a Gateway."""
    ingress: RouterIngress | None = None
    """Exposure through an Ingress."""
