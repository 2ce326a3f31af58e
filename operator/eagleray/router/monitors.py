"""Requests by which nobody asks for a prediction: health checks of load balancers, and monitors.

At an object that can sleep they wake nothing, keep nothing awake, and are counted apart from the requests of users.
Calls of gRPC are none of them: one whose model sleeps could not be answered as its protocol demands.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.router.prefixes import prefixed
from eagleray.router.xds import ANYWHERE, json_reply, merged, set_header

# How the User-Agent of those begins who watch, whatever they ask.
USER_AGENTS = (
    "Amazon-Route53-Health-Check-Service",
    "Azure Traffic Manager Endpoint Monitor",
    "Blackbox Exporter/",
    "Blackbox-Exporter/",
    "Consul Health Check",
    "ELB-HealthChecker/",
    "Edge Health Probe",
    "Envoy/HC",
    "GoogleHC/",
    "Load Balancer Agent",
    "kube-probe/",
)
ASLEEP = "no replica runs now; a request for a prediction starts one"
_NO_GRPC = {
    "name": "content-type",
    "string_match": {"prefix": "application/grpc"},
    "invert_match": True,
    "treat_missing_header_as_empty": True,
}
_READING = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
# Counted as Envoy counts what comes from within: not in the `external` statistics.
NO_USER = {"request_headers_to_add": [set_header("x-envoy-internal", "true")]}
Way = dict[str, Any]


def monitors(
    config: RouterConfig, match: Mapping[str, Any], route: Mapping[str, Any] | None, attempts: Sequence[Way]
) -> list[dict[str, Any]]:
    """The routes of those who watch and ask for one thing; none at an object that never sleeps.

    Args:
        config: what the router is to do.
        match: what asking for it looks like, as Envoy's RouteMatch without a path.
        route: where a request goes, as parts of Envoy's Route, or None while everything asked for is on hold.
        attempts: how often it is tried.
    """
    if not config.holds:
        return []
    watching = [{"match": merged(way, match)} for way in _ways(config)]
    if route is None:
        return [{**way, **json_reply(200, ASLEEP)} for way in watching]
    return [merged(way, route, NO_USER, attempt) for way, attempt in product(watching, attempts)]


def _ways(config: RouterConfig) -> list[Way]:
    """What requests look like by which somebody watches; each is enough."""
    paths = [re.escape(told) for told in config.ignored if told.startswith("/")]
    agents = [re.escape(told) for told in (*USER_AGENTS, *config.ignored) if not told.startswith("/")]
    if config.model:
        paths += ["/v2/health/(live|ready)", f"/v2/models/{re.escape(config.name)}/ready"]
    agent = {"name": "user-agent", "string_match": {"safe_regex": {"regex": f"({'|'.join(agents)}).*"}}}
    ways: list[Way] = [{**ANYWHERE, "headers": [agent, _NO_GRPC]}]
    if paths:
        ways.append({"safe_regex": {"regex": prefixed(config, "|".join(paths))}, "headers": [_READING]})
    return ways
