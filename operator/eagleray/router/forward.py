"""How requests are forwarded: who shares them, what keeps a caller in place, what is tried again, who gets copies.

Each of these knows several ways, of which a request takes the first that it matches; a route is one combination.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from eagleray.api.traffic import Sticky
from eagleray.domain.actions.router_config import RouterConfig, RouterMirror, RouterTarget, Share
from eagleray.router.budget import COPY_BODY_BYTES, retry_bytes
from eagleray.router.calls import passed_as_they_are
from eagleray.router.compare import MIRROR_HEADER, exchange_order
from eagleray.router.failover import another_revision, asked
from eagleray.router.hold import on_hold
from eagleray.router.monitors import NO_USER, monitors
from eagleray.router.permissions import permitted
from eagleray.router.prefixes import without_prefix
from eagleray.router.xds import ANYWHERE, merged, seconds, set_header, typed

RETRIES = 3
COOKIE_SECONDS = 365 * 24 * 3600
_UNPROCESSED = "connect-failure,refused-stream,reset-before-request"
_IN_FLIGHT = "connect-failure,refused-stream,reset,retriable-status-codes"
_WITHOUT_BODY = "GET|HEAD|OPTIONS|TRACE|DELETE"
_IDEMPOTENT = "^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$"
_REQUEST_ID = "x-request-id"
# What a cookie's value may be made of (RFC 6265, cookie-octet).
_COOKIE_VALUE = r"[!#-+\--:<-\[\]-~]+"
Way = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Audience:
    """Those who ask for one thing.

    Attributes:
        match: what their requests look like, as Envoy's RouteMatch without a path.
        shares: who answers them, in the order in which a caller's key falls on them.
        sticky: what tells one caller from another, or None for a choice at random.
        mirror: who gets copies, or None.
        exact: whether they ask for one revision by name: they neither wait for it nor take another's answer.
    """

    match: Mapping[str, Any]
    shares: Sequence[Share]
    sticky: Sticky | None = None
    mirror: RouterMirror | None = None
    exact: bool = False


def forward(config: RouterConfig, audience: Audience) -> list[dict[str, Any]]:
    """The routes of an audience."""
    shares, match = audience.shares, audience.match
    targets = _asked(config, audience)
    attempts = _attempts(config, repeatable=all(targets[s.revision].model for s in shares))
    awake = [share for share in shares if not targets[share.revision].hold]
    common = {"match": {**ANYWHERE, **match}, **_shared(config, shares, targets)}
    # A client that names a revision says nothing of what the weights make of it: no analysis or scaling goes by it.
    apart = [NO_USER] if audience.exact else []
    ways = product(_copies(config, audience.mirror), _places(config, audience.sticky), attempts)
    return [
        *monitors(config, match, _shared(config, awake, targets) if awake else None, attempts),
        *(merged(common, *apart, *way) for way in ways),
    ]


def _asked(config: RouterConfig, audience: Audience) -> Mapping[str, RouterTarget]:
    targets = {share.revision: config.target(share.revision) for share in audience.shares}
    return {n: replace(t, hold=None, fallback="") for n, t in targets.items()} if audience.exact else targets


def _shared(config: RouterConfig, shares: Sequence[Share], targets: Mapping[str, RouterTarget]) -> Way:
    held = max((target.hold.timeout for target in targets.values() if target.hold), default=0.0)
    return {
        "request_body_buffer_limit": str(retry_bytes(config)),
        "route": {
            "weighted_clusters": {"clusters": [_share(config, targets[s.revision], s.slots) for s in shares]},
            **_clocks(config, held),
            "priority": "HIGH",
            **without_prefix(config),
        },
    }


def _clocks(config: RouterConfig, held: float) -> Way:
    """What ends an answer: its own time, or silence; `_retry_policy` bounds the time until it begins."""
    if config.stream is None:
        return {"timeout": seconds(config.request_timeout)}
    # A request that waits for its revision is silent too.
    return {"timeout": "0s", "idle_timeout": seconds(config.stream.silence + held)}


def _share(config: RouterConfig, target: RouterTarget, slots: int) -> Way:
    filters = {
        **(on_hold(target.revision) if target.hold else {}),
        **(passed_as_they_are() if target.calls else {}),
        **permitted(config.access, target.version),
    }
    return {"name": asked(target), "weight": slots, **({"typed_per_filter_config": filters} if filters else {})}


def _copies(config: RouterConfig, mirror: RouterMirror | None) -> list[Way]:
    if mirror is None:
        return [{}]
    # A route takes its part by the same random number as the split does: of a million, each share has its part in it.
    sampled = {"default_value": {"numerator": mirror.percent * 10_000, "denominator": "MILLION"}}
    no_upgrade = {"name": "upgrade", "present_match": False}
    sized = {"name": "content-length", "range_match": {"start": "0", "end": str(COPY_BODY_BYTES + 1)}}
    if config.compares:
        match = {"headers": [sized, no_upgrade], "runtime_fraction": sampled}
        return [{"match": match, "typed_per_filter_config": exchange_order(mirror)}, {}]
    bodiless = [
        {"name": "content-length", "present_match": False},
        {"name": ":method", "string_match": {"safe_regex": {"regex": _WITHOUT_BODY}}},
    ]
    policy = {
        "cluster": mirror.revision,
        "runtime_fraction": sampled,
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": [{"append": set_header(MIRROR_HEADER, "true")}],
    }
    copied = {"route": {"request_mirror_policies": [policy]}}
    return [*({"match": {"headers": [*small, no_upgrade]}, **copied} for small in ([sized], bodiless)), {}]


def _places(config: RouterConfig, sticky: Sticky | None) -> list[Way]:
    if sticky is None:
        return [{}]
    if sticky.header:
        given = {"name": sticky.header, "string_match": {"exact": ""}, "invert_match": True}
        return [merged({"match": {"headers": [given]}}, _by_hash({"header": {"header_name": sticky.header}})), {}]
    return [*_by_cookie(sticky.cookie or "", "; Secure" if config.access.tls else ""), {}]


def _by_cookie(name: str, secure: str) -> list[Way]:
    given = {"name": name, "string_match": {"safe_regex": {"regex": ".+"}}}
    usable = {"name": _REQUEST_ID, "string_match": {"safe_regex": {"regex": _COOKIE_VALUE}}}
    attributes = f"Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"
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


def _attempts(config: RouterConfig, *, repeatable: bool) -> list[Way]:
    if repeatable:
        return [{}]
    idempotent = {"name": ":method", "string_match": {"safe_regex": {"regex": _IDEMPOTENT}}}
    return [{"match": {"headers": [idempotent]}}, {"route": {"retry_policy": _retry_policy(config, _UNPROCESSED)}}]


def any_attempt(config: RouterConfig) -> dict[str, Any]:
    """The retry policy of what may be sent again after it was sent; routes of other requests have another."""
    return _retry_policy(config, _IN_FLIGHT)


def _retry_policy(config: RouterConfig, retry_on: str) -> dict[str, Any]:
    previous = "envoy.retry_host_predicates.previous_hosts"
    message = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    return {
        "retry_on": retry_on,
        "retriable_status_codes": [503],
        "num_retries": RETRIES,
        "retry_host_predicate": [{"name": previous, "typed_config": typed(message)}],
        "host_selection_retry_max_attempts": "5",
        # Envoy forgets this one when an answer has begun.
        **({"per_try_timeout": seconds(config.stream.first_byte)} if config.stream else {}),
        **another_revision(),
    }
