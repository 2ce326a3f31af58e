"""Which request goes to which revision: the route tables; in each the first route that matches wins."""

from typing import Any

from eagleray.api.traffic import TrafficRule, ValueMatch
from eagleray.domain.actions.router_config import SLOTS, RouterConfig, RouterLane, Share
from eagleray.domain.facts.router_layout import REVISION_HEADER, VERSION_HEADER, WARMUP_HEADER
from eagleray.router.bodies import tell_limit
from eagleray.router.bootstrap import ADMIN_CLUSTER
from eagleray.router.compare import report_routes
from eagleray.router.cors import cors_policy, for_pages, preflights
from eagleray.router.failover import ANSWERED_BY, METADATA
from eagleray.router.forward import Audience, any_attempt, forward
from eagleray.router.hold import held_route
from eagleray.router.made import credentials_route
from eagleray.router.prefixes import tell_prefix
from eagleray.router.xds import ANYWHERE, ONLY_GET, json_reply, merged, set_header, typed

ROUTES = "ingress"
OPS_ROUTES = "ops"
STATS_PATH = "/stats"
# With a route of its own Envoy refuses it as an upgrade; with none the filters wait for the end of its body.
_CONNECT = {"match": {"connect_matcher": {}}, **json_reply(403, "CONNECT is for proxies, and this is none")}
_ANSWERED_BY = [
    set_header(REVISION_HEADER, ANSWERED_BY),
    set_header(VERSION_HEADER, f"%CLUSTER_METADATA({METADATA}:version)%"),
]


def routes(config: RouterConfig) -> dict[str, Any]:
    """The route table: asked by revision, asked by version, by rule, then the split."""
    table = [*preflights(config), _CONNECT, *_by_revision(config)]
    if config.version_header:
        table += _by_version(config)
    table += [*_by_rule(config), *_split(config)]
    common = {"response_headers_to_add": _ANSWERED_BY, "retry_policy": any_attempt(config), **tell_limit(config)}
    told = tell_prefix(config)
    host = merged(
        {"name": "all", "domains": ["*"], "routes": for_pages(config, table)}, common, told, cors_policy(config)
    )
    return typed("envoy.config.route.v3.RouteConfiguration", name=ROUTES, virtual_hosts=[host])


def ops_routes(config: RouterConfig, version: str) -> dict[str, Any]:
    """What is reachable on the ops port: readiness, statistics, the version, and what programs beside Envoy found.

    Nothing else of Envoy's admin interface is.
    """
    to_admin = {"cluster": ADMIN_CLUSTER, "timeout": "5s"}
    table: list[dict[str, Any]] = [
        {"match": {"path": "/config-version"}, **json_reply(200, version)},
        *(
            {"match": {"path": path, "headers": [ONLY_GET]}, "route": to_admin}
            for path in ("/ready", STATS_PATH, "/stats/prometheus")
        ),
    ]
    if config.compares:
        table += report_routes()
    if config.holds:
        table.append(held_route())
    if config.guarded:
        table.append(credentials_route())
    host = {"name": "ops", "domains": ["*"], "routes": table}
    return typed("envoy.config.route.v3.RouteConfiguration", name=OPS_ROUTES, virtual_hosts=[host])


def _by_revision(config: RouterConfig) -> list[dict[str, Any]]:
    table, may = [], [] if config.version_header else [{"name": WARMUP_HEADER, "present_match": True}]
    for revision in sorted(t.revision for t in config.targets):
        asked = {"name": REVISION_HEADER, "string_match": {"exact": revision}}
        # The operator's warm-up comes this way, while users' requests wait for the revision or go to another.
        table += forward(config, Audience({"headers": [asked, *may]}, [Share(revision, SLOTS)], exact=True))
    return [*table, _unknown(REVISION_HEADER, "revision", *may)]


def _by_version(config: RouterConfig) -> list[dict[str, Any]]:
    table = []
    for lane in sorted(config.lanes, key=lambda lane: lane.version):
        asked = {"name": VERSION_HEADER, "string_match": {"exact": lane.version}}
        table += _to_lane(config, lane, {"headers": [asked]})
    return [*table, _unknown(VERSION_HEADER, "version")]


def _unknown(header: str, what: str, *may: dict[str, Any]) -> dict[str, Any]:
    match = {**ANYWHERE, "headers": [{"name": header, "present_match": True}, *may]}
    return {"match": match, **json_reply(404, f"the header {header} names no {what} of this model")}


def _by_rule(config: RouterConfig) -> list[dict[str, Any]]:
    lanes = {lane.version: lane for lane in config.lanes}
    return [route for rule in config.rules for route in _to_lane(config, lanes[rule.version], _asks(rule))]


def _asks(rule: TrafficRule) -> dict[str, Any]:
    if rule.header:
        return {"headers": [_value(rule.header)]}
    return {"query_parameters": [_value(rule.query)]} if rule.query else {}


def _value(wanted: ValueMatch) -> dict[str, Any]:
    if wanted.regex is not None:
        return {"name": wanted.name, "string_match": {"safe_regex": {"regex": wanted.regex}}}
    if wanted.prefix is not None:
        return {"name": wanted.name, "string_match": {"prefix": wanted.prefix}}
    return {"name": wanted.name, "string_match": {"exact": wanted.value or ""}}


def _to_lane(config: RouterConfig, lane: RouterLane, match: dict[str, Any]) -> list[dict[str, Any]]:
    if lane.shares:
        return forward(config, Audience(match, lane.shares, config.sticky))
    return [_unavailable(match, f"version {lane.version}: no revision of it is ready yet")]


def _split(config: RouterConfig) -> list[dict[str, Any]]:
    if config.split:
        return forward(config, Audience({}, config.split, config.sticky, config.mirror))
    return [_unavailable({}, config.unavailable)]


def _unavailable(match: dict[str, Any], message: str) -> dict[str, Any]:
    return {"match": {**ANYWHERE, **match}, **json_reply(503, message, {"retry-after": "1"})}
