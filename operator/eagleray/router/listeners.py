"""A router's listeners: the traffic of clients, that of the operator, the ops port, and the copies of a comparer."""

from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import EVERYWHERE, RouterLayout
from eagleray.router.access import WARMUP, known_clients, known_operator
from eagleray.router.access_log import access_log, refused_log
from eagleray.router.bootstrap import OPS
from eagleray.router.budget import BUFFER_BYTES, budget
from eagleray.router.compare import COPIES_ROUTES, unanswered_replies
from eagleray.router.downstream import WEBSOCKET, any_client, keepalive_options
from eagleray.router.errors import error_replies
from eagleray.router.filters import Filters, copy_filters, no_user, ops_filters, request_filters, websocket_filters
from eagleray.router.permissions import permission_filter
from eagleray.router.rates import connection_filter, rate_filter
from eagleray.router.routes import OPS_ROUTES, ROUTES
from eagleray.router.tls import transport_socket
from eagleray.router.xds import address, file_source, seconds, typed

MIN_STREAM_IDLE_SECONDS = 300.0
_HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
# `start.py` bounds its connections by what the node has descriptors for.
CLIENTS = "http"
# What a connection has time for before its first request: a handshake of TLS.
_HANDSHAKE_SECONDS = 10.0
# Whatever clients do, the router tells whether it is ready, and what it counts; `bootstrap.py` bounds who asks.
_OF_THE_OPERATOR = {"bypass_overload_manager": True, "ignore_global_conn_limit": True}
# The path is the user's, to the last slash: nothing here routes by path, so nothing needs it tidied up.
_PATH_AS_IT_IS = {
    "normalize_path": False,
    "merge_slashes": False,
    "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
}


def listeners(config: RouterConfig, layout: RouterLayout, bind: str) -> list[dict[str, Any]]:
    """All listeners; they change only with limits and timeouts, never with weights or endpoints.

    Args:
        config: what the router is to do.
        layout: ports.
        bind: address of the public ones.
    """
    access = config.access
    known = [
        *known_clients(config, layout),
        *permission_filter(access),
        *rate_filter(config.limits, known=access.names_clients),
    ]
    asked = _listener(CLIENTS, _public(bind, layout.http_port), _traffic(config, layout, ROUTES, known))
    found = [
        _for_clients(asked, config, layout),
        {**_listener(OPS, _public(bind, layout.ops_port), _ops(layout)), **_OF_THE_OPERATOR},
    ]
    if config.compares:
        found.append(_listener("copies", address("127.0.0.1", layout.copies_port), _copies(layout)))
    if config.guarded:
        warmup = _traffic(config, layout, WARMUP, [*known_operator(layout), no_user()])
        found.append({**_listener(WARMUP, _public(bind, layout.warmup_port), warmup), **_OF_THE_OPERATOR})
    return found


def _for_clients(listener: dict[str, Any], config: RouterConfig, layout: RouterLayout) -> dict[str, Any]:
    """A listener with what connections of clients begin with."""
    (chain,), tls = listener["filter_chains"], config.access.tls
    socket = {"transport_socket": transport_socket(tls, layout)} if tls else {}
    filters = [*connection_filter(config.limits, budget(config).connections), *chain["filters"]]
    return {**listener, "filter_chains": [{**chain, **socket, "filters": filters}]}


def _public(bind: str, port: int) -> dict[str, Any]:
    where = address(bind, port)
    if bind == EVERYWHERE:
        where["socket_address"]["ipv4_compat"] = True
    return where


def _listener(name: str, where: dict[str, Any], manager: dict[str, Any]) -> dict[str, Any]:
    return typed(
        "envoy.config.listener.v3.Listener",
        name=name,
        address=where,
        per_connection_buffer_limit_bytes=BUFFER_BYTES,
        socket_options=keepalive_options(),
        filter_chains=[
            {
                "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
                "transport_socket_connect_timeout": seconds(_HANDSHAKE_SECONDS),
            }
        ],
    )


def _manager(layout: RouterLayout, routes: str, file: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
    defaults = {
        "use_remote_address": True,
        # No client is trusted with Envoy's own request headers (timeouts, retries); by default all private ones are.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "request_headers_timeout": "10s",
    }
    return typed(
        _HCM,
        codec_type="AUTO",
        rds={"route_config_name": routes, "config_source": file_source(layout, file)},
        **{**defaults, **fields},
    )


def _traffic(config: RouterConfig, layout: RouterLayout, name: str, known: Filters) -> dict[str, Any]:
    """What takes requests for replicas: its name in statistics, and the filters that know who asks."""
    timeout = config.request_timeout
    idle = max(MIN_STREAM_IDLE_SECONDS, 2 * timeout, 2 * config.hold_timeout)
    return _manager(
        layout,
        ROUTES,
        "rds.json",
        stat_prefix=name,
        # A body that stalls, in or out. Where the user wants no timeout, silence is no fault either.
        stream_idle_timeout=seconds(idle if timeout else 0),
        **_PATH_AS_IT_IS,
        **any_client(config, operator=name == WARMUP),
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        server_header_transformation="PASS_THROUGH",
        http_filters=request_filters(config, known),
        upgrade_configs=[{"upgrade_type": WEBSOCKET, "filters": websocket_filters(config, known)}],
        local_reply_config=error_replies(config),
        access_log=[access_log(config.logged_percent), *refused_log(config)],
    )


def _ops(layout: RouterLayout) -> dict[str, Any]:
    return _manager(layout, OPS_ROUTES, "ops.json", stat_prefix=OPS_ROUTES, http_filters=ops_filters())


def _copies(layout: RouterLayout) -> dict[str, Any]:
    return _manager(
        layout,
        COPIES_ROUTES,
        "copies.json",
        stat_prefix=COPIES_ROUTES,
        # The comparer repeats what Envoy has said of the client.
        use_remote_address=False,
        skip_xff_append=True,
        server_header_transformation="PASS_THROUGH",
        **_PATH_AS_IT_IS,
        http_filters=copy_filters(),
        local_reply_config=unanswered_replies(),
    )
