"""Every list of HTTP filters that requests pass, in the one order in which they may stand."""

from collections.abc import Sequence
from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import REVISION_HEADER, VERSION_HEADER
from eagleray.router.bodies import body_limit
from eagleray.router.calls import call_filters
from eagleray.router.compare import exchange_filter
from eagleray.router.cors import cors_filter
from eagleray.router.hold import hold_filter
from eagleray.router.xds import extension, header_mutation, set_header

_ROUTER = "envoy.extensions.filters.http.router.v3.Router"
# An application server that takes `_` for `-` would read the one as the other.
OWN_HEADERS = "(?i)x[-_]eagleray[-_].*"
Filters = list[dict[str, Any]]


def request_filters(config: RouterConfig, known: Sequence[dict[str, Any]]) -> Filters:
    """What a request passes.

    Who asks is known before anything is kept for it, and before it may wake a revision: the hold comes last. Headers of
    ours go before who asks is written into one of them, and after the bridge of calls, which has routes matched anew.

    Args:
        config: what the router is to do.
        known: the filters that find out who asks, and refuse whoever may not.
    """
    return [
        cors_filter(),
        *call_filters(),
        _strip_own_headers(config),
        *known,
        body_limit(config),
        *_hold(config),
        *([exchange_filter()] if config.compares else []),
        forward_filter(),
    ]


def websocket_filters(config: RouterConfig, known: Sequence[dict[str, Any]]) -> Filters:
    """What a WebSocket passes in their place: it has no body that is counted or copied, and is no call."""
    return [_strip_own_headers(config), *known, *_hold(config), forward_filter()]


def copy_filters() -> Filters:
    """What a comparer's copy passes: its user was let in, and Envoy counts what comes from within apart."""
    return [no_user(), forward_filter()]


def ops_filters() -> Filters:
    """What a request to the ops port passes, behind which no replica is."""
    return [extension("envoy.filters.http.router", _ROUTER)]


def forward_filter() -> dict[str, Any]:
    """The filter that sends a request where its route says."""
    return extension("envoy.filters.http.router", _ROUTER, suppress_envoy_headers=True)


def no_user() -> dict[str, Any]:
    """Has a request counted apart from those of users, as Envoy does with copies of its own."""
    return header_mutation(request_mutations=[{"append": set_header("x-envoy-internal", "true")}])


def _hold(config: RouterConfig) -> Filters:
    return [hold_filter(config)] if config.holds else []


def _strip_own_headers(config: RouterConfig) -> dict[str, Any]:
    """Removes every header of ours from what a replica sees; the route is already chosen when it runs.

    From answers too, where spec wants none to say who gave it: here, when a comparer beside Envoy has seen them.
    """
    ours = {"key_matcher": {"safe_regex": {"regex": OWN_HEADERS}}}
    hidden = () if config.answer_headers else (REVISION_HEADER, VERSION_HEADER)
    of_answers = {"response_mutations": [{"remove": header} for header in hidden]} if hidden else {}
    return header_mutation(request_mutations=[{"remove_on_match": ours}], **of_answers)
