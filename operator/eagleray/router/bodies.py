"""How large a body may be, whether it says its length or comes in chunks: docs/adr/0030-one-bound-of-a-body.md."""

from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.router.xds import extension, set_header

BODY_LIMIT = "envoy.filters.http.body_size_limit"
"""Name of the filter."""
# Tells our own server how much it may read and unpack; as in eagleray_serving/bodies.py.
MAX_BODY_HEADER = "x-eagleray-max-body-bytes"


def body_limit(config: RouterConfig) -> dict[str, Any]:
    """The HTTP filter that refuses a body by its Content-Length, and counts any other while it passes.

    It keeps none of it, so that the router's memory does not depend on what bodies have.
    """
    return extension(
        BODY_LIMIT,
        "envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit",
        max_request_bytes=str(config.max_request_bytes),
    )


def tell_limit(config: RouterConfig) -> dict[str, Any]:
    """What requests are given on their way, as part of Envoy's VirtualHost; nothing where no replica is our server."""
    if not any(target.model for target in config.targets):
        return {}
    return {"request_headers_to_add": [set_header(MAX_BODY_HEADER, str(config.max_request_bytes))]}
