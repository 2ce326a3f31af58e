"""Pages of other origins that ask from a browser: Envoy answers preflights, so that none wakes a model that sleeps."""

import re
from typing import Any

from eagleray.api.router import ANY_ORIGIN
from eagleray.domain.actions.router_config import Cors, RouterConfig
from eagleray.router.xds import ANYWHERE, extension, merged, set_header, typed

_FILTER = "envoy.filters.http.cors"
_MESSAGES = "envoy.extensions.filters.http.cors.v3"
_METHOD = "access-control-request-method"
_ANY_LABELS = "[A-Za-z0-9.-]+"


def cors_filter() -> dict[str, Any]:
    """The HTTP filter; it lets everything pass where no policy is."""
    return extension(_FILTER, f"{_MESSAGES}.Cors")


def cors_policy(config: RouterConfig) -> dict[str, Any]:
    """What the virtual host says of CORS: fields of Envoy's VirtualHost, none where the user allows nothing."""
    if config.cors is None:
        return {}
    # Envoy names the origin that asks, so that no cache may give one origin's answer to another.
    vary = {"header": {"key": "vary", "value": "Origin"}}
    return {"typed_per_filter_config": {_FILTER: _policy(config.cors)}, "response_headers_to_add": [vary]}


def preflights(config: RouterConfig) -> list[dict[str, Any]]:
    """The route of preflights: the filter passes over those that the route table answers by itself, as with 503.

    Its cluster does not exist: whatever the filter did not answer would end there.
    """
    asks = [{"name": ":method", "string_match": {"exact": "OPTIONS"}}, _present("origin"), _present(_METHOD)]
    return [{"match": {**ANYWHERE, "headers": asks}, "route": {"cluster": "preflights"}}] if config.cors else []


def for_pages(config: RouterConfig, table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A route table in which pages may read the router's own answers, too; the filter passes over those."""
    if config.cors is None:
        return table
    asking = {"match": {"headers": [{"name": "origin", "string_match": _origins(config.cors)}]}}
    said = {"origin": "%REQ(ORIGIN)%"} | ({"credentials": "true"} if config.cors.credentials else {})
    allowed = [set_header(f"access-control-allow-{what}", value) for what, value in said.items()]
    readable = {**asking, "response_headers_to_add": allowed}
    whole: list[dict[str, Any]] = []
    for route in table:
        whole += [merged(route, readable), route] if "direct_response" in route else [route]
    return whole


def _present(header: str) -> dict[str, Any]:
    return {"name": header, "present_match": True}


def _policy(cors: Cors) -> dict[str, Any]:
    return typed(
        f"{_MESSAGES}.CorsPolicy",
        allow_origin_string_match=[_origins(cors)],
        allow_methods=", ".join(cors.methods),
        allow_headers=", ".join(cors.headers),
        expose_headers=", ".join(cors.exposed),
        max_age=f"{cors.max_age:.0f}",
        allow_credentials=cors.credentials,
        # A preflight of another origin ends here as well: no model knows what to say to it.
        forward_not_matching_preflights=False,
    )


def _origins(cors: Cors) -> dict[str, Any]:
    """Which origins may ask, as Envoy's StringMatcher."""
    if ANY_ORIGIN in cors.origins:
        return {"safe_regex": {"regex": ".*"}}
    patterns = [_ANY_LABELS.join(map(re.escape, origin.split("*"))) for origin in cors.origins]
    return {"safe_regex": {"regex": "|".join(patterns)}}
