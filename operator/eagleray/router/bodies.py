"""How large a request's body may be: one that says its length is refused at once, any other is counted."""

from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.router.xds import ANYWHERE, extension, json_reply, typed

BUFFER = "buffer"
"""Name of the filter."""
MAX_BUFFERED_BYTES = 32 * 1024 * 1024


def most_without_length(config: RouterConfig) -> int:
    """The most bytes of a body that does not say its length (chunked): it is kept in the router's memory meanwhile."""
    return min(config.max_request_bytes, MAX_BUFFERED_BYTES)


def too_large(config: RouterConfig) -> dict[str, Any]:
    """The route that refuses a body by its Content-Length."""
    over = {"start": str(config.max_request_bytes + 1), "end": str(2**63 - 1)}
    match = {**ANYWHERE, "headers": [{"name": "content-length", "range_match": over}]}
    return {"match": match, **json_reply(413, _over(config.max_request_bytes))}


def refused_without_length(config: RouterConfig) -> str:
    """What one is told whose body turned out too large, and did not say so."""
    most = most_without_length(config)
    if most == config.max_request_bytes:
        return _over(most)
    return (
        f"the request's body has more than {most} bytes and did not say so; send Content-Length, with which"
        f" {config.max_request_bytes} are taken"
    )


def _over(most: int) -> str:
    return f"the request's body has more than {most} bytes; send less at a time, or raise spec.router.maxRequestBytes"


def count_without_length(config: RouterConfig) -> dict[str, Any]:
    """The HTTP filter that counts bodies of unknown length by buffering them.

    A body that says its length passes unbuffered: the route table has already refused what is too large.
    """
    length = typed("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name="content-length")
    skip = extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter")
    predicate = {
        "single_predicate": {
            "input": {"name": "content-length", "typed_config": length},
            "value_match": {"safe_regex": {"google_re2": {}, "regex": ".+"}},
        },
    }
    buffer = extension(
        "envoy.filters.http.buffer",
        "envoy.extensions.filters.http.buffer.v3.Buffer",
        max_request_bytes=most_without_length(config),
    )
    return extension(
        BUFFER,
        "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        extension_config=buffer,
        xds_matcher={"matcher_list": {"matchers": [{"predicate": predicate, "on_match": {"action": skip}}]}},
    )
