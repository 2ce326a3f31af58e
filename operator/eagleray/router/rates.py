"""How much one client may ask, and how many connections there may be."""

from typing import Any

from eagleray.domain.actions.access import Limits
from eagleray.domain.facts.router_layout import CLIENT_HEADER
from eagleray.router.xds import extension, seconds

# Clients that are counted apart; of more, those that have asked longest ago begin anew.
MOST_CLIENTS = 10_000
_EVERY = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_RATE = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_MANY = 2**31


def rate_filter(limits: Limits, *, known: bool) -> list[dict[str, Any]]:
    """The HTTP filter that answers 429 to a client that asks too much; none without such a limit.

    Args:
        limits: the limits.
        known: whether clients have names; else their addresses tell them apart.
    """
    if not limits.requests:
        return []
    what = "client" if known else "remote_address"
    by_name = {"request_headers": {"header_name": CLIENT_HEADER, "descriptor_key": what}}
    return [
        extension(
            "envoy.filters.http.local_ratelimit",
            _RATE,
            stat_prefix="per_client",
            filter_enabled=_EVERY,
            filter_enforced=_EVERY,
            # For what tells no client, such as a public path.
            token_bucket=_bucket(_MANY, limits.per),
            always_consume_default_token_bucket=False,
            descriptors=[{"entries": [{"key": what}], "token_bucket": _bucket(limits.requests, limits.per)}],
            max_dynamic_descriptors=MOST_CLIENTS,
            rate_limits=[{"actions": [by_name if known else {"remote_address": {}}]}],
            enable_x_ratelimit_headers="DRAFT_VERSION_03",
            rate_limited_as_resource_exhausted=True,
        )
    ]


def connection_filter(limits: Limits, most: int) -> list[dict[str, Any]]:
    """The network filter that closes connections beyond the limit; none without one.

    Args:
        limits: the limits.
        most: what the router's memory has room for, which Envoy as a whole does not go beyond.
    """
    if not limits.connections:
        return []
    message = "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit"
    bound = {"stat_prefix": "clients", "max_connections": str(min(limits.connections, most))}
    return [extension("envoy.filters.network.connection_limit", message, **bound)]


def _bucket(requests: int, per: float) -> dict[str, Any]:
    return {"max_tokens": requests, "tokens_per_fill": requests, "fill_interval": seconds(per)}
