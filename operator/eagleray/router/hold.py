"""What a router that lets requests wait has on top: Envoy asks the holder beside it, and goes on when that says so.

Envoy's external authorization pauses a request, its body left with the client by flow control, for as long as the
answer takes. The filter is off but for the shares of revisions that are on hold: whoever a share falls on waits for
that revision alone. The holder reads which those are from a file of the same ConfigMap, so that both change at once.
"""

from typing import Any

import orjson

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import RouterLayout
from eagleray.router.budget import requests_on_hold
from eagleray.router.limits import limits
from eagleray.router.xds import ONLY_GET, extension, loopback_cluster, seconds, typed

HELD_PATH = "/held"
CHECKS_CLUSTER = "holder"
HELD_CLUSTER = "holder-report"
# On top of the longest wait, for the answer to that.
SPARE_SECONDS = 5.0
# For somebody who waits for the first request.
LONGEST_REPORT_SECONDS = 60.0
_FILTER = "envoy.filters.http.ext_authz"
_MESSAGES = "envoy.extensions.filters.http.ext_authz.v3"


def hold_filter(config: RouterConfig) -> dict[str, Any]:
    """The HTTP filter that asks; it is off but for shares that say `on_hold`."""
    said = extension(
        _FILTER,
        f"{_MESSAGES}.ExtAuthz",
        transport_api_version="V3",
        grpc_service={
            "envoy_grpc": {"cluster_name": CHECKS_CLUSTER},
            "timeout": seconds(config.hold_timeout + SPARE_SECONDS),
        },
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
    )
    return {**said, "disabled": True}


def on_hold(revision: str) -> dict[str, Any]:
    """What a share says whose requests wait, as `typed_per_filter_config`."""
    about = {"context_extensions": {"revision": revision}}
    return {_FILTER: typed(f"{_MESSAGES}.ExtAuthzPerRoute", check_settings=about)}


def holds_file(config: RouterConfig) -> str:
    """The file that the holder reads: which revisions are on hold, and how."""
    holds = {
        t.revision: {"timeout": t.hold.timeout, "maxHeld": t.hold.max_held, "retryAfter": t.hold.retry_after}
        for t in config.targets
        if t.hold
    }
    return orjson.dumps(holds, option=orjson.OPT_SORT_KEYS).decode()


def held_route() -> dict[str, Any]:
    """The route of the ops port to how many wait."""
    to_holder = {"cluster": HELD_CLUSTER, "timeout": seconds(LONGEST_REPORT_SECONDS)}
    return {"match": {"path": HELD_PATH, "headers": [ONLY_GET]}, "route": to_holder}


def holder_clusters(config: RouterConfig, layout: RouterLayout) -> list[dict[str, Any]]:
    """The holder's two doors as Envoy's clusters."""
    grpc = typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http2_protocol_options": {}},
    )
    # The holder counts by itself as well (`maxHeld`); this is what the router's memory has room for.
    most = requests_on_hold(config)
    return [
        {
            **loopback_cluster(CHECKS_CLUSTER, layout.checks_port),
            "circuit_breakers": {"thresholds": [limits("DEFAULT", most)]},
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": grpc},
        },
        loopback_cluster(HELD_CLUSTER, layout.held_port),
    ]
