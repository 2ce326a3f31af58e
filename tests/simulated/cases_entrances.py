"""What leads to a router from outside: made, kept, read back, taken down, and missing."""

from typing import Any

from eagleray.kube.kinds import HTTP_ROUTE, INGRESS, SERVICE, Manifest, Ref
from simulated.at_rest import heals, settles
from simulated.cases import case, model, served
from simulated.cluster import NAMESPACE, Cluster
from simulated.faults import Fault

_INGRESS, _ROUTE = Ref(INGRESS, NAMESPACE, "m"), Ref(HTTP_ROUTE, NAMESPACE, "m")
_SERVICE = Ref(SERVICE, NAMESPACE, "m")
_HOST = "m.example.com"
_ROUTER: dict[str, Any] = {
    "service": {"annotations": {"example.com/kept": "no"}},
    "ingress": {"host": _HOST, "path": "/m"},
    "gateway": {"parentRefs": [{"name": "public"}], "hostnames": [_HOST]},
}


def _published(cluster: Cluster) -> tuple[str, str]:
    status, reason, _ = cluster.condition("Published")
    return status, reason


def _says(cluster: Cluster, status: str, **condition: str) -> None:
    said = [
        {"type": kind, "status": status, "observedGeneration": 9, **condition} for kind in ("Accepted", "ResolvedRefs")
    ]
    parents = [{"parentRef": {"name": "public"}, "controllerName": "example.com/c", "conditions": said}]
    cluster.server.set_status(_ROUTE, {"parents": parents}, "a Gateway")


def _edited(live: Manifest) -> Manifest:
    return {**live, "spec": {**live["spec"], "hostnames": ["other.example.com"]}}


@case
async def what_leads_to_a_router_is_made_kept_and_goes(cluster: Cluster) -> None:
    await served(cluster, router=_ROUTER)
    await cluster.until(lambda: bool(cluster.server.find(_INGRESS) and cluster.server.find(_ROUTE)), 30)
    assert cluster.server.get(_SERVICE)["metadata"]["annotations"]["example.com/kept"] == "no"
    await settles(cluster)
    good = cluster.server.get(_ROUTE)
    cluster.change(_ROUTE, _edited)
    await heals(cluster, _ROUTE, good)
    cluster.delete(_INGRESS)
    await cluster.until(lambda: cluster.server.find(_INGRESS) is not None, 30)
    cluster.apply("m", model=model())
    await cluster.until(lambda: not (cluster.server.find(_INGRESS) or cluster.server.find(_ROUTE)), 30)
    await cluster.until(lambda: "example.com/kept" not in cluster.server.get(_SERVICE)["metadata"]["annotations"], 30)
    assert _published(cluster) == ("", "")
    assert cluster.ready()


@case
async def what_a_gateway_says_is_said(cluster: Cluster) -> None:
    await served(cluster, router={"gateway": _ROUTER["gateway"]})
    await cluster.until(lambda: _published(cluster) == ("Unknown", "RoutePending"), 30)
    _says(cluster, "False", reason="NotAllowedByListeners", message="no listener has such a host")
    await cluster.until(lambda: _published(cluster) == ("False", "RouteRefused"), 30)
    assert "no listener has such a host" in cluster.condition("Degraded")[2]
    assert cluster.ready(), "whoever asks in the cluster is answered"
    _says(cluster, "True")
    await cluster.until(lambda: _published(cluster) == ("True", "LeadsHere"), 30)
    assert cluster.model()["status"]["url"] == f"http://{_HOST}"
    await settles(cluster)


@case
async def a_cluster_without_the_gateway_api_lacks_the_route_alone(cluster: Cluster) -> None:
    await served(cluster)
    missing = cluster.faults.order(lambda call: call.target == HTTP_ROUTE.kind, Fault.BARE)
    cluster.apply("m", model=model(), router={"gateway": _ROUTER["gateway"], "ingress": _ROUTER["ingress"]})
    await cluster.until(lambda: cluster.server.find(_INGRESS) is not None, 30)
    await cluster.until(lambda: _published(cluster) == ("False", "GatewayApiMissing"), 30)
    assert cluster.ready()
    cluster.faults.lift(missing)
    await cluster.until(lambda: cluster.server.find(_ROUTE) is not None, 60)
    await cluster.until(lambda: _published(cluster) == ("Unknown", "RoutePending"), 60)


@case
async def a_strangers_ingress_of_the_name_is_left_alone(cluster: Cluster) -> None:
    meta = {"name": "m", "namespace": NAMESPACE}
    theirs = {"apiVersion": INGRESS.api_version, "kind": INGRESS.kind, "metadata": meta, "spec": {"rules": []}}
    cluster.server.create(theirs, "kubectl")
    await served(cluster, router={"ingress": _ROUTER["ingress"]})
    await cluster.until(lambda: _published(cluster) == ("False", "NameConflict"), 30)
    assert cluster.server.get(_INGRESS)["spec"] == {"rules": []}
    cluster.apply("m", model=model())
    await cluster.until(lambda: _published(cluster) == ("", ""), 30)
    assert cluster.server.get(_INGRESS)["spec"] == {"rules": []}
