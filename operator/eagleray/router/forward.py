"""How requests are forwarded: who shares them, what keeps a caller in place, what is tried again, who gets copies.

Each of these knows several ways, of which a request takes the first that it matches; a route is one combination.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from eagleray.api.traffic import Sticky
from eagleray.domain.actions.router_config import RouterConfig, RouterMirror, Share
from eagleray.domain.facts.router_layout import REVISION_HEADER, VERSION_HEADER
from eagleray.router.clusters import VERSION_METADATA
from eagleray.router.compare import MIRROR_HEADER, exchange_order
from eagleray.router.hold import on_hold
from eagleray.router.monitors import monitors
from eagleray.router.xds import ANYWHERE, merged, seconds, set_header, typed

RETRIES = 3
# Bodies up to here are kept until the answer begins, for a second attempt; the memory of a router Pod bounds it.
RETRY_BODY_BYTES = 4 * 1024 * 1024
# Larger bodies are not copied. Envoy stops reading from the user while the mirror's connection holds more than its
# limit (1 MiB, unless the body is complete), so that a mirror that does not read would stall the user's upload.
COPY_BODY_BYTES = 960 * 1024
COOKIE_SECONDS = 365 * 24 * 3600
_UNPROCESSED = "connect-failure,refused-stream,reset-before-request"
_IN_FLIGHT = "connect-failure,refused-stream,reset,retriable-status-codes"
_IDEMPOTENT = "^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$"
_REQUEST_ID = "x-request-id"
# What a cookie's value may be made of (RFC 6265, cookie-octet).
_COOKIE_VALUE = r"[!#-+\--:<-\[\]-~]+"
_ANSWERED_BY = [
    set_header(REVISION_HEADER, "%UPSTREAM_CLUSTER_RAW%"),
    set_header(VERSION_HEADER, f"%CLUSTER_METADATA({VERSION_METADATA}:version)%"),
]
Way = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Audience:
    """Those who ask for one thing.

    Attributes:
        match: what their requests look like, as Envoy's RouteMatch without a path.
        shares: who answers them, in the order in which a caller's key falls on them.
        sticky: what tells one caller from another, or None for a choice at random.
        mirror: who gets copies, or None.
        waits: whether requests wait for a revision that is on hold.
    """

    match: Mapping[str, Any]
    shares: Sequence[Share]
    sticky: Sticky | None = None
    mirror: RouterMirror | None = None
    waits: bool = True


def forward(config: RouterConfig, audience: Audience) -> list[dict[str, Any]]:
    """The routes of an audience."""
    shares, match = audience.shares, audience.match
    held = {t.revision for t in config.targets if t.hold and audience.waits}
    safe = {t.revision for t in config.targets if t.retry_in_flight}
    attempts = _attempts(repeatable=all(s.revision in safe for s in shares))
    awake = [share for share in shares if share.revision not in held]
    common = {"match": {**ANYWHERE, **match}, **_shared(config, shares, held)}
    ways = product(_copies(config, audience.mirror), _places(audience.sticky), attempts)
    return [
        *monitors(config, match, _shared(config, awake, held) if awake else None, attempts),
        *(merged(common, *way) for way in ways),
    ]


def _shared(config: RouterConfig, shares: Sequence[Share], held: Container[str]) -> Way:
    return {
        "request_body_buffer_limit": str(min(RETRY_BODY_BYTES, config.max_request_bytes)),
        "response_headers_to_add": _ANSWERED_BY,
        "route": {
            "weighted_clusters": {"clusters": [_share(share, held) for share in shares]},
            "timeout": seconds(config.request_timeout),
            "priority": "HIGH",
        },
    }


def _share(share: Share, held: Container[str]) -> Way:
    waits = {"typed_per_filter_config": on_hold(share.revision)} if share.revision in held else {}
    return {"name": share.revision, "weight": share.slots, **waits}


def _copies(config: RouterConfig, mirror: RouterMirror | None) -> list[Way]:
    if mirror is None:
        return [{}]
    large = {"start": str(COPY_BODY_BYTES + 1), "end": str(2**63 - 1)}
    # A route takes its part by the same random number as the split does: of a million, each share has its part in it.
    sampled = {"default_value": {"numerator": mirror.percent * 10_000, "denominator": "MILLION"}}
    plain = [
        {"name": "content-length", "range_match": large, "invert_match": True, "treat_missing_header_as_empty": True},
        {"name": "upgrade", "present_match": False},
    ]
    if config.compares:
        sized = {"name": "content-length", "range_match": {"start": "0", "end": str(COPY_BODY_BYTES + 1)}}
        match = {"headers": [sized, plain[1]], "runtime_fraction": sampled}
        return [{"match": match, "typed_per_filter_config": exchange_order(mirror)}, {}]
    policy = {
        "cluster": mirror.revision,
        "runtime_fraction": sampled,
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": [{"append": set_header(MIRROR_HEADER, "true")}],
    }
    return [{"match": {"headers": plain}, "route": {"request_mirror_policies": [policy]}}, {}]


def _places(sticky: Sticky | None) -> list[Way]:
    if sticky is None:
        return [{}]
    if sticky.header:
        given = {"name": sticky.header, "string_match": {"exact": ""}, "invert_match": True}
        return [merged({"match": {"headers": [given]}}, _by_hash({"header": {"header_name": sticky.header}})), {}]
    return [*_by_cookie(sticky.cookie or ""), {}]


def _by_cookie(name: str) -> list[Way]:
    given = {"name": name, "string_match": {"safe_regex": {"regex": ".+"}}}
    usable = {"name": _REQUEST_ID, "string_match": {"safe_regex": {"regex": _COOKIE_VALUE}}}
    attributes = f"Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax"
    cookie = f"{name.replace('%', '%%')}=%REQ({_REQUEST_ID})%; {attributes}"
    return [
        merged({"match": {"cookies": [given]}}, _by_hash({"cookie": {"name": name}})),
        merged(
            {"match": {"headers": [usable]}},
            _by_hash({"header": {"header_name": _REQUEST_ID}}),
            {"response_headers_to_add": [{"header": {"key": "set-cookie", "value": cookie}}]},
        ),
    ]


def _by_hash(policy: Mapping[str, Any]) -> Way:
    return {"route": {"hash_policy": [policy], "weighted_clusters": {"use_hash_policy": True}}}


def _attempts(*, repeatable: bool) -> list[Way]:
    in_flight = {"route": {"retry_policy": _retry_policy(_IN_FLIGHT)}}
    if repeatable:
        return [in_flight]
    idempotent = {"name": ":method", "string_match": {"safe_regex": {"regex": _IDEMPOTENT}}}
    return [
        merged({"match": {"headers": [idempotent]}}, in_flight),
        {"route": {"retry_policy": _retry_policy(_UNPROCESSED)}},
    ]


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
