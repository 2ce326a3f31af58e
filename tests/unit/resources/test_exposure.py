"""The Service, the Ingress and the HTTPRoute that lead to a router."""

from typing import Any

from eagleray.api.exposure import RouterGateway, RouterIngress, RouterService
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.resources.exposure import (
    WANTED_ANNOTATION,
    EntranceContext,
    build_http_route,
    build_ingress,
    build_service,
)

CONFIG = RouterConfig("m", "ns")
OWNER = {"uid": "u"}


def service(**asked: Any) -> dict[str, Any]:
    return build_service(CONFIG, OWNER, RouterService.model_validate(asked))


def ingress(**asked: Any) -> dict[str, Any]:
    return build_ingress(EntranceContext("m", "ns", RouterIngress.model_validate(asked), OWNER))


def route(**asked: Any) -> dict[str, Any]:
    return build_http_route(EntranceContext("m", "ns", RouterGateway.model_validate(asked), OWNER))


def wanted(manifest: dict[str, Any]) -> str:
    return str(manifest["metadata"]["annotations"][WANTED_ANNOTATION])


def test_a_service_is_what_is_asked_for() -> None:
    assert service()["spec"]["type"] == "ClusterIP"
    asked = {
        "type": "LoadBalancer",
        "loadBalancerClass": "example.com/lb",
        "loadBalancerSourceRanges": ["192.0.2.0/24"],
        "externalTrafficPolicy": "Local",
    }
    built = service(**asked, annotations={"a": "b"})
    assert built["spec"].items() >= asked.items()
    assert built["metadata"]["annotations"]["a"] == "b"


def test_what_is_asked_for_no_more_is_seen_to_be() -> None:
    with_one = service(annotations={"a": "b"})
    assert wanted(with_one) != wanted(service())
    assert wanted(service(type="LoadBalancer", externalTrafficPolicy="Local")) != wanted(service(type="LoadBalancer"))
    assert wanted(with_one) == wanted(service(annotations={"a": "b"}))


def test_an_ingress_leads_to_the_service() -> None:
    spec = ingress(host="m.example.com", path="/m", className="nginx", tlsSecretName="m-outside")["spec"]
    assert spec == {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": "m.example.com",
                "http": {
                    "paths": [
                        {
                            "path": "/m",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "m", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ],
        "tls": [{"hosts": ["m.example.com"], "secretName": "m-outside"}],
    }
    assert ingress(host="m.example.com")["spec"]["rules"][0]["http"]["paths"][0]["path"] == "/"


def test_a_route_names_its_gateways_and_leads_to_the_service() -> None:
    built = route(
        parentRefs=[{"name": "public", "namespace": "infra", "sectionName": "https"}], hostnames=["m.example.com"]
    )
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
    assert built["spec"] == {
        "parentRefs": [{**gateway, "name": "public", "namespace": "infra", "sectionName": "https"}],
        "hostnames": ["m.example.com"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": "m", "port": 80}],
            }
        ],
    }
    assert "filters" not in built["spec"]["rules"][0], "the router itself takes the prefix off"


def test_each_is_a_child_of_the_object() -> None:
    for built in (service(), ingress(host="m.example.com"), route(parentRefs=[{"name": "public"}])):
        assert (built["metadata"]["name"], built["metadata"]["namespace"]) == ("m", "ns")
        assert built["metadata"]["ownerReferences"] == [OWNER]
        assert built["metadata"]["labels"]["eagleray.dev/name"] == "m"
