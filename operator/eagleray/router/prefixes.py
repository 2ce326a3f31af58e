"""Path prefixes by which an Ingress or a Gateway leads here: taken off in one place, whichever of them it is.

Ingress has no field for it and each controller an annotation of its own. Requests that name no prefix pass as they are:
who asks the Service itself need not know any.
"""

import re
from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.router.xds import set_header

PREFIX_HEADER = "x-forwarded-prefix"


def without_prefix(config: RouterConfig) -> dict[str, Any]:
    """What a route takes off the path, as fields of Envoy's RouteAction."""
    if not config.prefixes:
        return {}
    return {"regex_rewrite": {"pattern": {"regex": f"^({_any(config)})(/|$)"}, "substitution": "/"}}


def tell_prefix(config: RouterConfig) -> dict[str, Any]:
    """What tells replicas the prefix that was taken off, as fields of Envoy's VirtualHost or Route."""
    if not config.prefixes:
        return {}
    word = "''"
    for prefix in reversed(config.prefixes):
        word = f"request.url_path == '{prefix}' || request.url_path.startsWith('{prefix}/') ? '{prefix}' : {word}"
    return {"request_headers_to_add": [set_header(PREFIX_HEADER, f"%CEL({word})%")]}


def prefixed(config: RouterConfig, paths: str) -> str:
    """A regular expression, as RE2 reads it, for paths with any of the prefixes and without."""
    return f"({_any(config)})?({paths})" if config.prefixes else paths


def _any(config: RouterConfig) -> str:
    return "|".join(map(re.escape, config.prefixes))
