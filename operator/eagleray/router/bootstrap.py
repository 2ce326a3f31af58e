"""The part of a router's configuration that it reads once, when it starts."""

from typing import Any

from eagleray.domain.router import RouterConfig, RouterLayout
from eagleray.router.xds import address, extension, file_source

ADMIN_CLUSTER = "admin"
MAX_CLIENT_CONNECTIONS = 20_000
# Below the Pod's memory limit: Envoy refuses requests in time instead of being killed with all of them.
MAX_HEAP_BYTES = 400 * 1024 * 1024


def bootstrap(config: RouterConfig, layout: RouterLayout) -> dict[str, Any]:
    """Envoy's Bootstrap; depends on nothing that changes while a ModelDeployment lives."""
    return {
        "node": {"id": "router", "cluster": f"{config.namespace}/{config.name}"},
        "admin": {"address": address("127.0.0.1", layout.admin_port)},
        "dynamic_resources": {
            "lds_config": file_source(layout, "lds.json"),
            "cds_config": file_source(layout, "cds.json"),
        },
        "static_resources": {"clusters": [_admin_cluster(layout)]},
        "overload_manager": _overload_manager(),
        "application_log_config": {
            "log_format": {
                "json_format": {"time": "%Y-%m-%dT%T.%eZ", "level": "%l", "logger": "%n", "message": "%j"},
            },
        },
        # Latency histograms are merged when statistics are flushed; the operator reads them every few seconds.
        "stats_flush_interval": "1s",
    }


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
