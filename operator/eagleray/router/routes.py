"""Which request goes to which revision, and what is tried again when it goes wrong."""

from collections.abc import Sequence
from typing import Any

from eagleray.domain.router import REVISION_HEADER, VERSION_HEADER, RouterConfig, RouterTarget
from eagleray.router.bootstrap import ADMIN_CLUSTER
from eagleray.router.xds import json_reply, seconds, set_header, typed

ROUTES = "ingress"
OPS_ROUTES = "ops"
RETRIES = 3
# Bodies up to here are kept until the answer begins, for a second attempt; the memory of a router Pod bounds it.
RETRY_BODY_BYTES = 4 * 1024 * 1024
_UNPROCESSED = "connect-failure,refused-stream,reset-before-request"
_IN_FLIGHT = "connect-failure,refused-stream,reset,retriable-status-codes"
_IDEMPOTENT = "^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$"
_ANYWHERE = {"prefix": "/"}


def routes(config: RouterConfig) -> dict[str, Any]:
    """The route table: too large, asked by revision, then by weight; first match wins."""
    targets = sorted(config.targets, key=lambda t: t.revision)
    weighted = [t for t in targets if t.weight > 0]
    table = [_too_large(config), *(r for t in targets for r in _by_revision(config, t)), _no_such_revision()]
    table += _forward(config, weighted, []) if weighted else [_unavailable(config)]
    host = {"name": "all", "domains": ["*"], "routes": table}
    return typed("envoy.config.route.v3.RouteConfiguration", name=ROUTES, virtual_hosts=[host])


def ops_routes(version: str) -> dict[str, Any]:
    """What is reachable on the ops port: readiness, statistics and the version; nothing else of Envoy's admin."""
    to_admin = {"cluster": ADMIN_CLUSTER, "timeout": "5s"}
    table: list[dict[str, Any]] = [
        {"match": {"path": "/config-version"}, **json_reply(200, version)},
        {"match": {"path": "/ready", "headers": [_only_get()]}, "route": to_admin},
        {"match": {"path": "/stats/prometheus", "headers": [_only_get()]}, "route": to_admin},
    ]
    host = {"name": "ops", "domains": ["*"], "routes": table}
    return typed("envoy.config.route.v3.RouteConfiguration", name=OPS_ROUTES, virtual_hosts=[host])


def _only_get() -> dict[str, Any]:
    return {"name": ":method", "string_match": {"exact": "GET"}}


def _too_large(config: RouterConfig) -> dict[str, Any]:
    over = {"start": str(config.max_request_bytes + 1), "end": str(2**63 - 1)}
    match = {**_ANYWHERE, "headers": [{"name": "content-length", "range_match": over}]}
    return {"match": match, **json_reply(413, f"the request body exceeds {config.max_request_bytes} bytes")}


def _by_revision(config: RouterConfig, target: RouterTarget) -> list[dict[str, Any]]:
    chosen = {"name": REVISION_HEADER, "string_match": {"exact": target.revision}}
    return _forward(config, [target], [chosen])


def _no_such_revision() -> dict[str, Any]:
    match = {**_ANYWHERE, "headers": [{"name": REVISION_HEADER, "present_match": True}]}
    return {
        "match": match,
        **json_reply(404, f"the header {REVISION_HEADER} names no revision of this model"),
    }


def _unavailable(config: RouterConfig) -> dict[str, Any]:
    return {"match": _ANYWHERE, **json_reply(503, config.unavailable, {"retry-after": "1"})}


def _forward(
    config: RouterConfig, targets: Sequence[RouterTarget], headers: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    match: dict[str, Any] = {**_ANYWHERE, "headers": headers}
    if all(t.retry_in_flight for t in targets):
        return [_route(config, targets, match, _IN_FLIGHT)]
    idempotent = {"name": ":method", "string_match": {"safe_regex": {"regex": _IDEMPOTENT}}}
    return [
        _route(config, targets, {**match, "headers": [*headers, idempotent]}, _IN_FLIGHT),
        _route(config, targets, match, _UNPROCESSED),
    ]


def _route(
    config: RouterConfig, targets: Sequence[RouterTarget], match: dict[str, Any], retry_on: str
) -> dict[str, Any]:
    return {
        "match": match,
        "request_body_buffer_limit": str(min(RETRY_BODY_BYTES, config.max_request_bytes)),
        "route": {
            "weighted_clusters": {"clusters": [_share(t, alone=len(targets) == 1) for t in targets]},
            "timeout": seconds(config.request_timeout),
            "retry_policy": _retry_policy(retry_on),
        },
    }


def _share(target: RouterTarget, *, alone: bool) -> dict[str, Any]:
    return {
        "name": target.revision,
        "weight": 100 if alone else target.weight,
        "response_headers_to_add": [
            set_header(REVISION_HEADER, target.revision),
            set_header(VERSION_HEADER, target.version),
        ],
    }


def _retry_policy(retry_on: str) -> dict[str, Any]:
    previous = "envoy.retry_host_predicates.previous_hosts"
    message = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    return {
        "retry_on": retry_on,
        "retriable_status_codes": [503],
        "num_retries": RETRIES,
        "retry_host_predicate": [{"name": previous, "typed_config": typed(message)}],
        "host_selection_retry_max_attempts": "5",
    }
