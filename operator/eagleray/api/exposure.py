"""How a router is reached from outside the cluster."""

from typing import Annotated, Literal

from pydantic import Field

from eagleray.api.access import SecretName
from eagleray.api.base import OBJECT_NAME, ApiModel, Rule, matches

OURS = "eagleray.dev/"
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
HOST = matches(rf"^{_LABEL}([.]{_LABEL})*$", "write a host name in lower case, such as churn.example.com")
HOSTNAME = matches(
    rf"^([*][.])?{_LABEL}([.]{_LABEL})*$",
    "write a host name in lower case, such as churn.example.com or *.example.com",
)
PREFIX = matches(
    r"^(/|(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+)$",
    "write a path prefix without a slash at its end, such as /churn, or / for none",
)
CIDR = matches(r"^[0-9A-Fa-f.:]+/[0-9]{1,3}$", "write a range of addresses, such as 192.0.2.0/24")
ANNOTATIONS = Rule(
    f"self.all(name, !name.startsWith('{OURS}'))",
    f"annotations of {OURS} are the operator's; leave them out",
    python=lambda annotations: not any(name.startswith(OURS) for name in annotations),
)

Annotations = Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32), ANNOTATIONS]
PathPrefix = Annotated[str, Field(max_length=1024), PREFIX]
Name = Annotated[str, Field(max_length=253), matches(OBJECT_NAME, "write the name of an object, such as public")]


class RouterService(ApiModel):
    """The Service in front of the router, which is called as the object."""

    cel_rules = (
        Rule(
            "!(has(self.loadBalancerClass) || has(self.loadBalancerSourceRanges))"
            " || has(self.type) && self.type == 'LoadBalancer'",
            "loadBalancerClass and loadBalancerSourceRanges belong to type LoadBalancer; write it, or leave them out",
            python=lambda service: (
                service.type == "LoadBalancer"
                or service.load_balancer_class is service.load_balancer_source_ranges is None
            ),
        ),
        Rule(
            "!has(self.externalTrafficPolicy) || has(self.type) && self.type != 'ClusterIP'",
            "externalTrafficPolicy belongs to type NodePort or LoadBalancer; write one of them, or leave it out",
            python=lambda service: (
                service.external_traffic_policy is None or service.type in {"NodePort", "LoadBalancer"}
            ),
        ),
    )

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    """Type of the Service; `ClusterIP` where it is left out."""
    annotations: Annotations | None = None
    """Annotations of the Service, by which clouds are told what kind of load balancer to make."""
    load_balancer_class: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Whose load balancer it is; the cluster's own where it is left out."""
    load_balancer_source_ranges: list[Annotated[str, Field(max_length=49), CIDR]] | None = Field(
        None, min_length=1, max_length=64
    )
    """Ranges of addresses that the load balancer lets in; any where it is left out."""
    external_traffic_policy: Literal["Cluster", "Local"] | None = None
    """`Local` keeps the address of who asks, and sends nothing from one node to another; `Cluster` where it is left
    out."""


class ParentRef(ApiModel):
    """A Gateway that requests come through."""

    name: Name
    """Name of the Gateway."""
    namespace: Name | None = None
    """Namespace of the Gateway; the object's where it is left out."""
    section_name: Name | None = None
    """Listener of the Gateway; every one that takes such hosts where it is left out."""
    port: int | None = Field(None, ge=1, le=65535)
    """Port of the listener."""


class RouterGateway(ApiModel):
    """An HTTPRoute (Gateway API) that leads from Gateways to the router, called as the object."""

    parent_refs: list[ParentRef] = Field(min_length=1, max_length=8)
    """Gateways that requests come through."""
    hostnames: list[Annotated[str, Field(max_length=253), HOSTNAME]] | None = Field(None, min_length=1, max_length=16)
    """Hosts that requests name; every one of the Gateways' listeners where it is left out."""
    path: PathPrefix | None = None
    """Path prefix that the router takes off before the model sees the request; `/` where it is left out."""


class RouterIngress(ApiModel):
    """An Ingress that leads to the router, called as the object."""

    class_name: Name | None = None
    """Ingress class; the cluster's default where it is left out."""
    host: Annotated[str, Field(max_length=253), HOST]
    """Host that requests name."""
    path: PathPrefix | None = None
    """Path prefix that the router takes off before the model sees the request; `/` where it is left out."""
    tls_secret_name: SecretName | None = None
    """Secret with the certificate by which the Ingress speaks TLS; plain HTTP where it is left out."""
    annotations: Annotations | None = None
    """Annotations of the Ingress, by which its controller is told more."""
