"""The part of a router's configuration that it reads once, when it starts."""

from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import RouterLayout
from eagleray.router.xds import address, extension, file_source

ADMIN_CLUSTER = "admin"
MAX_CLIENT_CONNECTIONS = 20_000
MAX_REGEX_INSTRUCTIONS = 1_000_000
# Below the Pod's memory limit: Envoy refuses requests in time instead of being killed with all of them.
MAX_HEAP_BYTES = 400 * 1024 * 1024
# Edges of the latency buckets in ms, at most a quarter apart; those that people write as limits are among them. Above
# 100 ms Envoy itself keeps two digits, so that only such numbers can be edges.
_DECADE = (10, 12, 15, 18, 20, 25, 30, 35, 40, 50, 60, 70, 80)
LATENCY_EDGES_MS = (*range(1, 9), *(edge * 10**power for power in range(4) for edge in _DECADE), 100_000, 120_000)
# Envoy counts whole milliseconds, rounded down, and puts all of a bin into the bucket whose bound lies in it: what took
# less than 200 ms is counted by the bound 199.5, whereas 200 would count up to 209.
BELOW_EDGE_MS = 0.5


def bootstrap(config: RouterConfig, layout: RouterLayout) -> dict[str, Any]:
    """Envoy's Bootstrap; depends on nothing that changes while a ModelDeployment lives."""
    return {
        "node": {"id": "router", "cluster": f"{config.namespace}/{config.name}"},
        "admin": {"address": address("127.0.0.1", layout.admin_port)},
        "layered_runtime": _runtime(),
        "dynamic_resources": {
            "lds_config": file_source(layout, "lds.json"),
            "cds_config": file_source(layout, "cds.json"),
        },
        "static_resources": {"clusters": [_admin_cluster(layout)]},
        "overload_manager": _overload_manager(),
        "stats_config": stats_config(),
        "application_log_config": {
            "log_format": {
                "json_format": {"time": "%Y-%m-%dT%T.%eZ", "level": "%l", "logger": "%n", "message": "%j"},
            },
        },
        # Latency histograms are merged when statistics are flushed; the operator reads them every few seconds.
        "stats_flush_interval": "1s",
    }


def _runtime() -> dict[str, Any]:
    # Envoy's own bound, 100 instructions, refuses the pattern of a UUID, and with it the whole route table.
    limits = {"re2.max_program_size.error_level": MAX_REGEX_INSTRUCTIONS}
    return {"layers": [{"name": "limits", "static_layer": limits}]}


def stats_config() -> dict[str, Any]:
    """Envoy's StatsConfig: the bounds of the latency histograms; those that Envoy has by default are up to 5x apart."""
    bounds = [edge - BELOW_EDGE_MS for edge in LATENCY_EDGES_MS]
    return {"histogram_bucket_settings": [{"match": {"suffix": "upstream_rq_time"}, "buckets": bounds}]}


def _admin_cluster(layout: RouterLayout) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": address("127.0.0.1", layout.admin_port)}}
    return {
        "name": ADMIN_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": ADMIN_CLUSTER, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _overload_manager() -> dict[str, Any]:
    monitors = "envoy.resource_monitors"
    heap = f"{monitors}.fixed_heap"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            extension(
                heap,
                "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                max_heap_size_bytes=str(MAX_HEAP_BYTES),
            ),
            extension(
                f"{monitors}.global_downstream_max_connections",
                "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                max_active_downstream_connections=str(MAX_CLIENT_CONNECTIONS),
            ),
        ],
        "actions": [
            _at(heap, "envoy.overload_actions.shrink_heap", 0.85),
            _at(heap, "envoy.overload_actions.stop_accepting_requests", 0.95),
        ],
    }


def _at(monitor: str, action: str, threshold: float) -> dict[str, Any]:
    return {"name": action, "triggers": [{"name": monitor, "threshold": {"value": threshold}}]}
