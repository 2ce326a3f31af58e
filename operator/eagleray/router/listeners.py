"""A router's listeners: the traffic of clients, the ops port, and the copies of a comparer."""

from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import EVERYWHERE, RouterLayout
from eagleray.router.access_log import access_log
from eagleray.router.bodies import body_limit
from eagleray.router.calls import call_filters
from eagleray.router.compare import COPIES_ROUTES, exchange_filter, unanswered_replies
from eagleray.router.cors import cors_filter
from eagleray.router.downstream import WEBSOCKET, any_client, keepalive_options
from eagleray.router.errors import error_replies
from eagleray.router.hold import hold_filter
from eagleray.router.routes import OPS_ROUTES, ROUTES
from eagleray.router.xds import address, extension, file_source, header_mutation, seconds, set_header, typed

MIN_STREAM_IDLE_SECONDS = 300.0
_HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "envoy.extensions.filters.http.router.v3.Router"
_OWN_HEADERS = "(?i)x-eagleray-.*"
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
    copies = [_listener("copies", address("127.0.0.1", layout.copies_port), _copies(layout))] if config.compares else []
    return [
        _listener("http", _public(bind, layout.http_port), _traffic(config, layout)),
        _listener("ops", _public(bind, layout.ops_port), _ops(layout)),
        *copies,
    ]


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
        per_connection_buffer_limit_bytes=1024 * 1024,
        socket_options=keepalive_options(),
        filter_chains=[
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    )


def _manager(layout: RouterLayout, name: str, file: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
    defaults = {
        "use_remote_address": True,
        # No client is trusted with Envoy's own request headers (timeouts, retries); by default all private ones are.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "request_headers_timeout": "10s",
    }
    return typed(
        _HCM,
        stat_prefix=name,
        codec_type="AUTO",
        rds={"route_config_name": name, "config_source": file_source(layout, file)},
        **{**defaults, **fields},
    )


def _traffic(config: RouterConfig, layout: RouterLayout) -> dict[str, Any]:
    timeout = config.request_timeout
    strip, forward = (
        _strip_own_headers(),
        extension("envoy.filters.http.router", _ROUTER, suppress_envoy_headers=True),
    )
    hold = [hold_filter(config)] if config.holds else []
    observe = [exchange_filter()] if config.compares else []
    idle = max(MIN_STREAM_IDLE_SECONDS, 2 * timeout, 2 * config.hold_timeout)
    return _manager(
        layout,
        ROUTES,
        "rds.json",
        # A body that stalls, in or out. Where the user wants no timeout, silence is no fault either.
        stream_idle_timeout=seconds(idle if timeout else 0),
        **_PATH_AS_IT_IS,
        **any_client(config),
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        server_header_transformation="PASS_THROUGH",
        http2_protocol_options={
            "max_concurrent_streams": 256,
            "initial_stream_window_size": 256 * 1024,
            "initial_connection_window_size": 1024 * 1024,
        },
        http_filters=[cors_filter(), *call_filters(), strip, body_limit(config), *hold, *observe, forward],
        upgrade_configs=[{"upgrade_type": WEBSOCKET, "filters": [strip, *hold, forward]}],
        local_reply_config=error_replies(config),
        access_log=[access_log(config.logged_percent)],
    )


def _ops(layout: RouterLayout) -> dict[str, Any]:
    return _manager(layout, OPS_ROUTES, "ops.json", http_filters=[extension("envoy.filters.http.router", _ROUTER)])


def _copies(layout: RouterLayout) -> dict[str, Any]:
    return _manager(
        layout,
        COPIES_ROUTES,
        "copies.json",
        # The comparer repeats what Envoy has said of the client.
        use_remote_address=False,
        skip_xff_append=True,
        server_header_transformation="PASS_THROUGH",
        **_PATH_AS_IT_IS,
        http_filters=[_no_user(), extension("envoy.filters.http.router", _ROUTER, suppress_envoy_headers=True)],
        local_reply_config=unanswered_replies(),
    )


def _no_user() -> dict[str, Any]:
    """Has a copy counted apart from the requests of users, as Envoy does with copies of its own."""
    return header_mutation(request_mutations=[{"append": set_header("x-envoy-internal", "true")}])


def _strip_own_headers() -> dict[str, Any]:
    """Removes every header of ours from what a replica sees; the route is already chosen when it runs."""
    ours = {"key_matcher": {"safe_regex": {"regex": _OWN_HEADERS}}}
    return header_mutation(request_mutations=[{"remove_on_match": ours}])
