"""What a router that compares has on top: Envoy streams exchanges to the comparer beside it and waits for nothing.

Envoy's own mirror throws the answers of copies away. Here the external processor, in its mode for observers, gets a
copy of what a user asked and got; the comparer asks the mirrored revision by itself, through a listener on loopback
that has nothing but copies: they are no requests of users (priority, statistics) and choose no version.
"""

from typing import Any

import orjson

from eagleray.domain.actions.router_config import RouterConfig, RouterMirror
from eagleray.domain.facts.router_layout import REVISION_HEADER, RouterLayout
from eagleray.router.prefixes import tell_prefix, without_prefix
from eagleray.router.xds import ANYWHERE, ONLY_GET, extension, json_reply, loopback_cluster, seconds, set_header, typed

# What tells a replica that it was asked with a copy, whose answer nobody gets.
MIRROR_HEADER = "x-eagleray-mirror"
COPIES_ROUTES = "copies"
EXCHANGES_CLUSTER = "comparer"
REPORT_CLUSTER = "comparer-report"
REPORT_PATHS = ("/mirror", "/mirror/prometheus")
# Exchanges that are streamed at one time; further ones are not compared. Envoy keeps what the comparer does not read,
# and bounds it by nothing else.
STREAMS = 128
# A stream lasts so long after its answer, for what the comparer has not read yet, which is then let go of.
DEFERRED_CLOSE_SECONDS = 0.5
_FILTER = "envoy.filters.http.ext_proc"
_MESSAGES = "envoy.extensions.filters.http.ext_proc.v3"
_ORDER_METADATA = "x-eagleray-compare"
_UNANSWERED_HEADER = "x-eagleray-unanswered"


def exchange_filter() -> dict[str, Any]:
    """The HTTP filter that streams exchanges; it is off but for routes that say `exchange_order`."""
    said = extension(
        _FILTER,
        f"{_MESSAGES}.ExternalProcessor",
        grpc_service={"envoy_grpc": {"cluster_name": EXCHANGES_CLUSTER}},
        observability_mode=True,
        failure_mode_allow=True,
        deferred_close_timeout=seconds(DEFERRED_CLOSE_SECONDS),
        processing_mode={
            "request_header_mode": "SEND",
            "response_header_mode": "SEND",
            "request_body_mode": "STREAMED",
            "response_body_mode": "STREAMED",
        },
    )
    return {**said, "disabled": True}


def exchange_order(mirror: RouterMirror) -> dict[str, Any]:
    """What a route says whose exchanges are compared, as `typed_per_filter_config`."""
    order = {
        "revision": mirror.revision,
        "relative": mirror.relative,
        "absolute": mirror.absolute,
        "bodies": mirror.bodies,
    }
    metadata = [{"key": _ORDER_METADATA, "value": orjson.dumps(order, option=orjson.OPT_SORT_KEYS).decode()}]
    return {_FILTER: typed(f"{_MESSAGES}.ExtProcPerRoute", overrides={"grpc_initial_metadata": metadata})}


def copies_routes(config: RouterConfig) -> dict[str, Any]:
    """The route table of the listener that takes copies from the comparer."""
    route: dict[str, Any] = {"match": ANYWHERE, **json_reply(503, "nobody gets copies")}
    if config.mirror:
        route = {
            "match": ANYWHERE,
            "request_headers_to_add": [set_header(MIRROR_HEADER, "true")],
            "response_headers_to_add": [set_header(REVISION_HEADER, "%UPSTREAM_CLUSTER_RAW%")],
            "route": {
                "cluster": config.mirror.revision,
                "timeout": seconds(config.request_timeout),
                **without_prefix(config),
            },
        }
    host = {"name": "all", "domains": ["*"], "routes": [route], **tell_prefix(config)}
    return typed("envoy.config.route.v3.RouteConfiguration", name=COPIES_ROUTES, virtual_hosts=[host])


def unanswered_replies() -> dict[str, Any]:
    """Envoy's LocalReplyConfig for copies: the comparer must tell the router's word from a replica's."""
    always: dict[str, Any] = {"not_health_check_filter": {}}
    return {"mappers": [{"filter": always, "headers_to_add": [set_header(_UNANSWERED_HEADER, "true")]}]}


def report_routes() -> list[dict[str, Any]]:
    """The routes of the ops port to what was found."""
    to_comparer = {"cluster": REPORT_CLUSTER, "timeout": "5s"}
    return [{"match": {"path": path, "headers": [ONLY_GET]}, "route": to_comparer} for path in REPORT_PATHS]


def comparer_clusters(layout: RouterLayout) -> list[dict[str, Any]]:
    """The comparer's two doors as Envoy's clusters."""
    # A comparer that no longer reads is cut off, and what was kept for it let go of, before that becomes much.
    alive = {"connection_keepalive": {"interval": "1s", "timeout": "1s"}}
    grpc = typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http2_protocol_options": alive},
    )
    limits = {"max_requests": STREAMS, "max_pending_requests": STREAMS}
    return [
        {
            **loopback_cluster(EXCHANGES_CLUSTER, layout.exchanges_port),
            "circuit_breakers": {"thresholds": [limits]},
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": grpc},
        },
        loopback_cluster(REPORT_CLUSTER, layout.report_port),
    ]
