"""What leads to an object's routers, read from children whose status others write."""

from typing import Any

import pytest

from eagleray.domain.facts.entrances import Entrance, GatewayWord
from eagleray.engine.entrances import read_entrances
from eagleray.kube.held import Held, Seen
from eagleray.kube.kinds import HTTP_ROUTE, INGRESS, POD, SERVICE, Key, Kind

KEY = Key("ns", "m")


def held(kind: Kind, status: Any, name: str = "m", **meta: Any) -> Held:
    metadata = {"name": name, "namespace": "ns", "uid": f"{kind.plural}-{name}", "generation": 2, **meta}
    manifest = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": status}
    seen = Seen.of(manifest)
    assert seen is not None
    return Held.of(seen, manifest, 1)


def said(kind: str, status: str, generation: int = 2, **rest: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "observedGeneration": generation, **rest}


def parent(*conditions: dict[str, Any], name: str = "public", **ref: str) -> dict[str, Any]:
    return {"parentRef": {"name": name, **ref}, "controllerName": "example.com/c", "conditions": [*conditions]}


@pytest.mark.parametrize("kind", [SERVICE, INGRESS])
def test_addresses_are_those_that_were_given(kind: Kind) -> None:
    given = [{"ip": "192.0.2.7", "ports": []}, {"hostname": "lb.example.com"}, {}, "nonsense"]
    (entrance,) = read_entrances(KEY, [held(kind, {"loadBalancer": {"ingress": given}})])
    assert entrance == Entrance(kind.kind, f"{kind.plural}-m", addresses=("192.0.2.7", "lb.example.com"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("conditions", "word"),
    [
        ([said("Accepted", "True"), said("ResolvedRefs", "True")], ""),
        ([said("Accepted", "False", reason="NotAllowed", message="no host")], "NotAllowed: no host"),
        ([said("Accepted", "True"), said("ResolvedRefs", "False", reason="BackendNotFound")], "BackendNotFound"),
        ([said("Accepted", "False")], "Accepted is False"),
        ([said("Accepted", "True")], None),
        ([said("Accepted", "False", generation=1)], None),
        ([said("Accepted", "Unknown"), said("ResolvedRefs", "True")], None),
        ([], None),
    ],
)
def test_a_gateways_word_is_of_the_route_as_it_is_now(conditions: list[dict[str, Any]], word: str | None) -> None:
    (entrance,) = read_entrances(KEY, [held(HTTP_ROUTE, {"parents": [parent(*conditions, namespace="infra")]})])
    assert entrance.words == (() if word is None else (GatewayWord("infra/public", word),))


@pytest.mark.parametrize("status", [None, "x", {"parents": "x"}, {"parents": [{"conditions": []}]}, {"parents": [1]}])
def test_a_status_of_another_shape_says_nothing(status: Any) -> None:
    (entrance,) = read_entrances(KEY, [held(HTTP_ROUTE, status)])
    assert entrance == Entrance("HTTPRoute", "httproutes-m")


def test_other_children_lead_nowhere() -> None:
    going = held(INGRESS, {}, deletionTimestamp="2026-01-01T00:00:00Z")
    assert read_entrances(KEY, [held(SERVICE, {}, "m-default-0"), held(POD, {}), going]) == ()
