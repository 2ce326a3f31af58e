"""Builders of what leads to a router: its Service, an Ingress, an HTTPRoute."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from eagleray.api.exposure import ParentRef, RouterGateway, RouterIngress, RouterService
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.resources.router import router_labels

# What is wanted, digested: a field that spec drops is in no manifest that could be compared with what is there.
WANTED_ANNOTATION = "eagleray.dev/wanted"
HTTP, HTTPS = 80, 443
_ROOT = "/"


@dataclass(frozen=True, slots=True)
class EntranceContext:
    """What an entrance follows from.

    Attributes:
        name: of the ModelDeployment.
        namespace: its namespace.
        asked: what spec says of the entrance.
        owner: reference to the ModelDeployment.
    """

    name: str
    namespace: str
    asked: RouterIngress | RouterGateway
    owner: dict[str, Any]


def build_service(config: RouterConfig, owner: dict[str, Any], asked: RouterService | None = None) -> dict[str, Any]:
    """Build the Service that clients ask, named as the ModelDeployment.

    Args:
        config: what the router is to do.
        owner: reference to the ModelDeployment.
        asked: what spec says of the Service.
    """
    said = asked or RouterService()
    port = {"name": "https", "port": HTTPS} if config.access.tls else {"name": "http", "port": HTTP}
    spec = {
        "type": said.type or "ClusterIP",
        "selector": router_labels(config.name),
        "ports": [{**port, "protocol": "TCP", "targetPort": "http"}],
        **_given(said, "load_balancer_class", "load_balancer_source_ranges", "external_traffic_policy"),
    }
    return _manifest("v1", "Service", (config.name, config.namespace, owner), spec, said.annotations)


def build_ingress(context: EntranceContext) -> dict[str, Any]:
    """Build the Ingress that `router.ingress` asks for."""
    asked = context.asked
    assert isinstance(asked, RouterIngress), "the table of entrances pairs kinds with fields"  # noqa: S101
    service = {"name": context.name, "port": {"number": HTTP}}
    path = {"path": asked.path or _ROOT, "pathType": "Prefix", "backend": {"service": service}}
    spec: dict[str, Any] = {"rules": [{"host": asked.host, "http": {"paths": [path]}}]}
    if asked.class_name:
        spec["ingressClassName"] = asked.class_name
    if asked.tls_secret_name:
        spec["tls"] = [{"hosts": [asked.host], "secretName": asked.tls_secret_name}]
    place = context.name, context.namespace, context.owner
    return _manifest("networking.k8s.io/v1", "Ingress", place, spec, asked.annotations)


def build_http_route(context: EntranceContext) -> dict[str, Any]:
    """Build the HTTPRoute that `router.gateway` asks for."""
    asked = context.asked
    assert isinstance(asked, RouterGateway), "the table of entrances pairs kinds with fields"  # noqa: S101
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": asked.path or _ROOT}}],
        "backendRefs": [{"name": context.name, "port": HTTP}],
    }
    spec: dict[str, Any] = {"parentRefs": [_parent(ref) for ref in asked.parent_refs], "rules": [rule]}
    if asked.hostnames:
        spec["hostnames"] = list(asked.hostnames)
    place = context.name, context.namespace, context.owner
    return _manifest("gateway.networking.k8s.io/v1", "HTTPRoute", place, spec)


def _parent(ref: ParentRef) -> dict[str, Any]:
    return {"group": "gateway.networking.k8s.io", "kind": "Gateway", **ref.model_dump(by_alias=True, exclude_none=True)}


def _given(said: RouterService, *fields: str) -> dict[str, Any]:
    return said.model_dump(by_alias=True, exclude_none=True, include=set(fields))


def _manifest(
    api_version: str,
    kind: str,
    place: tuple[str, str, dict[str, Any]],
    spec: dict[str, Any],
    annotations: dict[str, str] | None = None,
) -> dict[str, Any]:
    name, namespace, owner = place
    wanted = hashlib.sha256(json.dumps([spec, annotations], sort_keys=True).encode()).hexdigest()[:16]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": router_labels(name),
            "annotations": {**(annotations or {}), WANTED_ANNOTATION: wanted},
            "ownerReferences": [owner],
        },
        "spec": spec,
    }
