"""The part of a router's configuration that it reads once, when it starts."""

from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import RouterLayout
from eagleray.router.access import WARMUP
from eagleray.router.budget import budget
from eagleray.router.overload import ALLOCATOR, overload_manager
from eagleray.router.xds import address, file_source

ADMIN_CLUSTER = "admin"
OPS = "ops"
# Of one expression. The API bounds what all rules have together (`Traffic`), by an estimate that may be too low.
MAX_REGEX_INSTRUCTIONS = 100_000
# Who may ask the ports of the operator at one time; they pass over the bounds of clients.
OPERATORS_CONNECTIONS = 512
# Edges of the latency buckets in ms, at most a quarter apart; those that people write as limits are among them. Above
# 100 ms Envoy itself keeps two digits, so that only such numbers can be edges.
_DECADE = (10, 12, 15, 18, 20, 25, 30, 35, 40, 50, 60, 70, 80)
LATENCY_EDGES_MS = (*range(1, 9), *(edge * 10**power for power in range(4) for edge in _DECADE), 100_000, 120_000)
# Envoy counts whole milliseconds, rounded down, and puts all of a bin into the bucket whose bound lies in it: what took
# less than 200 ms is counted by the bound 199.5, whereas 200 would count up to 209.
BELOW_EDGE_MS = 0.5


def bootstrap(config: RouterConfig, layout: RouterLayout) -> dict[str, Any]:
    """Envoy's Bootstrap; depends on what a router Pod may use, and on nothing else that changes."""
    return {
        "node": {"id": "router", "cluster": f"{config.namespace}/{config.name}"},
        "admin": {"address": address("127.0.0.1", layout.admin_port)},
        "layered_runtime": _runtime(),
        "dynamic_resources": {
            "lds_config": file_source(layout, "lds.json"),
            "cds_config": file_source(layout, "cds.json"),
        },
        "static_resources": {"clusters": [_admin_cluster(layout)]},
        "overload_manager": overload_manager(budget(config)),
        "memory_allocator_manager": ALLOCATOR,
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
    limits = {
        "re2.max_program_size.error_level": MAX_REGEX_INSTRUCTIONS,
        # What one connection sends at once does not come before what others send (rapid reset of HTTP/2).
        "http.max_requests_per_io_cycle": 1,
        **{f"envoy.resource_limits.listener.{name}.connection_limit": OPERATORS_CONNECTIONS for name in (OPS, WARMUP)},
    }
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
