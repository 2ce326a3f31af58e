"""Every list of filters of the rendered files: whatever leads to a replica asks first who asks."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from eagleray.domain.actions.access import Access, Allowed, Issuer, Limits, Mounted
from eagleray.domain.actions.router_config import RouterConfig, RouterMirror
from eagleray.domain.facts.router_layout import IPV4_LISTENERS_FILE, RouterLayout
from eagleray.router.config import rendered
from unit.router.envoy_rig import target

KEYS = Mounted("Secret", "m-keys")
ISSUER = Issuer("https://idp.example.com", ("m",), Mounted("Secret", "m-idp"))
WAYS = {
    "keys": Access(keys=KEYS),
    "tokens": Access(issuers=(ISSUER,)),
    "both": Access(keys=KEYS, issuers=(ISSUER,), public=("/v2/health/live",)),
    "some": Access(keys=KEYS, issuers=(ISSUER,), allow=(Allowed(clients=("team-a",)),)),
}
ACCESS = WAYS["both"]
_IN_ORDER = ("rbac", "local_ratelimit", "body_size_limit", "ext_authz", "router")
IN_ORDER = [f"envoy.filters.http.{name}" for name in _IN_ORDER]
"""What stands behind the filters that know who asks: may they, how much, how large, is anybody awake."""
LOOPBACK = "127.0.0.1"
# Filters that may stand before the one that knows who asks: they answer preflights, and change headers alone.
_HARMLESS = ("cors", "header_mutation", "grpc_http1_reverse_bridge", "grpc_stats")
HARMLESS = {"status-of-replica", *(f"envoy.filters.http.{name}" for name in _HARMLESS)}


def filter_lists(listener: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
    """Every list of HTTP filters that a connection to a listener may end in."""
    assert "default_filter_chain" not in listener
    for chain in listener["filter_chains"]:
        *before, last = chain["filters"]
        assert {each["name"] for each in before} <= {"envoy.filters.network.connection_limit"}
        manager = last["typed_config"]
        assert manager["@type"].endswith("HttpConnectionManager"), "another protocol is another door"
        yield manager["http_filters"]
        yield from (upgrade["filters"] for upgrade in manager.get("upgrade_configs", []))


@pytest.mark.parametrize("file", ["lds.json", IPV4_LISTENERS_FILE])
@pytest.mark.parametrize("access", WAYS.values(), ids=WAYS)
def test_every_list_of_filters_that_leads_to_replicas_asks_first(file: str, access: Access) -> None:
    config = RouterConfig(
        "m",
        "ns",
        (target("m-a"),),
        mirror=RouterMirror("m-a", 100),
        compares=True,
        holds=True,
        access=access,
        limits=Limits(requests=1, connections=1),
    )
    listeners = json.loads(rendered(config, RouterLayout()).files[file])["resources"]
    public = {
        listener["name"]: [*filter_lists(listener)]
        for listener in listeners
        if listener["address"]["socket_address"]["address"] != LOOPBACK
    }
    ops = public.pop("ops")
    assert {name: len(lists) for name, lists in public.items()} == {"http": 2, "warmup": 2}
    for lists in public.values():
        for filters in lists:
            first = next(f for f in filters if f["name"] not in HARMLESS)
            assert "config_discovery" in first, first["name"]
            assert filters[-1]["name"] == "envoy.filters.http.router"
            behind = [f["name"] for f in filters[filters.index(first) :] if f["name"] in IN_ORDER]
            assert behind == [name for name in IN_ORDER if name in behind]
            assert "envoy.filters.http.ext_authz" in behind
    for filters in public["http"]:
        assert ("envoy.filters.http.rbac" in {f["name"] for f in filters}) == bool(access.allow)
    assert [f["name"] for filters in ops for f in filters] == ["envoy.filters.http.router"]


def test_behind_the_ops_port_is_no_replica() -> None:
    config = RouterConfig("m", "ns", (target("m-a"),), compares=True, holds=True, access=ACCESS)
    (table,) = json.loads(rendered(config, RouterLayout()).files["ops.json"])["resources"]
    (host,) = table["virtual_hosts"]
    revisions = {t.revision for t in config.targets}
    assert not revisions & {route.get("route", {}).get("cluster") for route in host["routes"]}
    assert all("path" in route["match"] for route in host["routes"])
