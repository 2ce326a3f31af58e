"""Small pieces that every part of Envoy's configuration is made of."""

from collections.abc import Mapping
from typing import Any

from eagleray.domain.facts.router_layout import KUBELET_DATA, RouterLayout

ANYWHERE = {"prefix": "/"}
ONLY_GET = {"name": ":method", "string_match": {"exact": "GET"}}
TYPES = "type.googleapis.com/"


def typed(message: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
    """A message packed as protobuf's Any; `message` is its full name."""
    return {"@type": TYPES + message, **fields}


def extension(name: str, message: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
    """A named extension with its configuration."""
    return {"name": name, "typed_config": typed(message, **fields)}


def header_mutation(**mutations: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
    """The HTTP filter that changes headers and trailers, as Envoy's Mutations say."""
    return extension(
        "envoy.filters.http.header_mutation",
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        mutations=mutations,
    )


def address(host: str, port: int) -> dict[str, Any]:
    """A TCP address."""
    return {"socket_address": {"address": host, "port_value": port}}


def loopback_cluster(name: str, port: int) -> dict[str, Any]:
    """A cluster of one endpoint, a program beside Envoy."""
    endpoint = {"endpoint": {"address": address("127.0.0.1", port)}}
    return typed(
        "envoy.config.cluster.v3.Cluster",
        name=name,
        type="STATIC",
        connect_timeout="1s",
        load_assignment={"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    )


def seconds(value: float) -> str:
    """A duration in protobuf's JSON form."""
    return f"{value:g}s" if value < 1e5 else f"{value:.0f}s"


def file_source(layout: RouterLayout, file: str) -> dict[str, Any]:
    """A file of the ConfigMap as a source of configuration.

    Kubelet replaces a ConfigMap's files all at once by moving the symlink `..data` in their folder, so the folder is
    what is watched, and files are read through that link: the one that kubelet lays for a new file comes only after the
    move, and Envoy refuses a cluster for good whose endpoint file is not there.
    """
    return {
        "path_config_source": {
            "path": f"{layout.config_dir}/{KUBELET_DATA}/{file}",
            "watched_directory": {"path": layout.config_dir},
        },
        "resource_api_version": "V3",
    }


def set_header(key: str, value: str) -> dict[str, Any]:
    """A header to set, over any of the same name."""
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def json_reply(status: int, message: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A route's action (and headers) that answers by itself; the listener wraps `message` into its JSON error body."""
    reply: dict[str, Any] = {"direct_response": {"status": status, "body": {"inline_string": message}}}
    if headers:
        reply["response_headers_to_add"] = [set_header(k, v) for k, v in sorted(headers.items())]
    return reply


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """One message made of parts: messages are merged, lists are joined, other values must not meet."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if key not in whole:
                whole[key] = value
            elif isinstance(value, Mapping):
                whole[key] = merged(whole[key], value)
            else:
                whole[key] = [*whole[key], *value]
    return whole
